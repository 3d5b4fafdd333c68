package screen

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/merlon-security/merlon/policy/screen/transform"
	"github.com/merlon-security/merlon/policy/seclang"
)

// member is one further link of a chain, as far as it can be evaluated here.
// A link that cannot is left out: it counts as matching, the safe side.
type member struct {
	selections []selection
	counts     []selection
	op         operator
	steps      []transform.Kind

	// captured is set for a link that tests what the starter captured:
	// before, group and after make up the value, see capturedValue.
	captured      bool
	before, after string
	group         int32
}

// members compiles the links that depend on nothing an earlier rule left behind.
func (c *compiler) members(r *seclang.Rule, starter *rule) ([]member, error) {
	var out []member
	for i := range r.Chain {
		l := &r.Chain[i]
		if l.Operator.Name == "" || l.MultiMatch {
			continue
		}
		m, ok, err := c.member(r, l, starter)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, m)
		}
	}
	return out, nil
}

func (c *compiler) member(r, l *seclang.Rule, starter *rule) (m member, ok bool, err error) {
	if m.op, _, ok, err = c.compileOperator(&l.Operator); err != nil || !ok {
		return m, false, err
	}
	for _, name := range l.Transformations {
		kind, known := transform.Lookup(name)
		if !known {
			return m, false, nil
		}
		m.steps = append(m.steps, kind)
	}
	if len(l.Variables) == 1 && l.Variables[0].Name == "TX" {
		return m, c.captures(&m, r, &l.Variables[0], starter), nil
	}
	for _, v := range l.Variables {
		slots, known := c.slotsOf(v.Name)
		switch {
		case strings.HasPrefix(v.Name, "MATCHED_"):
			return m, false, nil // what the links before it matched
		case absent[v.Name] && !v.Count:
		case !known:
			return m, false, nil
		case v.Count:
			m.counts = append(m.counts, c.selection(v, slots))
		default:
			m.selections = append(m.selections, c.selection(v, slots))
		}
	}
	return m, true, nil
}

// captures recognises a link that tests, by way of a TX variable, what the
// starter captured: setvar:'tx.name=before%{tx.N}after' and TX:name, or
// setvar:'tx.prefix_%{tx.0}=…' and TX:/^prefix_/.
func (c *compiler) captures(m *member, r *seclang.Rule, v *seclang.Variable, starter *rule) bool {
	if v.Count || len(v.Except) > 0 || !r.Capture || starter.constant || starter.op.code != opRx || starter.op.negated {
		return false
	}
	for _, a := range r.Actions {
		set, ok := assignmentOf(a)
		if !ok || set.remove || !sameVariable(set.key, v) || c.writers(set.key) != 1 {
			continue
		}
		before, rest, ok1 := strings.Cut(set.value, "%{")
		macro, after, ok2 := strings.Cut(rest, "}")
		digits, isTX := cutFold(macro, "tx.")
		group, err := strconv.Atoi(digits)
		if !ok1 || !ok2 || !isTX || err != nil || strings.Contains(after, "%{") || before == "" || before[0] == '+' || before[0] == '-' {
			return false
		}
		re, err := regexp.Compile(c.p.patterns[starter.op.pattern].text)
		if err != nil || group > re.NumSubexp() || group > 8 {
			return false
		}
		m.captured, m.before, m.after, m.group = true, before, after, int32(group)
		return true
	}
	return false
}

// sameVariable reports whether a setvar writes what the variable reads.
func sameVariable(name string, v *seclang.Variable) bool {
	name = strings.ToLower(name)
	prefix, rest, dynamic := strings.Cut(name, "%{")
	if !v.Regex {
		return !dynamic && strings.ToLower(v.Key) == name
	}
	// The pattern must be the constant prefix and nothing else.
	return dynamic && rest == "tx.0}" && strings.ToLower(v.Key) == "^"+prefix && regexp.QuoteMeta(prefix) == prefix
}

// writers counts the live rules that set a TX variable of that name, or one
// whose name could come out the same.
func (c *compiler) writers(name string) (n int) {
	prefix, _, _ := strings.Cut(strings.ToLower(name), "%{")
	for i := range c.rules {
		if c.fate[i] == gated {
			continue
		}
		for set := range assignments(&c.rules[i]) {
			other, _, dynamic := strings.Cut(strings.ToLower(set.key), "%{")
			if other == prefix || strings.HasPrefix(other, prefix) && prefix != strings.ToLower(name) || dynamic && strings.HasPrefix(prefix, other) {
				n++
			}
		}
	}
	return n
}
