package answer

import (
	"slices"

	"github.com/merlon-security/merlon/internal/event"
)

// Removal is what becomes of an event whose bad records are taken out.
type Removal struct {
	// Event is delivered instead; nil if nothing is left to deliver.
	Event []byte
	// Reply is given in the function's place if nothing is left.
	Reply *Reply
	// Complete adds to the function's reply what the source has to hear of the
	// records it did not see; nil where it has nothing to hear. It returns nil to
	// leave the reply as it is.
	Complete func(reply []byte) []byte
}

// removal is one removal under way.
type removal struct {
	raw     []byte
	ev      *event.Event
	records []event.Record
	bad     []int // ascending
	id      string
	s       Settings
}

// family is how the records of one event source are taken out.
type family struct {
	// harmless is set where a removed record is not lost: its source is told, and
	// keeps it or has it elsewhere.
	harmless bool
	// reply answers for an event of which nothing is left.
	reply func(*removal) Reply
	// complete is Removal.Complete; nil where the source has nothing to hear.
	complete func(r *removal, reply []byte) []byte
	// entire is set where an event is one record, whatever it is made of.
	entire bool
}

// familyOf tells how records of a source are removed; ok is false for a source
// that sends none, or whose records are never removed.
func familyOf(s event.Source) (f family, ok bool) {
	switch s {
	case event.SQS:
		return family{reply: (*removal).acknowledgeSQS, complete: (*removal).completeSQS}, true
	case event.Kinesis, event.DynamoDB, event.Kafka, event.MQ, event.DocumentDB:
		return family{reply: (*removal).passOver}, true
	case event.Pipes:
		return family{reply: (*removal).passPipe}, true
	case event.Firehose:
		return family{harmless: true, reply: (*removal).failFirehose, complete: (*removal).completeFirehose}, true
	case event.SNS, event.S3, event.CodeCommit:
		return family{reply: (*removal).succeed}, true
	case event.SES:
		return family{reply: (*removal).stopSES}, true
	case event.EventBridge, event.IoT:
		return family{reply: (*removal).succeed, entire: true}, true
	case event.S3Batch:
		return family{harmless: true, reply: (*removal).failTasks, complete: (*removal).completeTasks}, true
	case event.AppSyncBatch:
		return family{harmless: true, reply: (*removal).failResolvers, complete: (*removal).completeResolvers}, true
	case event.AppSyncEvents:
		return family{harmless: true, reply: (*removal).failEvents, complete: (*removal).completeEvents}, true
	}
	return family{}, false
}

// Records returns the records of an event that can be removed one by one, and
// whether nothing is lost with them. An event that is one record has itself. An
// event about whose records two readers could disagree has none; see Ambiguous.
func Records(raw []byte, ev *event.Event) (records []event.Record, harmless bool) {
	f, ok := familyOf(ev.Source)
	if !ok || ev.Mixed || exemptByShape(ev) || waitingDevice(ev) {
		return nil, false
	}
	if f.entire {
		return []event.Record{{End: len(raw), ID: ev.Text("id")}}, f.harmless
	}
	if len(ev.Spans) == 0 || len(ev.Spans) != ev.Records {
		return nil, false
	}
	if _, err := layout(raw, ev.Spans); err != nil {
		return nil, false
	}
	return ev.Spans, f.harmless
}

// Batch reports whether an event is of a source whose records are removed.
func Batch(ev *event.Event) bool {
	_, ok := familyOf(ev.Source)
	return ok
}

// DeliveredEmpty reports whether an event is delivered even if no record is
// left: the function has to carry on the state of a tumbling window (AWS
// Lambda, "Using stateful processing": window, state).
func DeliveredEmpty(ev *event.Event) bool {
	return (ev.Source == event.Kinesis || ev.Source == event.DynamoDB) && ev.Has("window")
}

// Remove takes the records at the given indices, which ascend, out of an event.
// records are those of Records; id is the verdict's.
func Remove(raw []byte, ev *event.Event, records []event.Record, bad []int, id string, s Settings) (Removal, error) {
	f, _ := familyOf(ev.Source)
	r := &removal{raw: raw, ev: ev, records: records, bad: bad, id: id, s: s}
	if len(bad) == len(records) && !DeliveredEmpty(ev) {
		reply := f.reply(r)
		return Removal{Reply: &reply}, nil
	}
	rest, err := Strip(raw, records, bad)
	if err != nil {
		return Removal{}, err
	}
	out := Removal{Event: rest}
	if f.complete != nil {
		out.Complete = func(reply []byte) []byte { return f.complete(r, reply) }
	}
	return out, nil
}

// gone reports whether a record was removed.
func (r *removal) gone(i int) bool {
	_, is := slices.BinarySearch(r.bad, i)
	return is
}
