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

func (r *removal) completeFirehose(reply []byte) []byte {
	return r.within(func(data bool) []byte {
		return r.completeList(reply, "records", "recordId", func(i int) []byte { return r.failed(i, data) })
	})
}
