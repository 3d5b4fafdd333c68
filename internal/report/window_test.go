package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/report"
	"github.com/merlon-security/merlon/internal/verdict"
)

// clock stands until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: fixed()} }

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// linesOf reads what was written, by schema.
func linesOf[T any](t *testing.T, w *writes, schema string) (out []T) {
	t.Helper()
	for _, l := range w.lines {
		if !bytes.Contains(l, []byte(`"schema":"`+schema+`"`)) {
			continue
		}
		var v T
		if err := json.Unmarshal(l, &v); err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		out = append(out, v)
	}
	return out
}

func attack(id, trigger, route, ip string, rules ...int) verdict.Record {
	rec := verdict.Record{
		Schema: verdict.Schema, ID: id, Trigger: verdict.Trigger{Type: trigger}, HTTP: &verdict.HTTP{Method: "GET", Route: route},
		Source: &verdict.Source{IP: ip}, Action: verdict.ActionBlock, WouldAction: verdict.ActionBlock, Reason: verdict.RuleMatch,
	}
	for _, r := range rules {
		rec.Matches = append(rec.Matches, verdict.Match{RuleID: r})
	}
	return rec
}

// B20, F6: a caller that tries again, and a scan, make one line and a count.
func TestB20EqualVerdictsAreOneLine(t *testing.T) {
	t.Parallel()
	w, c := &writes{}, newClock()
	r := report.New(report.Options{Out: w, Env: "env", Now: c.time})
	for i := range 30 {
		r.Add(attack(fmt.Sprint("same-", i), "function-url", "$default", "192.0.2.1", 2, 1))
		c.move(100 * time.Millisecond)
	}
	others := []verdict.Record{
		attack("trigger", "alb", "$default", "192.0.2.1", 1, 2), attack("route", "function-url", "GET /x", "192.0.2.1", 1, 2),
		attack("source", "function-url", "$default", "192.0.2.2", 1, 2), attack("rules", "function-url", "$default", "192.0.2.1", 1, 3),
		func() verdict.Record {
			rec := attack("action", "function-url", "$default", "192.0.2.1", 1, 2)
			rec.Action = verdict.ActionMonitor
			return rec
		}(),
	}
	for _, rec := range others {
		r.Add(rec)
	}
	same := attack("same-last", "function-url", "$default", "192.0.2.1", 1, 2) // the order of rules does not matter
	r.Add(same)
	for i := range 2 { // what says where records are is never counted away
		rec := attack(fmt.Sprint("removed-", i), "sqs", "", "", 1)
		rec.RemovedCount = 1
		r.Add(rec)
	}
	r.Flush()
	if got := linesOf[verdict.Record](t, w, verdict.Schema); len(got) != 8 || got[0].Repeat != nil {
		t.Fatalf("%d lines at once, want the first of each and the removals", len(got))
	}
	c.move(10 * time.Second)
	r.Idle(t.Context(), c.time().Add(time.Second))
	got := linesOf[verdict.Record](t, w, verdict.Schema)
	if len(got) != 9 {
		t.Fatalf("%d lines after the window, want one more", len(got))
	}
	last := got[8]
	if last.Repeat == nil || last.Repeat.Count != 30 || last.ID != "same-last" || last.Repeat.Window != "2.9s" ||
		len(last.Repeat.IDs) != verdict.MaxRepeatIDs || last.Repeat.IDs[0] != "same-1" || last.Env.Seq != 9 {
		t.Errorf("the line for all is %+v, repeat %+v", last, last.Repeat)
	}
	r.Add(attack("anew", "function-url", "$default", "192.0.2.1", 1, 2))
	r.Add(attack("alone", "function-url", "$default", "192.0.2.1", 1, 2))
	r.Close(t.Context())
	got = linesOf[verdict.Record](t, w, verdict.Schema)
	if len(got) != 11 || got[9].ID != "anew" || got[10].ID != "alone" || got[10].Repeat != nil {
		t.Errorf("after the window: %d lines, the last %+v", len(got), got[len(got)-1])
	}
}

func TestF6LinesAMinuteAreCapped(t *testing.T) {
	t.Parallel()
	w, c := &writes{}, newClock()
	r := report.New(report.Options{Out: w, Env: "env", Now: c.time, PerMinute: 5, Summaries: true, Function: "orders"})
	for minute := range 2 {
		for i := range 20 {
			r.Add(attack(fmt.Sprint(minute, "-", i), "function-url", "$default", fmt.Sprint("192.0.2.", i), 1))
			r.Count(verdict.Count{Trigger: "function-url", Action: verdict.ActionBlock, WouldAction: verdict.ActionBlock})
		}
		r.Flush()
		c.move(time.Minute)
	}
	r.Close(t.Context())
	records, sums := linesOf[verdict.Record](t, w, verdict.Schema), linesOf[verdict.Summary](t, w, verdict.SummarySchema)
	if len(records) != 10 || len(sums) != 2 || sums[0].Capped != 15 || sums[1].Capped != 15 {
		t.Fatalf("%d lines, summaries %+v: want five a minute and the rest counted", len(records), sums)
	}
	for i := range records {
		if records[i].Env.Seq != uint64(i+1) {
			t.Errorf("what is counted leaves a gap: line %d has number %d", i, records[i].Env.Seq)
		}
	}
}

func TestWindows(t *testing.T) {
	t.Parallel()
	w, c := &writes{}, newClock()
	r := report.New(report.Options{Out: w, Env: "env", Now: c.time, Summaries: true, Function: "orders", Region: "eu-west-1", Version: "1"})
	count := func(n int, trigger, route, source string, a verdict.Action, us int64) {
		for range n {
			r.Count(verdict.Count{Trigger: trigger, Route: route, Source: source, Action: a, WouldAction: a, InspectUs: us})
		}
	}
	count(150, "function-url", "$default", "192.0.2.1", verdict.ActionAllow, 10)
	count(30, "sqs", "", "hash", verdict.ActionStrip, 20)
	for i := range 19 {
		count(1, "apigw-v2", fmt.Sprint("GET /", i), fmt.Sprint("198.51.100.", i), verdict.ActionBlock, 30)
	}
	r.Flush()
	if len(w.lines) != 0 {
		t.Fatalf("a line before the window's end: %s", w.lines[0])
	}
	r.Count(verdict.Count{Trigger: "sqs", WouldAction: verdict.ActionBlock, Action: verdict.ActionMonitor, FailOpen: true, OverLimit: true})
	r.Flush()
	sums := linesOf[verdict.Summary](t, w, verdict.SummarySchema)
	if len(sums) != 1 {
		t.Fatalf("%d summaries after 200 invocations", len(sums))
	}
	s := sums[0]
	if s.Inspected != 200 || s.Blocked != 49 || s.WouldBlock != 1 || s.FailedOpen != 1 || s.OverLimit != 1 || s.Function != "orders" {
		t.Errorf("summary %+v", s)
	}
	if len(s.Triggers) != 3 || s.Triggers[1] != (verdict.Tally{Name: "sqs", Count: 31, Refused: 31}) {
		t.Errorf("triggers %+v", s.Triggers)
	}
	// The callers of clean events are not named; what has no place is counted.
	if len(s.Sources) != 16 || s.Sources[0].Name != "hash" || s.More == nil || s.More.Sources != 4 || len(s.Routes) != 16 || s.More.Routes != 4 {
		t.Errorf("sources %+v, routes %+v, more %+v", s.Sources, s.Routes, s.More)
	}
	if n := len(s.InspectUs); n < 25 || n > 50 || s.InspectUs[0] != 10 || !slices.Contains(s.InspectUs, 20) {
		t.Errorf("sample %v", s.InspectUs)
	}
	var names []string
	for _, u := range s.EMF.Metrics[0].Metrics {
		names = append(names, u.Name)
	}
	if got := strings.Join(names, " "); got != "Inspected Blocked WouldBlock FailedOpen OverLimit InspectUs" {
		t.Errorf("metrics %s", got)
	}
	byAction := linesOf[struct {
		Action   string
		Verdicts float64
		EMF      verdict.EMF `json:"_aws"`
	}](t, w, "merlon.metric/1")
	if len(byAction) != 3 || byAction[1].Action != "block" || byAction[1].Verdicts != 19 || strings.Join(byAction[1].EMF.Metrics[0].Dimensions[0], " ") != "function action" {
		t.Errorf("by action: %+v", byAction)
	}

	// Ten seconds are noticed at the next invocation, which belongs to the next window.
	w.lines = nil
	count(1, "sqs", "", "", verdict.ActionAllow, 1)
	c.move(time.Hour)
	r.Flush()
	if len(w.lines) != 0 {
		t.Fatal("a window ended without an invocation")
	}
	count(1, "sqs", "", "", verdict.ActionAllow, 1)
	r.Flush()
	if got := linesOf[verdict.Summary](t, w, verdict.SummarySchema); len(got) != 1 || got[0].Inspected != 1 {
		t.Errorf("after an hour: %+v", got)
	}
	r.Close(t.Context())
	r.Close(t.Context())
	if got := linesOf[verdict.Summary](t, w, verdict.SummarySchema); len(got) != 2 {
		t.Errorf("%d summaries at the end, want 2", len(got))
	}
}

// An environment restored from a snapshot numbers its lines anew, under a name
// of its own.
func TestRenew(t *testing.T) {
	t.Parallel()
	w := &writes{}
	r := plain(w, fixed)
	r.Add(different(1))
	r.Renew("other")
	r.Add(different(2))
	r.Flush()
	got := linesOf[verdict.Record](t, w, "")
	if got[0].Env.ID != "env" || got[1].Env.ID != "other" || got[1].Env.Seq != 1 {
		t.Errorf("environments %+v, %+v", got[0].Env, got[1].Env)
	}
}
