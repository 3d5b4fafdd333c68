package when

import "fmt"

// node is one expression.
type node struct {
	op   op
	at   int // byte offset
	text string
	num  float64
	int  bool
	kids []*node
	on   *node // what a method is called on
}

type op uint8

const (
	opName op = iota
	opString
	opNumber
	opList
	opCall   // text(kids…), on.text(kids…)
	opField  // on.text
	opNot    // !kids[0]
	opAnd    // kids[0] && kids[1]
	opOr     // kids[0] || kids[1]
	opRel    // kids[0] text kids[1]
	opChoice // kids[0] ? kids[1] : kids[2]
)

// parser reads tokens by recursive descent. The grammar is CEL's, without
// arithmetic, indexing and messages.
type parser struct {
	tokens []token
	depth  int
	nodes  int
}

func parse(text string) (*node, error) {
	if len(text) > MaxText {
		return nil, &Error{0, fmt.Sprintf("%d bytes: want at most %d", len(text), MaxText)}
	}
	tokens, err := scan(text)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	n, err := p.expression()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokenEnd {
		return nil, &Error{t.at, fmt.Sprintf("%s: want an operator or the end", t)}
	}
	return n, nil
}

// String shows a token in messages.
func (t token) String() string {
	switch t.kind {
	case tokenEnd:
		return "the end"
	case tokenString:
		return "a string"
	}
	return fmt.Sprintf("%q", t.text)
}

func (p *parser) peek() *token { return &p.tokens[0] }

func (p *parser) take() token {
	t := p.tokens[0]
	if t.kind != tokenEnd {
		p.tokens = p.tokens[1:]
	}
	return t
}

// accept takes the mark if it is next.
func (p *parser) accept(mark string) bool {
	if t := p.peek(); t.kind == tokenMark && t.text == mark {
		p.take()
		return true
	}
	return false
}

func (p *parser) want(mark string) error {
	if p.accept(mark) {
		return nil
	}
	t := p.peek()
	return &Error{t.at, fmt.Sprintf("%s: want %q", t, mark)}
}

// make counts a node: the number of them bounds what an expression may cost.
func (p *parser) make(n node) (*node, error) {
	if p.nodes++; p.nodes > maxNodes {
		return nil, &Error{n.at, fmt.Sprintf("the expression has more than %d parts: split it into several rules", maxNodes)}
	}
	return &n, nil
}

func (p *parser) expression() (*node, error) {
	if p.depth++; p.depth > maxNesting {
		return nil, &Error{p.peek().at, fmt.Sprintf("more than %d levels of nesting", maxNesting)}
	}
	defer func() { p.depth-- }()
	cond, err := p.or()
	if err != nil || !p.accept("?") {
		return cond, err
	}
	yes, err := p.or()
	if err == nil {
		err = p.want(":")
	}
	if err != nil {
		return nil, err
	}
	no, err := p.expression()
	if err != nil {
		return nil, err
	}
	return p.make(node{op: opChoice, at: cond.at, kids: []*node{cond, yes, no}})
}

func (p *parser) or() (*node, error)  { return p.series("||", opOr, p.and) }
func (p *parser) and() (*node, error) { return p.series("&&", opAnd, p.relation) }

// series reads operands of one binary operator, grouped from the left.
func (p *parser) series(mark string, op op, operand func() (*node, error)) (*node, error) {
	left, err := operand()
	for err == nil && p.accept(mark) {
		var right *node
		if right, err = operand(); err == nil {
			left, err = p.make(node{op: op, at: left.at, kids: []*node{left, right}})
		}
	}
	return left, err
}

func (p *parser) relation() (*node, error) {
	left, err := p.unary()
	if err != nil {
		return nil, err
	}
	t := p.peek()
	relation := t.kind == tokenName && t.text == "in"
	if t.kind == tokenMark {
		switch t.text {
		case "==", "!=", "<", "<=", ">", ">=":
			relation = true
		}
	}
	if !relation {
		return left, nil
	}
	p.take()
	right, err := p.unary()
	if err != nil {
		return nil, err
	}
	return p.make(node{op: opRel, at: t.at, text: t.text, kids: []*node{left, right}})
}

func (p *parser) unary() (*node, error) {
	t := p.peek()
	negations := 0
	for p.accept("!") {
		negations++
	}
	minus := negations == 0 && p.accept("-")
	n, err := p.member()
	if err != nil {
		return nil, err
	}
	if minus {
		if n.op != opNumber {
			return nil, &Error{t.at, "-: want a number behind it, there is no arithmetic"}
		}
		n.num = -n.num
	}
	if negations%2 == 1 {
		return p.make(node{op: opNot, at: t.at, kids: []*node{n}})
	}
	if negations > 0 { // an even number of them still asks for a condition
		inner, err := p.make(node{op: opNot, at: t.at, kids: []*node{n}})
		if err != nil {
			return nil, err
		}
		return p.make(node{op: opNot, at: t.at, kids: []*node{inner}})
	}
	return n, nil
}

func (p *parser) member() (*node, error) {
	n, err := p.primary()
	for err == nil {
		switch {
		case p.accept("."):
			t := p.take()
			if t.kind != tokenName {
				return nil, &Error{t.at, fmt.Sprintf("%s: want a field or a method", &t)}
			}
			m := node{op: opField, at: t.at, text: t.text, on: n}
			if p.accept("(") {
				m.op = opCall
				if m.kids, err = p.list(")"); err != nil {
					return nil, err
				}
			}
			n, err = p.make(m)
		case p.peek().kind == tokenMark && p.peek().text == "[":
			return nil, &Error{p.peek().at, `there is no indexing: use header("name"), query("name"), cookie("name") or at(["body", "name"])`}
		default:
			return n, nil
		}
	}
	return nil, err
}

func (p *parser) primary() (*node, error) {
	t := p.take()
	switch {
	case t.kind == tokenString:
		return p.make(node{op: opString, at: t.at, text: t.text})
	case t.kind == tokenNumber:
		return p.make(node{op: opNumber, at: t.at, num: t.num, int: t.int})
	case t.kind == tokenName && t.text != "in":
		n := node{op: opName, at: t.at, text: t.text}
		if p.accept("(") {
			n.op = opCall
			var err error
			if n.kids, err = p.list(")"); err != nil {
				return nil, err
			}
		}
		return p.make(n)
	case t.kind == tokenMark && t.text == "(":
		n, err := p.expression()
		if err != nil {
			return nil, err
		}
		return n, p.want(")")
	case t.kind == tokenMark && t.text == "[":
		kids, err := p.list("]")
		if err != nil {
			return nil, err
		}
		return p.make(node{op: opList, at: t.at, kids: kids})
	}
	return nil, &Error{t.at, fmt.Sprintf("%s: want a value", &t)}
}

// list reads expressions up to the closing mark.
func (p *parser) list(end string) (out []*node, err error) {
	for !p.accept(end) {
		if len(out) > 0 {
			if err := p.want(","); err != nil {
				return nil, err
			}
		}
		n, err := p.expression()
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}
