package screen

import (
	"iter"
	"strings"

	"github.com/merlon-security/merlon/policy/seclang"
)

// disposition is what configuration alone says about a rule.
type disposition uint8

const (
	open   disposition = iota // depends on the transaction
	never                     // cannot match as long as there is no hit
	always                    // its starter matches in every transaction
	gated                     // skipped, or of another phase
	idle                      // its starter cannot match, hit or no hit
)

// lastPhase is the last phase that transactions of the program run.
func (c *compiler) lastPhase() int {
	if c.opt.Responses {
		return 4
	}
	return 2
}

// settle reads the rules in the order Coraza runs them, phase by phase,
// and decides those that depend on configuration alone: initialisation,
// paranoia gates, score thresholds. What it decides holds while no rule is
// reported as a hit; guarded rules are those for which that matters.
func (c *compiler) settle() {
	c.fate = make([]disposition, len(c.rules))
	for phase := 1; phase <= c.lastPhase(); phase++ {
		until := ""
		for i := range c.rules {
			r := &c.rules[i]
			if r.Marker != "" {
				if r.Marker == until {
					until = ""
				}
				continue
			}
			if r.Phase != phase {
				if r.Phase > c.lastPhase() {
					c.fate[i] = gated
				}
				continue
			}
			if until != "" {
				c.fate[i] = gated
				continue
			}
			c.fate[i] = c.settleRule(r)
			if c.fate[i] == always && len(r.Chain) == 0 {
				until = skipTarget(r)
			}
		}
	}
}

// skipTarget returns the marker of a skipAfter action.
func skipTarget(r *seclang.Rule) string {
	for _, a := range r.Actions {
		if a.Name == "skipafter" {
			return a.Value
		}
	}
	return ""
}

// settleRule decides one rule and follows what it does to TX.
func (c *compiler) settleRule(r *seclang.Rule) disposition {
	c.fixOperand(&r.Operator)
	defer func() { // the members run after the starter's own assignments
		for i := range r.Chain {
			c.fixOperand(&r.Chain[i].Operator)
		}
	}()
	matched, guarded, known := c.settled(r)
	switch {
	case !known || guarded && (matched || r.Has("skipafter")):
		c.follow(r)
		return open
	case !matched && !guarded:
		return idle
	case !matched: // it may match once there is a hit, and then what it sets is set
		c.follow(r)
		return never
	case len(r.Chain) == 0:
		for _, a := range r.Actions {
			if set, ok := assignmentOf(a); ok {
				c.env.assign(set)
			}
		}
		return always
	}
	for i := range r.Chain {
		matched, guarded, known := c.settled(&r.Chain[i])
		if known && !guarded && !matched {
			c.follow(r)
			return never
		}
	}
	c.follow(r)
	return always
}

// settled evaluates one link of a rule from what is known of TX.
func (c *compiler) settled(r *seclang.Rule) (matched, guarded, known bool) {
	if r.Operator.Name == "" {
		return true, false, true
	}
	for _, v := range r.Variables {
		value, g, ok := c.constant(v)
		if !ok {
			return false, false, false
		}
		guarded = guarded || g
		if value == nil {
			continue
		}
		code, isComparison := comparisons[strings.ToLower(r.Operator.Name)]
		if !isComparison || len(r.Transformations) > 0 {
			return false, false, false
		}
		text, g, ok := c.env.expand(r.Operator.Argument)
		if !ok {
			return false, false, false
		}
		guarded = guarded || g
		op := operator{code: code, text: text, number: number(text)}
		matched = matched || op.compare(*value) != r.Operator.Negated
	}
	return matched, guarded, true
}

// operand is the argument of an operator with its macros resolved, where the rule stands.
type operand struct {
	text string
	ok   bool
}

// fixOperand resolves the macros of an argument now: later rules may change what they stand for.
func (c *compiler) fixOperand(op *seclang.Operator) {
	text, guarded, known := c.env.expand(op.Argument)
	c.operands[op] = operand{text, known && !guarded}
}

// constant returns the value of a target that configuration determines; nil if it has none.
func (c *compiler) constant(v seclang.Variable) (value *string, guarded, ok bool) {
	zero := "0"
	switch {
	case absent[v.Name] && v.Count:
		return &zero, false, true
	case absent[v.Name]:
		return nil, false, true
	case v.Name == "TX" && v.Key != "" && !v.Regex && len(v.Except) == 0:
		f := c.env.look(v.Key)
		if f.lost {
			return nil, false, false
		}
		if v.Count {
			if f.present {
				zero = "1"
			}
			return &zero, f.guarded, true
		}
		if !f.present {
			return nil, f.guarded, true
		}
		return &f.value, f.guarded, true
	}
	if s, isInitial := initial[v.Name]; isInitial && !v.Count {
		return &s, false, true
	}
	return nil, false, false
}

// follow notes what a rule that may match does to TX. The actions of a link
// run when that link matches; only those of the last imply that the rule is
// reported as a hit.
func (c *compiler) follow(r *seclang.Rule) {
	links := r.Links()
	for i := range links {
		last := i == len(links)-1
		for _, a := range links[i].Actions {
			if set, ok := assignmentOf(a); ok {
				c.env.disturb(set, !last)
			}
		}
	}
}

// assignments yields what a rule and its chain set in TX, in order.
func assignments(r *seclang.Rule) iter.Seq[assignment] {
	return func(yield func(assignment) bool) {
		for _, l := range r.Links() {
			for _, a := range l.Actions {
				if set, ok := assignmentOf(a); ok && !yield(set) {
					return
				}
			}
		}
	}
}

func assignmentOf(a seclang.Action) (assignment, bool) {
	if a.Name != "setvar" {
		return assignment{}, false
	}
	return parseAssignment(a.Value)
}

// inert reports whether a match of the rule is no finding: it passes, logs
// nothing, and leaves at most variables and controls behind.
func inert(r *seclang.Rule) bool {
	return r.Has("nolog") && r.Has("pass") && !r.Has("deny") && !r.Has("block") && !r.Has("drop") && !r.Has("redirect")
}
