package policy_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
)

const head = "apiVersion: merlon.dev/v1\nkind: Policy\n"

func TestParseAndApply(t *testing.T) {
	t.Parallel()
	f, err := policy.Parse([]byte(head + `# reviewed
metadata: {name: orders, version: "7"}
mode: block
threshold: 7
paranoia: 2
onFault: closed
onLimit: pass
blockTriggers: [http, sqs]
exceptions:
  - rule: 942100-942199
    path: [body, orders, null, 0, comment]
    place: body
    route: POST /orders
    expires: 2027-03-01
    reason: free text, stored with bound parameters
  - rule: "930120"
    reason: file names of a fixed list
`))
	if err != nil {
		t.Fatal(err)
	}
	p := policy.Default()
	if err := f.Apply(p); err != nil {
		t.Fatal(err)
	}
	key := func(k string) policy.Step { return policy.Step{Segment: verdict.Key(k)} }
	want := &policy.Policy{
		Version: "orders@7", Mode: verdict.Block, Threshold: 7, FailClosed: true, PassLimits: true,
		BlockTriggers: map[event.Source]bool{event.RESTAPI: true, event.HTTPAPI: true, event.FunctionURL: true, event.ALB: true, event.SQS: true},
		Exceptions: []policy.Exception{
			{FirstRule: 942100, LastRule: 942199, Path: []policy.Step{key("body"), key("orders"), {Any: true}, {Segment: verdict.At(0)}, key("comment")},
				Place: verdict.PlaceBody, Route: "POST /orders", Reason: "free text, stored with bound parameters", Expires: time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)},
			{FirstRule: 930120, LastRule: 930120, Reason: "file names of a fixed list"},
		},
	}
	if !reflect.DeepEqual(p, want) || f.Paranoia != 2 {
		t.Errorf("policy = %+v\nwant %+v", p, want)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       []string // each in the error
	}{
		{"nothing", "", []string{`apiVersion ""`}},
		{"another kind", "apiVersion: v1\nkind: Pod\n", []string{"merlon.dev/v1"}},
		{"unknown key", head + "mod: block\n", []string{"[3:1]", "mod"}},
		{"unknown key of an exception", head + "exceptions:\n  - rule: \"1\"\n    reasons: x\n", []string{"[5:5]", "reasons"}},
		{"duplicate key", head + "mode: block\nmode: monitor\n", []string{"[4:1]", "mode"}},
		{"wrong type", head + "threshold: high\n", []string{"[3:12]"}},
		{"mode in upper case", head + "mode: Block\n", []string{`mode: "Block": want off, monitor, block`}},
		{"all faults together", head + "mode: x\nonFault: y\nonLimit: z\nthreshold: 101\nparanoia: 5\nblockTriggers: [ftp]\n",
			[]string{"mode", "onFault", "onLimit", "threshold: 101", "paranoia: 5", `"ftp" is no trigger`}},
		{"no trigger", head + "blockTriggers: []\n", []string{"blockTriggers: an empty list"}},
		{"threshold zero", head + "threshold: 0\n", []string{"threshold: 0"}},
		{"paranoia zero", head + "paranoia: 0\n", []string{"paranoia: 0"}},
		{"negative threshold", head + "threshold: -1\n", []string{"threshold: -1"}},
		{"anchor", head + "mode: &m block\nonFault: open\n", []string{"[3:7]", "anchors"}},
		{"alias", head + "metadata: {name: &n a, version: *n}\n", []string{"anchors"}},
		{"tag", head + "mode: !!str block\n", []string{"[3:7]", "tags"}},
		{"merge key", head + "metadata:\n  <<: {name: a}\n", []string{"[4:3]", "merge keys"}},
		{"second document", head + "---\nmode: block\n", []string{"[3:1]", "several documents"}},
		{"no YAML", "\x00\x01{[", []string{"policy file"}},
		{"too large", head + "# " + strings.Repeat("x", 1<<20), []string{"at most"}},
		{"exception without reason", head + "exceptions: [{rule: \"1\"}]\n", []string{"exceptions[0]", "reason"}},
		{"exception without rule", head + "exceptions: [{reason: x}]\n", []string{"exceptions[0]", "rule"}},
		{"range backwards", head + "exceptions: [{rule: 5-4, reason: x}]\n", []string{"rule"}},
		{"path as text", head + "exceptions: [{rule: \"5\", reason: x, path: body.comment}]\n", []string{"[3:"}},
		{"negative index", head + "exceptions: [{rule: \"5\", reason: x, path: [a, -1]}]\n", []string{"path[1]"}},
		{"fraction as index", head + "exceptions: [{rule: \"5\", reason: x, path: [1.5]}]\n", []string{"path[0]"}},
		{"unknown place", head + "exceptions: [{rule: \"5\", reason: x, place: footer}]\n", []string{"place"}},
		{"no date", head + "exceptions: [{rule: \"5\", reason: x, expires: soon}]\n", []string{"expires"}},
	}
	for _, tt := range tests {
		f, err := policy.Parse([]byte(tt.text))
		if err == nil || f != nil {
			t.Errorf("Parse(%s) = %+v, %v, want an error and no file", tt.name, f, err)
			continue
		}
		for _, w := range tt.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("Parse(%s): %v, want %q in it", tt.name, err, w)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		head, head + "mode: block\n", head + "exceptions:\n- {rule: 1-2, reason: x, path: [a, null, 0]}\n", head + "metadata: &a {name: *a}\n",
		"---\n" + head + "...\n", "{", "- - - -", "a: *b", "\xff\xfe", "? [a]\n: b", "|\n x", "!!binary x", "'", head + "blockTriggers: [http]\n", ownRules,
		head + "secrules: |2\n   \n  SecAction \"id:1,nolog,pass\"\n", head + "secrules: >\n x\n", head + "rules:\n- {id: 1, when: \"a\\n\", action: block, message: m}\n",
		head + "rules:\n- id: 1\n  when: >-\n    é &&\n\n    x\n  tests: [{event: [1, {a: null}]}]\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := policy.Parse(data)
		if (file == nil) != (err != nil) {
			t.Fatalf("Parse = %v, %v", file, err)
		}
		if err != nil {
			if strings.Contains(err.Error(), "bug:") {
				t.Fatal(err)
			}
			return
		}
		p := policy.Default()
		if err := file.Apply(p); err != nil {
			t.Fatalf("what Parse took, Apply refused: %v", err)
		}
		if p.Threshold < 1 || p.Threshold > 100 {
			t.Fatalf("threshold %d", p.Threshold)
		}
	})
}
