package sink_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/report"
	"github.com/merlon-security/merlon/internal/verdict"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 5e6, time.UTC)

const env = "01a209f8-0b90-7aaa-94a9-a5aaf70a38d6"

// record has every member that a verdict can have.
func record() verdict.Record {
	third := 3
	return verdict.Record{
		Schema: verdict.Schema, ID: "01a209f8-0d8b-75b8-88c7-99c69c88ab71", Time: verdict.Timestamp(start), Timestamp: verdict.Timestamp(start.Add(2 * time.Millisecond)),
		Level: "ERROR", Function: verdict.Function{Name: "orders", ARN: "arn:aws:lambda:eu-west-1:123456789012:function:orders:live", Version: "7", Alias: "live", CodeID: "version:7"},
		Account: "123456789012", Region: "eu-west-1", Env: verdict.Env{ID: env, Seq: 4, ColdStart: true},
		Agent: verdict.Version{Version: "0.1.0"}, Policy: verdict.Version{Version: "shop@3"}, Ruleset: "crs-4.25.0",
		RequestID: "30ef8512-f5da-4af7-a94a-75e3c1b6f223", TraceID: "1-6b04999c-8a0baa43b99479efc2988930", SpanID: "e571292b967d367a",
		Trigger:   verdict.Trigger{Type: "apigw-v2", SourceARN: "arn:aws:execute-api:eu-west-1:123456789012:abc", Asserted: true},
		Source:    &verdict.Source{IP: "192.0.2.17", IPClaimed: "198.51.100.4", UserAgentHash: "00112233445566aa", ID: "00112233445566bb"},
		Principal: &verdict.Principal{Type: "jwt", ID: "00112233445566cc"}, HTTP: &verdict.HTTP{Method: "POST", Route: "POST /orders/{id}", PathHash: "00112233445566dd", Status: 403},
		Mode: "block", ModeSetBy: "mode", Action: verdict.ActionBlock, WouldAction: verdict.ActionBlock, Blocked: true, Reason: verdict.RuleMatch,
		Message: "anomaly score 15 reached the threshold 5", Score: 15, Threshold: 5, Severity: verdict.SeverityCritical, MatchCount: 1,
		Matches: []verdict.Match{{
			Engine: "waf", RuleID: 942100, Msg: "SQL Injection Attack Detected via libinjection", Phase: 2, Severity: "critical", Score: 5,
			Tags:  verdict.Taxonomies{Class: "sqli", OWASP: []string{"OWASP_TOP_10/A03"}, CAPEC: []string{"66"}, CWE: []string{"89"}, ATTACK: []string{"T1190"}},
			Field: "body.id", Place: "body", Op: "detectSQLi", Record: &third, Evidence: verdict.Evidence{Excerpt: "' OR 1=1-…", Bytes: 41, HMAC: "00112233445566ee"},
		}},
		Limits: []string{"bytes"}, Response: verdict.Response{Overridden: true, Status: 403},
		Repeat: &verdict.Repeat{Count: 3, Window: "1.5s", IDs: []string{"a", "b", "c"}}, Latency: verdict.Latency{InspectUs: 1933, TotalUs: 1942},
	}
}

// written are the lines of an environment with n verdicts and their summary.
func written(t testing.TB, n int, change func(*verdict.Record)) []report.Item {
	t.Helper()
	k := &keep{}
	r := report.New(report.Options{Out: new(strings.Builder), Env: env, Now: func() time.Time { return start }, Function: "orders", Region: "eu-west-1",
		Version: "0.1.0", Summaries: true, Sinks: []report.Sink{k}, PerMinute: 100_000})
	for i := range n {
		rec := record()
		if change != nil {
			change(&rec)
		}
		rec.Env.Seq = uint64(i)
		r.Add(rec)
		r.Count(verdict.Count{Trigger: "apigw-v2", Action: rec.Action, WouldAction: rec.WouldAction})
	}
	r.Close(t.Context())
	if len(k.items) < n+1 {
		t.Fatalf("%d items of %d verdicts", len(k.items), n)
	}
	return k.items
}

// golden compares got, indented, with a file that -update writes.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	var v any
	if err := json.Unmarshal(got, &v); err != nil {
		t.Fatalf("%v in %s", err, got)
	}
	pretty, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	pretty = append(pretty, '\n')
	if *update {
		if err := os.WriteFile("testdata/"+name, pretty, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/" + name)
	if err != nil || string(want) != string(pretty) {
		t.Errorf("testdata/%s (%v) is not\n%s", name, err, pretty)
	}
}
