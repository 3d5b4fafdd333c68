package waf_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/corazawaf/coraza/v3"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy/rules"
	"github.com/merlon-security/merlon/policy/seclang"
	"github.com/merlon-security/merlon/policy/waf"
)

// ownRules has a rule of every operator and most kinds of target a user may
// write, with chains, variables and jumps between them.
const ownRules = `
SecAction "id:1,phase:1,pass,nolog,setvar:tx.word=needle,setvar:tx.hits=0"
SecRule REQUEST_URI "@beginsWith /admin" "id:2,phase:1,deny,msg:'admin',chain"
  SecRule REMOTE_ADDR "!@ipMatch 10.0.0.0/8,2001:db8::/32" "t:none"
SecRule ARGS|!ARGS:skipme|!ARGS:/^x_/ "@contains %{tx.word}" "id:3,phase:2,pass,msg:'word',t:none,t:lowercase"
SecRule ARGS:/^q\d/ "@streq Yes" "id:4,phase:2,block,msg:'yes'"
SecRule ARGS:skipme|REQUEST_HEADERS:X-One|REQUEST_COOKIES:sid "@endsWith AB" "id:5,phase:2,deny,msg:'ab',t:trim"
SecRule ARGS_NAMES "@rx ^\$[a-z]+$" "id:6,phase:2,deny,msg:'dollar name',severity:WARNING,tag:'attack-nosql',tag:'cwe/943'"
SecRule ARGS "!@rx ^[ -~]*$" "id:7,phase:2,pass,msg:'not printable'"
SecRule ARGS "@gt 40" "id:8,phase:2,pass,msg:'long',t:length"
SecRule &REQUEST_HEADERS:X-Api-Key "@eq 0" "id:9,phase:1,deny,msg:'no key'"
SecRule ARGS "@pm foo bar \"quoted\"" "id:10,phase:2,deny,msg:'phrases',t:removeWhitespace"
SecRule ARGS|REQUEST_HEADERS "@rx (?i)evil\"?(kelvin)" "id:11,phase:2,deny,msg:'rx',capture,multiMatch,t:htmlEntityDecode,t:base64DecodeExt,setvar:tx.hits=+1,setvar:tx.last=%{TX.1}"
SecRule TX:hits "@ge 1" "id:12,phase:2,pass,msg:'hits'"
SecRule TX:last "@streq kelvin" "id:13,phase:2,pass,msg:'captured'"
SecRule ARGS "@detectSQLi" "id:14,phase:2,deny,msg:'sqli'"
SecRule ARGS "@detectXSS" "id:15,phase:2,deny,msg:'xss'"
SecRule ARGS "@validateByteRange 9,10,13,32-126,128-255" "id:16,phase:2,pass,msg:'bytes'"
SecRule ARGS "@validateUtf8Encoding" "id:17,phase:2,pass,msg:'utf8'"
SecRule ARGS "@validateUrlEncoding" "id:18,phase:2,pass,msg:'escapes'"
SecRule REQUEST_METHOD "@within GET HEAD" "id:19,phase:1,pass,nolog,skipAfter:WRITES"
SecRule ARGS "@rx drop" "id:20,phase:2,deny,msg:'write',t:urlDecodeUni,t:lowercase"
SecMarker WRITES
SecRule ARGS "@streq md5" "id:21,phase:2,pass,msg:'outer',chain"
  SecRule ARGS_GET|REQUEST_PROTOCOL "@contains x" "chain"
  SecRule MATCHED_VAR_NAME "@rx x"
SecRule ARGS "@strmatch 900150983cd24fb0" "id:22,phase:2,pass,msg:'unknown to the screen',t:md5,t:hexEncode"
SecRule REQUEST_FILENAME|QUERY_STRING|REQUEST_BASENAME "@le 3" "id:23,phase:2,pass,msg:'short',t:length"
SecRule ARGS "@unconditionalMatch" "id:24,phase:2,deny,msg:'two of them',chain"
  SecRule ARGS:a "@lt 5" "chain"
  SecRule ARGS:b "@gt 5"
`

var ownPieces = []string{
	"needle", "Needle", "Yes", "AB", " ", "\t", "é", "\xff", "foo", "ba", "r", `"quoted"`, "evilkelvin", "ZXZpbGtlbHZpbg==", "evil\"kelvin", "&#101;vilkelvin",
	"%4", "%64rop", "drop", "md5", "x", "abc", "1' or '1'='1", "<script>alert(1)</script>", "\x00", strings.Repeat("z", 41), "3", "7",
}

func vet(t testing.TB, text string) []seclang.Rule {
	t.Helper()
	parsed, err := seclang.Vet(seclang.Source{Name: "policy", Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func withRules(t testing.TB, text string) *waf.Engine {
	t.Helper()
	e, err := waf.New(waf.Options{Rules: rules.Options{Paranoia: 1, Threshold: 5}, Custom: vet(t, text)})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Warm(); err != nil {
		t.Fatal(err)
	}
	return e
}

// ownIDs are the rules of the user that matched an event.
func ownIDs(t testing.TB, e *waf.Engine, ev *event.Event) (ids []int) {
	t.Helper()
	found, err := e.Inspect(t.Context(), ev)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found.Findings {
		ids = append(ids, f.RuleID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// TestC1OwnRulesFindWhatStockCorazaFinds puts the rules as the user wrote them
// into a Coraza without anything of ours, and compares.
func TestC1OwnRulesFindWhatStockCorazaFinds(t *testing.T) {
	t.Parallel()
	stock, err := coraza.NewWAF(coraza.NewWAFConfig().WithDirectives("SecRuleEngine DetectionOnly\nSecRequestBodyAccess Off\n" + ownRules))
	if err != nil {
		t.Fatal(err)
	}
	const unknown = "SecRule ARGS \"@strmatch 900150983cd24fb0\""
	if reasons, err := waf.Unscreened(vet(t, ownRules)); err != nil || len(reasons) != 1 || !strings.Contains(reasons[0], "rule 22") {
		t.Fatalf("Unscreened = %v, %v, want rule 22 alone", reasons, err)
	}
	line := ownRules[strings.Index(ownRules, unknown):]
	screened := strings.Replace(ownRules, line[:strings.IndexByte(line, '\n')], "", 1)
	engines := map[string]*waf.Engine{"with a rule the screen cannot judge": waf.NewOwn(vet(t, ownRules)), "screened": waf.NewOwn(vet(t, screened))}
	rnd := rand.New(rand.NewPCG(31, 32))
	word := func() string {
		var b strings.Builder
		for range 1 + rnd.IntN(2) {
			b.WriteString(ownPieces[rnd.IntN(len(ownPieces))])
		}
		return b.String()
	}
	seen := map[int]int{}
	for range 1500 {
		method := []string{"GET", "POST"}[rnd.IntN(2)]
		path := []string{"/admin/x", "/a", "/orders"}[rnd.IntN(3)]
		address := []string{"10.1.2.3", "203.0.113.9", "2001:db8::1"}[rnd.IntN(3)]
		hs := headers("x-one", word())
		if rnd.IntN(2) == 0 {
			hs["x-api-key"] = word()
		}
		args := object{}
		for range rnd.IntN(5) {
			args[[]string{"a", "b", "skipme", "SkipMe", "x_a", "q1", "$ne", word()}[rnd.IntN(8)]] = word()
		}
		query := ""
		if rnd.IntN(2) == 0 {
			query = "x=" + url.QueryEscape(word())
		}
		ev := decode(t, object{
			"version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query, "headers": hs,
			"requestContext": object{"apiId": "a", "http": object{"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": address}},
			"body":           asJSON(t, args),
		})
		want := stockIDs(t, stock, ev)
		for name, e := range engines {
			expect := want
			if name == "screened" {
				expect = slices.DeleteFunc(slices.Clone(want), func(id int) bool { return id == 22 })
			}
			if got := ownIDs(t, e, ev); !slices.Equal(got, expect) {
				t.Fatalf("%s: rules %v, stock Coraza has %v: %s %s %v %v", name, got, expect, method, path, hs, args)
			}
		}
		for _, id := range want {
			seen[id]++
		}
	}
	for _, r := range vet(t, ownRules) {
		if r.Marker == "" && waf.Reports(&r) && seen[r.ID] == 0 {
			t.Errorf("rule %d was never matched", r.ID)
		}
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// stockIDs runs an event's request and arguments through a Coraza of its own.
func stockIDs(t *testing.T, w coraza.WAF, ev *event.Event) (ids []int) {
	t.Helper()
	tx := w.NewTransaction()
	defer tx.Close()
	tx.ProcessConnection(ev.Caller.IP, 0, "", 0)
	tx.ProcessURI(ev.HTTP.Target, ev.HTTP.Method, ev.HTTP.Protocol)
	for _, h := range ev.HTTP.Headers {
		tx.AddRequestHeader(h.Name, h.Value)
	}
	for i := range ev.Leaves {
		l := &ev.Leaves[i]
		switch l.Place {
		case verdict.PlaceHeader, verdict.PlaceCookie, verdict.PlaceMethod, verdict.PlaceTarget:
			continue
		}
		if !l.InTarget {
			tx.AddPostRequestArgument(strings.Clone(l.Name), l.Value)
		}
	}
	tx.ProcessRequestHeaders()
	if _, err := tx.ProcessRequestBody(); err != nil {
		t.Fatal(err)
	}
	silent := map[int]bool{1: true, 19: true}
	for _, mr := range tx.MatchedRules() {
		if id := mr.Rule().ID(); id > 0 && !silent[id] {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func TestOwnFindings(t *testing.T) {
	t.Parallel()
	e := withRules(t, ownRules)
	ev := decode(t, object{
		"version": "2.0", "routeKey": "POST /x", "rawPath": "/x", "rawQueryString": "q1=Yes", "headers": headers("x-api-key", "k"),
		"requestContext": object{"apiId": "a", "http": object{"method": "POST", "path": "/x", "protocol": "HTTP/1.1", "sourceIp": "10.0.0.1"}},
		"body":           `{"filter":{"$ne":"1"},"notes":["plain","a needle here"]}`,
	})
	found, err := e.Inspect(t.Context(), ev)
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]string{
		3: "monitor 0  contains word body.notes[1] body",
		4: "block 5  streq yes rawQueryString.q1 query",
		6: "block 5 warning rx dollar name body.filter.$ne body",
	}
	score := 0
	for _, f := range found.Findings {
		if f.Engine != "policy" {
			continue
		}
		score += f.Score
		got := fmt.Sprintf("%v %d %s %s %s %s %v", f.Action, f.Score, f.Severity, f.Operator, f.Message, f.Path, f.Place)
		if w, ok := want[f.RuleID]; ok && got != w {
			t.Errorf("rule %d: %s, want %s", f.RuleID, got, w)
		}
		delete(want, f.RuleID)
		if f.RuleID == 6 && !slices.Equal(f.Tags, []string{"attack-nosql", "cwe/943"}) {
			t.Errorf("rule 6: tags %v", f.Tags)
		}
	}
	if len(want) > 0 || found.Scores[0] < score {
		t.Errorf("not found: %v; score %v, the findings weigh %d", want, found.Scores, score)
	}
}

// TestOwnRulesJudgeRecordsAlone: the rules see one record at a time, and no
// request where there is none.
func TestOwnRulesJudgeRecordsAlone(t *testing.T) {
	t.Parallel()
	e := withRules(t, ownRules)
	record := func(id, body string) object {
		return object{"messageId": id, "receiptHandle": "r", "body": body, "attributes": object{}, "messageAttributes": object{}, "eventSource": "aws:sqs",
			"eventSourceARN": "arn:aws:sqs:eu-west-1:1:q", "awsRegion": "eu-west-1"}
	}
	ev := decode(t, object{"Records": []any{record("1", "fine"), record("2", `{"a":"1","b":"9"}`), record("3", `{"a":"1"}`), record("4", `{"b":"9"}`)}})
	found, err := e.Inspect(t.Context(), ev)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found.Findings {
		switch {
		case f.RuleID == 9 || f.RuleID == 23 || f.RuleID == 2:
			t.Errorf("rule %d, which is about requests, matched a message", f.RuleID)
		case f.RuleID == 24 && f.Record != 1:
			t.Errorf("rule 24 matched over two records: %+v", f)
		}
	}
	if found.Scores[0] != 0 || found.Scores[1] == 0 || found.Scores[2] != 0 || found.Scores[3] != 0 {
		t.Errorf("scores %v, want the second record's alone", found.Scores)
	}
}

// FuzzOwnRules: what is taken compiles, for screen and Coraza, and the engine
// reads every rule of it.
func FuzzOwnRules(f *testing.F) {
	f.Add(ownRules)
	for line := range strings.Lines(ownRules) {
		f.Add(line)
	}
	ev := decode(f, object{"a": "needle", "b": []any{"x", "1' or '1'='1"}})
	f.Fuzz(func(t *testing.T, text string) {
		custom, err := seclang.Vet(seclang.Source{Name: "f", Text: text})
		if err != nil || len(custom) == 0 {
			return
		}
		e := waf.NewOwn(custom)
		if err := e.Warm(); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if _, err := e.Inspect(t.Context(), ev); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

func TestConcurrentOwnRules(t *testing.T) {
	t.Parallel()
	e := waf.NewOwn(vet(t, ownRules)) // built by whichever event comes first
	ev := decode(t, object{"a": "a needle", "b": []any{"Yes", "foo"}})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if got := ownIDs(t, e, ev); !slices.Equal(got, []int{3, 10}) {
					t.Errorf("rules %v, want 3 and 10", got)
				}
			}
		})
	}
	wg.Wait()
}

// TestManyReportsHideNoRefusal: findings are bounded, what they weigh is not.
func TestManyReportsHideNoRefusal(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 12 {
		fmt.Fprintf(&text, "SecRule ARGS \"@rx .\" \"id:%d,pass,msg:'seen'\"\n", i+1)
	}
	text.WriteString("SecRule ARGS \"@streq evil\" \"id:99,deny,msg:'evil'\"\n")
	args := object{"z": "evil"}
	for i := range 190 {
		args[fmt.Sprint("a", i)] = "x"
	}
	found, err := waf.NewOwn(vet(t, text.String())).Inspect(t.Context(), decode(t, args))
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Findings) != 1000 || found.Scores[0] != 5 {
		t.Errorf("%d findings, scores %v, want 1000 and the weight of the refusal", len(found.Findings), found.Scores)
	}
}
