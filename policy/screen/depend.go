package screen

import (
	"regexp"
	"slices"
	"strings"

	"github.com/merlon-security/merlon/policy/seclang"
)

// protectSkipped keeps the rules a skip:n may count: with one of them taken
// out of a transaction, another would be skipped in its place.
func (c *compiler) protectSkipped() {
	kept := map[int]bool{}
	for i := range c.rules {
		n := 0
		for _, a := range c.rules[i].Actions {
			if a.Name == "skip" {
				n = number(a.Value)
			}
		}
		for j := i + 1; j < len(c.rules) && n > 0; j++ {
			if c.rules[j].Marker == "" && c.rules[j].Phase == c.rules[i].Phase {
				kept[c.rules[j].ID] = true
				n--
			}
		}
	}
	for i := range c.p.metas {
		if kept[int(c.p.metas[i].id)] {
			c.p.metas[i].keep = true
		}
	}
}

// protectWriters keeps the chained rules that set, in a link that may match
// although the chain does not, a variable another rule reads: such a rule is
// no hit, and yet the other depends on it.
func (c *compiler) protectWriters() {
	for i := range c.p.rules {
		m := &c.p.metas[c.p.rules[i].meta]
		at := slices.IndexFunc(c.rules, func(r seclang.Rule) bool { return r.Marker == "" && r.ID == int(m.id) })
		r := &c.rules[at]
		if len(r.Chain) == 0 {
			continue
		}
		for _, l := range r.Links()[:len(r.Chain)] {
			for _, a := range l.Actions {
				if set, ok := assignmentOf(a); ok && c.readElsewhere(at, set.key) {
					m.keep = true
				}
			}
		}
	}
}

// readElsewhere reports whether a rule other than the one at i may read the TX
// variable of that name, in a target or in a macro.
func (c *compiler) readElsewhere(i int, name string) bool {
	prefix, _, _ := strings.Cut(strings.ToLower(name), "%{")
	for j := range c.rules {
		if j == i || c.fate[j] == gated {
			continue
		}
		if c.expands(j, name) {
			return true
		}
		links := c.rules[j].Links()
		for k := range links {
			if c.reads(&links[k], name) && !anchoredElsewhere(&links[k], prefix) {
				return true
			}
		}
	}
	return false
}

// anchoredElsewhere reports whether all TX patterns of a rule begin, anchored,
// with something else than the prefix.
func anchoredElsewhere(l *seclang.Rule, prefix string) bool {
	for _, v := range l.Variables {
		if v.Name != "TX" || !v.Regex {
			continue
		}
		literal, anchored := strings.CutPrefix(strings.ToLower(v.Key), "^")
		if !anchored || literal == "" || regexp.QuoteMeta(literal) != literal || strings.HasPrefix(prefix, literal) || strings.HasPrefix(literal, prefix) {
			return false
		}
	}
	return !slices.ContainsFunc(l.Variables, func(v seclang.Variable) bool { return v.Name == "TX" && !v.Regex })
}

// effectless reports whether nothing a rule leaves in TX is read by another,
// evaluators of their own (special) aside.
func (c *compiler) effectless(i int) bool {
	for set := range assignments(&c.rules[i]) {
		for j := range c.rules {
			if j != i && c.fate[j] != gated && !c.leavesAlone(j, set.key) {
				return false
			}
		}
	}
	return true
}

// leavesAlone reports whether the rule at j does not read a TX variable of that
// name, or does so in a way that is evaluated here.
func (c *compiler) leavesAlone(j int, name string) bool {
	if c.expands(j, name) {
		return false
	}
	r := &c.rules[j]
	if c.reads(r, name) {
		if _, ok, err := c.special(j); !ok || err != nil {
			return false
		}
	}
	return true // further links that read TX are taken for matching
}

// expands reports whether a macro of the rule at j stands for a TX variable of that name.
func (c *compiler) expands(j int, name string) bool {
	prefix, _, _ := strings.Cut(strings.ToLower(name), "%{")
	macro := "%{tx." + prefix
	for _, l := range c.rules[j].Links() {
		if strings.Contains(strings.ToLower(l.Operator.Argument), macro) {
			return true
		}
		for _, a := range l.Actions {
			if a.Name != "logdata" && strings.Contains(strings.ToLower(a.Value), macro) {
				return true
			}
		}
	}
	return false
}

// reads reports whether the starter of r may read a TX variable of that name.
func (c *compiler) reads(r *seclang.Rule, name string) bool {
	name = strings.ToLower(name)
	prefix, _, dynamic := strings.Cut(name, "%{")
	return slices.ContainsFunc(r.Variables, func(v seclang.Variable) bool {
		switch {
		case v.Name != "TX":
			return false
		case v.Key == "" || v.Regex && dynamic:
			return true
		case v.Regex:
			re, err := regexp.Compile(strings.ToLower(v.Key))
			return err != nil || re.MatchString(name)
		case dynamic:
			return strings.HasPrefix(strings.ToLower(v.Key), prefix)
		}
		return strings.ToLower(v.Key) == name
	})
}
