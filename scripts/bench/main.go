// Command bench compares Merlon with stock Coraza and with libddwaf on the same
// events, measures how an environment starts and what the relay adds, and shows
// how the cost grows. It prints tables and writes them as JSON. The method and
// its traps are described in docs/PERFORMANCE.md.
//
// It is a module of its own, so that the peers' engines are no dependency of the
// project, and runs in its own directory: go run . -out ../../build/bench.json
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/merlon-security/merlon/scripts/bench/internal/result"
)

// bench is one run.
type bench struct {
	out, shared, layer string
	quick              bool
	sections           string

	dir       string // of the programs built for the run
	extension string
	res       result.Results
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	b := &bench{}
	flag.StringVar(&b.out, "out", "../../build/bench.json", "file to write the results to")
	flag.BoolVar(&b.quick, "quick", os.Getenv("QUICK") == "1", "a shorter run with wider error, without stock Coraza on json-6m (QUICK=1)")
	flag.StringVar(&b.shared, "shared", os.Getenv("SHARED"), "directory with corpora/dev/corpus.jsonl.gz, for corpus-benign (SHARED)")
	flag.StringVar(&b.layer, "layer", "../../build/opt", "unpacked layer; without one the extension is built")
	flag.StringVar(&b.sections, "sections", "sizes,init,relay,events,cold,growth", "what to measure")
	flag.Parse()
	if err := b.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) run(ctx context.Context) error {
	began := time.Now()
	b.res.Date, b.res.Quick, b.res.Machine, b.res.Commit = began.UTC().Format(time.RFC3339), b.quick, machine(), commit(ctx)
	b.dir = filepath.Join(filepath.Dir(b.out), "bench")
	progress("building the programs to measure")
	if err := b.build(ctx); err != nil {
		return err
	}
	for _, s := range []struct {
		name    string
		measure func() error
	}{
		{"sizes", b.measureSizes}, {"init", b.measureInit}, {"relay", b.measureRelay}, {"compare", func() error { return b.compare(ctx) }},
	} {
		if !b.wants(s.name) {
			continue
		}
		progress("%s (%.0f s, load %s)", s.name, time.Since(began).Seconds(), load())
		if err := s.measure(); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	b.res.Machine.LoadAfter = load()
	b.res.Print(os.Stdout)
	text, err := json.MarshalIndent(&b.res, "", " ")
	if err != nil {
		return err
	}
	progress("%.0f s altogether; writing %s", time.Since(began).Seconds(), b.out)
	return os.WriteFile(b.out, append(text, '\n'), 0o644)
}

func (b *bench) wants(section string) bool {
	if section == "compare" {
		return b.wants("events") || b.wants("cold") || b.wants("growth")
	}
	return slices.Contains(strings.Split(b.sections, ","), section)
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
