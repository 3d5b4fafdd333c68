package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/merlon-security/merlon/scripts/bench/internal/meter"
	"github.com/merlon-security/merlon/scripts/bench/internal/peer"
	"github.com/merlon-security/merlon/scripts/bench/internal/result"
	"github.com/merlon-security/merlon/scripts/bench/internal/sample"
)

// events measures the rows of the comparison and the corpus.
func events(o *options, engines []peer.Engine, res *result.Results) error {
	for _, k := range sample.Kinds() {
		if !o.measures(k.Name) {
			continue
		}
		row := &row{name: k.Name, attack: k.Attack}
		for i := range k.Variants {
			row.events = append(row.events, k.Make(uint64(i+1)))
		}
		if err := row.measure(o, engines, res); err != nil {
			return err
		}
	}
	return corpus(o, engines, res)
}

// corpus measures the mean over all benign events of a corpus.
func corpus(o *options, engines []peer.Engine, res *result.Results) error {
	switch {
	case !o.measures("corpus-benign"):
		return nil
	case o.corpus == "":
		note(res, "corpus-benign is left out: there is no corpus (-shared)")
		return nil
	}
	evs, err := sample.Benign(o.corpus)
	if err != nil {
		return err
	}
	row := &row{name: "corpus-benign", events: evs, mean: true}
	if o.quick {
		row.events = nil
		for i := 0; i < len(evs); i += 10 {
			row.events = append(row.events, evs[i])
		}
		note(res, fmt.Sprintf("corpus-benign: every tenth of %d events (quick)", len(evs)))
	}
	return row.measure(o, engines, res)
}

func note(res *result.Results, text string) {
	progress("%s", text)
	res.Notes = append(res.Notes, text)
}

// row is one event, in variants.
type row struct {
	name   string
	events []*sample.Event
	attack bool
	mean   bool // every turn takes all variants, because they differ
}

// huge is the event that takes stock Coraza 41 s.
const huge = "json-6m"

// measure gives every engine its turn in every round.
func (r *row) measure(o *options, engines []peer.Engine, res *result.Results) error {
	var turns []*turn
	for _, e := range engines {
		t := &turn{engine: e, row: r}
		if e.Name() == "coraza" && r.name == huge {
			if o.quick {
				note(res, "json-6m: stock Coraza is left out (quick); it takes most of a minute")
				continue
			}
			t.once = true
			note(res, "json-6m: stock Coraza has one turn of one event")
		} else if err := t.warm(o); err != nil {
			return err
		}
		turns = append(turns, t)
	}
	for round := range o.rounds {
		for _, t := range turns {
			if round > 0 && t.once {
				continue
			}
			if err := t.take(o); err != nil {
				return err
			}
		}
	}
	for _, t := range turns {
		out := t.result()
		progress("%-14s %-9s %10.1f us %9.0f allocs  found %.2f partial %.2f", out.Event, out.Engine, out.CPU, out.Allocs, out.Found, out.Partial)
		res.Events = append(res.Events, out)
	}
	return nil
}

// turn is one engine on one row.
type turn struct {
	engine peer.Engine
	row    *row
	once   bool
	next   int
	costs  []meter.Cost

	inspected, found, partial int
}

func (t *turn) inspect() error {
	ev := t.row.events[t.next]
	t.next = (t.next + 1) % len(t.row.events)
	out, err := t.engine.Inspect(ev)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", t.row.name, t.engine.Name(), err)
	}
	t.inspected++
	if out.Attack {
		t.found++
	}
	if out.Partial {
		t.partial++
	}
	return nil
}

// warm compiles what is compiled late and fills what is remembered: all variants
// once, or as many as a few turns take.
func (t *turn) warm(o *options) error {
	start := meter.CPU()
	for i := 0; i < len(t.row.events) && meter.CPU()-start < 3*o.slice; i++ {
		if err := t.inspect(); err != nil {
			return err
		}
	}
	if t.row.mean {
		t.next = 0
	}
	return nil
}

func (t *turn) take(o *options) error {
	least, runs := o.slice, 1
	if t.once {
		least = 0
	}
	if t.row.mean {
		least, runs = 0, len(t.row.events)
	}
	c, err := meter.Repeat(least, runs, t.inspect)
	t.costs = append(t.costs, c)
	return err
}

func (t *turn) result() result.Event {
	var cpu []time.Duration
	out := result.Event{Event: t.row.name, Engine: t.engine.Name()}
	for _, c := range t.costs {
		cpu = append(cpu, c.CPU)
		out.Runs += c.Runs
		out.Allocs += c.Allocs / float64(len(t.costs))
		out.AllocBytes += c.Bytes / float64(len(t.costs))
	}
	slices.Sort(cpu)
	out.CPU, out.Low, out.High = micro(cpu[len(cpu)/2]), micro(cpu[0]), micro(cpu[len(cpu)-1])
	out.Found, out.Partial = float64(t.found)/float64(t.inspected), float64(t.partial)/float64(t.inspected)
	return out
}

func micro(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
