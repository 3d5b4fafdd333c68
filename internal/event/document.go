package event

import "strings"

// child returns the first member of n with exactly this key, or -1. It accepts
// n < 0, so look-ups can be nested.
func (d *document) child(n int32, key string) int32 {
	if n < 0 || int(n) >= len(d.nodes) || d.nodes[n].kind != kindObject {
		return -1
	}
	if n == 0 {
		if d.rootKeys()&keyBit(key) == 0 {
			return -1
		}
		if len(d.nodes) >= indexedRoot {
			return d.rootChild(key)
		}
	}
	for c := n + 1; c <= d.nodes[n].last; c = d.nodes[c].last + 1 {
		if d.nodes[c].key == key {
			return c
		}
	}
	return -1
}

// rootKeys returns the bits of the root's keys: identification asks for three
// times as many keys as an event has, and most of them are ruled out by a bit.
func (d *document) rootKeys() uint64 {
	if d.keys == 0 {
		d.keys = 1 << 63
		d.children(0, func(c int32) { d.keys |= keyBit(d.nodes[c].key) })
	}
	return d.keys
}

func keyBit(key string) uint64 {
	if key == "" {
		return 1 << 63
	}
	return 1 << ((uint(len(key))*7 + uint(key[0])*3 + uint(key[len(key)-1])) % 63)
}

// indexedRoot is the number of nodes from which the root's members are looked
// up through a map: identification asks for some thirty keys, and an event of
// a hundred thousand members must not be walked thirty times.
const indexedRoot = 512

func (d *document) rootChild(key string) int32 {
	if d.index == nil {
		d.index = map[string]int32{}
		d.children(0, func(c int32) {
			if _, dup := d.index[d.nodes[c].key]; !dup {
				d.index[d.nodes[c].key] = c
			}
		})
	}
	if c, ok := d.index[key]; ok {
		return c
	}
	return -1
}

// first returns the first element or member of n, or -1.
func (d *document) first(n int32) int32 {
	if n < 0 || d.nodes[n].last == n {
		return -1
	}
	return n + 1
}

// text returns the string at n; empty for anything else, n < 0 included.
func (d *document) text(n int32) string {
	if n < 0 || d.nodes[n].kind != kindString {
		return ""
	}
	return d.nodes[n].val
}

// children calls fn for each member or element of n, in order.
func (d *document) children(n int32, fn func(c int32)) {
	if n < 0 || int(n) >= len(d.nodes) {
		return
	}
	for c := n + 1; c <= d.nodes[n].last; c = d.nodes[c].last + 1 {
		fn(c)
	}
}

// each calls fn for every member of n whose key equals key, ignoring case:
// aws-lambda-go binds "BODY" to a field named body, and the last of several
// duplicates wins, so all of them count.
func (d *document) each(n int32, key string, fn func(c int32)) {
	if n < 0 || int(n) >= len(d.nodes) || d.nodes[n].kind != kindObject {
		return
	}
	d.children(n, func(c int32) {
		if len(d.nodes[c].key) >= len(key) && strings.EqualFold(d.nodes[c].key, key) {
			fn(c)
		}
	})
}

func containsFold(s, sub string) bool {
	return len(s) >= len(sub) && strings.Contains(strings.ToLower(s), sub)
}
