package answer

import (
	"bytes"
	"encoding/json"
)

// addFailures adds ids to the function's partial batch response. A reply that
// reports nothing (null, {}, a text) becomes ours; a list of failures gets the
// ids it lacks, and keeps every byte it has. Whatever the event source mapping
// takes for a failure of the whole batch stays untouched: a list that is none,
// an entry without an identifier or with an empty one, a key that stands twice,
// a text that is no JSON (AWS Lambda, "Reporting batch item failures": success
// and failure conditions). Returns nil for untouched.
func addFailures(reply []byte, ids []string) []byte {
	if len(bytes.TrimSpace(reply)) == 0 {
		return marshal(batchFailures(ids))
	}
	if !json.Valid(reply) {
		return nil
	}
	ms, ok := members(reply, whole(reply))
	if !ok {
		return marshal(batchFailures(ids))
	}
	list, count := find(ms, "batchItemFailures")
	switch {
	case count > 1:
		return nil
	case count == 0:
		own := marshal(batchFailures(ids))
		return addMember(reply, len(ms) > 0, own[1:len(own)-1])
	case string(reply[list.val.start:list.val.end]) == "null":
		return splice(reply, list.val, marshal(batchFailures(ids).BatchItemFailures))
	}
	reported, ok := identifiers(reply, list.val)
	if !ok {
		return nil
	}
	var more []byte
	for _, id := range ids {
		if !reported[id] {
			more = append(append(more, ','), marshal(itemFailure{id})...)
		}
	}
	if len(more) == 0 {
		return nil
	}
	if len(reported) == 0 {
		more = more[1:]
	}
	end := list.val.end - 1
	return splice(reply, span{end, end}, more)
}

// identifiers reads a list of failures. ok is false if it is not one.
func identifiers(reply []byte, at span) (ids map[string]bool, ok bool) {
	all, ok := elements(reply, at)
	if !ok {
		return nil, false
	}
	ids = make(map[string]bool, len(all))
	for _, e := range all {
		ms, _ := members(reply, e)
		m, count := find(ms, "itemIdentifier")
		if count != 1 {
			return nil, false
		}
		id, ok := textOf(reply, m.val)
		if !ok || id == "" {
			return nil, false
		}
		ids[id] = true
	}
	return ids, true
}

// addMember puts a member at the end of the object that a text holds.
func addMember(text []byte, more bool, m []byte) []byte {
	at := bytes.LastIndexByte(text, '}')
	if more {
		m = append([]byte{','}, m...)
	}
	return splice(text, span{at, at}, m)
}

// splice returns text with what is at the span replaced.
func splice(text []byte, at span, by []byte) []byte {
	out := make([]byte, 0, len(text)+len(by))
	out = append(append(out, text[:at.start]...), by...)
	return append(out, text[at.end:]...)
}
