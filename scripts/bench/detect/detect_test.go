package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/scripts/bench/internal/peer"
	"github.com/merlon-security/merlon/scripts/bench/internal/sample"
)

// word is an engine that calls an attack what holds a word, and counts.
type word struct {
	text  string
	asked *int
}

func (w word) Name() string { return w.text }

func (w word) Inspect(e *sample.Event) (peer.Outcome, error) {
	*w.asked++
	return peer.Outcome{Attack: strings.Contains(string(e.Lambda), w.text)}, nil
}

func TestTablesCountWhatEnginesSay(t *testing.T) {
	t.Parallel()
	rows := []row{
		{attack: true, class: "sqli", placement: "query", source: "gotestwaf", http: true, event: []byte(`{"a":"one"}`)},
		{attack: true, class: "sqli", placement: "sqs", source: "own-dev", event: []byte(`{"a":"two"}`)},
		{attack: true, class: "xss", placement: "sqs", source: "gotestwaf", event: []byte(`{"a":"three"}`)},
		{class: "benign-names", placement: "sqs", event: []byte(`{"a":"four"}`)},
		{class: "benign-code", placement: "sqs", event: []byte(`{"a":"one"}`)},
		{class: "names", vector: "names/a", event: []byte(`{"a":"five"}`)},
		{class: "names", vector: "names/a", event: []byte(`{"a":"one"}`)},
		{class: "names", vector: "names/b", event: []byte(`{"a":"five"}`)},
	}
	asked := 0
	engines := []contestant{{"One", word{"one", &asked}, false}, {"Two", word{"two", &asked}, false}}
	known := &answers{}
	for i := range engines {
		for j := range rows { // one at a time: the engines here count without a lock
			if err := engines[i].judge(rows[j:j+1], i, known); err != nil {
				t.Fatal(err)
			}
		}
	}
	var b bytes.Buffer
	write(&b, engines, rows)
	for _, want := range []string{
		"| attacks found | 3 | 33.3 | 33.3 |\n", "| – in HTTP events | 1 | 100.0 | 0.0 |\n", "| – in other events | 2 | 0.0 | 50.0 |\n",
		"| – with third-party payloads | 2 | 50.0 | 0.0 |\n", "| typical benign events refused | 1 | 0.00 | 0.00 |\n",
		"| hard benign events refused | 1 | 100.00 | 0.00 |\n", "| events of the benign suite refused | 3 | 33.33 | 0.00 |\n",
		"| sqli | 2 | 50.0 | 50.0 |\n", "| sqs | 2 | 0.0 | 50.0 |\n", "| benign-code | 1 | 100.00 | 0.00 |\n",
		"| placement | sqli | xss |\n| --- | --- | --- |\n| query | 100 |  |\n| sqs | 0 | 0 |\n",
		"| names | 2 | 1 | 0 |\n| **all** | 2 | 1 | 0 |\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no line %q in\n%s", want, b.String())
		}
	}
	if asked != 2*len(rows) {
		t.Errorf("asked %d times, want %d", asked, 2*len(rows))
	}
}

// A peer is asked about an event once, also over two runs; Merlon always.
func TestAnswersAreRemembered(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "answers")
	asked := 0
	for range 2 {
		known, err := openAnswers(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, peer := range []bool{true, false} {
			rows := []row{{event: []byte(`{"a":"one"}`)}}
			c := contestant{"One", word{"one", &asked}, peer}
			if err := c.judge(rows, 0, known); err != nil || !rows[0].said[0] {
				t.Fatalf("said %v, %v", rows[0].said, err)
			}
		}
		if err := known.save(); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 3 {
		t.Errorf("asked %d times, want 3", asked)
	}
}

func TestReplaceKeepsWhatIsAround(t *testing.T) {
	t.Parallel()
	doc := filepath.Join(t.TempDir(), "D.md")
	for _, text := range []string{"a\n" + beginMark + "old\n" + endMark + "b\n", "a\n" + beginMark + endMark + "b\n"} {
		if err := os.WriteFile(doc, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := replace(doc, "new\n"); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(doc)
		if want := "a\n" + beginMark + "\nnew\n" + endMark + "b\n"; err != nil || string(got) != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	if err := os.WriteFile(doc, []byte("no marks\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if replace(doc, "new\n") == nil {
		t.Error("a document without marks was written")
	}
}
