package main

import (
	"errors"
	"os"
	"runtime/pprof"
	"time"

	"github.com/merlon-security/merlon/scripts/bench/internal/meter"
	"github.com/merlon-security/merlon/scripts/bench/internal/peer/merlon"
	"github.com/merlon-security/merlon/scripts/bench/internal/sample"
)

// profile runs Merlon alone on one event, or one shape of string of 64 KiB, for
// some seconds.
func profile(o *options) error {
	if len(o.only) != 1 {
		return errors.New("-profile wants one event: -only json-1k")
	}
	r := &row{name: o.only[0]}
	for _, k := range sample.Kinds() {
		if k.Name == r.name {
			for i := range k.Variants {
				r.events = append(r.events, k.Make(uint64(i+1)))
			}
		}
	}
	for _, shape := range sample.Shapes() {
		if shape.Name == r.name {
			r.events = append(r.events, sample.PostText(1, shape.Text(64<<10)))
		}
	}
	if r.name == "corpus-benign" {
		evs, err := sample.Benign(o.corpus)
		if err != nil {
			return err
		}
		r.events = evs
	}
	if len(r.events) == 0 {
		return errors.New("no such event: " + r.name)
	}
	m, err := merlon.New()
	if err != nil {
		return err
	}
	t := &turn{engine: m, row: r}
	if err := t.warm(&options{slice: time.Second}); err != nil {
		return err
	}
	f, err := os.Create(o.profile)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	c, err := meter.Repeat(5*time.Second, len(r.events), t.inspect)
	pprof.StopCPUProfile()
	progress("%s: %.1f us, %.0f allocs, %.0f bytes per event", r.name, micro(c.CPU), c.Allocs, c.Bytes)
	return errors.Join(err, f.Close())
}
