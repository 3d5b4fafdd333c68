package guard

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/merlon-security/merlon/internal/answer"
	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
	"github.com/merlon-security/merlon/proxy"
)

// removed is what was taken out of an event.
type removed struct {
	records  []event.Record // all that the event has
	harmless bool           // none of them is lost with its removal
	rest     []byte         // delivered instead; nil if nothing is
	complete func([]byte) []byte
}

const remedy = "set MERLON_QUARANTINE, so that removed records are kept"

// removable says in the evidence whether single records can go. An event that
// two readers could read differently is refused whole: no service sent it.
func (g *Guard) removable(e *policy.Evidence, j *Judgement, body []byte) {
	defer func() {
		if recover() != nil {
			// A fault of ours, which passes by default. What was found does not.
			e.Removable, e.Refusable = 0, true
		}
	}()
	records, harmless := answer.Records(body, j.Event)
	switch {
	case len(records) == 0:
		e.Refusable = e.Refusable || answer.Ambiguous(body, j.Event)
	case harmless || g.usable(j.Event, records):
		j.removed = removed{records: records, harmless: harmless}
		e.Removable, e.DeliveredEmpty = len(records), answer.DeliveredEmpty(j.Event)
	default:
		e.Remedy = remedy
	}
}

// remove takes the records out that the verdict names. If that does not succeed
// the event fails, so that its source has it still.
func (g *Guard) remove(ctx context.Context, j *Judgement, body []byte, header http.Header, found verdict.Inspection) {
	out, err := g.operate(ctx, j, body, header, found)
	if err != nil {
		g.fail(j, err)
		return
	}
	j.Reply, j.removed.rest, j.removed.complete = out.Reply, out.Event, out.Complete
	if j.Reply != nil && j.Reply.Error { // the source has them still
		j.Verdict.Records, j.removed = nil, removed{}
	}
}

// operate makes the removal. A panic in it is an error: the records are known to
// be bad, and the policy for faults must not deliver them.
func (g *Guard) operate(ctx context.Context, j *Judgement, body []byte, header http.Header, found verdict.Inspection) (out answer.Removal, err error) {
	defer verdict.Recover(&err)
	out, err = answer.Remove(body, j.Event, j.removed.records, j.Verdict.Records, j.ID, g.Answers)
	if err == nil && out.Event != nil {
		err = g.recheck(ctx, out.Event, header, j, found)
	}
	return out, err
}

// fail answers with an error in place of a removal. Every source of which
// records are removed delivers again, or tells its caller.
func (g *Guard) fail(j *Judgement, err error) {
	j.Verdict.Action, j.Verdict.Records = verdict.ActionBlock, nil
	j.Verdict.Message += "; the whole event failed instead, its source keeps it: " + err.Error()
	j.removed = removed{}
	r := answer.Fail(j.ID)
	j.Reply = &r
}

var errRest = errors.New("bug: what is left of the event is not what was inspected")

// recheck looks at an event once more, without its bad records: it must have the
// same source, the other records and none besides, and none may weigh more than
// it did. Surgery on an event is trusted no further than the event was.
func (g *Guard) recheck(ctx context.Context, rest []byte, header http.Header, j *Judgement, found verdict.Inspection) error {
	left := len(j.removed.records) - len(j.Verdict.Records)
	if left == 0 {
		return nil // a window; its source cannot be told without a record
	}
	ev := event.Decode(rest, header, g.limits())
	if ev.Source != j.Event.Source || len(ev.Spans) != left || len(found.Scores) != len(j.removed.records) {
		return errRest
	}
	before := make([]int, 0, left)
	at := 0
	for i := range j.removed.records {
		if slices.Contains(j.Verdict.Records, i) {
			continue
		}
		r := &j.removed.records[i]
		if ev.Spans[at].End-ev.Spans[at].Start != r.End-r.Start || ev.Spans[at].ID != r.ID {
			return errRest
		}
		before = append(before, found.Scores[i])
		at++
	}
	before[0] += outside(found.Findings)
	var again verdict.Inspection
	if err := g.search(ctx, ev, &again); err != nil {
		return fmt.Errorf("inspect what is left: %w", err)
	}
	for i := range again.Scores {
		if i >= left || again.Scores[i] > before[i] {
			return errRest
		}
	}
	return nil
}

// outside is what findings beside the records weigh. They are counted with the
// first record; exceptions excused them, or else all records would have gone.
func outside(fs []verdict.Finding) (score int) {
	for i := range fs {
		if fs[i].Record < 0 {
			score += fs[i].Score
		}
	}
	return score
}

// keep makes removed records durable. The answer, or what is left of the event,
// is handed on only afterwards: with the function's reply the source forgets
// them.
func (g *Guard) keep(ctx context.Context, j *Judgement, inv *proxy.Invocation) {
	if len(j.Verdict.Records) == 0 || !j.Verdict.Action.Blocked() || j.removed.harmless || g.Keeper == nil {
		return
	}
	k := Kept{
		VerdictID: j.ID, RequestID: inv.ID, FunctionARN: inv.Header.Get("Lambda-Runtime-Invoked-Function-Arn"),
		Source: j.Event.Source,
	}
	for _, i := range j.Verdict.Records {
		r := j.removed.records[i]
		k.Records = append(k.Records, KeptRecord{Index: i, Record: r, Body: inv.Body[r.Start:r.End]})
	}
	if err := g.durable(ctx, k, inv.Deadline); err != nil {
		g.fail(j, fmt.Errorf("quarantine: %w", err))
	}
}

// durable calls the keeper within the invocation's time. That is the one call in
// band, and only events of which records are removed pay for it.
func (g *Guard) durable(ctx context.Context, k Kept, deadline time.Time) (err error) {
	defer verdict.Recover(&err)
	if !deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, max(0, deadline.Sub(g.Now())-reserve))
		defer cancel()
	}
	return g.Keeper.Keep(ctx, k)
}

// describeRemoved lists the records that are gone from the event.
func describeRemoved(rec *verdict.Record, j *Judgement) {
	if !j.Verdict.Action.Blocked() {
		return
	}
	rec.RemovedCount = len(j.Verdict.Records)
	for n, i := range j.Verdict.Records {
		if n == verdict.MaxRemoved {
			break
		}
		r := &j.removed.records[i]
		rec.Removed = append(rec.Removed, verdict.Removed{Record: i, ID: identifier(r.ID, 128), Pointer: identifier(r.Pointer, 256)})
	}
}

// identifier returns a name that a source gave to a record. A caller may have
// written anything there: what has other characters than the names of the
// services is his text.
func identifier(s string, most int) string {
	if len(s) > most {
		return ""
	}
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.:/@=+%? ", c) >= 0) {
			return ""
		}
	}
	return s
}
