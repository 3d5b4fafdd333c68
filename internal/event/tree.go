package event

import "sort"

// Type is what a value of an event is to its reader.
type Type uint8

// The types of values. A text that is no JSON, such as a form field, is a String.
const (
	String Type = iota
	Number
	Bool
	Null
	Object
	Array
)

var typeNames = [...]string{"string", "number", "boolean", "null", "object", "array"}

// String returns the name that JSON Schema has for the type.
func (t Type) String() string { return typeNames[t] }

// Tree shows how the values of an event hang together, so that a walk over the
// leaves need not build the path of each. Values go by numbers from 0 to Len-1;
// a value always has a greater number than the one it stands in.
type Tree struct {
	ev   *Event
	base []int // of the first value of each document
	size int
}

// Tree returns the event's tree.
func (e *Event) Tree() Tree {
	t := Tree{ev: e, base: make([]int, len(e.docs))}
	for i := range e.docs {
		t.base[i] = t.size
		t.size += max(1, len(e.docs[i].nodes))
	}
	return t
}

// Len is the number of values.
func (t Tree) Len() int { return t.size }

// Of returns the number of the value that a leaf is, or is part of, and the last
// step below it: the name of a form field or cookie, empty for a value itself.
func (t Tree) Of(l *Leaf) (id int, sub string) {
	if l.doc < 0 {
		return -1, l.sub
	}
	return t.base[l.doc] + int(l.node), l.sub
}

// Above tells where the value of a number stands: in which value, -1 for none,
// and under which key. An element of an array has no key. The outermost value of
// a document inside a text stands in that text, with neither key nor element set
// unless the text was one field of several.
func (t Tree) Above(id int) (parent int, key string, element bool) {
	d, n := t.at(id)
	doc := &t.ev.docs[d]
	if n > 0 {
		nd := &doc.nodes[n]
		return t.base[d] + int(nd.parent), nd.key, nd.index >= 0
	}
	if doc.outerDoc < 0 {
		return -1, doc.label, false
	}
	return t.base[doc.outerDoc] + int(max(0, doc.outerNode)), doc.label, false
}

// Type is the type of a value.
func (t Tree) Type(id int) Type {
	d, n := t.at(id)
	doc := &t.ev.docs[d]
	if n >= len(doc.nodes) {
		return String
	}
	switch nd := &doc.nodes[n]; nd.kind {
	case kindObject:
		return Object
	case kindArray:
		return Array
	case kindNumber:
		return Number
	case kindLiteral:
		switch nd.val {
		case "null":
			return Null
		case "true", "false":
			return Bool
		}
		return Number // NaN and Infinity, which some readers take
	}
	return String
}

// Size is the number of values that stand directly in an array or object.
func (t Tree) Size(id int) int {
	d, n := t.at(id)
	count := 0
	t.ev.docs[d].children(int32(n), func(int32) { count++ })
	return count
}

// at finds the document of a value.
func (t Tree) at(id int) (doc, node int) {
	doc = sort.Search(len(t.base), func(i int) bool { return t.base[i] > id }) - 1
	return doc, id - t.base[doc]
}
