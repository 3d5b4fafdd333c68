package profile

import (
	"cmp"
	"maps"
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
// the place is there; "@" and "c" come before an ARN and a content type; "=" and "g"
// are kept for words and GraphQL operations, which nobody tells yet.
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
// names that the sender chooses are no names of an interface. Only as many of
// them count as there are senders to vouch for them, see vouched.
const (
	maxSegments = 24
	maxMembers  = 64
	maxWords    = 32 // of one letter
	maxDepth    = 24 // steps below a group
	// maxNames bounds the members and words of a place that are kept while they do
	// not count. What comes after is left out: it takes a flood of names from few
	// senders to get there, and none of them would be normal.
	maxNames = 1024
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
func (e *Evidence) Add(el Element, p Proof) bool { return e.top.add(el.Place, el.Mark, &p) }

func (s *spot) add(at Place, mark string, p *Proof) bool {
	if len(at) == 0 {
		return s.mark(mark, p)
	}
	if isAny(at[0]) && !s.wide {
		s.collapse(at[0][0])
	}
	k := s.kid(at[0])
	if k == nil || !k.add(at[1:], mark, p) {
		return false
	}
	s.settle(at[0])
	return true
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

// kid returns a member, and makes it; nil if there are too many.
func (s *spot) kid(step string) *spot {
	limited := most(step) > 0
	if s.wide && limited {
		step = step[:1] + "*"
	}
	if k := s.kids[step]; k != nil {
		return k
	}
	if limited && s.count(step[0]) >= maxNames {
		return nil
	}
	if s.kids == nil {
		s.kids = map[string]*spot{}
	}
	k := &spot{}
	s.kids[step] = k
	return k
}

// settle collapses the members of a place once too many of them are vouched for.
func (s *spot) settle(step string) {
	limit := most(step)
	if limit == 0 || s.wide || len(s.kids) <= limit || s.count(step[0]) <= limit {
		return
	}
	v := vouched{of: map[uint64]uint64{}}
	for name, k := range s.kids {
		if name[0] == step[0] {
			v.add(k.sources(nil))
		}
	}
	if v.total() > limit {
		s.collapse(step[0])
	}
}

// sources adds the distinct sources of a place and all below it to some, as many
// as are needed to count it.
func (s *spot) sources(some []uint64) []uint64 {
	for _, p := range s.marks {
		some = union(some, p.Sources, enoughSources)
	}
	for _, k := range s.kids {
		if len(some) >= enoughSources {
			break
		}
		some = k.sources(some)
	}
	return some
}

// enoughSources is how many senders make a name one that is in use.
const enoughSources = 3

// vouched counts names such that one sender counts for one name at most, however
// many it makes up: a name with enough sources counts, of the others the most
// that can each be given a source of its own. Otherwise whoever sends a hundred
// names from one address would have all names taken for normal. More proof never
// lowers the count, so the order in which it comes does not matter.
type vouched struct {
	strong int
	of     map[uint64]uint64 // source to source, up to the one that stands for the group
	names  []uint64          // a source of each weak name
}

func (v *vouched) add(sources []uint64) {
	if len(sources) == 0 || len(sources) >= enoughSources {
		v.strong++ // events without a source settle nothing anyway
		return
	}
	first := v.root(sources[0])
	for _, s := range sources[1:] {
		v.of[v.root(s)] = first
	}
	v.names = append(v.names, first)
}

func (v *vouched) root(s uint64) uint64 {
	for {
		up, ok := v.of[s]
		if !ok {
			v.of[s] = s
			return s
		}
		if up == s {
			return s
		}
		s = up
	}
}

// total is strong and the size of the greatest matching of weak names to sources:
// a name has one or two sources, so of each group of sources that names connect
// it is the lesser of how many names and how many sources there are.
func (v *vouched) total() int {
	sources, names := map[uint64]int{}, map[uint64]int{}
	for s := range v.of {
		sources[v.root(s)]++
	}
	for _, s := range v.names {
		names[v.root(s)]++
	}
	n := v.strong
	for group, of := range names {
		n += min(of, sources[group])
	}
	return n
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
	word := isWord(mark)
	anything := mark[:1] + "*"
	if word && s.marks[anything] != nil {
		mark = anything
	}
	q := s.marks[mark]
	if q == nil {
		if word && s.words(mark[0]) >= maxNames {
			return false
		}
		q = &Proof{}
		s.marks[mark] = q
	}
	news := q.join(p)
	if word && news && (mark == anything || s.words(mark[0]) > maxWords) {
		s.settleWords(mark[0], anything)
	}
	return news
}

// settleWords collapses the words of a letter once too many are vouched for, or
// if they have collapsed elsewhere.
func (s *spot) settleWords(letter byte, anything string) {
	v := vouched{of: map[uint64]uint64{}}
	for m, q := range s.marks {
		if m[0] == letter {
			v.add(q.Sources)
		}
	}
	if s.marks[anything] == nil && v.total() <= maxWords {
		return
	}
	all := &Proof{}
	for m, q := range s.marks {
		if m[0] == letter {
			all.join(q)
			delete(s.marks, m)
		}
	}
	s.marks[anything] = all
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
		if to := s.kid(step); to != nil {
			to.join(k)
			s.settle(step)
		}
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
	return slices.Sorted(maps.Keys(m))
}
