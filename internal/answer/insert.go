package answer

import (
	"encoding/json"
	"slices"
)

// entries are those of all removed records.
func (r *removal) entries(entry func(i int) []byte) []json.RawMessage {
	out := make([]json.RawMessage, 0, len(r.bad))
	for _, i := range r.bad {
		out = append(out, entry(i))
	}
	return out
}

// completeList puts the entries of removed records into the list under key of
// the function's answer, each where the record stood in the event. An answer that
// lacks a record, has one too many or another order is not completed in the
// middle but at its end: who reads it goes by the ids. One that is no answer
// stays what it is, a failure.
func (r *removal) completeList(reply []byte, key, idKey string, entry func(i int) []byte) []byte {
	list, given, ok := listOf(reply, key)
	if !ok {
		return nil
	}
	ids := idsOf(reply, given, idKey)
	if slices.ContainsFunc(r.bad, func(i int) bool { return slices.Contains(ids, r.records[i].ID) }) {
		return nil // the function answered for a record it did not see
	}
	return insert(reply, list, given, r.places(ids), entry)
}

// listOf finds the array under a key of the object that a reply is.
func listOf(reply []byte, key string) (list span, given []span, ok bool) {
	if !json.Valid(reply) {
		return span{}, nil, false
	}
	ms, _ := members(reply, whole(reply))
	m, count := find(ms, key)
	if count != 1 {
		return span{}, nil, false
	}
	given, ok = elements(reply, m.val)
	return m.val, given, ok
}

// idsOf returns what each element of a list says it answers for; empty where it
// does not say.
func idsOf(reply []byte, given []span, key string) []string {
	ids := make([]string, len(given))
	for i, e := range given {
		ms, _ := members(reply, e)
		if m, n := find(ms, key); n == 1 {
			ids[i], _ = textOf(reply, m.val)
		}
	}
	return ids
}

// place says that the record comes before the element of the reply.
type place struct{ record, before int }

// places finds where removed records belong among the ids of a reply.
func (r *removal) places(ids []string) (out []place) {
	at := 0 // elements of the reply that are passed
	for i := range r.records {
		switch {
		case r.gone(i):
			out = append(out, place{i, at})
		case at < len(ids) && ids[at] == r.records[i].ID:
			at++
		default:
			return r.atEnd(len(ids))
		}
	}
	if at != len(ids) {
		return r.atEnd(len(ids))
	}
	return out
}

func (r *removal) atEnd(n int) (out []place) {
	for _, i := range r.bad {
		out = append(out, place{i, n})
	}
	return out
}

// insert puts entries among the elements of an array of a reply. Every byte of
// the reply stays.
func insert(reply []byte, list span, given []span, where []place, entry func(i int) []byte) []byte {
	var out []byte
	from := 0
	for _, p := range where {
		at := list.end - 1
		if p.before < len(given) {
			at = given[p.before].start
		} else if len(given) > 0 {
			at = given[len(given)-1].end
		}
		out = append(out, reply[from:at]...)
		from = at
		if p.before == len(given) && (len(given) > 0 || p != where[0]) {
			out = append(out, ',')
		}
		out = append(out, entry(p.record)...)
		if p.before < len(given) {
			out = append(out, ',')
		}
	}
	return append(out, reply[from:]...)
}
