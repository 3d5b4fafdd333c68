package policy_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
)

const ownRules = head + `mode: block
secrules: |
  # Paths that only the office sees
  SecRule REQUEST_URI "@beginsWith /admin" "id:1001,phase:1,deny,msg:'Admin from outside',chain"
    SecRule REMOTE_ADDR "!@ipMatch 10.0.0.0/8"
rules:
  - id: 2001
    when: method == "DELETE" && !header("x-role").exists(r, r == "admin")
    action: block
    message: Deletion without the admin role
    tags: [attack-access, cwe/862]
    severity: error
    tests:
      - {match: true, request: {method: DELETE, path: /orders/7}}
      - {match: false, request: {method: DELETE, path: /orders/7, headers: {X-Role: admin}}}
  - id: 2002
    when: |
      leaves.exists(l, l.name == "coupon" &&
        l.value.matches("^TEST"))
    action: monitor
    message: Test coupon
tests:
  - {name: the office, rule: 1001, match: false, request: {path: /admin, address: 10.1.2.3}}
  - {action: block, request: {path: /admin}}
exceptions:
  - rule: "2002"
    path: [body, partner, coupon]
    reason: Partners test with these.
`

func parsed(t testing.TB, text string) (*policy.File, *policy.Policy) {
	t.Helper()
	f, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p := policy.Default()
	if err := f.Apply(p); err != nil {
		t.Fatal(err)
	}
	return f, p
}

// judge decides about an event by the policy's conditions alone.
func judge(t testing.TB, p *policy.Policy, body []byte) (verdict.Verdict, verdict.Inspection) {
	t.Helper()
	ev := event.Decode(body, http.Header{}, event.DefaultLimits())
	found, err := p.Own(ev, time.Time{}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	e := policy.Evidence{Source: ev.Source, Findings: found.Findings, Scores: found.Scores, Limits: found.Limits, Refusable: true, Removable: ev.Records, Now: time.Now()}
	if found.Scores == nil {
		e.Scores = make([]int, max(1, ev.Records))
	}
	return p.Decide(e), found
}

func TestOwnRulesDecide(t *testing.T) {
	t.Parallel()
	_, p := parsed(t, ownRules)
	if len(p.Rules) != 2 || len(p.SecRules) != 1 || p.SecRules[0].ID != 1001 || len(p.SecRules[0].Chain) != 1 {
		t.Fatalf("policy has rules %+v, %+v", p.Rules, p.SecRules)
	}
	for _, row := range []struct {
		name    string
		request policy.FileRequest
		action  verdict.Action
		reason  verdict.Reason
		rule    int
	}{
		{"block, whatever the score", policy.FileRequest{Method: "DELETE"}, verdict.ActionBlock, verdict.RuleMatch, 2001},
		{"its condition is not met", policy.FileRequest{Method: "DELETE", Headers: map[string]string{"X-Role": "admin"}}, verdict.ActionAllow, verdict.Clean, 0},
		{"monitor is reported", policy.FileRequest{Body: map[string]any{"coupon": "TEST-1"}}, verdict.ActionMonitor, verdict.Reported, 2002},
		{"an exception excuses", policy.FileRequest{Body: map[string]any{"partner": map[string]any{"coupon": "TEST-1"}}}, verdict.ActionAllow, verdict.Excepted, 0},
		{"both", policy.FileRequest{Method: "DELETE", Body: map[string]any{"coupon": "TEST-1"}}, verdict.ActionBlock, verdict.RuleMatch, 2001},
	} {
		body, err := (&policy.FileTest{Request: &row.request}).Body()
		if err != nil {
			t.Fatal(err)
		}
		v, _ := judge(t, p, body)
		if v.Action != row.action || v.Reason != row.reason {
			t.Errorf("%s: %v, %v, want %v, %v", row.name, v.Action, v.Reason, row.action, row.reason)
		}
		if row.rule > 0 && (len(v.Findings) == 0 || v.Findings[0].RuleID != row.rule || !strings.Contains(v.Message, v.Findings[0].Message)) {
			t.Errorf("%s: findings %+v, message %q, want rule %d first", row.name, v.Findings, v.Message, row.rule)
		}
	}
	p.Mode = verdict.Monitor
	body, _ := (&policy.FileTest{Request: &policy.FileRequest{Method: "DELETE"}}).Body()
	if v, _ := judge(t, p, body); v.Action != verdict.ActionMonitor || v.WouldAction != verdict.ActionBlock {
		t.Errorf("in monitor: %v, would %v", v.Action, v.WouldAction)
	}
}

func TestOwnFindingSaysWhere(t *testing.T) {
	t.Parallel()
	_, p := parsed(t, ownRules)
	body, _ := (&policy.FileTest{Request: &policy.FileRequest{Body: map[string]any{"items": []any{map[string]any{"coupon": "TEST-9"}}}}}).Body()
	_, found := judge(t, p, body)
	if len(found.Findings) != 1 {
		t.Fatalf("findings %+v, want one", found.Findings)
	}
	f := found.Findings[0]
	if f.Engine != "policy" || f.Operator != "when" || f.Message != "Test coupon" || f.Path.String() != "body.items[0].coupon" || f.Value != "TEST-9" || f.Place != verdict.PlaceBody || f.Record != -1 {
		t.Errorf("finding %+v at %s", f, f.Path)
	}
}

// TestOwnRulesTakeRecords: of a batch, the records that a rule is about are bad.
func TestOwnRulesTakeRecords(t *testing.T) {
	t.Parallel()
	_, p := parsed(t, head+`mode: block
rules:
  - {id: 1, when: 'at(["Records", null, "body", "kind"]).exists(k, k == "drop")', action: block, message: m}
  - {id: 2, when: 'trigger == "sqs"', action: monitor, message: m}
`)
	record := `{"messageId":"1","receiptHandle":"r","body":"{\"kind\":\"KIND\"}","attributes":{},"messageAttributes":{},"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:1:q","awsRegion":"eu-west-1"}`
	body := `{"Records":[` + strings.Replace(record, "KIND", "keep", 1) + "," + strings.Replace(record, "KIND", "drop", 1) + "]}"
	v, _ := judge(t, p, []byte(body))
	if v.Action != verdict.ActionStrip || len(v.Records) != 1 || v.Records[0] != 1 {
		t.Errorf("Decide = %v, records %v, want the second record to go", v.Action, v.Records)
	}
	v, _ = judge(t, p, []byte(strings.Replace(body, "drop", "keep", 1)))
	if v.Action != verdict.ActionMonitor || len(v.Records) != 0 {
		t.Errorf("Decide = %v, records %v, want a report", v.Action, v.Records)
	}
}

func TestOwnRulesOverTheirBudgetAreALimit(t *testing.T) {
	t.Parallel()
	_, p := parsed(t, head+`mode: block
rules:
  - {id: 1, when: 'leaves.all(a, leaves.all(b, leaves.all(c, a.value == c.value || b.value != c.value)))', action: block, message: m}
`)
	body := `[` + strings.Repeat(`"x",`, 4000) + `"x"]`
	v, found := judge(t, p, []byte(body))
	if len(found.Limits) != 1 || found.Limits[0] != "when" || v.Reason != verdict.LimitReached || v.Action != verdict.ActionBlock {
		t.Errorf("limits %v: %v, %v, want the limit when to refuse", found.Limits, v.Reason, v.Action)
	}
	p.PassLimits = true
	if v, _ := judge(t, p, []byte(body)); v.Action != verdict.ActionAllow {
		t.Errorf("with limits that pass: %v", v.Action)
	}
}

func TestParseRefusesOwnRules(t *testing.T) {
	t.Parallel()
	const rule = "rules:\n  - id: 1\n    action: block\n    message: m\n    when: "
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"a directive":            {"secrules: |\n\n  SecRule ARGS \"@rx a\" \\\n    \"id:1,deny,msg:x\"\n  SecRuleEngine Off\n", []string{"secrules: [7:3] SecRuleEngine: is the mode"}},
		"an action, deep inside": {"secrules: |\n    SecRule ARGS \"@rx a\" \"id:1,pass,msg:x,\\\n      exec:/bin/sh\"\n", []string{"secrules: [5:7] exec: would run a program"}},
		"folded rules":           {"secrules: >\n  SecAction \"id:1,pass,nolog\"\n", []string{"secrules: [3:11] want a block that begins with |"}},
		"rules on one line":      {"secrules: SecRuleEngine Off\n", []string{"want a block"}},
		"a variable, plain":      {rule + `metod == "GET"` + "\n", []string{`rules[0]: when: [7:11] "metod" is not known`}},
		"behind text, plain":     {rule + `method == "GET" && é == 1` + "\n", []string{"rules[0]: when: [7:30] 'é' has no meaning"}},
		"in quotes":              {rule + `'method = "GET"'` + "\n", []string{"rules[0]: when: [7:19] want =="}},
		"with escapes":           {rule + `"method == \"GET\" &"` + "\n", []string{"rules[0]: when: [7:11] character 17: want &&"}},
		"in a block":             {rule + "|\n      method == \"GET\" &&\n        path = \"/\"\n", []string{"rules[0]: when: [9:14] want =="}},
		"folded":                 {rule + ">\n      method == \"GET\" &&\n        path = \"/\"\n", []string{"rules[0]: when: [7:11] character"}},
		"no condition":           {"rules: [{id: 1, action: block, message: m}]\n", []string{"rules[0]: when: missing"}},
		"everything at once": {"rules:\n  - {id: 942100, when: 'x', action: deny, message: '', severity: high, tags: ['a b']}\n  - {id: 942100, when: 'true', action: block, message: m}\n",
			[]string{"rules[0]: id: 942100: want 1 to 99999", `action: "deny"`, "message", "severity", "tags", `[4:25] "x" is not known`, "rules[1]: id: 942100 is taken by rules[0]"}},
		"an id of a secrule":  {"secrules: |\n  SecAction \"id:7,pass,nolog\"\nrules: [{id: 7, when: 'true', action: block, message: m}]\n", []string{"rules[0]: id: 7 is taken by secrules"}},
		"too many":            {"rules:\n" + strings.Repeat("  - {id: 1, when: 'true', action: block, message: m}\n", 101), []string{"101 of them: want at most 100"}},
		"an unknown key":      {"rules: [{id: 1, if: 'true'}]\n", []string{`unknown field "if"`}},
		"a test of nothing":   {"rules: [{id: 1, when: 'true', action: block, message: m, tests: [{event: {}}]}]\n", []string{"rules[0].tests[0]: match: missing"}},
		"a test without one":  {"rules: [{id: 1, when: 'true', action: block, message: m, tests: [{match: true}]}]\n", []string{"want an event or a request"}},
		"a test with two":     {"rules: [{id: 1, when: 'true', action: block, message: m, tests: [{match: true, event: {}, request: {}}]}]\n", []string{"want an event or a request"}},
		"a test of another":   {"rules: [{id: 1, when: 'true', action: block, message: m, tests: [{match: true, rule: 2, event: {}}]}]\n", []string{"stands beside rule 1"}},
		"a test of no rule":   {"tests: [{match: true, event: {}}]\n", []string{"tests[0]: rule and match: want both"}},
		"a test of no action": {"tests: [{action: deny, event: {}}]\n", []string{`tests[0]: action: "deny"`}},
	} {
		f, err := policy.Parse([]byte(head + tt.text))
		if err == nil || f != nil {
			t.Errorf("Parse(%s) = %v, want an error and no file", name, err)
			continue
		}
		for _, w := range tt.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("Parse(%s): %v\nwant %q in it", name, err, w)
			}
		}
	}
}

// TestBrokenRulesDisarmNothing: a fault in a rule leaves the mode of the file.
func TestBrokenRulesDisarmNothing(t *testing.T) {
	t.Parallel()
	for _, broken := range []string{"rules: [{id: 1, when: 'x', action: block, message: m}]\n", "secrules: |\n  SecRuleEngine Off\n  # mode: monitor\n", "tests: [{}]\n"} {
		text := []byte(head + broken + "mode: block\nmodes: [{triggers: [sqs], mode: monitor, reason: x}]\n")
		if _, err := policy.Parse(text); err == nil {
			t.Errorf("Parse(%s): want an error", broken)
		}
		f := policy.Salvage(text)
		if f.Mode != "block" || len(f.Modes) != 1 || len(f.Rules)+len(f.SecRules) != 0 {
			t.Errorf("Salvage(%s) = %+v, want the modes alone", broken, f)
		}
	}
}

func TestFileTestBodies(t *testing.T) {
	t.Parallel()
	body, err := (&policy.FileTest{Request: &policy.FileRequest{
		Method: "POST", Path: "/a", Route: "POST /a", Query: "x=1&x=2", Headers: map[string]string{"Cookie": "a=b; c=d", "X-One": "1"}, Address: "10.0.0.1", Body: map[string]any{"k": uint64(1)},
	}}).Body()
	if err != nil {
		t.Fatal(err)
	}
	ev := event.Decode(body, http.Header{}, event.DefaultLimits())
	if ev.Source != event.HTTPAPI || ev.Mixed || ev.HTTP.Route != "POST /a" || ev.HTTP.Target != "/a?x=1&x=2" || ev.Caller.IP != "10.0.0.1" || ev.Header("cookie") != "a=b; c=d" || ev.HTTP.Body != `{"k":1}` {
		t.Errorf("the request reads as %+v, %s, from %s", ev.HTTP, ev.Source, ev.Caller.IP)
	}
	for name, ft := range map[string]policy.FileTest{
		"no JSON":  {Event: "{"},
		"no query": {Request: &policy.FileRequest{Query: "%zz"}},
	} {
		if _, err := ft.Body(); err == nil {
			t.Errorf("Body(%s): want an error", name)
		}
	}
	for want, ft := range map[string]policy.FileTest{`{"a":1}`: {Event: map[string]any{"a": 1}}, `{"b" :2}`: {Event: `{"b" :2}`}} {
		if got, err := ft.Body(); err != nil || string(got) != want {
			t.Errorf("Body = %s, %v, want %s", got, err, want)
		}
	}
}
