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
		ev := sample.PostJSON(1, sample.OrderJSON(1, leaves, 0, ""))
		if err := point(o, engines, &res.Growth, "leaves", ev, leaves, "leaf", leaves <= stockLeaves); err != nil {
			return err
		}
	}
	for _, size := range []int{1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 6_000_000} {
		ev := sample.PostJSON(1, sample.OrderJSON(1, 40, size, ""))
		if err := point(o, engines, &res.Growth, "bytes", ev, size, "byte", size <= stockBytes); err != nil {
			return err
		}
	}
	for _, s := range sample.Shapes() {
		for _, size := range []int{1 << 10, 16 << 10, 64 << 10} {
			ev := sample.PostText(1, s.Text(size))
			stock := size == 1<<10 || size == 64<<10 && !o.quick
			if err := point(o, engines, &res.Adversarial, s.Name, ev, size, "byte", stock); err != nil {
				return err
			}
		}
	}
	return nil
}

func point(o *options, engines []peer.Engine, to *[]result.Point, series string, ev *sample.Event, size int, unit string, stock bool) error {
	for _, e := range engines {
		if e.Name() == "coraza" && !stock {
			continue
		}
		var out peer.Outcome
		inspect := func() (err error) {
			out, err = e.Inspect(ev)
			return err
		}
		least := o.slice / 3
		if e.Name() == "coraza" {
			least = 0 // once after warming is enough for what takes so long
		}
		if err := inspect(); err != nil {
			return err
		}
		c, err := meter.Repeat(least, 3, inspect)
		if err != nil {
			return err
		}
		us := micro(c.CPU)
		progress("%-14s %9d %-4s %-9s %12.1f us  %8.4f per %s", series, size, unit, e.Name(), us, us/float64(size), unit)
		*to = append(*to, result.Point{
			Series: series, Engine: e.Name(), Size: size, Unit: unit, CPU: us, PerUnit: us / float64(size), Found: out.Attack, Partial: out.Partial,
		})
	}
	return nil
}
