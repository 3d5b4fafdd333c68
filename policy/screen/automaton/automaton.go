// Package automaton decides whether a regular expression matches a text, by a
// deterministic automaton whose states are made as texts need them (Thompson
// 1968; as in RE2). It says yes or no and nothing else: no positions, no
// captures. Where the standard library takes time for every alternative that
// is still open, a state already made takes one look per byte.
//
// The answers are those of package regexp. Memory is bounded: an automaton
// that grows too large is thrown away, and regexp decides instead.
package automaton

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// Budget bounds the memory of the automata that share it.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget returns a budget of so many bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// Tight reports whether three quarters are used: time to Forget.
func (b *Budget) Tight() bool { return b.used.Load() > b.limit/4*3 }

// maxShare is the part of the budget one automaton may take, in percent.
const maxShare = 15

// Machine is a pattern being turned into an automaton. It is safe for concurrent use.
type Machine struct {
	prog    *syntax.Prog
	pattern string
	bytes   bool
	budget  *Budget

	alphabet
	table atomic.Pointer[table]

	mu     sync.Mutex // guards what makes states
	index  map[string]uint32
	states []state
	set    sparse
	stack  []uint32
	out    []uint32
	key    []byte
	used   int64
	spills atomic.Int32

	slow   sync.Once
	regexp *regexp.Regexp
}

// state is a set of instructions to go on from, and what stood before.
type state struct {
	pcs    []uint32
	before context
}

// table holds the transitions made so far: a row per state, a column per class
// and one for the end of the text. An entry is the start of a row, or unmade,
// or accept; rows 0 and 1 stand for the latter two and are never entered. The
// rows of a table are only ever added to: one that is full is replaced by a
// larger copy, and its readers notice when they need an entry it lacks.
type table struct {
	entries []atomic.Uint32
	epoch   int // of the automaton; a cleared one starts another
}

const (
	unmade = iota
	accept
)

// context is what an empty-width assertion may ask about one side of a position.
type context uint8

const (
	atEdge    context = 1 << iota // begin or end of the text
	atNewline                     // a line feed
	atWord                        // a word character
)

// New makes the machine of a pattern in Go's syntax. With bytes, every byte of
// a text stands for the rune of its value.
func New(pattern string, bytes bool, budget *Budget) (*Machine, error) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, err
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil, err
	}
	m := &Machine{prog: prog, pattern: pattern, bytes: bytes, budget: budget}
	m.alphabet = newAlphabet(prog)
	m.set.size(len(prog.Inst))
	m.clear()
	return m, nil
}

// Match reports whether the pattern matches anywhere in text.
func (m *Machine) Match(text string) bool {
	matched, known := m.Try(text)
	if !known {
		return m.Regexp().MatchString(m.wide(text))
	}
	return matched
}

// Try is Match for those who have a limit on what an answer may cost: it takes
// little more than a look per byte. known is false if the automaton has grown too
// large for this text.
func (m *Machine) Try(text string) (matched, known bool) {
	t := m.table.Load()
	entries := t.entries
	st := uint32(2 * (m.end + 1))
	for i := 0; i < len(text); {
		var class uint32
		if c := text[i]; c < utf8.RuneSelf || m.bytes {
			class = uint32(m.low[c])
			i++
		} else {
			r, n := utf8.DecodeRuneInString(text[i:])
			class = uint32(m.classOf(r))
			i += n
		}
		next := entries[st+class].Load()
		if next <= accept {
			if next == unmade {
				if next, t = m.step(t, st, class); t == nil {
					return false, false
				}
				entries = t.entries
			}
			if next == accept {
				return true, true
			}
		}
		st = next
	}
	next := entries[st+uint32(m.end)].Load()
	if next == unmade {
		if next, t = m.step(t, st, uint32(m.end)); t == nil {
			return false, false
		}
	}
	return next == accept, true
}

// Regexp returns the same pattern as a regular expression of the standard
// library; texts of a machine on bytes must be widened for it.
func (m *Machine) Regexp() *regexp.Regexp {
	m.slow.Do(func() {
		m.regexp = regexp.MustCompile(m.pattern) // New has parsed it
	})
	return m.regexp
}

// wide makes one rune of every byte, if the machine reads bytes.
func (m *Machine) wide(text string) string {
	if !m.bytes {
		return text
	}
	out := make([]rune, len(text))
	for i := range len(text) {
		out[i] = rune(text[i])
	}
	return string(out)
}

// Spills tells how often the automaton has grown too large.
func (m *Machine) Spills() int { return int(m.spills.Load()) }

// Forget gives back the memory of all states. They are made again as needed.
func (m *Machine) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clear()
}

// clear forgets all states but the first.
func (m *Machine) clear() {
	epoch := 0
	if t := m.table.Load(); t != nil {
		epoch = t.epoch + 1
	}
	m.charge(-m.used)
	m.index, m.states = map[string]uint32{}, make([]state, 2, 8)
	m.table.Store(&table{entries: make([]atomic.Uint32, 8*(m.end+1)), epoch: epoch})
	m.charge(int64(4 * 8 * (m.end + 1)))
	m.intern(nil, atEdge)
}

func (m *Machine) charge(size int64) {
	m.used += size
	m.budget.used.Add(size)
}

// intern returns the row of the state for a sorted set of instructions.
func (m *Machine) intern(pcs []uint32, before context) uint32 {
	m.key = append(m.key[:0], byte(before))
	for _, pc := range pcs {
		m.key = append(m.key, byte(pc), byte(pc>>8), byte(pc>>16))
	}
	if row, ok := m.index[string(m.key)]; ok {
		return row
	}
	width := m.end + 1
	row := uint32(len(m.states) * width)
	m.index[string(m.key)] = row
	m.states = append(m.states, state{pcs: slices.Clone(pcs), before: before})
	m.charge(int64(4*len(pcs) + 2*len(m.key) + 100))
	if t := m.table.Load(); len(m.states)*width > len(t.entries) {
		larger := make([]atomic.Uint32, 2*len(t.entries))
		for i := range t.entries {
			larger[i].Store(t.entries[i].Load())
		}
		m.table.Store(&table{entries: larger, epoch: t.epoch})
		m.charge(int64(4 * len(t.entries)))
	}
	return row
}

// step makes the transition of a state on a class, and returns the table that
// has it. It returns no table if there are too many states, having thrown
// them away, or if others have.
func (m *Machine) step(t *table, row, class uint32) (uint32, *table) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t.epoch != m.table.Load().epoch {
		return unmade, nil
	}
	if next := m.table.Load().entries[row+class].Load(); next != unmade {
		return next, m.table.Load()
	}
	if m.used > m.budget.limit/100*maxShare || m.budget.used.Load() > m.budget.limit {
		m.clear()
		m.spills.Add(1)
		return unmade, nil
	}
	next := m.follow(&m.states[int(row)/(m.end+1)], int(class))
	now := m.table.Load()
	now.entries[row+class].Store(next)
	return next, now
}

// follow runs all threads of a state over one character of the class.
func (m *Machine) follow(st *state, class int) uint32 {
	after := m.contexts[class]
	if m.close(st.pcs, assertions(st.before, after)) {
		return accept
	}
	if class == m.end {
		return m.intern(nil, after)
	}
	m.out = m.out[:0]
	r := m.runes[class]
	for _, pc := range m.set.dense {
		if inst := &m.prog.Inst[pc]; consumes(inst) && inst.MatchRune(r) {
			m.out = append(m.out, inst.Out)
		}
	}
	slices.Sort(m.out)
	return m.intern(slices.Compact(m.out), after)
}

func consumes(inst *syntax.Inst) bool {
	switch inst.Op {
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return true
	}
	return false
}

// close collects in m.set what is reachable from pcs, and from the start,
// without reading. It reports whether that includes a match.
func (m *Machine) close(pcs []uint32, holds syntax.EmptyOp) bool {
	m.set.clear()
	m.stack = append(append(m.stack[:0], pcs...), uint32(m.prog.Start))
	for len(m.stack) > 0 {
		pc := m.stack[len(m.stack)-1]
		m.stack = m.stack[:len(m.stack)-1]
		if !m.set.add(pc) {
			continue
		}
		inst := &m.prog.Inst[pc]
		switch inst.Op {
		case syntax.InstMatch:
			return true
		case syntax.InstAlt, syntax.InstAltMatch:
			m.stack = append(m.stack, inst.Out, inst.Arg)
		case syntax.InstCapture, syntax.InstNop:
			m.stack = append(m.stack, inst.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(inst.Arg)&^holds == 0 {
				m.stack = append(m.stack, inst.Out)
			}
		}
	}
	return false
}

// assertions lists what holds between two characters.
func assertions(before, after context) (holds syntax.EmptyOp) {
	if before&atEdge != 0 {
		holds |= syntax.EmptyBeginText
	}
	if before&(atEdge|atNewline) != 0 {
		holds |= syntax.EmptyBeginLine
	}
	if after&atEdge != 0 {
		holds |= syntax.EmptyEndText
	}
	if after&(atEdge|atNewline) != 0 {
		holds |= syntax.EmptyEndLine
	}
	if before&atWord != after&atWord {
		return holds | syntax.EmptyWordBoundary
	}
	return holds | syntax.EmptyNoWordBoundary
}

// sparse is a set of small numbers that is cheap to clear (Briggs and Torczon 1993).
type sparse struct {
	dense []uint32
	at    []uint32
}

func (s *sparse) size(n int) { s.dense, s.at = make([]uint32, 0, n), make([]uint32, n) }

func (s *sparse) clear() { s.dense = s.dense[:0] }

func (s *sparse) add(n uint32) bool {
	if i := s.at[n]; int(i) < len(s.dense) && s.dense[i] == n {
		return false
	}
	s.at[n] = uint32(len(s.dense))
	s.dense = append(s.dense, n)
	return true
}
