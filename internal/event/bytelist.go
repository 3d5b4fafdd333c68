package event

// minByteList is the number of elements from which a list of small numbers is
// tried as text where nothing says that it is one.
const minByteList = 8

// byteList makes the leaf of text that is written as a list of byte numbers, as
// the headers of Kafka records and of RabbitMQ messages are, and Node's buffers
// in JSON. It returns false if the list is something else; its numbers are then
// leaves of their own.
func (d *decoder) byteList(doc, n int32, at leafAt) bool {
	dc := &d.ev.docs[doc]
	nd := &dc.nodes[n]
	first := dc.first(n)
	if first < 0 || dc.nodes[first].kind != kindNumber || int(nd.last-n) < minByteList && !isByteList(dc, n) {
		return false
	}
	for c := first; c <= nd.last; c++ {
		if _, ok := byteNumber(&dc.nodes[c]); !ok {
			return false
		}
	}
	out := make([]byte, 0, nd.last-n)
	for c := first; c <= nd.last; c++ {
		b, _ := byteNumber(&dc.nodes[c])
		out = append(out, b)
	}
	if text := string(out); plainText(text) && d.spend(len(text)) && !d.deep(at) {
		if nd.key == "bytes" && nd.parent > 0 {
			at.name = dc.nodes[nd.parent].key
		}
		d.layers++
		d.text(text, at)
		d.layers--
		return true
	}
	return false
}

// isByteList reports whether a list stands where a broker's headers do.
func isByteList(d *document, n int32) bool {
	if d.nodes[n].key == "bytes" {
		return true
	}
	up := d.nodes[n].parent // an object of one header, an element of the list of them
	return up > 0 && d.nodes[up].index >= 0 && d.nodes[up].key == "headers"
}

// byteNumber reads a byte; Java's are signed.
func byteNumber(nd *node) (byte, bool) {
	if nd.kind != kindNumber || len(nd.val) > 4 {
		return 0, false
	}
	digits, negative := nd.val, false
	if digits[0] == '-' {
		digits, negative = digits[1:], true
	}
	v := number(digits)
	switch {
	case v == 0 && digits != "0", negative && v > 128, !negative && v > 255:
		return 0, false
	case negative:
		return byte(-v), true
	}
	return byte(v), true
}
