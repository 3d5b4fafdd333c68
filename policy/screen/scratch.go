package screen

import (
	"hash/maphash"
	"unsafe"

	"github.com/merlon-security/merlon/policy/screen/transform"
)

// Scratch is the working memory of one scan. It may be reused for any number
// of scans with the program it was made for, but not shared between two at once.
type Scratch struct {
	p  *Program
	in *Input

	target  target
	query   []pair // decoded arguments of the URI's query
	cookies []pair
	line    string

	seed   maphash.Seed
	table  []int32 // 1 + index into values, by hash; open addressing
	values []value
	sets   []uint64 // width words per value: the rules that look at it

	texts   []text    // of the value at hand
	results []scanned // of the value at hand, buffers kept
	nodeAt  []int32   // text of each node, for the value at hand
	want    []uint64  // rules in question, for the value at hand
	cand    []uint64
	group   []uint64          // width words per text: the rules applied to it
	alive   []uint64          // width words per text: the rules its bytes do not rule out
	unsure  []uint64          // rules that wait for literals
	reach   []transform.Bytes // by node: bytes beyond which its text has none
	near    []uint64          // width words per node: the rules those do not rule out
	made    []applied
	use     []int // finders for the text at hand

	seen   []uint64 // rules found
	failed []uint64 // rules with a link that fails whatever the starter matched
	places []Hit    // by rule
	hits   []Hit
	args   []int32 // arguments needed

	clean cleanCache
	// contextual: for the value at hand a link of a chain looked at other parts of the transaction.
	contextual bool
	wanted     []uint64 // want before any rule matched

	arena arena
	step  arena
}

type pair struct{ name, value string }

// value is one distinct string and where it first stood.
type value struct {
	text  string
	place Place
	index int32
	// starts: a rule's starter matches it. As long as it is false, the value's set
	// loses the rules that were tried.
	starts bool
}

// text is one distinct outcome of transformations of a value.
type text struct {
	text   string
	raw    transform.Bytes
	result int32
}

// scanned is what is known of a text, and of those that differ from it in case alone.
type scanned struct {
	present transform.Bytes // of the normal form
	plain   []uint64        // clauses with a literal in the text
	strip   []uint64        // the same in the text without junk, where it has any
	looked  []uint64        // finders that have been tried
	junk    bool
	whole   bool // every literal has been looked for in the text
	bare    bool // and in the text without junk, or it has none
}

// applied is a transformation of a text and its outcome.
type applied struct {
	from, to int32
	kind     transform.Kind
	changed  bool
}

// NewScratch returns working memory for scans with p.
func (p *Program) NewScratch() *Scratch {
	return &Scratch{
		p: p, seed: maphash.MakeSeed(), table: make([]int32, 256),
		nodeAt: make([]int32, len(p.nodes)), want: p.newSet(), cand: p.newSet(), seen: p.newSet(), failed: p.newSet(),
		unsure: p.newSet(), reach: make([]transform.Bytes, len(p.nodes)), near: make([]uint64, len(p.nodes)*p.width),
		places: make([]Hit, len(p.rules)), clean: newCleanCache(p.width), wanted: p.newSet(),
	}
}

// maxKept bounds the memory a scratch keeps from one large transaction to the next.
const maxKept = 1 << 20

// reset forgets the last transaction.
func (s *Scratch) reset(in *Input) {
	s.in = in
	s.query, s.cookies, s.values, s.sets, s.hits = s.query[:0], s.cookies[:0], s.values[:0], s.sets[:0], s.hits[:0]
	clear(s.table)
	clear(s.seen)
	clear(s.failed)
	s.arena.reset()
	s.step.reset()
}

// release drops references into the transaction and memory beyond the bound.
func (s *Scratch) release() {
	s.in, s.target, s.line = nil, target{}, ""
	clear(s.values)
	clear(s.query)
	clear(s.cookies)
	clear(s.texts[:cap(s.texts)])
	if cap(s.values) > maxKept/64 {
		s.values, s.sets, s.table = nil, nil, make([]int32, 256)
	}
	s.arena.shrink()
	s.step.shrink()
}

// arena hands out strings without allocating for each. They are valid until it is reset.
type arena struct {
	chunks [][]byte
	at     int
}

func (a *arena) reset() {
	for i := range a.chunks {
		a.chunks[i] = a.chunks[i][:0]
	}
	a.at = 0
}

func (a *arena) shrink() {
	size := 0
	for i, c := range a.chunks {
		if size += cap(c); size > maxKept {
			a.chunks = a.chunks[:i]
			return
		}
	}
}

// open returns an empty slice with room for n bytes behind everything handed out.
func (a *arena) open(n int) []byte {
	for ; a.at < len(a.chunks); a.at++ {
		if c := a.chunks[a.at]; cap(c)-len(c) >= n {
			return c[len(c):len(c):cap(c)]
		}
	}
	const least = 16 << 10
	a.chunks = append(a.chunks, make([]byte, 0, max(n, least)))
	return a.chunks[a.at][:0:cap(a.chunks[a.at])]
}

// keep takes what was written into a slice from open and returns it as a
// string. Nothing writes to those bytes again before the next reset, which is
// what makes the conversion without a copy sound.
func (a *arena) keep(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	c := a.chunks[a.at]
	if end := len(c) + len(b); end <= cap(c) && unsafe.SliceData(b) == unsafe.SliceData(c[len(c):cap(c)]) {
		a.chunks[a.at] = c[:end]
	}
	// Otherwise append has moved b out of the chunk, and it is nobody else's.
	return unsafe.String(unsafe.SliceData(b), len(b))
}
