// Package faults keeps the tables of docs/FAULTS.md equal to the tests they
// come from: a test runs the rows and compares what it saw with them, and the
// document is written from the same rows. It knows nothing of any fault.
package faults

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// A Row is a fault that a test injects, and what must come of it. The texts are
// both what the document says and what the test compares.
type Row struct {
	Fault    string // what happens, in words; unique in its table
	Mode     string // MERLON_ON_FAULT: open, closed, or any: no difference
	Caller   string // what Lambda or the caller has in the end
	Function string // what the function's runtime saw
	Line     string // what the log or the metrics say; empty for nothing
}

// Any is the Mode of a row to which MERLON_ON_FAULT makes no difference, which
// the test has tried, or which concerns a package that does not know of it.
const Any = "any"

var update = flag.Bool("update", false, "write the tables of docs/FAULTS.md anew")

// Check fails the test if the table called name in file is not that of rows, or
// with -update writes it. test is the function that runs them.
func Check(t *testing.T, file, name, test string, rows []Row) {
	t.Helper()
	seen := map[string]bool{}
	for _, r := range rows {
		if r.Fault == "" || r.Caller == "" || r.Function == "" || !slices.Contains([]string{Any, "open", "closed"}, r.Mode) {
			t.Errorf("row without fault, mode or outcome: %+v", r)
		}
		if name := r.Fault + ", " + r.Mode; seen[name] {
			t.Errorf("two rows are called %q", name)
		} else {
			seen[name] = true
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := []byte("<!-- begin "+name+" -->\n"), []byte("<!-- end "+name+" -->")
	head, rest, found := bytes.Cut(text, begin)
	old, tail, closed := bytes.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s: no table called %q", file, name)
	}
	table := render(test, rows)
	if string(old) == table {
		return
	}
	if !*update {
		t.Fatalf("%s: the table %q is not that of %s: run go test -run %s -update", file, name, test, t.Name())
	}
	if err := os.WriteFile(file, slices.Concat(head, begin, []byte(table), end, tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

func render(test string, rows []Row) string {
	var b strings.Builder
	b.WriteString("\n| fault | `MERLON_ON_FAULT` | Lambda, or the caller | the function | log | test |\n|---|---|---|---|---|---|\n")
	for _, r := range rows {
		line := r.Line
		if line == "" {
			line = "–"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | `%s` |\n", r.Fault, r.Mode, r.Caller, r.Function, line, test)
	}
	b.WriteString("\n")
	return b.String()
}
