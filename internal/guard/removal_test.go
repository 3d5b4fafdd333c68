package guard_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/answer"
	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/event/eventtest"
	"github.com/merlon-security/merlon/proxy"
)

// Of every source whose records are removed: whichever k of n records are bad,
// exactly the others are delivered, byte for byte and in their order, with what
// stands around them; exactly the bad ones are kept; and nothing bad is left.
func TestRemovalOfAnyRecords(t *testing.T) {
	t.Parallel()
	const planted = "planted-17"
	rnd := rand.New(rand.NewPCG(3, 5))
	g := blocking(seeing(planted), &records{})
	sources := map[event.Source]int{}
	all := eventtest.Samples(t, "../..")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		raw := all[name]
		ev := event.Decode(raw, nil, event.DefaultLimits())
		if len(ev.Spans) == 0 || !answer.Batch(ev) {
			continue
		}
		head, tail := string(raw[:ev.Spans[0].Start]), string(raw[ev.Spans[0].End:])
		if len(ev.Spans) > 1 { // the first list of records, however many there are
			last := ev.Spans[0]
			for _, s := range ev.Spans[1:] {
				if strings.TrimSpace(string(raw[last.End:s.Start])) == "," {
					last = s
				}
			}
			tail = string(raw[last.End:])
		}
		good := string(raw[ev.Spans[0].Start:ev.Spans[0].End])
		bad := `{"x":"` + planted + `",` + good[1:]
		others := event.Decode([]byte(head+tail), nil, event.DefaultLimits()) // lists behind the first
		for range 12 {
			var all, stay, bads []string
			for range 1 + rnd.IntN(9) {
				r := good
				if rnd.IntN(3) == 0 {
					r = bad
					bads = append(bads, r)
				} else {
					stay = append(stay, r)
				}
				all = append(all, r)
			}
			sources[ev.Source]++
			k := &keeper{}
			g.Keeper = k
			out := g.Inspect(t.Context(), &proxy.Invocation{ID: "r", Body: []byte(head + strings.Join(all, " , ") + tail)})
			left := len(stay) + len(others.Spans)
			switch {
			case len(bads) == 0:
				if out.Replace != nil || out.Answer != nil || len(k.kept) > 0 {
					t.Errorf("%s, none of %d bad: %+v", name, len(all), out)
				}
				continue
			case left == 0 && !answer.DeliveredEmpty(ev):
				if out.Answer == nil || out.Replace != nil {
					t.Errorf("%s, all %d bad: %+v", name, len(all), out)
				}
			default:
				want := head + strings.Join(stay, " , ") + tail
				if got := string(out.Replace); out.Answer != nil || strings.Contains(got, planted) || compact(got) != compact(want) {
					t.Errorf("%s, %d of %d bad: delivered\n%s\nwant\n%s", name, len(bads), len(all), got, want)
				}
			}
			_, harmless := answer.Records([]byte(head+strings.Join(all, " , ")+tail), event.Decode([]byte(head+strings.Join(all, " , ")+tail), nil, event.DefaultLimits()))
			if harmless {
				continue // its source is told, and nothing is kept
			}
			var kept []string
			for _, e := range k.kept {
				for _, r := range e.Records {
					kept = append(kept, string(r.Body))
				}
			}
			if !slices.Equal(kept, bads) {
				t.Errorf("%s: kept %d records, want the %d that went", name, len(kept), len(bads))
			}
		}
	}
	if len(sources) < 14 {
		t.Errorf("records of %d sources, want at least 14: %v", len(sources), sources)
	}
}

// compact takes out white space, of which some goes with a record.
func compact(s string) string { return strings.Join(strings.Fields(s), "") }
