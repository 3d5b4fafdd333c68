package main

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"sync"

	"github.com/merlon-security/merlon/internal/review"
	"github.com/merlon-security/merlon/policy"
	"github.com/merlon-security/merlon/policy/rules"
	"github.com/merlon-security/merlon/policy/rules/merlon/pack"
)

const (
	packsPage   = "https://github.com/merlon-security/merlon/blob/main/docs/PACKS.md"
	profilePage = "https://github.com/merlon-security/merlon/blob/main/docs/PROFILE.md"
	ownPage     = "https://github.com/merlon-security/merlon/blob/main/docs/RULES.md"
	crsFiles    = "https://github.com/coreruleset/coreruleset/blob/v%s/rules/REQUEST-%s.conf"
)

// crsNames are the files of the Core Rule Set by the first digits of their ids.
var crsNames = map[int]string{
	911: "911-METHOD-ENFORCEMENT", 913: "913-SCANNER-DETECTION", 920: "920-PROTOCOL-ENFORCEMENT", 921: "921-PROTOCOL-ATTACK",
	922: "922-MULTIPART-ATTACK", 930: "930-APPLICATION-ATTACK-LFI", 931: "931-APPLICATION-ATTACK-RFI",
	932: "932-APPLICATION-ATTACK-RCE", 933: "933-APPLICATION-ATTACK-PHP", 934: "934-APPLICATION-ATTACK-GENERIC",
	941: "941-APPLICATION-ATTACK-XSS", 942: "942-APPLICATION-ATTACK-SQLI", 943: "943-APPLICATION-ATTACK-SESSION-FIXATION",
	944: "944-APPLICATION-ATTACK-JAVA",
}

// maxRuleText bounds the text of a rule; some patterns have thousands of
// characters, and the link leads to all of them.
const maxRuleText = 600

// aboutRule is what Merlon brings along about a rule.
func aboutRule(id int) review.RuleText {
	var r review.RuleText
	switch {
	case id < 100_000:
		r.Link = ownPage
		r.Comment = "A rule of your own policy."
	case crsNames[id/1000] != "":
		r.Link = fmt.Sprintf(crsFiles, strings.TrimPrefix(rules.Version, "crs-"), crsNames[id/1000])
	case id >= policy.FirstProfileRule && id <= policy.LastProfileRule():
		r.Link = profilePage
		r.Comment = "A departure from the profile of the function."
	case id >= 9_100_000:
		r.Link = packsPage
		r.Comment = packComment(id)
	}
	r.Text = ruleLines()[id]
	if len(r.Text) > maxRuleText {
		r.Text = strings.ToValidUTF8(r.Text[:maxRuleText], "") + "…"
	}
	return r
}

// ruleLines are the rules as they are written, by id.
var ruleLines = sync.OnceValue(func() map[int]string {
	lines := map[int]string{}
	text := rules.StockOperators(rules.SecLang(rules.Options{Paranoia: 4, Threshold: 5, Plain: true}))
	for line := range strings.Lines(text) {
		_, rest, ok := strings.Cut(line, `"id:`)
		if !ok {
			continue
		}
		digits, _, _ := strings.Cut(rest, ",")
		if id, err := strconv.Atoi(digits); err == nil {
			lines[id] = strings.TrimSpace(line)
		}
	}
	return lines
})

// packComment is what stands above a rule of ours: "# 9100800: or and and …",
// until the rule begins.
func packComment(id int) string {
	names, err := fs.Glob(pack.Files, "*.conf")
	if err != nil {
		panic("bug: the pattern is a constant: " + err.Error())
	}
	head := fmt.Sprintf("# %d: ", id)
	for _, name := range names {
		data, err := pack.Files.ReadFile(name)
		if err != nil {
			panic("bug: what Glob lists can be read: " + err.Error())
		}
		if _, rest, ok := strings.Cut(string(data), head); ok {
			comment, _, _ := strings.Cut(rest, "\nSec")
			return strings.TrimSpace(strings.ReplaceAll(comment, "\n# ", "\n"))
		}
	}
	return ""
}
