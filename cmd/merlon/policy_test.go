package main

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/policy"
)

const policyHead = "apiVersion: merlon.dev/v1\nkind: Policy\n"

func policyFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "merlon.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestPolicyCheck(t *testing.T) {
	for _, row := range []struct {
		name, text string
		code       int
		want       []string // in this order
	}{
		{"good", policyHead + "mode: block\nexceptions: [{rule: \"9100808\", reason: x}]\n", 0, []string{"good: 1 exception, 0 modes, 0 conditions, 0 rules in secrules"}},
		{"what the loader refuses and what is dead, together", policyHead + `mode: blok
rules:
  - {id: 1, when: 'metod == "GET"', action: block, message: m}
secrules: |
  SecRuleEngine Off
exceptions:
  - {rule: "942109", reason: x}
  - {rule: "9100808", expires: 2020-01-01, reason: x}
`, 1, []string{`mode: "blok"`, "secrules: [7:3] SecRuleEngine", `rules[0]: when: [5:20] "metod"`, "exceptions[0]: rule 942109: there is no such rule", "exceptions[1]: expired"}},
		{"of a faulty entry only what is wrong with it", policyHead + `mode: block
modes:
  - {rules: [sqlinjection], mode: monitor, reason: x}
  - {rules: [sqli], mode: monitor, reason: x}
exceptions:
  - {rule: "9100808", path: [1.5], reason: x}
  - {rule: "9100808", path: [note], reason: x}
  - {rule: "942109"}
`, 1, []string{`modes[0]: [5:6] rules: "sqlinjection"`, "exceptions[0]: ", "path[0]", "exceptions[2]: ", "reason: missing"}},
		{"a rule that is switched off is no fault", policyHead + "exceptions: [{rule: \"942100\", reason: x}]\n", 0, []string{"note: rule 942100: switched off by default", "good: "}},
		{"no YAML", "{", 1, []string{"policy file"}},
		{"a note is no fault", policyHead + "rules: [{id: 1, when: 'true', action: block, message: m}]\n", 0, []string{"rules[0]: note: rule 1 has no test", "good: "}},
		{"the level of the file counts", policyHead + "paranoia: 3\nexceptions: [{rule: \"942420\", reason: x}]\n", 0, []string{"good"}},
	} {
		file := policyFile(t, row.text)
		code, out, errs := merlon(t, nil, "policy", "check", file)
		rest := out
		for _, w := range row.want {
			_, after, ok := strings.Cut(rest, w)
			if !ok {
				t.Errorf("check(%s): %s\nwant %q, in this order", row.name, out, w)
			}
			rest = after
		}
		if code != row.code || code == 1 && !regexp.MustCompile(`^merlon: \d+ faults?\n$`).MatchString(errs) {
			t.Errorf("check(%s): exit %d, %q, want %d", row.name, code, errs, row.code)
		}
		if strings.Contains(out, "never reached") || strings.Contains(out, "excuses everything") {
			t.Errorf("check(%s) compares with what is faulty itself: %s", row.name, out)
		}
		for l := range strings.Lines(out) {
			if !strings.HasPrefix(l, file+": ") {
				t.Errorf("check(%s): line %q does not begin with the file", row.name, l)
			}
		}
	}
}

func TestPolicyTest(t *testing.T) {
	const rules = policyHead + `
rules:
  - id: 1
    when: method == "DELETE"
    action: block
    message: m
    tests:
      - {match: true, request: {method: DELETE}}
      - {match: false, request: {method: DELETE}}
      - {name: a bad event, match: true, event: "{"}
  - {id: 2, when: 'leaves.exists(l, l.value == "x")', action: monitor, message: m}
secrules: |
  SecRule ARGS "@streq y" "id:3,deny,msg:'m'"
  SecRule ARGS "@streq z" "id:4,pass,msg:'m'"
tests:
  - {rule: 3, match: true, action: block, event: {a: y}}
  - {rule: 9100808, match: true, event: {note: "1' OR '1'='1"}}
  - {name: attack, action: allow, event: {q: "1' OR '1'='1"}}
  - {rule: 4, match: true, event: {excused: z}}
exceptions: [{rule: "4", path: [excused], reason: x}]
`
	file, report := policyFile(t, rules), filepath.Join(t.TempDir(), "junit.xml")
	code, out, errs := merlon(t, nil, "policy", "test", "--junit", report, file)
	want := []string{
		"ok 1 rules[0].tests[0] match",
		"FAIL 1 rules[0].tests[1] match; want no match",
		"FAIL 1 a bad event event: the text is no JSON",
		"ok 3 tests[0] match, block",
		"ok 9100808 tests[1] match",
		"FAIL all attack block; want allow",
		"FAIL 4 tests[3] no match; want match (an exception excuses what was found)",
		"- 2 - no test",
		"7 tests, 4 failed",
	}
	var got []string
	for l := range strings.Lines(out) {
		got = append(got, strings.Join(strings.Fields(l), " "))
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || code != 1 || !strings.Contains(errs, "4 tests of 7 failed") {
		t.Errorf("test: exit %d, %s\n%s\nwant\n%s", code, errs, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	data, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var suite junit
	if err := xml.Unmarshal(data, &suite); err != nil || suite.Tests != 7 || suite.Failures != 4 || len(suite.Cases) != 7 || suite.Cases[1].Failure == nil || suite.Cases[0].Failure != nil {
		t.Errorf("JUnit = %+v, %v", suite, err)
	}
	for name, text := range map[string]string{"no tests": policyHead, "a broken file": policyHead + "mode: x\n"} {
		if code, _, errs := merlon(t, nil, "policy", "test", policyFile(t, text)); code != 1 || errs == "" {
			t.Errorf("test(%s): exit %d, %q, want a failure", name, code, errs)
		}
	}
}

// TestDocumentedPolicies: what the documents show passes check, and its tests pass.
func TestDocumentedPolicies(t *testing.T) {
	names, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")
	checked, tested := 0, 0
	for _, name := range names {
		doc, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range block.FindAllStringSubmatch(string(doc), -1) {
			if !strings.Contains(m[1], "kind: "+policy.Kind) {
				continue
			}
			checked++
			file := policyFile(t, m[1])
			_, out, _ := merlon(t, nil, "policy", "check", file)
			for l := range strings.Lines(out) {
				if !strings.Contains(l, ": good: ") && !strings.Contains(l, ": expired on ") { // time goes by
					t.Errorf("%s: %s", filepath.Base(name), l)
				}
			}
			if !strings.Contains(m[1], "tests:") {
				continue
			}
			tested++
			if code, out, errs := merlon(t, nil, "policy", "test", file); code != 0 {
				t.Errorf("%s: exit %d\n%s%s", filepath.Base(name), code, out, errs)
			}
		}
	}
	if checked < 2 || tested < 1 {
		t.Errorf("%d policies in the documents, %d with tests: want at least 2 and 1", checked, tested)
	}
}

// TestInspectExplains: each finding says what, where and why, and not the value.
func TestInspectExplains(t *testing.T) {
	file := policyFile(t, policyHead+`rules: [{id: 7, when: 'at(["secretCode"]).exists(c, c == "hunter2")', action: monitor, message: a code, tags: [attack-leak, cwe/522]}]`)
	in := `{"note":"1' UNION SELECT hunter2 FROM users -- ","secretCode":"hunter2"}`
	code, out, errs := merlon(t, strings.NewReader(in), "inspect", "--explain", "--policy", file)
	var got struct {
		Matches []struct {
			RuleID                        int
			Engine, Msg, Field, Place, Op string
			Severity, Action              string
			Tags                          struct {
				Class string
				CWE   []string
			}
			Evidence struct {
				Excerpt string
				Bytes   int
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 {
		t.Fatalf("exit %d, %s: %v", code, errs, err)
	}
	seen := map[string]bool{}
	for _, m := range got.Matches {
		seen[m.Engine] = true
		if m.Msg == "" || m.Place != "argument" || m.Op == "" || m.Tags.Class == "" || m.Evidence.Bytes == 0 {
			t.Errorf("not explained: %+v", m)
		}
		if m.Engine == "policy" && (m.RuleID != 7 || m.Field != "secretCode" || m.Op != "when" || m.Action != "monitor" || m.Tags.CWE[0] != "522") {
			t.Errorf("own rule: %+v", m)
		}
		if m.Engine == "waf" && (m.Field != "note" || m.Evidence.Excerpt == "" || m.Severity == "") {
			t.Errorf("embedded rule: %+v", m)
		}
	}
	if !seen["waf"] || !seen["policy"] || strings.Contains(out, "hunter2") {
		t.Errorf("matches of %v; want both engines, and no value: %s", seen, out)
	}
	if _, out, _ := merlon(t, strings.NewReader(in), "inspect"); strings.Contains(out, "matches") {
		t.Errorf("without --explain: %s", out)
	}
}
