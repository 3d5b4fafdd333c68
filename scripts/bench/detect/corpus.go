package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/traffic"
	"github.com/merlon-security/merlon/scripts/bench/internal/sample"
)

// row is an event with its label, and what the engines said of it.
type row struct {
	attack           bool
	class, placement string
	source           string // who wrote the payload
	http             bool
	vector           string // of the descriptions; empty for the corpus
	event            []byte
	said             [4]bool // by the index of the engine
}

// labelled reads a corpus: gzipped lines of JSON.
func labelled(path string) ([]row, error) {
	var out []row
	err := sample.Lines(path, func(line []byte) error {
		var r struct {
			Label, Class, Placement, Source, Trigger string
			Event                                    json.RawMessage
		}
		if err := json.Unmarshal(line, &r); err != nil {
			return err
		}
		if r.Label != "attack" && r.Label != "benign" {
			return fmt.Errorf("label %q", r.Label)
		}
		out = append(out, row{
			attack: r.Label == "attack", class: r.Class, placement: r.Placement, source: r.Source,
			http: event.Source(r.Trigger).IsHTTP(), event: bytes.Clone(r.Event),
		})
		return nil
	})
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("%q is empty", path)
	}
	return out, err
}

// described makes the events of the repository's own benign messages. Their
// class is the family they are of.
func described(dir string) ([]row, error) {
	vectors, err := traffic.Read(os.DirFS(dir))
	if err != nil {
		return nil, err
	}
	var out []row
	for i := range vectors {
		evs, err := vectors[i].Events()
		if err != nil {
			return nil, err
		}
		family, _, _ := strings.Cut(vectors[i].Name, "/")
		for _, ev := range evs {
			out = append(out, row{class: family, vector: vectors[i].Name, http: event.Source(ev.Source).IsHTTP(), event: ev.Payload})
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%q holds no description", dir)
	}
	return out, nil
}

// judge asks the engine about every row, on two threads, and notes its word at
// the given index.
func (c *contestant) judge(rows []row, index int, known *answers) error {
	var wg sync.WaitGroup
	var next atomic.Int64
	errs := make([]error, 2)
	for worker := range errs {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(rows) {
					return
				}
				said, err := c.ask(&rows[i], known)
				if err != nil {
					errs[worker] = fmt.Errorf("%s: event %d: %w", c.title, i, err)
					return
				}
				rows[i].said[index] = said
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// ask asks about one row, or remembers.
func (c *contestant) ask(r *row, known *answers) (bool, error) {
	ev := sample.FromLambda(r.event)
	if !c.peer {
		out, err := c.engine.Inspect(ev)
		return out.Attack, err
	}
	k := key(c.title, ev)
	if said, ok := known.get(k); ok {
		return said, nil
	}
	out, err := c.engine.Inspect(ev)
	if err == nil {
		known.put(k, out.Attack)
	}
	return out.Attack, err
}
