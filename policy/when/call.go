package when

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy/screen/automaton"
)

// call compiles a function or a method.
func (c *compiler) call(n *node, direct bool) (term, error) {
	if n.on == nil {
		return c.function(n)
	}
	on, err := c.compile(n.on, false)
	if err != nil {
		return term{}, err
	}
	switch on.kind {
	case kindStrings, kindLeaves:
		return c.listMethod(n, on, direct)
	case kindString:
		return c.stringMethod(n, on.string)
	}
	return term{}, &Error{n.at, fmt.Sprintf("%s has no method %q", on.kind, n.text)}
}

// places are the functions that take a name and give the values that have it.
var places = map[string]verdict.Place{
	"header": verdict.PlaceHeader, "query": verdict.PlaceQuery, "cookie": verdict.PlaceCookie,
}

func (c *compiler) function(n *node) (term, error) {
	if place, ok := places[n.text]; ok {
		name, err := c.constant(n)
		if err != nil {
			return term{}, err
		}
		return c.once(func(s *Subject) []*event.Leaf { return s.named(place, name) }), nil
	}
	switch n.text {
	case "at":
		steps, err := c.steps(n)
		if err != nil {
			return term{}, err
		}
		return c.once(func(s *Subject) []*event.Leaf { return s.at(steps) }), nil
	case "number":
		s, err := c.argument(n)
		return term{kind: kindDouble, number: func(r *run) float64 { return decimal(s(r)) }}, err
	case "size":
		if err := c.arity(n, 1); err != nil {
			return term{}, err
		}
		a, err := c.compile(n.kids[0], false)
		if err != nil {
			return term{}, err
		}
		return c.size(n, a)
	}
	return term{}, &Error{n.at, fmt.Sprintf("there is no function %q: want header, query, cookie, at, number or size", n.text)}
}

func (c *compiler) arity(n *node, want int) error {
	if len(n.kids) != want {
		return &Error{n.at, fmt.Sprintf("%s: %d arguments: want %d", n.text, len(n.kids), want)}
	}
	return nil
}

// argument compiles the one argument of a call, which has to be a string.
func (c *compiler) argument(n *node) (func(*run) string, error) {
	if err := c.arity(n, 1); err != nil {
		return nil, err
	}
	a, err := c.compile(n.kids[0], false)
	if err == nil && a.kind != kindString {
		err = &Error{n.kids[0].at, fmt.Sprintf("%s: %s: want a string", n.text, a.kind)}
	}
	return a.string, err
}

// constant reads the one argument of a call, which has to be a string as it
// stands: what an expression looks for is for reviewers to see, not for senders
// to choose.
func (c *compiler) constant(n *node) (string, error) {
	if err := c.arity(n, 1); err != nil {
		return "", err
	}
	c.nodes++
	if n.kids[0].op != opString {
		return "", &Error{n.kids[0].at, n.text + ": want a string in quotes"}
	}
	return n.kids[0].text, nil
}

// once is a list that is the same throughout a run: looking through all leaves
// for it is done a single time.
func (c *compiler) once(find func(*Subject) []*event.Leaf) term {
	slot := c.memos
	c.memos++
	return term{kind: kindStrings, list: func(r *run) []*event.Leaf {
		m := &r.memos[slot]
		if !m.known && r.budget.spend(1+len(r.leaves)) {
			m.list, m.known = find(r.Subject), true
		}
		return m.list
	}}
}

// steps reads the path of at([…]): keys, indices, null for any one segment.
func (c *compiler) steps(n *node) ([]step, error) {
	if err := c.arity(n, 1); err != nil {
		return nil, err
	}
	list := n.kids[0]
	if list.op != opList || len(list.kids) == 0 {
		return nil, &Error{list.at, `at: want a path such as ["body", "items", null, "sku"]`}
	}
	var out []step
	for _, k := range list.kids {
		c.nodes++
		switch {
		case k.op == opString:
			out = append(out, step{segment: verdict.Key(k.text)})
		case k.op == opNumber && k.int && k.num >= 0 && k.num < 1<<31:
			out = append(out, step{segment: verdict.At(int(k.num))})
		case k.op == opName && k.text == "null":
			out = append(out, step{any: true})
		default:
			return nil, &Error{k.at, "at: want a key in quotes, an index, or null for any one segment"}
		}
	}
	return out, nil
}

func (c *compiler) size(n *node, a term) (term, error) {
	switch a.kind {
	case kindStrings, kindLeaves:
		return term{kind: kindInt, number: func(r *run) float64 { return float64(len(a.list(r))) }}, nil
	case kindString:
		c.reads(searchStep)
		return term{kind: kindInt, number: func(r *run) float64 {
			s := a.string(r)
			if !r.budget.spend(charge(len(s), searchStep)) {
				return 0
			}
			return float64(utf8.RuneCountInString(s))
		}}, nil
	}
	return term{}, &Error{n.at, fmt.Sprintf("size: %s: want a string or a list", a.kind)}
}

// decimal reads a decimal number, with a sign, zeros and spaces before it as
// handlers' languages take them; anything else is no number.
func decimal(s string) float64 {
	const longest = 64
	s = strings.TrimSpace(s)
	if len(s) > longest || strings.Trim(s, "+-.0123456789eE") != "" {
		return math.NaN()
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) { // too large is infinite, as for most readers
		return math.NaN()
	}
	return f
}

// listMethod compiles the loops.
func (c *compiler) listMethod(n *node, on term, direct bool) (term, error) {
	if n.text == "size" && len(n.kids) == 0 {
		return c.size(n, on)
	}
	switch n.text {
	case "exists", "all", "exists_one", "filter":
	default:
		return term{}, &Error{n.at, fmt.Sprintf("a list has no method %q: want exists, all, exists_one, filter or size", n.text)}
	}
	if len(n.kids) != 2 || n.kids[0].op != opName {
		return term{}, &Error{n.at, fmt.Sprintf("%s: want a name and a condition, such as %s(l, l.value == \"x\")", n.text, n.text)}
	}
	name := n.kids[0].text
	if texts[name] || reserved[name] {
		return term{}, &Error{n.kids[0].at, fmt.Sprintf("%q has a meaning already: choose another name", name)}
	}
	v := variable{name: name, slot: len(c.scope), kind: kindString}
	if on.kind == kindLeaves {
		v.kind = kindLeaf
	}
	c.scope = append(c.scope, v)
	c.slots = max(c.slots, len(c.scope))
	nodes, reading := c.nodes, c.reading
	body, err := c.condition(n.kids[1], direct && n.text == "exists")
	weight := c.nodes - nodes
	c.scope = c.scope[:len(c.scope)-1]
	if err != nil {
		return term{}, err
	}
	if on.fixed {
		c.nodes += weight * max(0, on.length-1)
		c.reading += (c.reading - reading) * max(0, on.length-1)
	}
	each := loop{list: on.list, slot: v.slot, weight: weight, body: body}
	switch n.text {
	case "exists":
		return term{kind: kindBool, bool: each.exists(direct && !on.fixed)}, nil
	case "all":
		return term{kind: kindBool, bool: each.all}, nil
	case "exists_one":
		return term{kind: kindBool, bool: func(r *run) bool { return len(each.filter(r)) == 1 }}, nil
	}
	return term{kind: on.kind, fixed: on.fixed, length: on.length, list: each.filter}, nil
}

// reserved are words that have a meaning here or in CEL.
var reserved = map[string]bool{
	"leaves": true, "true": true, "false": true, "null": true, "in": true, "as": true, "break": true, "const": true,
	"continue": true, "else": true, "for": true, "function": true, "if": true, "import": true, "let": true, "loop": true,
	"namespace": true, "package": true, "return": true, "var": true, "void": true, "while": true,
}

// loop evaluates a condition for the elements of a list.
type loop struct {
	list   func(*run) []*event.Leaf
	slot   int
	weight int // steps of one turn
	body   func(*run) bool
}

// exists stops at the first element that fulfils the condition; shown makes it
// the one to show.
func (l *loop) exists(shown bool) func(*run) bool {
	return func(r *run) bool {
		for _, e := range l.list(r) {
			if !r.budget.spend(l.weight) {
				return false
			}
			before := r.witness
			r.slots[l.slot] = e
			if l.body(r) {
				if shown {
					r.witness = e
				}
				return true
			}
			r.witness = before
		}
		return false
	}
}

func (l *loop) all(r *run) bool {
	for _, e := range l.list(r) {
		if !r.budget.spend(l.weight) {
			return false
		}
		r.slots[l.slot] = e
		if !l.body(r) {
			return false
		}
	}
	return true
}

func (l *loop) filter(r *run) (out []*event.Leaf) {
	for _, e := range l.list(r) {
		if !r.budget.spend(l.weight) {
			return nil
		}
		r.slots[l.slot] = e
		if l.body(r) {
			out = append(out, e)
		}
	}
	return out
}

func (c *compiler) stringMethod(n *node, s func(*run) string) (term, error) {
	switch n.text {
	case "size":
		if err := c.arity(n, 0); err != nil {
			return term{}, err
		}
		return c.size(n, term{kind: kindString, string: s})
	case "lowerAscii":
		if err := c.arity(n, 0); err != nil {
			return term{}, err
		}
		c.reads(searchStep)
		return term{kind: kindString, string: func(r *run) string {
			v := s(r)
			if !r.budget.spend(charge(len(v), searchStep)) {
				return ""
			}
			return lowerASCII(v)
		}}, nil
	case "contains", "startsWith", "endsWith":
		return c.search(n, s)
	case "matches":
		return c.matches(n, s)
	case "inCIDR":
		text, err := c.constant(n)
		if err != nil {
			return term{}, err
		}
		prefix, perr := netip.ParsePrefix(text)
		if perr != nil {
			return term{}, &Error{n.kids[0].at, fmt.Sprintf("inCIDR: %q: want a network such as 10.0.0.0/8 or 2001:db8::/32", clip(text))}
		}
		return term{kind: kindBool, bool: func(r *run) bool {
			a, err := netip.ParseAddr(s(r))
			return err == nil && prefix.Contains(a.Unmap())
		}}, nil
	}
	return term{}, &Error{n.at, fmt.Sprintf("a string has no method %q: want contains, startsWith, endsWith, matches, inCIDR, lowerAscii or size", n.text)}
}

// search compiles the tests for a part of a string.
func (c *compiler) search(n *node, s func(*run) string) (term, error) {
	arg, err := c.argument(n)
	if err != nil {
		return term{}, err
	}
	test, bytes := strings.Contains, func(a, b string) int { return len(a) + len(b) }
	switch n.text {
	case "startsWith":
		test, bytes = strings.HasPrefix, func(_, b string) int { return len(b) }
	case "endsWith":
		test, bytes = strings.HasSuffix, func(_, b string) int { return len(b) }
	}
	c.reads(searchStep / 2) // both may be parts of the event
	return term{kind: kindBool, bool: func(r *run) bool {
		v, part := s(r), arg(r)
		return r.budget.spend(charge(bytes(v, part), searchStep)) && test(v, part)
	}}, nil
}

func (c *compiler) matches(n *node, s func(*run) string) (term, error) {
	pattern, err := c.constant(n)
	if err != nil {
		return term{}, err
	}
	at := n.kids[0].at
	if len(pattern) > maxPattern {
		return term{}, &Error{at, fmt.Sprintf("the pattern has %d bytes: want at most %d", len(pattern), maxPattern)}
	}
	code, perr := instructions(pattern)
	if perr != nil {
		return term{}, &Error{at, perr.Error()}
	}
	if code > maxCode {
		return term{}, &Error{at, fmt.Sprintf("the pattern compiles to %d instructions: want at most %d, shorten its repetitions", code, maxCode)}
	}
	m := &matcher{code: code, machine: sync.OnceValue(func() *automaton.Machine {
		m, err := automaton.New(pattern, false, automaton.NewBudget(automata))
		if err != nil {
			panic("bug: a pattern that was compiled: " + err.Error())
		}
		return m
	})}
	c.reads(regexpStep)
	return term{kind: kindBool, bool: func(r *run) bool {
		v := s(r)
		return r.budget.spend(charge(len(v), regexpStep)) && m.match(v, r.budget)
	}}, nil
}

// lowerASCII leaves bytes that are no text as they are.
func lowerASCII(s string) string {
	upper := func(c byte) bool { return c >= 'A' && c <= 'Z' }
	first := 0
	for first < len(s) && !upper(s[first]) {
		first++
	}
	if first == len(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	b.WriteString(s[:first])
	for i := first; i < len(s); i++ {
		c := s[i]
		if upper(c) {
			c += 'a' - 'A'
		}
		b.WriteByte(c)
	}
	return b.String()
}

func clip(s string) string {
	const most = 60
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
