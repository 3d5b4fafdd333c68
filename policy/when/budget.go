package when

import (
	"math"
	"time"
)

// Budget bounds what the expressions of one event may cost together. A step is
// a node evaluated, or some bytes looked at.
type Budget struct {
	left  int
	next  int // look at the clock when left falls below
	until time.Time
	now   func() time.Time
}

// extra is what expressions may take beyond one pass over the event each: what
// loops inside loops live on. Some milliseconds.
const extra = 1 << 20

// clockEvery is the number of steps between two looks at the clock.
const clockEvery = 1 << 15

// NewBudget returns the budget for programs over subjects: enough for each of
// them to look at everything once, so that an event is never over it for its
// size alone. until is when to stop whatever is left; zero means never.
func NewBudget(programs []*Program, subjects []*Subject, until time.Time, now func() time.Time) *Budget {
	b := &Budget{left: extra, until: until, now: now}
	for _, p := range programs {
		for _, s := range subjects {
			b.left += p.linear(s)
		}
	}
	b.next = b.left // the first step looks at the clock
	return b
}

// linear is what a program takes over a subject if none of its loops stands in
// another: each node once for itself, once for each leaf, and once for the
// bytes it looks at.
func (p *Program) linear(s *Subject) int {
	return p.weight*(2+2*len(s.leaves)) + p.reading*s.bytes/bytesUnit
}

// spend takes n steps; false if there are none left.
func (b *Budget) spend(n int) bool {
	b.left -= n
	if b.left < b.next {
		return b.look()
	}
	return true
}

// look is the part of spend that is rarely needed.
func (b *Budget) look() bool {
	if b.left < 0 || !b.until.IsZero() && !b.now().Before(b.until) {
		b.left, b.next = -1, math.MaxInt // every further step comes here
		return false
	}
	if b.next = 0; !b.until.IsZero() {
		b.next = b.left - clockEvery
	}
	b.next = max(b.next, 0)
	return true
}

// over reports whether the budget is used up.
func (b *Budget) over() bool { return b.left < 0 }

// The bytes that count as one step, by what is done with them.
const (
	compareStep = 64 // compared
	searchStep  = 16 // searched, copied or counted
	regexpStep  = 4  // run through an automaton
	bytesUnit   = 64 // of the sum of these over a program
)

func charge(bytes, step int) int { return 1 + bytes/step }
