package answer

import (
	"slices"
	"strings"
)

// lastReturn is the receive at which a removed message is acknowledged instead
// of returned. A queue without a redrive policy would otherwise deliver it until
// its retention ends; with one, the message is on its way to the dead-letter
// queue by then.
const lastReturn = 3

// returned are the ids of removed messages that the queue is told have failed.
// Those of a FIFO queue never are: the queue would deliver the message again
// behind later ones of its group that the function has seen.
func (r *removal) returned() (ids []string) {
	if r.s.AckSQS {
		return nil
	}
	for _, i := range r.bad {
		rec := &r.records[i]
		fifo := rec.Group != "" || strings.HasSuffix(r.ev.Caller.SourceARN, ".fifo")
		// A message that does not say how often it came could come for ever.
		if !fifo && rec.ID != "" && rec.Receives > 0 && rec.Receives < lastReturn && !slices.Contains(ids, rec.ID) {
			ids = append(ids, rec.ID)
		}
	}
	return ids
}

func (r *removal) acknowledgeSQS() Reply { return reply(batchFailures(r.returned())) }

// completeSQS reports removed messages beside those that the function reports.
// Without ReportBatchItemFailures in the event source mapping the queue ignores
// it and deletes the messages.
func (r *removal) completeSQS(reply []byte) []byte {
	ids := r.returned()
	if len(ids) == 0 {
		return nil
	}
	return addFailures(reply, ids)
}

type itemFailure struct {
	ItemIdentifier string `json:"itemIdentifier"`
}

type failures struct {
	BatchItemFailures []itemFailure `json:"batchItemFailures"`
}

// batchFailures is a partial batch response (AWS Lambda, "Reporting batch item
// failures"); without ids it says that all went well.
func batchFailures(ids []string) failures {
	f := failures{[]itemFailure{}}
	for _, id := range ids {
		f.BatchItemFailures = append(f.BatchItemFailures, itemFailure{id})
	}
	return f
}
