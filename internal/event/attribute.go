package event

// An attribute value of DynamoDB is an object with one member, whose key is the
// type: {"S":"text"}, {"M":{"name":{"S":"text"}}}, {"SS":["text"]} (DynamoDB API
// reference, "AttributeValue"). The types are no names of anything.

// isAttributeType reports whether n, or the list that n is an element of, is the
// value of such an object.
func isAttributeType(d *document, n int32) bool {
	nd := &d.nodes[n]
	if !attributeType(nd.key) || nd.parent < 0 {
		return false
	}
	if nd.index >= 0 {
		n = nd.parent
		nd = &d.nodes[n]
	}
	if nd.parent <= 0 || nd.index >= 0 {
		return false
	}
	outer := &d.nodes[nd.parent]
	return outer.kind == kindObject && n == nd.parent+1 && outer.last == nd.last && typed(nd)
}

// typed reports whether a value is of the kind that its key announces.
func typed(nd *node) bool {
	switch nd.key {
	case "S", "N", "B":
		return nd.kind == kindString
	case "M":
		return nd.kind == kindObject
	case "L", "SS", "NS", "BS":
		return nd.kind == kindArray
	}
	return nd.kind == kindLiteral
}

func attributeType(key string) bool {
	switch key {
	case "S", "N", "B", "M", "L", "SS", "NS", "BS", "BOOL", "NULL":
		return true
	}
	return false
}

// attributeName returns the name of the attribute that n is the value of: the
// nearest key above that is no type. DynamoDB nests 32 levels.
func attributeName(d *document, n int32) string {
	name := d.nodes[n].key
	for level := 0; n > 0 && level < 40 && isAttributeType(d, n); level++ {
		if n = d.nodes[n].parent; d.nodes[n].kind == kindArray {
			n = d.nodes[n].parent
		}
		name = d.nodes[n].key
	}
	return name
}
