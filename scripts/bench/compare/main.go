// Command compare measures the engines on the same events in one process, turn
// by turn, and prints the figures as JSON. It is built and run by the benchmark
// in the directory above.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/merlon-security/merlon/scripts/bench/internal/peer"
	"github.com/merlon-security/merlon/scripts/bench/internal/peer/coraza"
	"github.com/merlon-security/merlon/scripts/bench/internal/peer/libddwaf"
	"github.com/merlon-security/merlon/scripts/bench/internal/peer/merlon"
	"github.com/merlon-security/merlon/scripts/bench/internal/result"
)

// options are the same for all sections.
type options struct {
	quick    bool
	rounds   int
	slice    time.Duration // least processor time of one engine's turn
	corpus   string
	only     []string // events; empty means all
	sections []string
	profile  string
}

func (o *options) wants(section string) bool { return slices.Contains(o.sections, section) }

func (o *options) measures(event string) bool {
	return len(o.only) == 0 || slices.Contains(o.only, event)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run() error {
	o := options{}
	var only, sections string
	flag.BoolVar(&o.quick, "quick", false, "fewer and shorter rounds, without what takes stock Coraza long")
	flag.StringVar(&o.corpus, "corpus", "", "labelled corpus (corpus.jsonl.gz) for the event corpus-benign")
	flag.StringVar(&only, "only", "", "events to measure, separated by commas")
	flag.StringVar(&sections, "sections", "events,cold,growth", "what to measure")
	flag.StringVar(&o.profile, "profile", "", "write a processor profile of Merlon on the one event of -only to this file, and nothing else")
	flag.Parse()
	o.rounds, o.slice, o.sections = 5, 300*time.Millisecond, strings.Split(sections, ",")
	if o.quick {
		o.rounds, o.slice = 3, 120*time.Millisecond
	}
	if only != "" {
		o.only = strings.Split(only, ",")
	}
	if o.profile != "" {
		return profile(&o)
	}
	res, err := measure(&o)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(res)
}

func measure(o *options) (res result.Results, err error) {
	engines, err := engines()
	if err != nil {
		return res, err
	}
	if o.wants("events") {
		if err := events(o, engines, &res); err != nil {
			return res, err
		}
	}
	if o.wants("cold") {
		if err := cold(o, engines, &res); err != nil {
			return res, err
		}
	}
	if o.wants("growth") {
		err = growth(o, engines, &res)
	}
	return res, err
}

// engines are in the order of their turns.
func engines() ([]peer.Engine, error) {
	m, err := merlon.New()
	if err != nil {
		return nil, fmt.Errorf("merlon: %w", err)
	}
	c, err := coraza.New(coraza.Request, 1)
	if err != nil {
		return nil, fmt.Errorf("coraza: %w", err)
	}
	d, err := libddwaf.New()
	if err != nil {
		return nil, fmt.Errorf("libddwaf: %w", err)
	}
	return []peer.Engine{m, c, d}, nil
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
