package guard_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/guard"
	"github.com/merlon-security/merlon/internal/report"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/proxy"
)

// inspector is an engine that does as a test says.
type inspector func(context.Context, *event.Event) (verdict.Inspection, error)

func (f inspector) Inspect(ctx context.Context, ev *event.Event) (verdict.Inspection, error) {
	return f(ctx, ev)
}

// records keeps what is reported.
type records struct {
	all    []verdict.Record
	counts []verdict.Count
}

func (r *records) Add(rec verdict.Record)          { r.all = append(r.all, rec) }
func (r *records) Count(c verdict.Count)           { r.counts = append(r.counts, c) }
func (r *records) Idle(context.Context, time.Time) {}

var (
	clean = inspector(func(context.Context, *event.Event) (verdict.Inspection, error) {
		return verdict.Inspection{Scores: []int{0}}, nil
	})
	cleanRecords = inspector(func(_ context.Context, ev *event.Event) (verdict.Inspection, error) {
		return verdict.Inspection{Scores: make([]int, max(1, ev.Records))}, nil
	})
	attack = inspector(func(context.Context, *event.Event) (verdict.Inspection, error) {
		return verdict.Inspection{Scores: []int{5}, Findings: []verdict.Finding{{RuleID: 942100, Score: 5, Record: -1}}}, nil
	})
	panics = inspector(func(context.Context, *event.Event) (verdict.Inspection, error) { panic("hunter2 in a panic") })
)

const (
	request = `{"rawPath":"/","requestContext":{"http":{"method":"GET"}}}`
	batch   = `{"Records":[{"eventSource":"aws:sqs","body":"x"}]}`
)

func TestFaults(t *testing.T) {
	t.Parallel()
	half := inspector(func(context.Context, *event.Event) (verdict.Inspection, error) {
		return verdict.Inspection{Scores: []int{5}}, errors.New("fell over behind the attack")
	})
	tests := []struct {
		name   string
		engine guard.Engine
		closed bool
		mode   verdict.Mode
		event  string
		reply  string // "", "response" or "error"
	}{
		{"open", panics, false, verdict.Block, request, ""},
		{"closed", panics, true, verdict.Block, request, "response"},
		{"closed, in monitor", panics, true, verdict.Monitor, request, ""},
		{"closed, batch: the source retries", panics, true, verdict.Block, batch, "error"},
		{"open, batch", panics, false, verdict.Block, batch, ""},
		{"open, after a finding", half, false, verdict.Block, request, "response"},
	}
	for _, tt := range tests {
		r := &records{}
		g := blocking(tt.engine, r)
		g.Policy.FailClosed, g.Policy.Mode = tt.closed, tt.mode
		out := g.Inspect(t.Context(), &proxy.Invocation{ID: "r", Body: []byte(tt.event)})
		got := ""
		if out.Answer != nil {
			got = map[bool]string{true: "error", false: "response"}[out.Answer.Error]
		}
		if got != tt.reply {
			t.Errorf("%s: reply %q, want %q", tt.name, got, tt.reply)
		}
		if len(r.all) != 1 || r.all[0].Reason != verdict.EngineFault || r.all[0].Level != "ERROR" || r.all[0].Error == "" {
			t.Fatalf("%s: records %+v, want one of the fault", tt.name, r.all)
		}
		if text := fmt.Sprintf("%+v", r.all[0]); strings.Contains(text, "hunter2") {
			t.Errorf("%s: the record quotes the panic: %s", tt.name, text)
		}
	}
}

func TestWhatIsReported(t *testing.T) {
	t.Parallel()
	limited := inspector(func(context.Context, *event.Event) (verdict.Inspection, error) {
		return verdict.Inspection{Scores: []int{0}, Limits: []string{"time"}}, nil
	})
	tests := []struct {
		name   string
		engine guard.Engine
		pass   bool
		mode   verdict.Mode
		lines  int
		refuse bool
	}{
		{"clean", clean, false, verdict.Block, 0, false},
		{"attack", attack, false, verdict.Block, 1, true},
		{"attack in monitor", attack, false, verdict.Monitor, 1, false},
		{"limit", limited, false, verdict.Block, 1, true},
		{"limit that passes", limited, true, verdict.Block, 1, false},
		{"off", panics, false, verdict.Off, 0, false},
	}
	for _, tt := range tests {
		r := &records{}
		g := blocking(tt.engine, r)
		g.Policy.PassLimits, g.Policy.Mode = tt.pass, tt.mode
		out := g.Inspect(t.Context(), &proxy.Invocation{ID: "r", Body: []byte(request)})
		if len(r.all) != tt.lines || (out.Answer != nil) != tt.refuse || out.Replace != nil {
			t.Errorf("%s: %d lines, refused %t, want %d, %t", tt.name, len(r.all), out.Answer != nil, tt.lines, tt.refuse)
		}
	}
}

func TestRecoveredRefusesInTheCallersShape(t *testing.T) {
	t.Parallel()
	r := &records{}
	g := blocking(clean, r)
	g.Policy.FailClosed = true
	out := g.Recovered(t.Context(), &proxy.Invocation{ID: "r", Body: []byte(request)}, "hunter2")
	if out.Answer == nil || out.Answer.Error || !strings.Contains(string(out.Answer.Body), `"statusCode":403`) {
		t.Errorf("answer = %+v, want the HTTP refusal", out.Answer)
	}
	if len(r.all) != 1 || strings.Contains(r.all[0].Error, "hunter2") {
		t.Errorf("records %+v", r.all)
	}
}

// The engine gets a quarter of the time left, and never the reserve.
func TestBudget(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC).Add(time.Hour * 24 * 365 * 100) // far off, so that no deadline passes
	tests := []struct {
		name    string
		left    time.Duration
		allowed time.Duration
	}{
		{"a minute", time.Minute, 15 * time.Second}, {"little", 240 * time.Millisecond, 40 * time.Millisecond},
		{"nothing", 100 * time.Millisecond, 0}, {"past", -time.Second, 0}, {"no deadline", 0, -1},
	}
	for _, tt := range tests {
		var deadline time.Time
		var limited bool
		var err error
		g := blocking(inspector(func(ctx context.Context, _ *event.Event) (verdict.Inspection, error) {
			deadline, limited = ctx.Deadline()
			err = ctx.Err()
			return verdict.Inspection{Scores: []int{0}}, nil
		}), &records{})
		g.Now = func() time.Time { return now }
		end := now.Add(tt.left)
		if tt.allowed < 0 {
			end = time.Time{}
		}
		before := time.Now()
		g.Judge(t.Context(), []byte(request), nil, end)
		after := time.Now()
		switch {
		case limited != (tt.allowed >= 0):
			t.Errorf("%s: limited %t", tt.name, limited)
		case tt.allowed == 0 && err == nil:
			t.Errorf("%s: the engine was given time", tt.name)
		case tt.allowed > 0 && (deadline.Before(before.Add(tt.allowed)) || deadline.After(after.Add(tt.allowed))):
			t.Errorf("%s: %v allowed, want %v", tt.name, deadline.Sub(before), tt.allowed)
		}
	}
}

// Nothing that came with an event stands in its record: not in the clear, not in
// a part of six bytes.
func TestRecordHoldsNoPayload(t *testing.T) {
	t.Parallel()
	e, err := engine()
	if err != nil {
		t.Fatal(err)
	}
	var secrets []string
	secret := func() string {
		s := fmt.Sprintf("zq%dKp%dXw%dmL", 48151+len(secrets), 62342+len(secrets)*7, 10815+len(secrets)*13)
		secrets = append(secrets, s)
		return s
	}
	hostile := func() string {
		return "' or '1'='1' union select " + secret() + "--<script>alert('" + secret() + "')</script>"
	}
	all := func() map[string]any {
		return map[string]any{
			"headers": map[string]any{"authorization": "Bearer " + secret(), "user-agent": hostile(), "cookie": "a=" + hostile(), "x-" + secret(): hostile(),
				"x-forwarded-for": secret(), "referer": hostile(), "content-type": "application/json"},
			"rawPath": "/" + hostile(), "rawQueryString": "a=" + hostile() + "&" + hostile() + "=1", "cookies": []any{"b=" + hostile(), hostile()},
			"queryStringParameters": map[string]any{"q": hostile(), hostile(): "1"}, "pathParameters": map[string]any{"p": hostile()},
			"routeKey": "GET /" + hostile(),
		}
	}
	var events []map[string]any
	v2 := all()
	v2["requestContext"] = map[string]any{"http": map[string]any{"method": secret(), "sourceIp": secret(), "userAgent": hostile()}, "requestId": hostile(),
		"authorizer": map[string]any{"principalId": secret()}}
	v2["body"] = `{"` + secret() + `":{"password":"` + hostile() + `"},"a":["` + hostile() + `"]}`
	rest := all()
	rest["httpMethod"], rest["path"], rest["resource"] = "POST", "/"+hostile(), hostile()
	rest["requestContext"] = map[string]any{"identity": map[string]any{"sourceIp": hostile(), "userArn": hostile()}}
	rest["body"] = hostile()
	sqs := map[string]any{"Records": []any{map[string]any{"eventSource": "aws:sqs", "eventSourceARN": hostile(), "body": hostile()}}}
	direct := map[string]any{hostile(): hostile(), secret(): map[string]any{"x": hostile()}}
	events = append(events, v2, rest, sqs, direct)
	for i, m := range events {
		raw, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		rep := report.New(report.Options{Out: &out, Env: "env", Now: time.Now})
		g := blocking(e, rep)
		h := http.Header{"Lambda-Runtime-Client-Context": {hostile()}, "Lambda-Runtime-Trace-Id": {"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"}}
		g.Inspect(t.Context(), &proxy.Invocation{ID: "request-1", Body: raw, Header: h})
		rep.Flush()
		line := out.String()
		if !strings.Contains(line, `"matches":[`) || !strings.Contains(line, `"requestId":"request-1"`) {
			t.Fatalf("event %d: %s", i, line)
		}
		for _, s := range secrets {
			for k := 0; k+6 <= len(s); k++ {
				if strings.Contains(line, s[k:k+6]) {
					t.Fatalf("event %d: %q of secret %q stands in %s", i, s[k:k+6], s, line)
				}
			}
		}
	}
	if len(secrets) < 50 {
		t.Fatalf("%d secrets planted, want at least 50", len(secrets))
	}
}

func TestRecordTellsWhatWasDecided(t *testing.T) {
	t.Parallel()
	r := &records{}
	g := blocking(attack, r)
	g.Deployment = guard.Deployment{Function: verdict.Function{Name: "orders", Version: "7"}, Ruleset: "crs", AgentVersion: "1", ConfigFaults: []string{"MERLON_BUDGET"}}
	h := http.Header{"Lambda-Runtime-Invoked-Function-Arn": {"arn:aws:lambda:eu-west-1:123456789012:function:orders:live"},
		"Lambda-Runtime-Trace-Id": {"Root=1-57; Parent=53;Sampled=1"}}
	g.Inspect(t.Context(), &proxy.Invocation{ID: "r1", Body: []byte(request), Header: h})
	g.Inspect(t.Context(), &proxy.Invocation{ID: "r2", Body: []byte(request), Header: h})
	rec := r.all[0]
	if rec.Account != "123456789012" || rec.Function.Alias != "live" || rec.TraceID != "1-57" || rec.SpanID != "53" || rec.Level != "ERROR" || !rec.Blocked ||
		rec.HTTP.Status != 403 || !rec.Response.Overridden || !rec.Env.ColdStart || r.all[1].Env.ColdStart || !rec.Trigger.Asserted ||
		!slices.Equal(rec.ConfigFaults, []string{"MERLON_BUDGET"}) || rec.Matches[0].RuleID != 942100 {
		t.Errorf("record = %+v", rec)
	}
}
