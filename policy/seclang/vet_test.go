package seclang_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/policy/seclang"
)

// good are rules of every kind that users may write.
const good = `# what we refuse besides
SecRule REQUEST_URI "@beginsWith /admin" "id:1001,phase:1,deny,msg:'Admin from outside',severity:CRITICAL,tag:'attack-access',chain"
  SecRule REMOTE_ADDR "!@ipMatch 10.0.0.0/8,2001:db8::/32" "t:none"
SecRule ARGS:/^user\./|!ARGS:/\.name$/|REQUEST_COOKIES|!REQUEST_COOKIES:theme "@rx (?i)select\s+\"x" \
    "id:1002,phase:2,block,\
    msg:'Select in user fields',capture,multiMatch,\
    t:none,t:urlDecodeUni,t:lowercase,setvar:'tx.seen=+1',setvar:tx.what=%{TX.0},logdata:'%{MATCHED_VAR}',log,auditlog"
SecRule ARGS "@rx ^(a+)-" "id:1017,phase:2,deny,msg:'Twice the same',capture,chain"
  SecRule TX:1 "@contains %{TX.1}" "t:none"
SecAction "id:1003,phase:1,pass,nolog,setvar:tx.limit=3"
SecRule TX:seen "@gt %{tx.limit}" "id:1004,phase:2,pass,msg:'Many of them'"
SecRule &REQUEST_HEADERS:X-Api-Key "@eq 0" "id:1005,phase:1,pass,nolog,skipAfter:NO_KEY"
SecRule REQUEST_HEADERS:X-Api-Key "@pm test demo" "id:1006,phase:1,deny,msg:'Test key'"
SecMarker NO_KEY
SecRule ARGS_NAMES "@within admin root" "id:1007,phase:2,pass,msg:Name,ver:'1',rev:2,severity:4"
`

func TestVetTakes(t *testing.T) {
	t.Parallel()
	rules, err := seclang.Vet(seclang.Source{Name: "r", Text: good})
	if err != nil {
		t.Fatal(err)
	}
	if len(rules) != 9 || len(rules[0].Chain) != 1 || rules[1].Line != 4 {
		t.Fatalf("Vet = %+v, want nine rules, the second from line 4", rules)
	}
	if rules[8].Severity != "WARNING" {
		t.Errorf("severity:4 is %q, want WARNING", rules[8].Severity)
	}
	// What is written reads as what was taken, without what no engine needs.
	again, err := seclang.Parse(seclang.Source{Name: "w", Text: seclang.Write(rules, nil)})
	if err != nil {
		t.Fatal(err)
	}
	if len(again) != len(rules) {
		t.Fatalf("Write gives %d rules, want %d", len(again), len(rules))
	}
	for i := range rules {
		for j, l := range rules[i].Links() {
			w := again[i].Links()[j]
			if !reflect.DeepEqual(l.Variables, w.Variables) || !strings.EqualFold(l.Operator.Name, w.Operator.Name) || l.Operator.Argument != w.Operator.Argument ||
				l.Operator.Negated != w.Operator.Negated || !reflect.DeepEqual(l.Transformations, w.Transformations) || l.ID != w.ID || l.Capture != w.Capture || l.MultiMatch != w.MultiMatch || l.Marker != w.Marker {
				t.Errorf("Write(%+v) reads as %+v", l, w)
			}
			if w.Msg+w.Severity != "" || w.Has("deny") || w.Has("logdata") {
				t.Errorf("Write(%+v) keeps what no engine needs: %+v", l, w)
			}
		}
	}
}

func TestC1VetRefuses(t *testing.T) {
	t.Parallel()
	rule := func(op, actions string) string {
		return fmt.Sprintf(`SecRule ARGS "%s" "id:1,deny,msg:x%s"`, op, actions)
	}
	for _, row := range []struct {
		text         string
		line, column int
		want         string
	}{
		{"SecRuleEngine Off", 1, 1, "SecRuleEngine: is the mode"},
		{"\n  secRuleRemoveById 942100", 2, 3, "secRuleRemoveById: not allowed: write an exception"},
		{"SecRuleUpdateTargetById 942100 !ARGS:a", 1, 1, "write an exception with a path"},
		{"Include /etc/passwd", 1, 1, "stand in the policy file"},
		{"SecRuleScript /x.lua", 1, 1, "run no programs"},
		{"SecAuditLog /tmp/x", 1, 1, "directive is not allowed"},
		{"SecWhatever", 1, 1, "directive is not allowed"},
		{rule("@inspectFile /bin/sh", ""), 1, 16, "inspectFile: would run a program"},
		{rule("@rbl example.org", ""), 1, 16, "rbl: would ask a name server"},
		{rule("@pmFromFile /etc/shadow", ""), 1, 16, "pmFromFile: would read a file"},
		{rule("@ipMatchFromFile x", ""), 1, 16, "would read a file"},
		{rule("@geoLookup", ""), 1, 16, "needs a database"},
		{rule("@fuzzyHash x", ""), 1, 16, "operator is not allowed"},
		{rule("@rx a", ",exec:/bin/sh"), 1, 39, "exec: would run a program"},
		{rule("@rx a", ",ctl:ruleEngine=Off"), 1, 39, "ctl: would change the inspection"},
		{rule("@rx a", ",redirect:https://x"), 1, 39, "redirect: not allowed"},
		{rule("@rx a", ",allow"), 1, 39, "allow: would end the inspection"},
		{rule("@rx a", ",initcol:ip=%{REMOTE_ADDR}"), 1, 39, "keeps state"},
		{rule("@rx a", ",setenv:A=b"), 1, 39, "setenv: would change"},
		{rule("@rx a", ",skip:1"), 1, 39, "use skipAfter"},
		{rule("@rx a", ",proxy:http://x"), 1, 1, `action "proxy" is not known`},
		{rule("@rx a", ",pass"), 1, 28, "more than one of deny"},
		{rule("@rx a", ",setvar:ip.x=1"), 1, 39, "want tx.name=value"},
		{rule("@rx a", ",setvar:tx.a=%{tx.a}%{tx.a}"), 1, 39, "setvar: %{tx.a}%{tx.a}: want a plain text"},
		{rule("@rx a", ",setvar:tx.%{MATCHED_VAR}=1"), 1, 0, "want a name of letters"},
		{rule("@rx a", ",setvar:tx.inbound_anomaly_score_pl1=+5"), 1, 49, "say deny to refuse"},
		{rule("@rx a", ",skipAfter:NOWHERE"), 1, 1, "no SecMarker of that name"},
		{rule("@rx a", ",phase:3"), 1, 39, "want 1 or 2"},
		{rule("@rx a", ",severity:9"), 1, 39, "want CRITICAL"},
		{rule("@rx a", ",tag:'%{MATCHED_VAR}'"), 1, 39, "would show what a sender wrote"},
		{rule("@rx a", ",msg:'it\\'s'"), 1, 33, "quotes and backslashes"},
		{rule("@rx a", strings.Repeat(",t:lowercase", 13)), 1, 39, "13 transformations"},
		{rule("@rx a", strings.Repeat(",t:hexEncode", 3)), 1, 39, "3 of them lengthen"},
		{rule("@rx (", ""), 1, 14, "missing closing )"},
		{rule("@rx a{900}b{900}", ""), 1, 14, "instructions"},
		{rule("@rx "+strings.Repeat("a", 4097), ""), 1, 14, "want at most 4096"},
		{rule(`@rx \xe9`, ""), 1, 14, "engines differ"},
		{rule("@pm a  b", ""), 1, 16, "one space"},
		{rule("@eq x", ""), 1, 16, "want a whole number"},
		{rule("@contains", ""), 1, 16, "want something to compare with"},
		{rule("@contains %{ARGS.a}", ""), 1, 16, "stand for something"},
		{rule("@ipMatch 10.0.0", ""), 1, 16, "want addresses and networks"},
		{rule("@validateByteRange 1-999", ""), 1, 16, "want bytes and ranges"},
		{rule("@detectSQLi x", ""), 1, 16, "takes no argument"},
		{`SecRule REQUEST_BODY "@rx a" "id:1,deny,msg:x"`, 1, 9, "use ARGS_POST"},
		{`SecRule ARGS|XML:/* "@rx a" "id:1,deny,msg:x"`, 1, 14, "XML: is empty"},
		{`SecRule RESPONSE_BODY "@rx a" "id:1,deny,msg:x"`, 1, 9, "no event fills it"},
		{`SecRule ENV:AWS_SECRET_ACCESS_KEY "@rx a" "id:1,deny,msg:x"`, 1, 9, "would read the extension's environment"},
		{`SecRule TX:/x/ "@rx a" "id:1,deny,msg:x"`, 1, 9, "want one variable by its name"},
		{`SecRule ARGS:/(/ "@rx a" "id:1,deny,msg:x"`, 1, 1, "missing closing )"},
		{"SecRule ARGS \"@rx a\" \"id:1,deny,msg:x,chain\"\nSecRule TX:0 \"@rx a\"", 2, 9, "add capture"},
		{`SecRule ARGS "@contains %{TX.1}" "id:1,deny,msg:x"`, 1, 27, "add capture"},
		{`SecRule ARGS "@rx a" "id:1,deny,msg:x,setvar:tx.what=%{TX.0}"`, 1, 46, "add capture"},
		{`SecRule ARGS:a;b "@rx a" "id:1,deny,msg:x"`, 1, 9, "want letters, digits"},
		{`SecRule ARGS "@rx a" "id:942100,deny,msg:x"`, 1, 23, "want 1 to 99999"},
		{`SecRule ARGS "@rx a" "id:1,deny"`, 1, 1, "has no msg"},
		{`SecRule ARGS "@rx a" "deny,msg:x"`, 1, 1, "want an id"},
		{`SecRule ARGS "@rx a" "id:1,deny,msg:x,chain"`, 1, 1, "its chain has no end"},
		{"SecRule ARGS \"@rx a\" \"id:1,pass,msg:x,chain\"\n SecRule ARGS \"@rx b\" \"deny\"", 2, 24, "chain's first rule"},
		{"SecRule ARGS \"@rx a\" \"id:1,deny,msg:x,\\\n   exec:/bin/sh\"", 2, 4, "exec: would run"},
		{"SecMarker a/b", 1, 1, "want a name of letters"},
		{"SecRule ARGS \"@rx \x01\" \"id:1,deny,msg:x\"", 1, 19, "a control character"},
		{"SecRule ARGS \"@rx \xff\" \"id:1,deny,msg:x\"", 1, 19, "no UTF-8"},
		{"SecRule ARGS \"@rx a\" \"id:1,deny,msg:x\" `", 1, 1, "backticks"},
		{"SecAction \"id:1,pass,nolog\"\n# c\nSecRule ARGS \\", 3, 1, "has no end"},
		{strings.Repeat("#", seclang.MaxText+1), 1, 1, "want at most"},
		{strings.Repeat("SecRule ARGS \"@rx a\" \"deny,msg:x,chain\"\n", 3), 1, 1, "want an id"},
	} {
		rules, err := seclang.Vet(seclang.Source{Name: "r", Text: row.text})
		var first *seclang.Fault
		if rules != nil || !errors.As(err, &first) {
			t.Errorf("Vet(%.80q) = %v, %v, want a fault", row.text, rules, err)
			continue
		}
		if !strings.Contains(first.What+": "+first.Text, row.want) || first.Line != row.line || row.column > 0 && first.Column != row.column {
			t.Errorf("Vet(%.80q) = %v, want %d:%d: …%s", row.text, err, row.line, row.column, row.want)
		}
	}
}

// TestVetReportsAllFaults: one review shows everything there is to mend, and a
// broken rule does not accuse those chained to it.
func TestVetReportsAllFaults(t *testing.T) {
	t.Parallel()
	_, err := seclang.Vet(seclang.Source{Name: "r", Text: `SecRuleEngine Off
SecRule ARG "@rx a" "id:1,deny,msg:x,chain"
  SecRule ARGS "@rx b"
SecRule ARGS|XML "@inspectFile x" "id:100000,phase:4,exec:y,ctl:z"
SecRule ARGS "@rx a" "id:2,pass,msg:x"
`})
	for _, want := range []string{"r:1:1: SecRuleEngine", `r:2:1: SecRule: variable "ARG"`, "r:4:14: XML", "r:4:20: inspectFile", "r:4:54: exec", "r:4:61: ctl", "r:4:36: id", "r:4:46: phase", "no msg"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("Vet = %v\nwant %s in it", err, want)
		}
	}
	if n := len(strings.Split(err.Error(), "\n")); n != 9 {
		t.Errorf("%d faults, want 9: %v", n, err)
	}
	many := strings.Builder{}
	for i := range seclang.MaxRules + 1 {
		fmt.Fprintf(&many, "SecRule ARGS \"@rx a{90}\" \"id:%d,pass,msg:x\"\n", i+1)
	}
	_, err = seclang.Vet(seclang.Source{Name: "r", Text: many.String()})
	for _, want := range []string{"201: want at most 200", "instructions together"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Vet(many) = %v, want %s", err, want)
		}
	}
}

func FuzzVet(f *testing.F) {
	f.Add(good)
	f.Add("SecRule ARGS \"@rx a\" \"id:1,deny,msg:x,chain\"\nSecRule ARGS:'/x/'|!ARGS:y \"!@pm a b\" \"t:none,t:hexEncode\"")
	f.Add("SecRuleEngine Off\nSecAction \"id:1,nolog,pass,setvar:!tx.a\"\nSecMarker \"x\"")
	f.Add("SecRule &TX:a \"@eq %{tx.b}\" 'id:1'")
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := seclang.Vet(seclang.Source{Name: "f", Text: text})
		if err != nil {
			var fault *seclang.Fault
			if rules != nil || !errors.As(err, &fault) || fault.Line < 1 || fault.Column < 1 || fault.What == "" || fault.Text == "" {
				t.Fatalf("Vet(%q) = %v, %#v", text, rules, err)
			}
			return
		}
		again, err := seclang.Parse(seclang.Source{Name: "w", Text: seclang.Write(rules, nil)})
		if err != nil || len(again) != len(rules) {
			t.Fatalf("Write of %q reads as %v, %v", text, again, err)
		}
		for i := range rules {
			for j, l := range rules[i].Links() {
				if w := again[i].Links()[j]; l.Operator.Argument != w.Operator.Argument || l.Operator.Negated != w.Operator.Negated || len(l.Variables) != len(w.Variables) {
					t.Fatalf("Write of %q gives %+v, want %+v", text, w, l)
				}
			}
		}
	})
}
