package report

import (
	"time"

	"github.com/merlon-security/merlon/internal/verdict"
)

const (
	// windowEvents and windowTime end a window; both are looked at when an
	// invocation comes, because a frozen environment runs no timer.
	windowEvents = 200
	windowTime   = 10 * time.Second
	// maxNamed bounds each list of a summary.
	maxNamed = 16
	// maxSamples bounds the latencies of a summary; CloudWatch takes 100.
	maxSamples = 50
)

// window counts what an environment does.
type window struct {
	start, last time.Time
	sum         verdict.Summary
	triggers,
	routes,
	sources tally
	more    verdict.Unnamed
	seen    int    // latencies
	actions [5]int // by verdict.Action
}

// tally counts by name, in the order of the first time.
type tally struct {
	at   map[string]int
	list []verdict.Tally
}

// add counts; false if there is no room for another name.
func (t *tally) add(name string, refused bool) bool {
	i, ok := t.at[name]
	if !ok {
		if len(t.list) == maxNamed {
			return false
		}
		if t.at == nil {
			t.at = map[string]int{}
		}
		i = len(t.list)
		t.at[name] = i
		t.list = append(t.list, verdict.Tally{Name: name})
	}
	t.list[i].Count++
	if refused {
		t.list[i].Refused++
	}
	return true
}

func (w *window) add(c verdict.Count, now time.Time) {
	if w.start.IsZero() {
		w.start = now
	}
	w.last = now
	s := &w.sum
	s.Inspected++
	if int(c.Action) < len(w.actions) {
		w.actions[c.Action]++
	}
	refused := c.Action.Blocked() || c.WouldAction.Blocked()
	switch {
	case c.Action.Blocked():
		s.Blocked++
	case refused:
		s.WouldBlock++
	}
	if c.FailOpen {
		s.FailedOpen++
	}
	if c.OverLimit {
		s.OverLimit++
	}
	w.sample(c.InspectUs)
	if !w.triggers.add(c.Trigger, refused) {
		w.more.Triggers++
	}
	if c.Route != "" && !w.routes.add(c.Route, refused) {
		w.more.Routes++
	}
	if refused && c.Source != "" && !w.sources.add(c.Source, true) {
		w.more.Sources++
	}
}

// sample keeps an even sample: when it is full, every second is let go and only
// every second taken from then on.
func (w *window) sample(us int64) {
	s := &w.sum.InspectUs
	step := 1
	for w.seen/step >= maxSamples {
		step *= 2
	}
	if w.seen > 0 && w.seen == maxSamples*step/2 {
		half := (*s)[:0]
		for i := 0; i < len(*s); i += 2 {
			half = append(half, (*s)[i])
		}
		*s = half
	}
	if w.seen%step == 0 {
		*s = append(*s, us)
	}
	w.seen++
}

// due reports whether the window has an end by now.
func (w *window) due(now time.Time) bool {
	return w.sum.Inspected >= windowEvents || !w.start.IsZero() && now.Sub(w.start) >= windowTime
}

// summary is the window as it is written.
func (w *window) summary() verdict.Summary {
	s := w.sum
	s.Schema, s.Level = verdict.SummarySchema, "WARN" // what a log level drops makes no metrics
	s.Window = verdict.Window{Start: verdict.Timestamp(w.start), End: verdict.Timestamp(w.last)}
	s.Triggers, s.Routes, s.Sources = w.triggers.list, w.routes.list, w.sources.list
	if w.more != (verdict.Unnamed{}) {
		more := w.more
		s.More = &more
	}
	return s
}
