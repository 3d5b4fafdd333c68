package report

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/merlon-security/merlon/internal/verdict"
)

// maxRepeats bounds the verdicts whose equals are counted.
const maxRepeats = 256

// repeats counts verdicts that are equal to one that was written. A scan, or a
// caller that tries again, makes the same one hundreds of times.
type repeats struct {
	at   map[string]int
	list []repeat
}

// repeat is one verdict that was written, and its equals since.
type repeat struct {
	count       int
	first, last time.Time
	ids         []string
	shown       verdict.Record // the last of them
}

// absorb counts a verdict that equals one before; false if it has to be written.
func (r *repeats) absorb(rec *verdict.Record, now time.Time) bool {
	if !countable(rec) {
		return false
	}
	key := sameness(rec)
	i, ok := r.at[key]
	if !ok {
		if len(r.list) < maxRepeats {
			if r.at == nil {
				r.at = map[string]int{}
			}
			r.at[key] = len(r.list)
			r.list = append(r.list, repeat{first: now})
		}
		return false
	}
	e := &r.list[i]
	if e.count++; e.count == 1 {
		e.first = now
	}
	if len(e.ids) < verdict.MaxRepeatIDs {
		e.ids = append(e.ids, rec.ID)
	}
	e.last, e.shown = now, *rec
	return true
}

// countable: a line that says where removed records are is needed to get them
// back.
func countable(rec *verdict.Record) bool { return rec.RemovedCount == 0 && rec.Repeat == nil }

// due reports whether an equal verdict has waited for its line long enough.
func (r *repeats) due(now time.Time) bool {
	for i := range r.list {
		if r.list[i].count > 0 && now.Sub(r.list[i].first) >= windowTime {
			return true
		}
	}
	return false
}

// take returns what was counted, and forgets it all.
func (r *repeats) take() []repeat {
	all := slices.DeleteFunc(r.list, func(e repeat) bool { return e.count == 0 })
	*r = repeats{}
	return all
}

// record is the line for all of them; that of a single one is its own.
func (e *repeat) record() verdict.Record {
	rec := e.shown
	if e.count > 1 {
		rec.Repeat = &verdict.Repeat{Count: e.count, IDs: e.ids, Window: e.last.Sub(e.first).Round(time.Millisecond).String()}
	}
	return rec
}

// sameness is what equal verdicts have in common: rules, trigger, route, source,
// and what was decided and why.
func sameness(rec *verdict.Record) string {
	var b strings.Builder
	part := func(s string) {
		b.WriteString(strconv.Itoa(len(s)))
		b.WriteByte(':')
		b.WriteString(s)
	}
	part(rec.Trigger.Type)
	part(rec.Trigger.SourceARN)
	if rec.HTTP != nil {
		part(rec.HTTP.Method + " " + rec.HTTP.Route)
	}
	if s := rec.Source; s != nil {
		part(s.IP)
		part(s.ID)
	}
	part(rec.Action.String() + rec.WouldAction.String() + string(rec.Reason) + rec.Mode + string(rec.Severity))
	part(rec.Error)
	part(strings.Join(rec.Limits, ","))
	ids := make([]int, 0, len(rec.Matches))
	for i := range rec.Matches {
		ids = append(ids, rec.Matches[i].RuleID)
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		part(strconv.Itoa(id))
	}
	return b.String()
}
