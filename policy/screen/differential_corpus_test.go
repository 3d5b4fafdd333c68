package screen_test

import (
	"bufio"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"flag"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/merlon-security/merlon/policy/screen"
)

var (
	corpus = flag.String("merlon.corpus", "", "gzipped JSON lines with an event each, for TestDifferentialCorpus")
	stride = flag.Int("merlon.stride", 1, "take every n-th event of the corpus")
)

// TestDifferentialCorpus runs the leaves of whole events, or those of the
// benchmarks if no corpus is given.
func TestDifferentialCorpus(t *testing.T) {
	j := newJudge(t)
	events := 0
	for _, row := range benchInputs[:3] {
		j.check(t, row.in)
		events++
	}
	if *corpus != "" {
		f, err := os.Open(*corpus)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		events += j.corpus(t, f)
	}
	j.report(t)
	t.Logf("%d events", events)
}

func (j *judge) corpus(t *testing.T, f io.Reader) (events int) {
	zr, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	clean, benign := [5]int{}, 0
	lines := bufio.NewReaderSize(zr, 1<<20)
	for n := 0; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if n%*stride != 0 {
			continue
		}
		var row struct {
			Label string
			Event any
		}
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatal(err)
		}
		in := &screen.Input{}
		addLeaves(in, "event", row.Event, 0)
		events++
		if j.check(t, in); t.Failed() {
			t.Logf("line %d", n)
			break
		}
		if row.Label == "benign" {
			benign++
			for level := 1; level <= 4; level++ {
				if j.programs[level].Scan(j.scratch[level], in).Clean {
					clean[level]++
				}
			}
		}
	}
	t.Logf("of %d benign events clean at level 1 to 4: %v", benign, clean[1:])
	return events
}

// addLeaves adds every string of a JSON value under its own key, what is JSON
// or base64 in strings included.
func addLeaves(in *screen.Input, name string, v any, depth int) {
	const most = 400
	if len(in.Args) > most || depth > 12 {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			addLeaves(in, k, e, depth+1)
		}
	case []any:
		for _, e := range v {
			addLeaves(in, name, e, depth+1)
		}
	case string:
		in.Args = append(in.Args, screen.Arg{Name: name, Value: v})
		var inner any
		if strings.HasPrefix(v, "{") && json.Unmarshal([]byte(v), &inner) == nil {
			addLeaves(in, name, inner, depth+1)
		} else if b, err := base64.StdEncoding.DecodeString(v); err == nil && len(b) > 8 && utf8.Valid(b) {
			addLeaves(in, name, string(b), depth+1)
		}
	}
}
