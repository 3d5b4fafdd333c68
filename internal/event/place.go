package event

// isEncoded reports whether a string stands where an event source puts base64.
// The shape around it decides, not the source of the event as a whole: whoever
// adds the marks of another source to an event must not close what is in it.
func isEncoded(d *document, n int32) bool {
	nd := &d.nodes[n]
	p := nd.parent
	if p < 0 {
		return false
	}
	switch nd.key {
	case "data":
		return d.nodes[p].key == "kinesis" || d.nodes[p].key == "awslogs" || d.holds(p, "recordId") || d.holds(p, "messageID") ||
			d.holds(p, "basicProperties") || d.holds(p, "sequenceNumber") && d.holds(p, "partitionKey")
	case "key", "value":
		return d.holds(p, "topic") && d.holds(p, "partition") && d.holds(p, "offset")
	case "B":
		return isAttributeType(d, n)
	case "BS":
		return nd.index >= 0 && isAttributeType(d, n)
	}
	return false
}

// holds reports whether an object has a member, without reading more of it than
// the few members that a record has.
func (d *document) holds(n int32, key string) bool {
	seen := 0
	for c := n + 1; c <= d.nodes[n].last && seen < 32; c = d.nodes[c].last + 1 {
		if d.nodes[c].key == key {
			return true
		}
		seen++
	}
	return false
}

// isObjectKey reports whether a string is the key of an S3 object, which S3
// URL-encodes in its notifications, with '+' for a space (S3 user guide, "Event
// message structure").
func isObjectKey(d *document, n int32) bool {
	nd := &d.nodes[n]
	return nd.key == "s3Key" || nd.key == "key" && nd.parent >= 0 && d.nodes[nd.parent].key == "object"
}
