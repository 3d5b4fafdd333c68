package answer

import "encoding/json"

// processingFailed is what Firehose hears of a removed record: it writes the
// record's original to its error output, so that nothing is lost (Amazon Data
// Firehose, "Transform source data": recordId, result, data).
type processingFailed struct {
	RecordID string          `json:"recordId"`
	Result   string          `json:"result"`
	Data     json.RawMessage `json:"data,omitempty"`
}

// failed makes the entry of the record at index i. data is the original as it
// stood in the event.
func (r *removal) failed(i int, data bool) []byte {
	rec := &r.records[i]
	entry := processingFailed{RecordID: rec.ID, Result: "ProcessingFailed"}
	if ms, ok := members(r.raw, span{rec.Start, rec.End}); ok && data {
		if m, n := find(ms, "data"); n == 1 {
			entry.Data = json.RawMessage(r.raw[m.val.start:m.val.end])
		}
	}
	return marshal(entry)
}

// mostReply is what a reply may measure (AWS Lambda quotas).
const mostReply = 6 << 20

func (r *removal) failFirehose() Reply {
	return Reply{ContentType: "application/json", Body: r.within(func(data bool) []byte {
		body := []byte(`{"records":[`)
		for n, i := range r.bad {
			if n > 0 {
				body = append(body, ',')
			}
			body = append(body, r.failed(i, data)...)
		}
		return append(body, "]}"...)
	})}
}

// within makes a reply with the originals, or without if it would be too long.
func (r *removal) within(build func(data bool) []byte) []byte {
	if b := build(true); len(b) <= mostReply {
		return b
	}
	return build(false)
}

// completeFirehose puts the removed records into the function's answer, each
// where it stood in the event. An answer that lacks a record, has one too many
// or another order is not completed in the middle but at its end: Firehose goes
// by the ids. One that is no answer stays what it is, a failure.
func (r *removal) completeFirehose(reply []byte) []byte {
	if !json.Valid(reply) {
		return nil
	}
	ms, _ := members(reply, whole(reply))
	list, count := find(ms, "records")
	if count != 1 {
		return nil
	}
	given, ok := elements(reply, list.val)
	if !ok {
		return nil
	}
	ids := make([]string, len(given))
	for i, e := range given {
		ms, _ := members(reply, e)
		m, n := find(ms, "recordId")
		if n == 1 {
			ids[i], _ = textOf(reply, m.val)
		}
	}
	for _, i := range r.bad {
		for _, id := range ids {
			if id == r.records[i].ID {
				return nil // the function answered for a record it did not see
			}
		}
	}
	return r.within(func(data bool) []byte {
		return insert(reply, list.val, given, r.places(ids), func(i int) []byte { return r.failed(i, data) })
	})
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
