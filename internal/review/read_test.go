package review_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/review"
	"github.com/merlon-security/merlon/internal/verdict"
)

const (
	env1 = "01a209f8-0b90-7aaa-94a9-a5aaf70a38d6"
	env2 = "01a209f8-0b90-7aaa-94a9-a5aaf70a38d7"
)

var start = time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)

// record is a verdict as a function refuses an attack, n minutes after start.
func record(n int, change ...func(*verdict.Record)) verdict.Record {
	at := verdict.Timestamp(start.Add(time.Duration(n) * time.Minute))
	r := verdict.Record{
		Schema: verdict.Schema, ID: fmt.Sprintf("01a20a43-%04x-7283-94f6-f4aa772513e3", n), Time: at, Timestamp: at, Level: "ERROR",
		Function: verdict.Function{Name: "orders", Version: "$LATEST"}, Env: verdict.Env{ID: env1, Seq: uint64(n + 1)},
		Agent: verdict.Version{Version: "0.1.0"}, Policy: verdict.Version{Version: "orders@3"}, Ruleset: "crs-4.25.0",
		RequestID: fmt.Sprintf("b683873a-%04x", n), Trigger: verdict.Trigger{Type: "apigw-v2", Asserted: true},
		Source: &verdict.Source{IP: "203.0.113.7"}, HTTP: &verdict.HTTP{Method: "POST", Route: "POST /orders", Status: 403},
		Mode: "block", ModeSetBy: "mode", Action: verdict.ActionBlock, WouldAction: verdict.ActionBlock, Blocked: true,
		Reason: verdict.RuleMatch, Message: "anomaly score 10 reached the threshold 5: rule 9100808, SQL by its tokens",
		Score: 10, Threshold: 5, Severity: verdict.SeverityCritical, MatchCount: 1,
		Matches: []verdict.Match{{
			Engine: "waf", RuleID: 9100808, Msg: "SQL by its tokens", Score: 10, Tags: verdict.Taxonomies{Class: "sqli"},
			Field: "body.note", Place: "body", Evidence: verdict.Evidence{Excerpt: "' OR 1=1-…", Bytes: 10},
		}},
		Response: verdict.Response{Overridden: true, Status: 403},
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

func line(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func read(t testing.TB, o review.Options, text string) *review.Log {
	t.Helper()
	r := review.NewReader(o)
	if err := r.Read("orders.log", strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	return r.Log()
}

// TestReadsEveryFormOfLog: the same verdict as people may have it.
func TestReadsEveryFormOfLog(t *testing.T) {
	t.Parallel()
	v := line(t, record(1))
	quoted := line(t, v)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(v)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var printed bytes.Buffer
	if err := json.Indent(&printed, []byte(`{"events":[{"message":`+quoted+`}]}`), "", "  "); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"the line":                      v,
		"behind the time of an export":  "2026-11-23T15:01:00.000Z " + v,
		"aws logs tail":                 "2026-11-23T15:01:00 2026/11/23/[$LATEST]ab12 " + v,
		"text in Lambda's JSON format":  `{"timestamp":"2026-11-23T15:01:00Z","level":"INFO","message":` + quoted + `,"requestId":"x"}`,
		"object in JSON format":         `{"timestamp":"2026-11-23T15:01:00Z","level":"INFO","message":` + v + `}`,
		"aws logs filter-log-events":    printed.String(),
		"a subscription":                `{"messageType":"DATA_MESSAGE","logEvents":[{"id":"1","timestamp":1,"message":` + quoted + `}]}`,
		"between lines of the platform": "START RequestId: 1\n" + v + "\nEND RequestId: 1\nnot {json\n",
		"gzip":                          packed.String(),
		"with the line ends of Windows": v + "\r\n",
	} {
		l := read(t, review.Options{}, text)
		if len(l.Verdicts) != 1 || l.Verdicts[0].ID != record(1).ID || len(l.Problems) != 0 {
			t.Errorf("%s: %d verdicts, problems %v", name, len(l.Verdicts), l.Problems)
		}
	}
}

// TestBadLinesAreNamed: what cannot be used is counted, and named by file and
// line, and what stands beside it is used.
func TestBadLinesAreNamed(t *testing.T) {
	t.Parallel()
	good := line(t, record(1))
	without := func(change func(*verdict.Record)) string { return line(t, record(2, change)) }
	for name, bad := range map[string]string{
		"cut off":             good[:len(good)-20],
		"another version":     strings.Replace(good, "merlon.verdict/1", "merlon.verdict/2", 1),
		"no environment":      without(func(r *verdict.Record) { r.Env.ID = "" }),
		"no number":           without(func(r *verdict.Record) { r.Env.Seq = 0 }),
		"no id":               without(func(r *verdict.Record) { r.ID = "" }),
		"an id like a path":   without(func(r *verdict.Record) { r.ID = "../../etc/passwd" }),
		"no time":             without(func(r *verdict.Record) { r.Time = verdict.Timestamp{} }),
		"a time far away":     strings.Replace(good, `"time":"2026`, `"time":"9026`, 1),
		"no function":         without(func(r *verdict.Record) { r.Function.Name = "" }),
		"no action":           strings.Replace(good, `"action":"block"`, `"action":"undecided"`, 1),
		"an unknown action":   strings.Replace(good, `"action":"block"`, `"action":"explode"`, 1),
		"a list for a text":   strings.Replace(good, `"message":"`, `"message":["`, 1),
		"more than there are": without(func(r *verdict.Record) { r.Matches = make([]verdict.Match, 1000) }),
	} {
		l := read(t, review.Options{}, "noise\n"+bad+"\n"+line(t, record(3)))
		if len(l.Verdicts) != 1 || l.Counts[review.Damaged] != 1 || len(l.Problems) == 0 || l.Problems[0].At.String() != "orders.log:2" {
			t.Errorf("%s: %d verdicts, %v", name, len(l.Verdicts), l.Problems)
		}
		if s := review.Summarize(l, start); s.Lines != 3 || s.Other != 1 {
			t.Errorf("%s: %d lines, %d other", name, s.Lines, s.Other)
		}
	}
}

func TestF1DuplicatesGapsAndConflicts(t *testing.T) {
	t.Parallel()
	// Line 4 of env-1 never comes; line 2 comes twice; another claims to be line 3.
	other := record(9, func(r *verdict.Record) { r.Env.Seq = 3 })
	same := record(1, func(r *verdict.Record) { r.Env = verdict.Env{ID: env2, Seq: 7} })
	text := strings.Join([]string{
		line(t, record(0)), line(t, record(1)), line(t, record(1)), line(t, record(2)), line(t, other), line(t, record(4)), line(t, same),
	}, "\n")
	l := read(t, review.Options{}, text)
	if len(l.Verdicts) != 4 {
		t.Errorf("%d verdicts, want 4", len(l.Verdicts))
	}
	want := map[review.Kind]int{review.Duplicate: 2, review.Conflict: 1, review.Gap: 1}
	for _, k := range review.Kinds() {
		if l.Counts[k] != want[k] {
			t.Errorf("%d %s, want %d", l.Counts[k], k, want[k])
		}
	}
	for _, p := range l.Problems {
		if p.Kind == review.Gap && (!strings.Contains(p.Text, "line 4 never came") || p.At.Line != 6) {
			t.Errorf("gap: %v", p)
		}
	}
}

func TestF1WithAKeyOnlySignedLinesCount(t *testing.T) {
	t.Parallel()
	key := verdict.NewSigner("correct horse battery staple correct")
	signed := func(n int) string { return string(key.Seal([]byte(line(t, record(n))), env1, uint64(n+1))) }
	text := strings.Join([]string{
		signed(0),
		`{"message":` + line(t, signed(1)) + `}`,
		line(t, record(2)), // printed by the handler
		strings.Replace(signed(3), `"seq":4`, `"seq":9`, 1), // a copy under another number
		`{"schema":"merlon.metric/1","function":"orders","env":{"id":"` + env1 + `","seq":5},"_aws":{"CloudWatchMetrics":[{"Metrics":[{"Name":"Unprotected"}]}]},"Unprotected":1}`,
	}, "\n")
	l := read(t, review.Options{Keys: []*verdict.Signer{verdict.NewSigner("of the day before, long enough for it"), key}}, text)
	if len(l.Verdicts) != 2 || l.Counts[review.Unauthenticated] != 3 || !l.Keyed || len(l.Health) != 0 {
		t.Errorf("%d verdicts, %v, health %v", len(l.Verdicts), l.Problems, l.Health)
	}
	if l = read(t, review.Options{}, text); len(l.Verdicts) != 4 || l.Keyed || l.Health["orders"]["Unprotected"] != 1 {
		t.Errorf("without a key: %d verdicts, want 4; health %v", len(l.Verdicts), l.Health)
	}
}

// TestLaunchersMetricsCount: the launcher says that a function is unprotected
// before there is anything that could number or sign a line.
func TestLaunchersMetricsCount(t *testing.T) {
	t.Parallel()
	const said = `{"timestamp":"2026-11-23T15:18:29.230Z","level":"ERROR","schema":"merlon.log/1","event":"unprotected","_aws":{"Timestamp":1795447109230,"CloudWatchMetrics":[{"Namespace":"Merlon","Dimensions":[["function"]],"Metrics":[{"Name":"Unprotected","Unit":"Count"}]}]},"function":"orders","Unprotected":1}`
	l := read(t, review.Options{Keys: []*verdict.Signer{verdict.NewSigner("correct horse battery staple correct")}}, said)
	if l.Health["orders"]["Unprotected"] != 1 || len(l.Problems) != 0 {
		t.Errorf("health %v, %v", l.Health, l.Problems)
	}
}

func TestTimeBounds(t *testing.T) {
	t.Parallel()
	var text []string
	for n := range 10 {
		text = append(text, line(t, record(n)))
	}
	l := read(t, review.Options{Since: start.Add(2 * time.Minute), Until: start.Add(5 * time.Minute)}, strings.Join(text, "\n"))
	if len(l.Verdicts) != 3 || l.Outside != 7 || l.Counts[review.Gap] != 0 {
		t.Errorf("%d verdicts, %d outside, %v", len(l.Verdicts), l.Outside, l.Problems)
	}
}

func TestNumbersAreBounded(t *testing.T) {
	t.Parallel()
	huge := record(1, func(r *verdict.Record) { r.Repeat = &verdict.Repeat{Count: 1 << 62}; r.Env.Seq = 1<<64 - 1 })
	negative := record(2, func(r *verdict.Record) { r.Repeat = &verdict.Repeat{Count: -5}; r.Env.Seq = 1 })
	metric := `{"schema":"merlon.metric/1","function":"orders","env":{"id":"` + env2 + `","seq":1},"_aws":{"CloudWatchMetrics":[{"Metrics":[{"Name":"Blocked"},{"Name":"Inspected"}]}]},"Blocked":1e300,"Inspected":-4}`
	l := read(t, review.Options{}, line(t, huge)+"\n"+line(t, negative)+"\n"+metric)
	s := review.Summarize(l, start)
	if s.Totals.Events <= 0 || s.Totals.Events > 1<<31 || l.Health["orders"]["Blocked"] != 0 || l.Health["orders"]["Inspected"] != 0 {
		t.Errorf("totals %+v, health %v", s.Totals, l.Health)
	}
	if l.Counts[review.Gap] <= 0 {
		t.Errorf("gap of %d lines", l.Counts[review.Gap])
	}
}

// FuzzRead: whatever the log holds, every line is counted once.
func FuzzRead(f *testing.F) {
	f.Add([]byte(line(f, record(1))))
	f.Add([]byte(`{"message":` + line(f, line(f, record(1))) + `}`))
	f.Add([]byte(`{"schema":"merlon.summary/1","env":{"id":"01a209f8-0b90-7aaa-94a9-a5aaf70a38d6","seq":1},"Inspected":3}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 1 && in[0] == 0x1f {
			return // only what gunzip makes of it would be of interest
		}
		r := review.NewReader(review.Options{})
		if err := r.Read("fuzz", bytes.NewReader(in)); err != nil {
			t.Fatal(err)
		}
		l := r.Log()
		s := review.Summarize(l, start)
		var out bytes.Buffer
		if err := s.Print(&out); err != nil {
			t.Fatal(err)
		}
		if n := len(l.Verdicts); s.Totals.Events < n || s.Verdicts != n {
			t.Fatalf("%d events in %d verdicts", s.Totals.Events, n)
		}
	})
}
