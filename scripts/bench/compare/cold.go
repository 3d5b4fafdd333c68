package main

import (
	"slices"
	"time"

	"github.com/merlon-security/merlon/scripts/bench/internal/peer"
	"github.com/merlon-security/merlon/scripts/bench/internal/result"
	"github.com/merlon-security/merlon/scripts/bench/internal/sample"
)

// cold times single events as they come on Lambda: after a pause, with the
// processor's caches full of something else.
func cold(o *options, engines []peer.Engine, res *result.Results) error {
	n := 300
	if o.quick {
		n = 100
	}
	other := make([]byte, 16<<20)
	for _, k := range sample.Kinds() {
		if k.Name != "get-tiny" && k.Name != "json-1k" {
			continue
		}
		r := &row{name: k.Name}
		for i := range n {
			r.events = append(r.events, k.Make(uint64(i+1)))
		}
		for _, e := range engines {
			t := &turn{engine: e, row: r}
			hot, err := t.time(n, func() {})
			if err != nil {
				return err
			}
			cold, err := t.time(n, func() {
				time.Sleep(time.Millisecond)
				for i := 0; i < len(other); i += 64 {
					other[i]++
				}
			})
			if err != nil {
				return err
			}
			progress("%-14s %-9s p50 %.1f us in a row, %.1f us cold", k.Name, e.Name(), hot, cold)
			res.Cold = append(res.Cold, result.Cold{Event: k.Name, Engine: e.Name(), Hot: hot, Cold: cold})
		}
	}
	return nil
}

// time returns the median of the wall time of n events, each after before.
func (t *turn) time(n int, before func()) (float64, error) {
	var took []time.Duration
	for range n {
		before()
		began := time.Now()
		if err := t.inspect(); err != nil {
			return 0, err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return micro(took[n/2]), nil
}
