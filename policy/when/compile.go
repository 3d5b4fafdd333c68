package when

import (
	"fmt"
	"strings"

	"github.com/merlon-security/merlon/internal/event"
)

// kind is the type of an expression.
type kind uint8

const (
	kindNone kind = iota
	kindBool
	kindInt
	kindDouble
	kindString
	kindLeaf
	kindStrings // a list of strings
	kindLeaves  // a list of leaves
)

var kindNames = [...]string{
	kindNone: "nothing", kindBool: "a condition", kindInt: "a whole number", kindDouble: "a decimal number", kindString: "a string",
	kindLeaf: "a leaf", kindStrings: "a list of strings", kindLeaves: "a list of leaves",
}

// String names a kind in messages.
func (k kind) String() string { return kindNames[k] }

func (k kind) number() bool { return k == kindInt || k == kindDouble }

// term is a compiled expression: the function of its kind is set.
type term struct {
	kind   kind
	bool   func(*run) bool
	number func(*run) float64
	string func(*run) string
	leaf   func(*run) *event.Leaf
	list   func(*run) []*event.Leaf
	fixed  bool // a list that stands in the expression, of this length at most
	length int
}

// variable is a loop variable in scope.
type variable struct {
	name string
	slot int
	kind kind // of its values: kindString or kindLeaf
}

type compiler struct {
	scope   []variable
	slots   int
	memos   int
	nodes   int
	reading int
}

// reads notes an operation that takes a step for so many bytes.
func (c *compiler) reads(step int) { c.reading += bytesUnit / step }

// compile turns a tree into functions. direct is true where the expression's
// truth makes the whole true: what an exists finds there may be shown.
func (c *compiler) compile(n *node, direct bool) (term, error) {
	c.nodes++
	switch n.op {
	case opName:
		return c.name(n)
	case opString:
		s := n.text
		return term{kind: kindString, string: func(*run) string { return s }}, nil
	case opNumber:
		f := n.num
		t := term{kind: kindDouble, number: func(*run) float64 { return f }}
		if n.int {
			t.kind = kindInt
		}
		return t, nil
	case opList:
		return c.words(n)
	case opField:
		return c.field(n)
	case opCall:
		return c.call(n, direct)
	case opNot:
		a, err := c.condition(n.kids[0], false)
		return term{kind: kindBool, bool: func(r *run) bool { return !a(r) }}, err
	case opAnd, opOr:
		return c.junction(n, direct)
	case opChoice:
		return c.choice(n, direct)
	}
	return c.relation(n, direct)
}

// condition compiles what has to be true or false.
func (c *compiler) condition(n *node, direct bool) (func(*run) bool, error) {
	t, err := c.compile(n, direct)
	if err == nil && t.kind != kindBool {
		err = &Error{n.at, fmt.Sprintf("%s: want a condition, such as a comparison", t.kind)}
	}
	return t.bool, err
}

func (c *compiler) junction(n *node, direct bool) (term, error) {
	a, err := c.condition(n.kids[0], direct)
	if err != nil {
		return term{}, err
	}
	b, err := c.condition(n.kids[1], direct)
	if err != nil {
		return term{}, err
	}
	if n.op == opAnd {
		return term{kind: kindBool, bool: func(r *run) bool { return a(r) && b(r) }}, nil
	}
	return term{kind: kindBool, bool: func(r *run) bool {
		before := r.witness
		if a(r) {
			return true
		}
		r.witness = before // what a found did not make it true
		return b(r)
	}}, nil
}

func (c *compiler) choice(n *node, direct bool) (term, error) {
	cond, err := c.condition(n.kids[0], false)
	if err != nil {
		return term{}, err
	}
	a, err := c.compile(n.kids[1], direct)
	if err != nil {
		return term{}, err
	}
	b, err := c.compile(n.kids[2], direct)
	if err != nil {
		return term{}, err
	}
	if a.kind != b.kind {
		return term{}, &Error{n.kids[2].at, fmt.Sprintf("%s here and %s before the colon: want the same", b.kind, a.kind)}
	}
	t := term{kind: a.kind}
	switch a.kind {
	case kindBool:
		t.bool = either(cond, a.bool, b.bool)
	case kindInt, kindDouble:
		t.number = either(cond, a.number, b.number)
	case kindString:
		t.string = either(cond, a.string, b.string)
	default:
		return term{}, &Error{n.at, fmt.Sprintf("%s: want conditions, numbers or strings to choose from", a.kind)}
	}
	return t, nil
}

// either evaluates one of two, and not the other.
func either[T any](cond func(*run) bool, yes, no func(*run) T) func(*run) T {
	return func(r *run) T {
		if cond(r) {
			return yes(r)
		}
		return no(r)
	}
}

func (c *compiler) name(n *node) (term, error) {
	for i := len(c.scope) - 1; i >= 0; i-- {
		if v := c.scope[i]; v.name == n.text {
			if v.kind == kindString {
				return term{kind: kindString, string: func(r *run) string { return r.slots[v.slot].Value }}, nil
			}
			return term{kind: kindLeaf, leaf: func(r *run) *event.Leaf { return r.slots[v.slot] }}, nil
		}
	}
	switch name := n.text; {
	case texts[name]:
		return term{kind: kindString, string: func(r *run) string { return r.text(name) }}, nil
	case name == "leaves":
		return term{kind: kindLeaves, list: func(r *run) []*event.Leaf { return r.leaves }}, nil
	case name == "true" || name == "false":
		return term{kind: kindBool, bool: func(*run) bool { return name == "true" }}, nil
	}
	return term{}, &Error{n.at, fmt.Sprintf("%q is not known: want %s", n.text, variableNames)}
}

const variableNames = "trigger, source, route, method, path, address, principal, principalType or leaves"

func (c *compiler) field(n *node) (term, error) {
	on, err := c.compile(n.on, false)
	if err != nil {
		return term{}, err
	}
	if on.kind != kindLeaf {
		return term{}, &Error{n.at, fmt.Sprintf("%s has no field %q", on.kind, n.text)}
	}
	leaf := on.leaf
	switch n.text {
	case "name":
		return term{kind: kindString, string: func(r *run) string { return leaf(r).Name }}, nil
	case "value":
		return term{kind: kindString, string: func(r *run) string { return leaf(r).Value }}, nil
	case "place":
		return term{kind: kindString, string: func(r *run) string { return leaf(r).Place.String() }}, nil
	}
	return term{}, &Error{n.at, fmt.Sprintf("a leaf has no field %q: want name, value or place", n.text)}
}

// words compiles a list that stands in the expression: of strings only.
func (c *compiler) words(n *node) (term, error) {
	list := make([]*event.Leaf, 0, len(n.kids))
	for _, k := range n.kids {
		c.nodes++
		if k.op != opString {
			return term{}, &Error{k.at, "want strings in a list"}
		}
		list = append(list, &event.Leaf{Value: k.text})
	}
	return term{kind: kindStrings, fixed: true, length: len(list), list: func(*run) []*event.Leaf { return list }}, nil
}

func (c *compiler) relation(n *node, direct bool) (term, error) {
	a, err := c.compile(n.kids[0], false)
	if err != nil {
		return term{}, err
	}
	b, err := c.compile(n.kids[1], false)
	if err != nil {
		return term{}, err
	}
	t := term{kind: kindBool}
	switch {
	case n.text == "in" && a.kind == kindString && b.kind == kindStrings:
		c.reads(compareStep)
		t.bool = member(a.string, b.list, direct && !b.fixed)
	case n.text == "in":
		return term{}, &Error{n.at, fmt.Sprintf("%s in %s: want a string in a list of strings", a.kind, b.kind)}
	case a.kind == kindString && b.kind == kindString:
		c.reads(compareStep)
		t.bool = compareStrings(n.text, a.string, b.string)
	case a.kind.number() && b.kind.number() && a.kind != b.kind && (n.text == "==" || n.text == "!="):
		return term{}, &Error{n.at, "a whole number and a decimal one, as number(…) gives: write 10.0 for 10"} // as CEL has it
	case a.kind.number() && b.kind.number():
		t.bool = compareNumbers(n.text, a.number, b.number)
	case a.kind == kindBool && b.kind == kindBool && n.text == "==":
		t.bool = func(r *run) bool { return a.bool(r) == b.bool(r) }
	case a.kind == kindBool && b.kind == kindBool && n.text == "!=":
		t.bool = func(r *run) bool { return a.bool(r) != b.bool(r) }
	case a.kind.number() && b.kind == kindString || a.kind == kindString && b.kind.number():
		return term{}, &Error{n.at, "a string and a number: use number(…) on the string"}
	default:
		return term{}, &Error{n.at, fmt.Sprintf("%s %s %s cannot be compared", a.kind, n.text, b.kind)}
	}
	return t, nil
}

func member(s func(*run) string, list func(*run) []*event.Leaf, shown bool) func(*run) bool {
	return func(r *run) bool {
		v, all := s(r), list(r)
		for _, l := range all {
			if !r.budget.spend(charge(min(len(v), len(l.Value)), compareStep)) {
				return false
			}
			if l.Value == v {
				if shown {
					r.witness = l
				}
				return true
			}
		}
		return false
	}
}

// compareStrings compares code points, which for UTF-8 is comparing bytes.
func compareStrings(op string, a, b func(*run) string) func(*run) bool {
	if op == "==" || op == "!=" {
		return func(r *run) bool {
			x, y := a(r), b(r)
			if len(x) != len(y) {
				return op == "!="
			}
			return r.budget.spend(charge(len(x), compareStep)) && (x == y) == (op == "==")
		}
	}
	test := relations[op]
	return func(r *run) bool {
		x, y := a(r), b(r)
		if !r.budget.spend(charge(min(len(x), len(y)), compareStep)) {
			return false
		}
		return test(strings.Compare(x, y))
	}
}

var relations = map[string]func(int) bool{
	"<":  func(c int) bool { return c < 0 },
	"<=": func(c int) bool { return c <= 0 },
	">":  func(c int) bool { return c > 0 },
	">=": func(c int) bool { return c >= 0 },
}

// compareNumbers follows IEEE 754: what is no number is unequal to everything,
// and neither less nor greater.
func compareNumbers(op string, a, b func(*run) float64) func(*run) bool {
	switch op {
	case "==":
		return func(r *run) bool { return a(r) == b(r) }
	case "!=":
		return func(r *run) bool { return a(r) != b(r) }
	case "<":
		return func(r *run) bool { return a(r) < b(r) }
	case "<=":
		return func(r *run) bool { return a(r) <= b(r) }
	case ">":
		return func(r *run) bool { return a(r) > b(r) }
	}
	return func(r *run) bool { return a(r) >= b(r) }
}
