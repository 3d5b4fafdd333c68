// Package when compiles and evaluates the conditions that users write about
// decoded events. It owns the language: a subset of CEL (the Common Expression
// Language, cel.dev) without anything that can fail, wait or run on while it is
// evaluated. It refuses to know what follows from a match.
//
// Every expression is typed when it is compiled, and its faults carry their
// position. Evaluation is total: no operation can fail at run time, loops run
// over finite lists only, and each step is charged to a budget. When that is
// used up the outcome says so; it is neither a match nor none.
package when

import (
	"fmt"

	"github.com/merlon-security/merlon/internal/event"
)

// The bounds of one expression. People write ten nodes; a hundred times as many
// are a program, and programs belong elsewhere.
const (
	MaxText    = 4096 // bytes
	maxNodes   = 400
	maxNesting = 40
	maxWeight  = 10_000 // steps of a run that loops over no leaves
	maxPattern = 512    // bytes of a regular expression
	maxCode    = 1000   // instructions it compiles to
)

// Error is a fault of an expression.
type Error struct {
	Offset int // of the byte it is about
	Text   string
}

// Error implements error. Positions are those in the expression; who knows
// where the expression stands turns Offset into a line and a column.
func (e *Error) Error() string { return fmt.Sprintf("at byte %d: %s", e.Offset, e.Text) }

// Program is a compiled expression. It is immutable and safe for concurrent use.
type Program struct {
	root    func(*run) bool
	slots   int // of loop variables
	memos   int // of lists that are the same throughout a run
	weight  int // nodes: the steps of a run that loops over no leaves
	reading int // steps for each bytesUnit bytes, over all operations that read
}

// Compile reads an expression. The error is an *Error.
func Compile(text string) (*Program, error) {
	tree, err := parse(text)
	if err != nil {
		return nil, err
	}
	c := compiler{}
	t, err := c.compile(tree, true)
	if err != nil {
		return nil, err
	}
	if t.kind != kindBool {
		return nil, &Error{tree.at, fmt.Sprintf("the condition is %s: want one that is true or false", t.kind)}
	}
	if c.nodes > maxWeight {
		return nil, &Error{tree.at, fmt.Sprintf("the lists in it make %d steps for each element: want at most %d", c.nodes, maxWeight)}
	}
	return &Program{root: t.bool, slots: c.slots, memos: c.memos, weight: c.nodes, reading: c.reading}, nil
}

// Outcome is what an expression says of a subject.
type Outcome struct {
	Match bool
	// Leaf is the element for which a list's exists came true and made the match,
	// if there was one: the value to show.
	Leaf *event.Leaf
	// Over is set if the budget ended before the expression did. Match is false.
	Over bool
}

// Run evaluates the expression over a subject, on the budget.
func (p *Program) Run(s *Subject, b *Budget) Outcome {
	r := run{Subject: s, budget: b, slots: make([]*event.Leaf, p.slots), memos: make([]memo, p.memos)}
	if !b.spend(p.weight) {
		return Outcome{Over: true}
	}
	match := p.root(&r)
	if b.over() {
		return Outcome{Over: true}
	}
	if !match || s.beside && r.witness == nil {
		return Outcome{}
	}
	return Outcome{Match: true, Leaf: r.witness}
}

// run is the state of one evaluation.
type run struct {
	*Subject
	budget  *Budget
	slots   []*event.Leaf
	memos   []memo
	witness *event.Leaf
}

type memo struct {
	known bool
	list  []*event.Leaf
}
