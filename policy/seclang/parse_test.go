package seclang_test

import (
	"io/fs"
	"reflect"
	"strings"
	"testing"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"

	"github.com/merlon-security/merlon/policy/seclang"
)

// crsSources returns the request rules of the Core Rule Set in loading order.
func crsSources(t testing.TB) []seclang.Source {
	t.Helper()
	names, err := fs.Glob(coreruleset.FS, "@owasp_crs/REQUEST-*.conf")
	if err != nil {
		t.Fatal(err)
	}
	names = append([]string{"@crs-setup.conf.example"}, names...)
	var out []seclang.Source
	for _, name := range names {
		text, err := fs.ReadFile(coreruleset.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, seclang.Source{Name: name, Text: string(text)})
	}
	return out
}

func TestParseCoreRuleSet(t *testing.T) {
	rules, err := seclang.Parse(crsSources(t)...)
	if err != nil {
		t.Fatal(err)
	}
	if len(rules) < 400 {
		t.Fatalf("Parse(core rule set) = %d rules, want at least 400", len(rules))
	}
	byID := map[int]seclang.Rule{}
	for _, r := range rules {
		byID[r.ID] = r
	}
	if got := len(byID[920180].Chain); got != 3 {
		t.Errorf("rule 920180 has %d chain members, want 3", got)
	}
	cookies := byID[941100].Variables[0]
	if cookies.Name != "REQUEST_COOKIES" || len(cookies.Except) != 4 || !cookies.Except[0].Regex {
		t.Errorf("rule 941100 first target = %+v, want REQUEST_COOKIES with 4 exclusions, the first a pattern", cookies)
	}
	if r := byID[930110]; !r.MultiMatch || len(r.Transformations) != 4 || r.Phase != 2 {
		t.Errorf("rule 930110 = %+v, want multiMatch, 4 transformations, phase 2", r)
	}
	if got, want := byID[921250].Variables[0].Key, `\x22?\x24Version`; got != want {
		t.Errorf("rule 921250 selector = %q, want %q", got, want)
	}
}

func TestParseRule(t *testing.T) {
	const text = `
# a comment
SecRule ARGS|!ARGS:'/^x|\/y/'|&REQUEST_HEADERS:Host|XML:/* "!@rx a\"b\\d" \
    # a comment inside
    "id:'7',phase:request,\
    t:lowercase,t:none,t:urlDecodeUni,multiMatch,capture,\
    msg:'one, two',tag:'x',setvar:'tx.a=%{MATCHED_VAR}',severity:'CRITICAL',chain"
    SecRule TX:1 "@gt 3" "t:length"
SecMarker "END"
`
	rules, err := seclang.Parse(seclang.Source{Name: "t", Text: text})
	if err != nil {
		t.Fatal(err)
	}
	want := []seclang.Rule{{
		ID: 7, File: "t", Line: 3, Phase: 2,
		Variables: []seclang.Variable{
			{Name: "ARGS", Except: []seclang.Selector{{Key: `^x|\/y`, Regex: true}}},
			{Name: "REQUEST_HEADERS", Key: "Host", Count: true},
			{Name: "XML", Key: "/*"},
		},
		Operator:        seclang.Operator{Name: "rx", Argument: `a"b\\d`, Negated: true},
		Transformations: []string{"urldecodeuni"},
		Actions:         []seclang.Action{{Name: "setvar", Value: "tx.a=%{MATCHED_VAR}"}},
		Msg:             "one, two", Tags: []string{"x"}, Severity: "CRITICAL", Capture: true, MultiMatch: true,
		Chain: []seclang.Rule{{
			File: "t", Line: 8, Phase: 2, Variables: []seclang.Variable{{Name: "TX", Key: "1"}},
			Operator: seclang.Operator{Name: "gt", Argument: "3"}, Transformations: []string{"length"},
		}},
	}, {File: "t", Line: 9, Marker: "END"}}
	if !reflect.DeepEqual(rules, want) {
		t.Errorf("Parse =\n%+v, want\n%+v", rules, want)
	}
}

func TestParseChanges(t *testing.T) {
	const text = `
SecDefaultAction "phase:2,log,auditlog,pass"
SecRule ARGS "a" "id:1,tag:'keep'"
SecRule ARGS|ARGS_NAMES "b" "id:2,tag:'gone'"
SecRule ARGS "c" "id:3,msg:'that one'"
SecRule ARGS "d" "id:4"
SecRuleUpdateTargetById 1 "!ARGS:/^q/"
SecRuleUpdateTargetByTag keep "REQUEST_COOKIES"
SecRuleRemoveByTag gone
SecRuleRemoveByMsg "that one"
SecRuleRemoveById 4-5
`
	rules, err := seclang.Parse(seclang.Source{Name: "t", Text: text})
	if err != nil {
		t.Fatal(err)
	}
	if len(rules) != 1 || rules[0].ID != 1 {
		t.Fatalf("Parse = %+v, want rule 1 alone", rules)
	}
	want := []seclang.Variable{{Name: "ARGS", Except: []seclang.Selector{{Key: "^q", Regex: true}}}, {Name: "REQUEST_COOKIES"}}
	if !reflect.DeepEqual(rules[0].Variables, want) {
		t.Errorf("targets of rule 1 = %+v, want %+v", rules[0].Variables, want)
	}
}

func TestParseErrors(t *testing.T) {
	rows := []struct{ name, text, want string }{
		{"unknown directive", "SecExec x", "t:1: SecExec: directive is not supported"},
		{"include", "Include x.conf", "directive is not supported"},
		{"unknown action", "SecAction \"id:1,explode\"", `action "explode" is not known`},
		{"unknown transformation", "SecAction \"id:1,t:rot13\"", `transformation "rot13" is not known`},
		{"unknown variable", "SecRule ARG \"x\" \"id:1\"", `variable "ARG" is not known`},
		{"no id", "SecRule ARGS \"x\"", "want an id"},
		{"id twice", "SecAction \"id:1\"\nSecAction \"id:1\"", "t:2: SecAction: id 1 is taken by the rule at t:1"},
		{"open quote", `SecRule ARGS "x`, "quote is not closed"},
		{"open single quote", "SecAction \"id:1,msg:'x\"", "a single quote is not closed"},
		{"open chain", "SecRule ARGS \"x\" \"id:1,chain\"", "its chain has no end"},
		{"marker in chain", "SecRule ARGS \"x\" \"id:1,chain\"\nSecMarker X", "want its next member here"},
		{"open continuation", "SecRule ARGS \\", "a continued line has no end"},
		{"selector on a scalar", "SecRule REQUEST_URI:a \"x\" \"id:1\"", "has no elements"},
		{"open regex selector", "SecRule ARGS:/a \"x\" \"id:1\"", "want a closing slash"},
		{"bad regex selector", "SecRule ARGS:/(/ \"x\" \"id:1\"", "missing closing )"},
		{"phase", "SecAction \"id:1,phase:6\"", "phase:6: want 1 to 5"},
		{"default with effect", "SecDefaultAction \"phase:1,pass,setvar:tx.a=1\"", "action setvar as a default"},
		{"update of a missing rule", "SecRuleUpdateTargetById 9 ARGS", "rule 9 is not loaded"},
		{"update of several", "SecRuleUpdateTargetById 9 10 ARGS", "one directive per id"},
		{"dataset", "SecDataset x `\na\n`", "datasets in backticks"},
	}
	for _, row := range rows {
		_, err := seclang.Parse(seclang.Source{Name: "t", Text: row.text})
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("Parse(%s) = %v, want an error with %q", row.name, err, row.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, src := range crsSources(f)[2:3] {
		f.Add(src.Text)
	}
	f.Add("SecRule ARGS:'/a/'|!ARGS \"!@rx \\\"\" \"id:1,t:none,chain\"\nSecAction \"id:2\"")
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := seclang.Parse(seclang.Source{Name: "fuzz", Text: text})
		if err != nil {
			if !strings.HasPrefix(err.Error(), "fuzz:") {
				t.Errorf("Parse(%q) = %v, want an error that names the file", text, err)
			}
			return
		}
		for _, r := range rules {
			if r.Marker == "" && (r.ID <= 0 || r.Phase < 1 || r.Phase > 5) {
				t.Errorf("Parse(%q) gave rule %+v without id or phase", text, r)
			}
		}
	})
}
