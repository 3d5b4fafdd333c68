package waf_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/policy/seclang"
)

var update = flag.Bool("update", false, "write docs/PACKS.md anew")

const (
	packsPage = "../../docs/PACKS.md"
	packFiles = "../rules/merlon/pack/*.conf"
)

// TestPacksPage compares the page about our rules with the packs.
func TestPacksPage(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(packFiles)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(packsPageHead)
	rules := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := seclang.Parse(seclang.Source{Name: file, Text: string(data)})
		if err != nil {
			t.Fatal(err)
		}
		intro, _, _ := strings.Cut(string(data), "\n\n")
		intro = strings.ReplaceAll(strings.TrimPrefix(intro, "# "), "\n# ", "\n")
		title, text, _ := strings.Cut(strings.ReplaceAll(intro, "\n", " "), ". ")
		family := strings.TrimSuffix(filepath.Base(file), ".conf")
		fmt.Fprintf(&b, "\n## %s\n\n%s Tag `merlon/%s`.\n\n| rule | finds | tags |\n|---|---|---|\n", title, text, family)
		for _, r := range parsed {
			var tags []string
			for _, tag := range r.Tags {
				if tag != "merlon/"+family {
					tags = append(tags, tag)
				}
			}
			msg := r.Msg
			if r.Severity == "INFO" {
				msg += " (reports only)"
			}
			fmt.Fprintf(&b, "| %d | %s | %s |\n", r.ID, msg, strings.Join(tags, ", "))
			rules++
		}
	}
	if rules < 90 {
		t.Fatalf("%d rules, want at least 90", rules)
	}
	if *update {
		if err := os.WriteFile(packsPage, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(packsPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != b.String() {
		t.Errorf("%s is not what the packs say: go test ./policy/waf -run TestPacksPage -update", packsPage)
	}
}

const packsPageHead = `# Our rules

What Merlon looks for beside the Core Rule Set, by family. Made of the packs in
[policy/rules/merlon/pack](../policy/rules/merlon/pack), where each rule has its pattern and a comment that names the attack and what
must not be taken for it; ` + "`testdata/rules`" + ` holds attacks and benign texts for every one. Each finding of theirs counts 5, which is the
threshold, but for those that only report; one that asks libinjection counts 5 for each reading of the text it holds for. What was taken out of the Core Rule Set instead, and why, stands in
[overlay.conf](../policy/rules/merlon/overlay.conf).

Tags: attack-… is the class that a policy can select by, OWASP_TOP_10/ the Top Ten of 2021, cwe/ and capec/ MITRE's catalogues of weaknesses and
of attack patterns, attack/ the ATT&CK technique.

Questions about a GraphQL schema are a finding (9101221) only with ` + "`MERLON_INTROSPECTION=block`" + `: tools ask them all day.
`
