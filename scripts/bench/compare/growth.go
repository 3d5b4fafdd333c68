package main

import (
	"github.com/merlon-security/merlon/scripts/bench/internal/meter"
	"github.com/merlon-security/merlon/scripts/bench/internal/peer"
	"github.com/merlon-security/merlon/scripts/bench/internal/result"
	"github.com/merlon-security/merlon/scripts/bench/internal/sample"
)

// The sizes up to which stock Coraza takes part. It stops looking at leaves
// after the thousandth.
const (
	stockLeaves = 616
	stockBytes  = 64 << 10
)

// growth measures how the cost grows with the number of leaves, with bytes, and
// with strings made to be slow.
func growth(o *options, engines []peer.Engine, res *result.Results) error {
	for _, leaves := range []int{10, 30, 100, 316, 1000, 3162, 10_000} {
		leaves = max(16, (leaves-16)/6*6+16)
		evs := orders(leaves, 0, 20_000/leaves)
		if err := point(o, engines, &res.Growth, "leaves", evs, leaves, "leaf", leaves <= stockLeaves); err != nil {
			return err
		}
	}
	for _, size := range []int{1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 6_000_000} {
		evs := orders(40, size, 512<<10/size)
		if err := point(o, engines, &res.Growth, "bytes", evs, size, "byte", size <= stockBytes); err != nil {
			return err
		}
	}
	for _, s := range sample.Shapes() {
		for _, size := range []int{1 << 10, 16 << 10, 64 << 10, 256 << 10} {
			evs := []*sample.Event{sample.PostText(1, s.Text(size))} // a text of one shape is always the same
			stock := size == 1<<10 || size == 64<<10 && !o.quick
			if err := point(o, engines, &res.Adversarial, s.Name, evs, size, "byte", stock); err != nil {
				return err
			}
		}
	}
	return nil
}

// orders returns variants of an event, as many as it takes for their values not
// to be remembered from the turn before.
func orders(leaves, size, variants int) (evs []*sample.Event) {
	for i := range uint64(max(2, min(variants, 500))) {
		evs = append(evs, sample.PostJSON(i+1, sample.OrderJSON(i+1, leaves, size, "")))
	}
	return evs
}

func point(o *options, engines []peer.Engine, to *[]result.Point, series string, evs []*sample.Event, size int, unit string, stock bool) error {
	for _, e := range engines {
		if e.Name() == "coraza" && !stock {
			continue
		}
		t := &turn{engine: e, row: &row{name: series, events: evs}}
		if err := t.warm(o); err != nil {
			return err
		}
		least := o.slice / 3
		if e.Name() == "coraza" {
			least = 0 // a few are enough of what takes so long
		}
		c, err := meter.Repeat(least, 3, t.inspect)
		if err != nil {
			return err
		}
		us := micro(c.CPU)
		progress("%-14s %9d %-4s %-9s %12.1f us  %8.4f per %s", series, size, unit, e.Name(), us, us/float64(size), unit)
		*to = append(*to, result.Point{
			Series: series, Engine: e.Name(), Size: size, Unit: unit, CPU: us, PerUnit: us / float64(size), Found: t.found > 0, Partial: t.partial > 0,
		})
	}
	return nil
}
