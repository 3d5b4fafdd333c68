package answer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/merlon-security/merlon/internal/event"
)

// list is one array of records of an event: most have one, an event of Kafka or
// RabbitMQ has one for each partition or queue.
type list struct {
	at      span // brackets included
	records []span
}

var (
	errNotJSON   = errors.New("the event is no strict JSON")
	errDuplicate = errors.New("the event has a key twice, up to case")
	errSpans     = errors.New("the event's records are not where they were found")
)

// layout reads where the records of an event stand, with a reader of its own,
// and compares that with what the decoder found. Removal is for events about
// which two readers agree: with two keys Records, or one Records and one
// RECORDS, it is the handler's parser that chooses (aws-lambda-go binds both),
// and no service sends either.
func layout(raw []byte, records []event.Record) ([]list, error) {
	if !json.Valid(raw) {
		return nil, errNotJSON
	}
	lists, err := locate(raw, records)
	if err != nil {
		return nil, err
	}
	n := 0
	for _, l := range lists {
		for _, s := range l.records {
			if n >= len(records) || records[n].Start != s.start || records[n].End != s.end {
				return nil, errSpans
			}
			n++
		}
	}
	if n != len(records) {
		return nil, errSpans
	}
	return lists, nil
}

// locate finds the arrays that hold records.
func locate(raw []byte, records []event.Record) ([]list, error) {
	if all, ok := elements(raw, whole(raw)); ok {
		return []list{{bracketed(raw), all}}, nil
	}
	top, _ := members(raw, whole(raw))
	if repeated(top, true) {
		return nil, errDuplicate
	}
	for _, m := range top {
		if len(records) == 0 || records[0].Start < m.val.start || records[0].End > m.val.end {
			continue
		}
		if all, ok := elements(raw, m.val); ok {
			return []list{{m.val, all}}, nil
		}
		return locateEach(raw, m.val)
	}
	return nil, errSpans
}

// locateEach finds the arrays of an object of arrays. Names of partitions and
// queues have case, so only true duplicates are ambiguous.
func locateEach(raw []byte, at span) (out []list, err error) {
	parts, ok := members(raw, at)
	if !ok {
		return nil, errSpans
	}
	if repeated(parts, false) {
		return nil, errDuplicate
	}
	for _, p := range parts {
		if all, ok := elements(raw, p.val); ok {
			out = append(out, list{p.val, all})
		}
	}
	return out, nil
}

func bracketed(raw []byte) span {
	start := space(raw, 0)
	return span{start, skip(raw, start)}
}

// repeated reports whether a key stands twice. fold ignores case as Go's reader
// does, for which ſ is an s and the Kelvin sign a k.
func repeated(ms []member, fold bool) bool {
	seen := make(map[string]bool, len(ms))
	for _, m := range ms {
		key := m.key
		if fold {
			key = strings.Map(simpleFold, key)
		}
		if seen[key] {
			return true
		}
		seen[key] = true
	}
	return false
}

// Ambiguous reports whether the handler may read other records in an event than
// we did: it has a top-level key twice, up to case, or its records are not where
// the decoder found them.
func Ambiguous(raw []byte, ev *event.Event) bool {
	if len(ev.Spans) > 0 {
		_, err := layout(raw, ev.Spans)
		return err != nil
	}
	if !ev.JSON {
		// No service sends what cannot be read to its end, but for want of time.
		return !slices.Contains(ev.Limits, "time")
	}
	if !json.Valid(raw) {
		return false
	}
	top, ok := members(raw, whole(raw))
	return ok && repeated(top, true)
}

// Strip returns the event without the records at the given indices, which
// ascend. Establishes: the bytes of every other record, and everything around
// the arrays, are what they were; an array without records left is [].
func Strip(raw []byte, records []event.Record, bad []int) ([]byte, error) {
	lists, err := layout(raw, records)
	if err != nil {
		return nil, err
	}
	if !slices.IsSorted(bad) || len(bad) > 0 && (bad[0] < 0 || bad[len(bad)-1] >= len(records)) {
		return nil, fmt.Errorf("bug: records %v of %d", bad, len(records))
	}
	out := make([]byte, 0, len(raw))
	from, first := 0, 0
	for _, l := range lists {
		for _, c := range l.cuts(func(i int) bool { _, is := slices.BinarySearch(bad, first+i); return is }) {
			out = append(out, raw[from:c.start]...)
			from = c.end
		}
		first += len(l.records)
	}
	return append(out, raw[from:]...), nil
}

// cuts are the stretches that go with the bad records of one array: a record
// takes the comma before it along, or the one after it where none before it
// stays.
func (l list) cuts(bad func(int) bool) (out []span) {
	kept := -1
	for i := range l.records {
		if !bad(i) {
			if kept < 0 && i > 0 {
				out = append(out, span{l.records[0].start, l.records[i].start})
			}
			kept = i
			continue
		}
		if kept >= 0 {
			out = append(out, span{l.records[i-1].end, l.records[i].end})
		}
	}
	if kept < 0 && len(l.records) > 0 {
		return []span{{l.at.start + 1, l.at.end - 1}}
	}
	return out
}
