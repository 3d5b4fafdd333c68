package profile

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// TestProgressCountsWhatBuildTakes: what is settled is in the profile that Build
// makes, what waits is not, and a profile that was built has nothing new.
func TestProgressCountsWhatBuildTakes(t *testing.T) {
	t.Parallel()
	r := newRand(7)
	e := NewEvidence()
	for day := range 3 {
		now := time.Date(2026, 10, 1+day, 9, 0, 0, 0, time.UTC)
		l := NewLearner(nil, func() time.Time { return now })
		for i := range 400 {
			ev := restCall(r)
			if day == 1 && i == 7 {
				ev = urlEvent(r, "GET", "/reports/yearly", nil, object{}, nil)
			}
			if d, ok := l.Commit(l.Observe(decoded(t, ev))); ok {
				if err := e.Apply(fmt.Sprint(day), d); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := e.Apply(fmt.Sprint(day), l.Count()); err != nil {
			t.Fatal(err)
		}
	}
	opt := Options{Metadata: Metadata{Function: "shop", Version: 1, Source: "learned"}, Settled: DefaultSettled()}
	fresh, _ := e.Build(opt)
	built, err := Parse(fresh.Canonical())
	if err != nil {
		t.Fatal(err)
	}
	p := e.Progress(opt, built)
	if p.Samples != 1200 || p.Environments != 3 || p.First != "2026-10-01" || p.Last != "2026-10-03" || p.Unseen != built.Provenance.Unseen {
		t.Errorf("progress %+v", p)
	}
	if !slices.Contains(p.Wants, "it was learned on 3 days: want 7") {
		t.Errorf("promotion wants %q", p.Wants)
	}
	total, settled, waiting := 0, 0, 0
	e.each(func(Element, *Proof) { total++ })
	for _, r := range p.Routes {
		settled, waiting = settled+r.Settled, waiting+r.Waiting
		if r.New > 0 {
			t.Errorf("%s: %d elements are settled and not in the profile that was built of them", r.Name, r.New)
		}
		if r.Unseen < 0 || r.Unseen > 1 {
			t.Errorf("%s: unseen %v", r.Name, r.Unseen)
		}
		switch r.Name {
		case "function-url GET /reports/yearly":
			if r.Settled > 0 || r.Sources != 1 || r.Days != 1 || r.Unseen != 1 {
				t.Errorf("a route that was called once: %+v", r)
			}
		case "function-url POST /orders":
			if r.Settled < 20 || r.Sources < 10 || r.Days != 3 || r.Unseen > 0.2 {
				t.Errorf("the most used route: %+v", r)
			}
		}
	}
	if settled+waiting != total || waiting == 0 {
		t.Errorf("%d settled and %d waiting of %d elements", settled, waiting, total)
	}
	byDimension := 0
	for _, d := range p.Dimensions {
		byDimension += d.Settled + d.Waiting
	}
	if byDimension != total {
		t.Errorf("the dimensions have %d of %d elements", byDimension, total)
	}
	news := 0
	for _, r := range e.Progress(opt, &Document{}).Routes {
		news += r.New
	}
	if news != settled {
		t.Errorf("%d of %d settled elements are new to a profile that has nothing", news, settled)
	}
}
