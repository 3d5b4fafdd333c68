package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/merlon-security/merlon/policy/rules"
)

// switchedOff maps the ids of the Core Rule Set's rules that do not run here to
// the rules that look in their place, as a policy names them. Both are what the
// rule text says: the directive, and the comment that gives its reason.
var switchedOff = sync.OnceValues(func() (map[int][]string, error) {
	off := map[int][]string{}
	comment, open := "", false // the last comment, and whether it goes on
	text := rules.SecLang(rules.Options{Paranoia: 1, Threshold: 5}) + rules.SecLang(rules.Options{Part: rules.Pages, Paranoia: 1, Threshold: 5})
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "#"); ok {
			if !open {
				comment = ""
			}
			comment, open = comment+text+"\n", true
			continue
		}
		open = false
		directive, arg, _ := strings.Cut(line, " ")
		switch {
		case line == "":
			comment = ""
		case strings.EqualFold(directive, "SecRuleRemoveById"):
			id, err := strconv.Atoi(arg)
			if err != nil {
				return nil, fmt.Errorf("bug: %s: want one id", line)
			}
			off[id] = idsIn(comment)
		}
	}
	for id, instead := range off {
		off[id] = slices.DeleteFunc(instead, func(name string) bool {
			n, err := strconv.Atoi(name)
			_, itself := off[n]
			return err == nil && itself
		})
	}
	return off, nil
})

var ruleIDs = regexp.MustCompile(`\b(\d{6,7})(?:\s+to\s+(\d{6,7}))?\b`)

// idsIn lists the rules that a comment names, with ranges as policies write them.
func idsIn(comment string) (names []string) {
	for _, m := range ruleIDs.FindAllStringSubmatch(comment, -1) {
		name := m[1]
		if m[2] != "" {
			name += "-" + m[2]
		}
		names = append(names, name)
	}
	return names
}

// off reports whether ids first to last name rules that are switched off, and says
// what looks instead. An entry for such rules only is no mistake: it was written
// for the Core Rule Set as it comes.
func (c *checker) off(first, last int) (text string, ok bool) {
	var instead []string
	n := 0
	for id, names := range c.switched {
		if id >= first && id <= last {
			n++
			instead = append(instead, names...)
		}
	}
	if n == 0 {
		return "", false
	}
	slices.Sort(instead)
	instead = slices.Compact(instead)
	text = "switched off by default, so this has no effect"
	switch len(instead) {
	case 0:
	case 1:
		text += "; what looks instead is " + instead[0]
	default:
		text += "; what looks instead is " + strings.Join(instead[:len(instead)-1], ", ") + " and " + instead[len(instead)-1]
	}
	return text, true
}
