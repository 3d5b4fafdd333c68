package screen

import (
	"regexp"
	"strings"

	"github.com/merlon-security/merlon/policy/screen/necessary"
	"github.com/merlon-security/merlon/policy/screen/transform"
	"github.com/merlon-security/merlon/policy/seclang"
)

// special compiles starters that read TX variables by pattern. The names of
// such variables are completed from the transaction, so an argument's or a
// header's name decides whether there is one. Two shapes are known:
//
//   - a counter per argument name and its reader (921170, 921180), evaluated exactly;
//   - a reader none of whose own writers can run (922110): it matches only if
//     a name that flows into another variable contains what it looks for.
func (c *compiler) special(i int) (out rule, ok bool, err error) {
	r := &c.rules[i]
	if len(r.Variables) != 1 || r.Variables[0].Name != "TX" || !r.Variables[0].Regex {
		return out, false, nil
	}
	out.op.pattern = -1
	if len(r.Chain) > 0 || r.Variables[0].Count || len(r.Variables[0].Except) > 0 {
		return out, true, unknown("TX by pattern in a chain or count")
	}
	var direct, flows []*seclang.Rule
	for j := range c.rules {
		w := &c.rules[j]
		if c.fate[j] == gated || c.fate[j] == idle || c.fate[j] == never && !c.guardedRule(w) {
			continue
		}
		for _, name := range dynamicNames(w) {
			if hit, err := c.nameMatches(r, name); err != nil {
				return out, true, err
			} else if hit {
				direct = append(direct, w)
			} else {
				flows = append(flows, w)
			}
		}
	}
	switch {
	case len(direct) == 0:
		out, err = c.flowReader(r, flows)
	case len(direct) == 1 && counts(direct[0], r):
		out, err = c.counterReader(r)
	default:
		err = unknown("TX by pattern, written by %d rules", len(direct))
	}
	return out, true, err
}

// guardedRule reports whether a rule that configuration rules out still may match once there is a hit.
func (c *compiler) guardedRule(r *seclang.Rule) bool {
	_, guarded, _ := c.settled(r)
	return guarded
}

// dynamicNames returns the names of TX variables a rule completes from the transaction.
func dynamicNames(r *seclang.Rule) (out []string) {
	for set := range assignments(r) {
		if strings.Contains(set.key, "%{") {
			out = append(out, strings.ToLower(set.key))
		}
	}
	return out
}

// nameMatches reports whether a reader's pattern matches the constant part of
// a name. Constant names are not looked at: those the reader could match are
// taken for written by rules that are hits themselves.
func (c *compiler) nameMatches(r *seclang.Rule, name string) (bool, error) {
	re, err := regexp.Compile(strings.ToLower(r.Variables[0].Key))
	if err != nil {
		return false, err
	}
	prefix, _, _ := strings.Cut(name, "%{")
	return re.MatchString(prefix), nil
}

// counts reports whether w counts argument names and r asks for a count above
// a constant: ARGS_NAMES "@rx ." with setvar:'tx.prefix%{MATCHED_VAR_NAME}=+1'.
func counts(w, r *seclang.Rule) bool {
	v := w.Variables
	if len(v) != 1 || v[0].Name != "ARGS_NAMES" || v[0].Key != "" || v[0].Count || len(v[0].Except) > 0 || len(w.Chain) > 0 {
		return false
	}
	if w.Operator != (seclang.Operator{Name: "rx", Argument: "."}) || len(w.Transformations) > 0 || len(r.Transformations) > 0 {
		return false
	}
	sets := 0
	for _, a := range w.Actions {
		if set, ok := assignmentOf(a); ok {
			sets++
			if !strings.HasSuffix(strings.ToLower(set.key), "%{matched_var_name}") || set.value != "+1" {
				return false
			}
		}
	}
	return sets == 1 && strings.EqualFold(r.Operator.Name, "gt") && !r.Operator.Negated
}

// counterReader compiles: more than n arguments of one name. Variables other
// rules complete from a name carry a text in the place of a number, which
// Coraza compares as 0.
func (c *compiler) counterReader(r *seclang.Rule) (rule, error) {
	op, _, ok, err := c.compileOperator(&r.Operator)
	if err != nil {
		return rule{}, err
	}
	if !ok || op.number < 1 {
		return rule{}, unknown("counter compared with %s", r.Operator.Argument)
	}
	return rule{dup: int32(op.number), op: operator{pattern: -1}}, nil
}

// flowReader compiles a reader whose variables exist only if a name that
// flows into another rule's variable contains the literal it begins with.
func (c *compiler) flowReader(r *seclang.Rule, flows []*seclang.Rule) (rule, error) {
	pattern := strings.ToLower(r.Variables[0].Key)
	re, err := regexp.Compile(pattern)
	if err != nil {
		return rule{}, err
	}
	literal, _ := re.LiteralPrefix()
	if len(literal) < 2 || strings.HasPrefix(pattern, "^") {
		return rule{}, unknown("TX by pattern %s", pattern)
	}
	for _, w := range flows {
		if !fromNames(w) {
			return rule{}, unknown("TX by pattern %s beside rule %d", pattern, w.ID)
		}
		for _, name := range dynamicNames(w) {
			// A match must not begin in the constant part: it would escape the test of the name alone.
			prefix, macro, _ := strings.Cut(name, "%{")
			if macro == "matched_var_name}" {
				prefix += "args_names:"
			}
			for n := 1; n < len(literal); n++ {
				if strings.HasSuffix(prefix, literal[:n]) {
					return rule{}, unknown("TX by pattern %s beside tx.%s", pattern, name)
				}
			}
		}
	}
	out := rule{op: operator{code: opRx, pattern: c.addPattern(pattern, false)}}
	cond, err := necessary.FromRegexp(pattern)
	if err != nil {
		return rule{}, err
	}
	out.clauses = c.addClauses(cond)
	out.nodes = []uint16{uint16(c.node(0, transform.Lowercase, false))}
	for _, name := range []string{"ARGS_NAMES", "REQUEST_HEADERS_NAMES", "REQUEST_COOKIES_NAMES"} {
		v := seclang.Variable{Name: name}
		out.selections = append(out.selections, c.selection(v, slotsOf[name]))
		out.slots |= slotMask(slotsOf[name]...)
	}
	return out, nil
}

// fromNames reports whether what completes a rule's variable names is the name
// of an argument, a header or a cookie, or a part of one.
func fromNames(w *seclang.Rule) bool {
	names := true
	for _, v := range w.Variables {
		if len(slotsOf[v.Name]) == 0 || v.Count {
			return false
		}
		names = names && strings.HasSuffix(v.Name, "_NAMES")
	}
	for _, t := range w.Transformations {
		names = names && t == "lowercase"
	}
	for _, name := range dynamicNames(w) {
		_, macro, _ := strings.Cut(name, "%{")
		captured := strings.HasPrefix(macro, "tx.") && w.Capture && names
		if macro != "matched_var_name}" && !captured {
			return false
		}
	}
	return true
}
