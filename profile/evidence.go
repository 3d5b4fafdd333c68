package profile

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// Day is a day of UTC, counted from the Unix epoch.
type Day int32

// Place is where elements stand, outermost step first: the trigger; for HTTP the
// method and the segments of the path, each with its slash; a group such as
// #body; below it the members of objects, each with a dot, and [] for elements of
// arrays. The step of a place that collapsed ends in an asterisk.
type Place []string

// Element is one thing that an event had: a place and a mark. Marks are a letter
// and a step or a word: see aspectNames for what values look like; "." says that
// the place is there; "=", "@", "c", "g" and "r" come before a word, an ARN, a
// content type, a GraphQL operation and a status.
type Element struct {
	Place Place
	Mark  string
}

// Proof is why an element may be taken for normal: when it was seen, and by how
// many sources. It is a join-semilattice: the proofs of one element join in any
// order, any number of times, to the same.
type Proof struct {
	First, Last Day
	Days        []Day    // the earliest, ascending, at most maxDays
	Sources     []uint64 // the smallest hashes of networks, ascending, at most maxSources
}

// maxDays and maxSources bound a proof. Sixteen hashes estimate thousands of
// sources to a quarter (Bar-Yossef et al., "Counting Distinct Elements in a Data
// Stream", 2002).
const (
	maxDays    = 4
	maxSources = 16
)

// join adds what another proof knows and reports whether that was anything new.
func (p *Proof) join(o *Proof) bool {
	days, sources := union(p.Days, o.Days, maxDays), union(p.Sources, o.Sources, maxSources)
	first, last := p.First, max(p.Last, o.Last)
	if len(p.Days) == 0 || len(o.Days) > 0 && o.First < first {
		first = o.First
	}
	news := first != p.First || last != p.Last || !slices.Equal(days, p.Days) || !slices.Equal(sources, p.Sources)
	p.First, p.Last, p.Days, p.Sources = first, last, days, sources
	return news
}

// union is the smallest most of two ascending lists.
func union[T cmp.Ordered](a, b []T, most int) []T {
	if len(b) == 1 { // as every observation is
		if at, found := slices.BinarySearch(a, b[0]); found || at >= most {
			return a
		}
	}
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), most)]
}

// estimate is how many distinct sources there were, about.
func (p *Proof) estimate() float64 {
	n := len(p.Sources)
	if n < maxSources {
		return float64(n)
	}
	return float64(n-1) / (float64(p.Sources[n-1]) / math.MaxUint64)
}

// The most members of a place before they are taken for one that stands for all:
// names that the sender chooses are no names of an interface.
const (
	maxSegments = 24
	maxMembers  = 64
	maxWords    = 32 // of one letter
	maxDepth    = 24 // steps below a group
)

// most is how many members with the prefix of a step a place may have; 0 means
// any number, as their names come from a closed set.
func most(step string) int {
	switch step[0] {
	case '/':
		return maxSegments
	case '.':
		return maxMembers
	}
	return 0
}

// Evidence is what environments have seen of one function, for each element with
// its proof. Merge and Add give the same for any order and repetition.
type Evidence struct {
	top     spot
	Samples map[string]uint64 // for each environment, how many invocations it learned from
}

// spot is a place with what was seen in it.
type spot struct {
	kids  map[string]*spot
	wide  bool // its members collapsed into one
	marks map[string]*Proof
}

// NewEvidence returns none.
func NewEvidence() *Evidence { return &Evidence{Samples: map[string]uint64{}} }

// Add joins one proof of an element. It reports whether anything was new.
func (e *Evidence) Add(el Element, p Proof) bool {
	at := &e.top
	for _, step := range el.Place {
		if isAny(step) && !at.wide {
			at.collapse(step[0])
		}
		at = at.kid(step)
	}
	return at.mark(el.Mark, &p)
}

// Count notes how many invocations an environment has learned from so far.
func (e *Evidence) Count(env string, n uint64) {
	if n > e.Samples[env] {
		e.Samples[env] = n
	}
}

// Merge adds everything that another has.
func (e *Evidence) Merge(o *Evidence) {
	for env, n := range o.Samples {
		e.Count(env, n)
	}
	e.top.join(&o.top)
}

// Total is the number of invocations that were learned from.
func (e *Evidence) Total() (n uint64) {
	for _, m := range e.Samples {
		n += m
	}
	return n
}

// kid returns a member, and makes it.
func (s *spot) kid(step string) *spot {
	limit := most(step)
	if s.wide && limit > 0 {
		step = step[:1] + "*"
	}
	if k := s.kids[step]; k != nil {
		return k
	}
	if s.kids == nil {
		s.kids = map[string]*spot{}
	}
	if limit > 0 && !s.wide && s.count(step[0]) >= limit {
		s.collapse(step[0])
		return s.kid(step)
	}
	k := &spot{}
	s.kids[step] = k
	return k
}

// count is the number of members with a prefix.
func (s *spot) count(prefix byte) (n int) {
	for step := range s.kids {
		if step[0] == prefix {
			n++
		}
	}
	return n
}

// collapse joins all members with a prefix into one.
func (s *spot) collapse(prefix byte) {
	s.wide = true
	if s.kids == nil {
		s.kids = map[string]*spot{}
	}
	all := &spot{}
	for step, k := range s.kids {
		if step[0] == prefix {
			all.join(k)
			delete(s.kids, step)
		}
	}
	s.kids[string(prefix)+"*"] = all
}

// mark joins a proof to a mark. Of words, which the sender chooses, there are
// only so many: then the mark that stands for any takes their place.
func (s *spot) mark(mark string, p *Proof) bool {
	if s.marks == nil {
		s.marks = map[string]*Proof{}
	}
	if isWord(mark) {
		anything := mark[:1] + "*"
		switch {
		case s.marks[anything] != nil:
			mark = anything
		case mark == anything, s.marks[mark] == nil && s.words(mark[0]) >= maxWords:
			all := &Proof{}
			for m, q := range s.marks {
				if m[0] == mark[0] {
					all.join(q)
					delete(s.marks, m)
				}
			}
			s.marks[anything], mark = all, anything
		}
	}
	if q := s.marks[mark]; q != nil {
		return q.join(p)
	}
	q := &Proof{}
	q.join(p)
	s.marks[mark] = q
	return true
}

func (s *spot) words(prefix byte) (n int) {
	for m := range s.marks {
		if m[0] == prefix {
			n++
		}
	}
	return n
}

// isWord tells marks whose rest is the sender's text.
func isWord(mark string) bool { return strings.IndexByte("=@cg", mark[0]) >= 0 }

// join adds everything of another place.
func (s *spot) join(o *spot) {
	for m, p := range o.marks {
		s.mark(m, p)
	}
	for step, k := range o.kids {
		if isAny(step) && !s.wide {
			s.collapse(step[0])
		}
		s.kid(step).join(k)
	}
}

// isAny tells the step of the one member that stands for all.
func isAny(step string) bool { return step == "/*" || step == ".*" }

// each calls fn for every element, in order.
func (e *Evidence) each(fn func(Element, *Proof)) { e.top.each(nil, fn) }

func (s *spot) each(at Place, fn func(Element, *Proof)) {
	for _, m := range sortedKeys(s.marks) {
		fn(Element{slices.Clone(at), m}, s.marks[m])
	}
	for _, step := range sortedKeys(s.kids) {
		s.kids[step].each(append(at, step), fn)
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
