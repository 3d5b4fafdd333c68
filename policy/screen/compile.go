package screen

import (
	"errors"
	"fmt"
	"strings"

	"github.com/merlon-security/merlon/policy/screen/literal"
	"github.com/merlon-security/merlon/policy/screen/necessary"
	"github.com/merlon-security/merlon/policy/screen/transform"
	"github.com/merlon-security/merlon/policy/seclang"
)

// compiler is the state of one compilation.
type compiler struct {
	rules []seclang.Rule
	opt   Options
	env   *env
	fate  []disposition
	// operands holds the arguments of comparisons, resolved where their rule stands.
	operands map[*seclang.Operator]operand

	p        *Program
	words    literal.Builder
	clauses  map[string]int32 // literal clauses by content
	patterns map[string]int32
	nodes    map[nodeKey]int
}

// Compile builds the program of a rule set. It fails if a rule cannot be
// understood at all; one that is understood but not screenable becomes Unknown.
func Compile(rules []seclang.Rule, opt Options) (*Program, error) {
	if opt.Paranoia < 1 || opt.Paranoia > 4 {
		return nil, fmt.Errorf("paranoia level %d: want 1 to 4", opt.Paranoia)
	}
	c := &compiler{
		rules: rules, opt: opt, env: newEnv(opt.Paranoia),
		p:        &Program{paranoia: uint8(opt.Paranoia)},
		clauses:  map[string]int32{},
		patterns: map[string]int32{},
		nodes:    map[nodeKey]int{},
		operands: map[*seclang.Operator]operand{},
	}
	c.p.nodes = []node{{parent: -1}}
	c.settle()
	if f := c.env.look("detection_paranoia_level"); f.lost || f.value != fmt.Sprint(opt.Paranoia) {
		return nil, fmt.Errorf("the rules set tx.detection_paranoia_level to %q, the options say %d: set it in one place", f.value, opt.Paranoia)
	}
	var errs []error
	for i := range rules {
		if rules[i].Marker != "" {
			continue
		}
		if err := c.rule(i); err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: rule %d: %w", rules[i].File, rules[i].Line, rules[i].ID, err))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	c.protectSkipped()
	c.protectWriters()
	var err error
	if c.p.literals, err = c.words.Build(); err != nil {
		return nil, err
	}
	c.p.finish()
	for i := range c.p.patterns {
		c.p.patterns[i].code = string(c.p.machine(int32(i)).Append(nil))
	}
	c.p.finish() // forget the machines: few of them are ever needed
	return c.p, nil
}

// rule classifies one rule and compiles what depends on the transaction.
func (c *compiler) rule(i int) error {
	r := &c.rules[i]
	m := meta{id: int32(r.ID)}
	switch {
	case c.fate[i] == gated:
		m.class, m.keep = Gated, r.Phase > c.lastPhase()
	case c.fate[i] == idle:
		m.class = Bookkeeping
	case c.fate[i] == never:
		m.class, m.keep = Bookkeeping, true
	case inert(r) && (c.fate[i] == always || c.effectless(i)):
		m.class, m.keep = Bookkeeping, true
	case c.fate[i] == always && len(r.Chain) == 0 && r.Operator.Name == "" && quiet(r):
		m.class, m.keep = Bookkeeping, true
	default:
		return c.screened(i, m)
	}
	m.whole = m.keep && c.fate[i] != gated && c.whole(i, 0)
	c.p.metas = append(c.p.metas, m)
	return nil
}

// quiet reports a SecAction without a disruptive action or a log line.
func quiet(r *seclang.Rule) bool { return r.Has("nolog") && !r.Has("deny") && !r.Has("block") }

// screened compiles a rule that may match and would be a finding.
func (c *compiler) screened(i int, m meta) error {
	r := &c.rules[i]
	out, err := c.compileRule(i)
	if errors.Is(err, errUnknown) {
		m.class, m.keep = Unknown, true
		c.p.metas = append(c.p.metas, m)
		c.p.reasons = append(c.p.reasons, fmt.Sprintf("rule %d: %v", r.ID, err))
		return nil
	}
	if err != nil {
		return err
	}
	m.class, m.whole = Value, c.whole(i, 1)
	if out.head {
		m.class = Head
	}
	out.meta = int32(len(c.p.metas))
	c.p.metas = append(c.p.metas, m)
	c.p.rules = append(c.p.rules, out)
	return nil
}

// errUnknown marks a rule that always goes to Coraza.
var errUnknown = errors.New("not screenable")

func unknown(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errUnknown, fmt.Sprintf(format, args...))
}

// compileRule compiles starter and chain.
func (c *compiler) compileRule(i int) (rule, error) {
	r := &c.rules[i]
	out := rule{op: operator{pattern: -1}}
	var slots slotSet
	if c.fate[i] == always {
		out.constant = true
	} else {
		if special, ok, err := c.special(i); ok || err != nil {
			return special, err
		}
		op, cond, ok, err := c.compileOperator(&r.Operator)
		if err != nil {
			return out, err
		}
		if !ok {
			return out, unknown("operator %s %s", r.Operator.Name, r.Operator.Argument)
		}
		out.op = op
		if out.nodes, err = c.chain(r); err != nil {
			return out, err
		}
		if slots, err = c.targets(&out, r.Variables); err != nil {
			return out, err
		}
		if len(out.counts) > 0 && len(r.Transformations) > 0 {
			return out, unknown("transformations of a count")
		}
		out.clauses = c.addClauses(cond)
		for j := range out.clauses {
			out.clauses[j].common = out.clauses[j].common && op.code != opWords
		}
	}
	var err error
	if out.members, err = c.members(r, &out); err != nil {
		return out, err
	}
	out.slots = slots
	out.head = slots&^headSlots == 0 && (slots != 0 || len(out.counts) > 0 && c.headCounts(r))
	for _, m := range r.Chain {
		for _, v := range m.Variables {
			out.head = out.head || v.Count && v.Name == "REQUEST_HEADERS"
		}
	}
	return out, nil
}

// headCounts reports whether every target is a count of something of the head.
func (c *compiler) headCounts(r *seclang.Rule) bool {
	for _, v := range r.Variables {
		slots, _ := c.slotsOf(v.Name)
		for _, s := range slots {
			if !headSlots.has(s) {
				return false
			}
		}
	}
	return true
}

// chain finds the nodes whose texts the operator is applied to.
func (c *compiler) chain(r *seclang.Rule) ([]uint16, error) {
	at := 0
	nodes := []uint16{0}
	for _, name := range r.Transformations {
		kind, ok := transform.Lookup(name)
		if !ok {
			return nil, unknown("transformation %s", name)
		}
		at = c.node(at, kind, r.MultiMatch)
		if r.MultiMatch {
			nodes = append(nodes, uint16(at))
		} else {
			nodes[0] = uint16(at)
		}
	}
	return nodes, nil
}

// targets compiles the variables of a starter into slots, selectors and counts.
func (c *compiler) targets(out *rule, vars []seclang.Variable) (all slotSet, err error) {
	for _, v := range vars {
		if absent[v.Name] {
			if v.Count {
				return 0, unknown("count of %s beside other targets", v.Name)
			}
			continue
		}
		slots, ok := c.slotsOf(v.Name)
		if !ok {
			return 0, unknown("variable %s", v.Name)
		}
		if v.Count {
			out.counts = append(out.counts, c.selection(v, slots))
			continue
		}
		all |= slotMask(slots...)
		out.selections = append(out.selections, c.selection(v, slots))
	}
	return all, nil
}

// selection compiles one variable.
func (c *compiler) selection(v seclang.Variable, slots []slot) selection {
	s := selection{slots: slotMask(slots...), any: v.Key == "", key: c.key(v.Name, v.Key, v.Regex)}
	for _, e := range v.Except {
		if v.Key != "" {
			continue // an exclusion from one element: leaving it in is the safe side
		}
		s.except = append(s.except, c.key(v.Name, e.Key, e.Regex))
	}
	return s
}

// key compiles a selector. Coraza lower-cases patterns for all but the argument collections.
func (c *compiler) key(variable, text string, regex bool) key {
	if !regex {
		return key{text: strings.ToLower(text), pattern: -1}
	}
	if !strings.HasPrefix(variable, "ARGS") {
		text = strings.ToLower(text)
	}
	k := key{pattern: c.addPattern(text, false)}
	if cond, err := necessary.FromRegexp(text); err == nil {
		k.needs = oneByte(cond)
	}
	return k
}

// oneByte picks a byte every match must have, if a clause says so. A letter
// would not do: names are compared in any case.
func oneByte(cond necessary.Cond) byte {
	for _, cl := range cond {
		if len(cl.Literals) > 0 {
			continue
		}
		for b := byte('!'); b < 'A'; b++ {
			var one transform.Bytes
			one.AddRange(b, b)
			if cl.Bytes == one {
				return b
			}
		}
		for _, b := range []byte(`[]\^{|}~`) {
			var one transform.Bytes
			one.AddRange(b, b)
			if cl.Bytes == one {
				return b
			}
		}
	}
	return 0
}

// addPattern numbers a pattern; equal ones share a compilation.
func (c *compiler) addPattern(text string, bytes bool) int32 {
	k := text
	if bytes {
		k = "bytes:" + text
	}
	if i, ok := c.patterns[k]; ok {
		return i
	}
	i := int32(len(c.p.patterns))
	c.patterns[k] = i
	c.p.patterns = append(c.p.patterns, pattern{text: text, bytes: bytes})
	return i
}

// addClauses numbers the literal clauses of a condition; equal ones share a bit.
func (c *compiler) addClauses(cond necessary.Cond) []clause {
	var out []clause
	for _, cl := range cond {
		k := clause{bytes: cl.Bytes, hints: cl.Hints(), literal: -1, stripped: cl.Stripped, weight: float32(cl.Weight())}
		k.rarity = float32((&necessary.Clause{Bytes: k.hints[0]}).Weight())
		if len(cl.Literals) > 0 {
			text := strings.Join(cl.Literals, "\n\x00")
			bit, ok := c.clauses[text]
			if !ok {
				bit = int32(len(c.clauses))
				c.clauses[text] = bit
				for _, l := range cl.Literals {
					c.words.Add(l, uint16(bit))
				}
			}
			k.literal = bit
			k.common = (&necessary.Clause{Literals: cl.Literals}).Weight() > commonWeight
		}
		out = append(out, k)
	}
	return out
}
