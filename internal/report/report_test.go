package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/report"
	"github.com/merlon-security/merlon/internal/verdict"
)

func fixed() time.Time { return time.Date(2026, 10, 1, 12, 0, 0, 5e6, time.UTC) }

// writes keeps each Write apart.
type writes struct{ lines [][]byte }

func (w *writes) Write(p []byte) (int, error) {
	w.lines = append(w.lines, bytes.Clone(p))
	return len(p), nil
}

// plain is a Reporter that writes each verdict, and nothing else.
func plain(w io.Writer, now func() time.Time) *report.Reporter {
	return report.New(report.Options{Out: w, Env: "env", Now: now, Function: "orders", PerMinute: 100_000})
}

// different makes the nth of verdicts that are not equal.
func different(n int) verdict.Record {
	return verdict.Record{Trigger: verdict.Trigger{Type: strconv.Itoa(n)}}
}

func read(t *testing.T, line []byte) map[string]any {
	t.Helper()
	m := map[string]any{}
	if err := json.Unmarshal(line, &m); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return m
}

func TestLinesCannotBeSplit(t *testing.T) {
	t.Parallel()
	w := &writes{}
	r := plain(w, fixed)
	var hostile strings.Builder
	for c := range rune(0x20) {
		hostile.WriteRune(c)
	}
	hostile.WriteString("\x7f\u0085\u2028\u2029\ufeff\xff</script>")
	text := hostile.String()
	r.Add(verdict.Record{
		Message: text, Error: text, RequestID: text, Function: verdict.Function{Name: text},
		Matches: []verdict.Match{{Field: text, Msg: text, Evidence: verdict.Evidence{Excerpt: text}}},
	})
	r.Flush()
	if len(w.lines) != 1 {
		t.Fatalf("%d writes, want one for the line", len(w.lines))
	}
	line := bytes.TrimSuffix(w.lines[0], []byte("\n"))
	for _, b := range line {
		if b < 0x20 {
			t.Fatalf("control byte %#x in %q", b, line)
		}
	}
	for _, s := range []string{"\u2028", "\u2029", "</"} {
		if bytes.Contains(line, []byte(s)) {
			t.Errorf("%q stands in the line", s)
		}
	}
	if m := read(t, line); m["timestamp"] != "2026-10-01T12:00:00.005Z" {
		t.Errorf("timestamp %v", m["timestamp"])
	}
}

func TestLineCap(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 4000)
	match := verdict.Match{Msg: long, Field: long}
	tests := []struct {
		name    string
		rec     verdict.Record
		dropped []string
	}{
		{"small", verdict.Record{Matches: []verdict.Match{{Msg: "m"}}, MatchCount: 1}, nil},
		{"many matches", verdict.Record{Matches: []verdict.Match{match, match, match, match}, MatchCount: 4}, []string{"matches"}},
		{"matches dropped before", verdict.Record{Matches: []verdict.Match{match, match, match}, MatchCount: 12, Dropped: []string{"matches"}}, []string{"matches"}},
		{"a long error", verdict.Record{Message: strings.Repeat("m", 20_000), Error: strings.Repeat("e", 20_000)}, []string{"message", "error"}},
		{"many configuration faults", verdict.Record{ConfigFaults: []string{long, long, long, long, long}}, []string{"configFaults"}},
	}
	for _, tt := range tests {
		w := &writes{}
		r := plain(w, fixed)
		r.Add(tt.rec)
		r.Flush()
		if n := len(w.lines[0]); n > 16<<10+1 {
			t.Errorf("%s: line of %d bytes", tt.name, n)
		}
		var got verdict.Record
		if err := json.Unmarshal(w.lines[0], &got); err != nil {
			t.Fatal(err)
		}
		if strings.Join(got.Dropped, ",") != strings.Join(tt.dropped, ",") || got.MatchCount != tt.rec.MatchCount {
			t.Errorf("%s: dropped %v, want %v; %d matches counted", tt.name, got.Dropped, tt.dropped, got.MatchCount)
		}
	}
}

func TestOverflowIsCountedAndLeavesAGap(t *testing.T) {
	t.Parallel()
	w := &writes{}
	r := plain(w, fixed)
	for i := range 1030 {
		r.Add(different(i))
	}
	r.Flush()
	r.Add(different(-1))
	r.Flush()
	if len(w.lines) != 1026 {
		t.Fatalf("%d lines, want 1024 of the queue, the count, and the next", len(w.lines))
	}
	for i, l := range w.lines[:1024] {
		if env := read(t, l)["env"].(map[string]any); env["seq"] != float64(i+1) || env["id"] != "env" {
			t.Fatalf("line %d is %v", i, env)
		}
	}
	if m := read(t, w.lines[1024]); m["TelemetryDropped"] != 6.0 || m["function"] != "orders" {
		t.Errorf("count = %v, want 6 of orders", m)
	}
	if env := read(t, w.lines[1025])["env"].(map[string]any); env["seq"] != 1031.0 {
		t.Errorf("the line after is %v, want the gap to show", env)
	}
}

// The shape is that of "Specification: Embedded metric format" (CloudWatch).
func TestMetricLine(t *testing.T) {
	t.Parallel()
	w := &writes{}
	r := plain(w, fixed)
	r.Metric(map[report.Metric]float64{report.Unprotected: 2, report.ConfigFault: 1, report.Verdicts: math.NaN()})
	r.Flush()
	want := `{"ConfigFault":1,"Unprotected":2,"_aws":{"Timestamp":1790856000005,"CloudWatchMetrics":[{"Namespace":"Merlon","Dimensions":[["function"]],` +
		`"Metrics":[{"Name":"ConfigFault","Unit":"Count"},{"Name":"Unprotected","Unit":"Count"}]}]},"env":{"id":"env","seq":1},"function":"orders","level":"WARN",` +
		`"schema":"merlon.metric/1","timestamp":"2026-10-01T12:00:00.005Z"}` + "\n"
	if got := string(w.lines[0]); got != want {
		t.Errorf("metric = %s\nwant     %s", got, want)
	}
	nameless := report.New(report.Options{Out: w, Now: fixed})
	nameless.Metric(map[report.Metric]float64{report.Unprotected: 1})
	nameless.Flush()
	if m := read(t, w.lines[1]); m["function"] == "" {
		t.Error("an empty dimension voids the metric")
	}
}

func TestIdleStopsInTime(t *testing.T) {
	t.Parallel()
	now := fixed()
	w := &writes{}
	r := plain(w, func() time.Time { now = now.Add(time.Millisecond); return now })
	for i := range 100 {
		r.Add(different(i))
	}
	r.Idle(context.Background(), now.Add(10*time.Millisecond))
	if n := len(w.lines); n == 0 || n > 10 {
		t.Errorf("%d lines written within ten ticks", n)
	}
	r.Idle(context.Background(), now.Add(-time.Second))
	before := len(w.lines)
	r.Flush()
	if len(w.lines) != 100 || before > 10 {
		t.Errorf("%d lines after the flush, want 100", len(w.lines))
	}
}

func TestConcurrentAdds(t *testing.T) {
	t.Parallel()
	w := &writes{}
	r := plain(w, fixed)
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 100 {
				r.Add(different(n*100 + i))
				r.Idle(context.Background(), fixed().Add(time.Second))
			}
		})
	}
	wg.Wait()
	r.Flush()
	last := 0.0
	for _, l := range w.lines {
		seq := read(t, l)["env"].(map[string]any)["seq"].(float64)
		if seq != last+1 {
			t.Fatalf("line %v after %v", seq, last)
		}
		last = seq
	}
	if last != 800 {
		t.Errorf("%v lines, want 800", last)
	}
}

// stuckWriter takes nothing until it is let go.
type stuckWriter struct {
	writes
	entered chan struct{}
	release chan struct{}
}

func (w *stuckWriter) Write(p []byte) (int, error) {
	select {
	case w.entered <- struct{}{}:
	default:
	}
	<-w.release
	return w.writes.Write(p)
}

func TestStuckLogIsWaitedForOnce(t *testing.T) {
	t.Parallel()
	w := &stuckWriter{entered: make(chan struct{}, 1), release: make(chan struct{})}
	r := plain(w, time.Now)
	r.Add(different(0))
	flushed := make(chan struct{})
	go func() {
		defer close(flushed)
		r.Flush()
	}()
	<-w.entered
	waited, cancel := context.WithCancel(context.Background())
	cancel()
	r.Idle(waited, time.Now().Add(time.Hour))
	for i := range 2000 { // more than the queue holds
		r.Add(different(i + 1))
		_, _ = r.Write([]byte("{}\n"))
		r.Metric(map[report.Metric]float64{report.Unprotected: 1})
		r.Idle(context.Background(), time.Now().Add(time.Hour)) // would never return
	}
	r.Close(waited)
	close(w.release)
	<-flushed
	r.Flush() // whatever Close has left behind is over then
	before := len(w.lines)
	r.Add(different(-1))
	r.Idle(context.Background(), time.Now().Add(time.Hour))
	if len(w.lines) != before+1 {
		t.Errorf("%d lines after the log came back, want the one that was added", len(w.lines)-before)
	}
}
