package guard_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/answer"
	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/guard"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
	"github.com/merlon-security/merlon/policy/rules"
	"github.com/merlon-security/merlon/policy/waf"
)

// engine is the engine of the default configuration, built once.
var engine = sync.OnceValues(func() (*waf.Engine, error) {
	return waf.New(waf.Options{Rules: rules.Options{Paranoia: 1, Threshold: 5}})
})

// blocking is a guard in block mode over e.
func blocking(e guard.Engine, r guard.Reporter) *guard.Guard {
	p := policy.Default()
	p.Mode = verdict.Block
	return &guard.Guard{
		Engine: e, Policy: p, Reporter: r, Limits: event.DefaultLimits(), Budget: 25, Now: time.Now,
		Answers: answer.Settings{Status: 403}, Redactor: verdict.Redactor{Key: []byte("key")},
	}
}

// vector is one event with what must come of it.
type vector struct {
	action, reason, where, why string
	event                      string
}

func readVector(t *testing.T, path string) vector {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, body, ok := strings.Cut(string(data), "\n\n")
	if !ok {
		t.Fatalf("%s: no blank line between expectation and event", path)
	}
	v := vector{event: strings.TrimSuffix(body, "\n")}
	for line := range strings.SplitSeq(head, "\n") {
		key, value, _ := strings.Cut(line, ":")
		field := map[string]*string{"action": &v.action, "reason": &v.reason, "where": &v.where, "why": &v.why}[key]
		if field == nil {
			t.Fatalf("%s: unknown key %q", path, key)
		}
		*field = strings.TrimSpace(value)
	}
	if v.action == "" || v.reason == "" || v.why == "" {
		t.Fatalf("%s: action, reason and why are wanted", path)
	}
	return v
}

func TestVectors(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../testdata/vectors/*.vec")
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	e, err := engine()
	if err != nil {
		t.Fatal(err)
	}
	g := blocking(e, nil)
	for _, f := range files {
		v := readVector(t, f)
		count[v.action]++
		t.Run(filepath.Base(f), func(t *testing.T) {
			t.Parallel()
			j := g.Judge(context.Background(), []byte(v.event), http.Header{}, time.Time{})
			if got := j.Verdict.Action.String(); got != v.action || string(j.Verdict.Reason) != v.reason {
				t.Fatalf("%s (%s) = %s, %s, want %s, %s: %s\n%s", v.why, v.event[:min(len(v.event), 300)], got, j.Verdict.Reason, v.action, v.reason,
					j.Verdict.Message, found(j.Verdict.Findings))
			}
			if blocked := v.action == "block"; blocked != (j.Reply != nil) {
				t.Errorf("reply %v", j.Reply)
			}
			at := func(f verdict.Finding) bool { return f.Path.String() == v.where }
			if v.where != "" && !slices.ContainsFunc(j.Verdict.Findings, at) {
				t.Errorf("no finding at %s:\n%s", v.where, found(j.Verdict.Findings))
			}
		})
	}
	if count["block"] < 45 || count["allow"] < 25 {
		t.Fatalf("%v vectors, want at least 45 attacks and 25 benign", count)
	}
}

func found(fs []verdict.Finding) string {
	var b strings.Builder
	for _, f := range fs {
		fmt.Fprintf(&b, "  %d %s %s (%s) +%d\n", f.RuleID, f.Place, f.Path, f.Message, f.Score)
	}
	return b.String()
}
