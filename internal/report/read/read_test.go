package read_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/report"
	"github.com/merlon-security/merlon/internal/report/read"
	"github.com/merlon-security/merlon/internal/verdict"
)

const (
	env    = "01a209f8-0b90-7aaa-94a9-a5aaf70a38d6"
	secret = "correct horse battery staple correct"
)

// written are the lines of an environment that saw n attacks.
func written(t *testing.T, n int, key *verdict.Signer) [][]byte {
	t.Helper()
	var out bytes.Buffer
	r := report.New(report.Options{Out: &out, Env: env, Now: time.Now, Function: "orders", Signer: key, Summaries: true})
	for i := range n {
		r.Add(verdict.Record{Schema: verdict.Schema, ID: verdict.NewID(time.Now()), Trigger: verdict.Trigger{Type: fmt.Sprint(i)}, Action: verdict.ActionBlock, WouldAction: verdict.ActionBlock})
		r.Count(verdict.Count{Trigger: fmt.Sprint(i), Action: verdict.ActionBlock})
	}
	r.Metric(map[report.Metric]float64{report.ConfigFault: 1})
	r.Close(t.Context())
	return bytes.SplitAfter(bytes.TrimSuffix(out.Bytes(), []byte("\n")), []byte("\n"))
}

func TestLinesAreRead(t *testing.T) {
	t.Parallel()
	for _, key := range []*verdict.Signer{nil, verdict.NewSigner(secret)} {
		l := read.New(key)
		verdicts, summaries, last := 0, 0, map[string]uint64{}
		for i, line := range written(t, 20, key) {
			if i%2 == 1 {
				line = append([]byte("2026-11-23T20:00:00 2026/11/23/[$LATEST]0f "), line...)
			}
			got, err := l.Read(line)
			if err != nil {
				t.Fatalf("Read(%s) = %v", line, err)
			}
			if last[got.Schema]++; got.Env.Seq != last[got.Schema] {
				t.Errorf("line %d, the %dth of %s, has number %d", i, last[got.Schema], got.Schema, got.Env.Seq)
			}
			if got.Verdict != nil {
				verdicts++
			}
			if got.Summary != nil {
				summaries++
			}
		}
		if verdicts != 20 || summaries != 1 || len(l.Gaps()) != 0 {
			t.Errorf("%d verdicts, %d summaries, gaps %v", verdicts, summaries, l.Gaps())
		}
	}
}

// F1: whoever can make the handler print can print anything. With a key, nothing
// but what the environment wrote, at its place, is believed.
func TestF1ImitationsAreRefused(t *testing.T) {
	t.Parallel()
	key, other := verdict.NewSigner(secret), verdict.NewSigner(strings.ToUpper(secret))
	line := string(bytes.TrimSuffix(written(t, 3, key)[1], []byte("\n")))
	unsigned := string(bytes.TrimSuffix(written(t, 3, nil)[1], []byte("\n")))
	tests := []struct{ name, line string }{
		{"without a signature", unsigned},
		{"signed with another key", string(written(t, 3, other)[1])},
		{"another word", strings.Replace(line, `"block"`, `"allow"`, 1)},
		{"another number", strings.Replace(line, `"seq":2`, `"seq":9`, 1)},
		{"another environment", strings.Replace(line, env, "01a209f8-0b90-7aaa-94a9-a5aaf70a38d7", 1)},
		{"a second number behind the first", strings.Replace(line, `,"mac":`, `,"env":{"id":"`+env+`","seq":9},"mac":`, 1)},
		{"a member behind the signature", strings.TrimSuffix(line, "}") + `,"action":"allow"}`},
		{"two signatures", strings.TrimSuffix(line, "}") + line[strings.Index(line, `,"mac":`):]},
		{"blanks", strings.Replace(line, `,"mac"`, `, "mac"`, 1)},
		{"an id that is a path", strings.Replace(unsigned, `"id":"`, `"id":"../../etc/`, 1)},
	}
	for _, tt := range tests {
		if got, err := read.New(key).Read([]byte(tt.line)); err == nil {
			t.Errorf("%s: believed %+v", tt.name, got)
		}
	}
	if _, err := read.New(key, other).Read([]byte(line)); err != nil {
		t.Errorf("one of two keys: %v", err)
	}
	for _, foreign := range []string{"", "hello", `{"a":1}`, `{"schema":"merlon.log/1"}`, `{"schema":"merlon.verdict/2"}`, strings.Repeat("{", 300<<10)} {
		if _, err := read.New().Read([]byte(foreign)); !errors.Is(err, read.ErrForeign) {
			t.Errorf("Read(%.40s) = %v, want foreign", foreign, err)
		}
	}
	for _, id := range []string{"../../../../etc/passwd", "", strings.ToUpper(env), "01a209f8/0b90-7aaa-94a9-a5aaf70a38d6"} {
		b, err := json.Marshal(verdict.Record{Schema: verdict.Schema, ID: id, Env: verdict.Env{ID: env, Seq: 1}, Action: verdict.ActionBlock, WouldAction: verdict.ActionBlock})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := read.New().Read(b); err == nil {
			t.Errorf("the id %q is believed", id)
		}
		b = bytes.Replace(b, []byte(env), []byte(verdict.NewID(time.Now())+"/"), 1)
		if _, err := read.New().Read(b); err == nil {
			t.Errorf("an environment that is none is believed")
		}
	}
}

func TestGapsAndDuplicates(t *testing.T) {
	t.Parallel()
	lines := written(t, 60, nil)[:60] // the verdicts
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		l := read.New()
		missing := map[uint64]bool{}
		var kept []int
		for i := range len(lines) - 1 {
			if rnd.IntN(3) == 0 {
				missing[uint64(i+1)] = true
			} else {
				kept = append(kept, i)
			}
		}
		kept = append(kept, len(lines)-1)
		twice := rnd.IntN(len(kept))
		order := append(slices.Clone(kept), kept[twice])
		rnd.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		duplicates := 0
		for _, i := range order {
			switch _, err := l.Read(lines[i]); {
			case errors.Is(err, read.ErrDuplicate):
				duplicates++
			case err != nil:
				t.Fatal(err)
			}
		}
		got := map[uint64]bool{}
		for _, g := range l.Gaps() {
			for n := g.First; n <= g.Last; n++ {
				got[n] = true
			}
		}
		if duplicates != 1 || len(got) != len(missing) {
			t.Fatalf("%d duplicates, %d missing, want 1 and %d", duplicates, len(got), len(missing))
		}
		for n := range missing {
			if !got[n] {
				t.Fatalf("%d is missing and not reported", n)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"schema":"merlon.verdict/1","id":"01a209f8-0b90-7aaa-94a9-a5aaf70a38d6","env":{"id":"01a209f8-0b90-7aaa-94a9-a5aaf70a38d6","seq":1},"mac":"x"}`))
	f.Add([]byte(`x {"schema":"merlon.summary/1","env":{"seq":18446744073709551615}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if got, err := read.New(verdict.NewSigner(secret)).Read(line); err == nil {
			t.Errorf("believed %+v", got)
		}
		l := read.New()
		_, _ = l.Read(line)
		l.Gaps()
	})
}
