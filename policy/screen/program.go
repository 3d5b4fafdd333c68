// Package screen proves, in one pass over the values of a transaction, that no
// loaded rule can match it, so that Coraza need not be entered. It owns the
// necessary conditions of rules and nothing else: it does not score, block or
// report, and it knows no Coraza type. Coraza stays the authority: Clean
// implies that stock Coraza finds nothing; a hit only says which rules may.
//
// The scan is value-major. Each distinct value is looked at once for its bytes
// and for the literals of all rules together; a rule is considered only if the
// value has what every match of it must contain (package necessary), and only
// then is the rule's own operator run. Transformations share the scan of the
// untransformed value unless it has a byte that triggers them.
//
// What a transformation makes of a value is computed only if the bytes it can
// have leave one of the rules behind it possible, and searched only for the
// literals these rules depend on.
package screen

import (
	"sync"
	"sync/atomic"

	"github.com/merlon-security/merlon/policy/screen/automaton"
	"github.com/merlon-security/merlon/policy/screen/literal"
	"github.com/merlon-security/merlon/policy/screen/transform"
)

// Options fixes what is constant for a configuration.
type Options struct {
	// Paranoia is the detection paranoia level, 1 to 4. Rules of higher levels are not evaluated.
	Paranoia int
	// Responses compiles the rules about responses (phases 3 and 4) instead of
	// those about requests. Phases 1 and 2 may then hold set-up alone.
	Responses bool
	// Data returns the content of a file named by @pmFromFile.
	Data func(name string) ([]byte, error)
}

// Class is the treatment of a rule by the screen.
type Class uint8

// The classes of rules. The list is closed: a rule of any other kind is Unknown.
const (
	Bookkeeping Class = iota // matches or not by configuration alone, or without effect on detection
	Gated                    // skipped at this paranoia level, or of a response phase
	Head                     // about the request's head, counts and absence included
	Value                    // necessary condition on each value, then the rule's own operator
	Unknown                  // always to Coraza
)

// String returns the name of the class.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return "invalid"
}

var classNames = [...]string{"bookkeeping", "gated", "head", "value", "unknown"}

// Program is a compiled rule set. It is immutable and safe for concurrent use.
type Program struct {
	paranoia uint8
	metas    []meta // every rule, in order
	rules    []rule // the screened ones
	nodes    []node
	patterns []pattern
	literals *literal.Set
	reasons  []string // why rules are Unknown

	index // derived, see index.go
}

// meta is what is kept of every rule.
type meta struct {
	id    int32
	class Class
	keep  bool // never narrowed away
	whole bool // looks at arguments that its starter does not match, see needed
}

// rule is one screened rule.
type rule struct {
	meta     int32
	head     bool
	constant bool    // the starter matches in every transaction
	dup      int32   // evaluator of repeated argument names: more than dup of one; 0 if it is no such rule
	slots    slotSet // union of its selections
	op       operator
	nodes    []uint16
	clauses  []clause
	members  []member

	selections []selection
	counts     []selection
}

// clause is one clause of a condition: a byte of the set or a literal with the bit.
type clause struct {
	bytes    transform.Bytes
	hints    [2]transform.Bytes // what satisfies the clause has a byte of each
	literal  int32              // bit, or -1
	stripped bool               // a literal without junk counts, too
	weight   float32
	rarity   float32 // weight of the first hint
	common   bool    // one of the literals is in nearly every long text, see commonWeight
}

// selection is one variable: slots and which of their elements.
type selection struct {
	slots  slotSet
	any    bool
	key    key
	except []key
}

// key names elements, by lower-case name or by pattern.
type key struct {
	text    string
	pattern int32 // or -1
	needs   byte  // a byte every name the pattern matches has; 0 if none is known
}

// node is one transformation behind a chain of others. The first node is the value itself.
type node struct {
	parent int32
	kind   transform.Kind
	multi  bool // of a multiMatch rule: passes only what Coraza reports as changed
}

type nodeKey struct {
	parent int
	kind   transform.Kind
	multi  bool
}

// node finds or makes the node for one more transformation.
func (c *compiler) node(parent int, kind transform.Kind, multi bool) int {
	k := nodeKey{parent, kind, multi}
	if n, ok := c.nodes[k]; ok {
		return n
	}
	n := len(c.p.nodes)
	c.nodes[k] = n
	c.p.nodes = append(c.p.nodes, node{parent: int32(parent), kind: kind, multi: multi})
	return n
}

// pattern is a regular expression. Its machine is made when first needed, from
// code, which spares parsing the text.
type pattern struct {
	text  string
	bytes bool
	code  string
}

// machine is the automaton of a pattern, made when it is first needed.
type machine struct {
	mu   sync.Mutex
	auto atomic.Pointer[automaton.Machine]
}

// automata is the memory all automata of a program may take together.
const automata = 8 << 20

// machine returns the automaton of a pattern.
func (p *Program) machine(i int32) *automaton.Machine {
	t := &p.patterns[i]
	return p.machines[i].get(func() (*automaton.Machine, error) {
		if auto, err := automaton.Read(t.code, t.text, t.bytes, p.budget); err == nil {
			return auto, nil
		}
		return automaton.New(t.text, t.bytes, p.budget)
	})
}

// get returns the automaton, making it if there is none yet.
func (m *machine) get(make func() (*automaton.Machine, error)) *automaton.Machine {
	if auto := m.auto.Load(); auto != nil {
		return auto
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if auto := m.auto.Load(); auto != nil {
		return auto
	}
	auto, err := make()
	if err != nil {
		panic("bug: pattern " + err.Error()) // it was parsed when the program was compiled
	}
	m.auto.Store(auto)
	return auto
}

func (m *machine) forget() {
	if auto := m.auto.Load(); auto != nil {
		auto.Forget()
	}
}

// tidy gives memory back when adversarial texts have made the automata grow.
func (p *Program) tidy() {
	if !p.budget.Tight() {
		return
	}
	for i := range p.machines {
		p.machines[i].forget()
	}
	for _, b := range p.batches {
		b.forget()
	}
}

// test evaluates an operator on a transformed value, negation included.
func (p *Program) test(o *operator, s string) bool {
	if o.pattern >= 0 {
		return p.machine(o.pattern).Match(s) != o.negated
	}
	return o.compare(s) != o.negated
}

// Classes returns the class of each rule by id.
func (p *Program) Classes() map[int]Class {
	out := make(map[int]Class, len(p.metas))
	for _, m := range p.metas {
		out[int(m.id)] = m.class
	}
	return out
}

// Reasons tells why rules are Unknown, one line each.
func (p *Program) Reasons() []string { return p.reasons }

// Paranoia returns the level the program was compiled for.
func (p *Program) Paranoia() int { return int(p.paranoia) }

// HeadRules returns the ids of the rules that have no object without an HTTP head.
func (p *Program) HeadRules() []int {
	var out []int
	for i := range p.rules {
		if p.rules[i].head {
			out = append(out, int(p.metas[p.rules[i].meta].id))
		}
	}
	return out
}
