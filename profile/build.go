package profile

import (
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Settled says which proof makes an element normal: so many sources, on so many
// days, and such a share of the sources that were seen at its route. The number of
// environments does not count: one client that calls fast enough is in many.
type Settled struct {
	Sources int
	Days    int
	Share   float64
}

// DefaultSettled asks for three sources, two days and one source in two hundred.
func DefaultSettled() Settled { return Settled{Sources: 3, Days: 2, Share: 0.005} }

// Options are for Build.
type Options struct {
	Metadata Metadata
	Settled  Settled
	// Accept reports whether a person has taken a place, and all below it, for
	// normal. Nil accepts none.
	Accept func(Place) bool
	// Base is the profile that environments learned from; what is normal there
	// stays so, with its modes. Nil for none.
	Base *Document
}

// Pending is an element that waits: for more proof or, where events have no
// source address, for a person.
type Pending struct {
	Element
	Proof Proof
}

// fewSources is how many networks must have used a route for its fields to be
// compared without a person having said so: with fewer, the next one is likely to
// bring something new. It is the number of sources that counts and not the share
// of what is new, which any caller could raise to end the comparison.
const fewSources = 5

// builder collects what one profile has.
type builder struct {
	opt     Options
	base    *shape
	pending []Pending
	last    Day
	once    int // elements that one source has shown on one day
}

// Build makes the profile that the evidence supports, and what it leaves out.
// Equal evidence gives equal profiles.
func (e *Evidence) Build(opt Options) (*Document, []Pending) {
	b := &builder{opt: opt, base: compile(opt.Base)}
	d := &Document{APIVersion: APIVersion, Kind: Kind, Metadata: opt.Metadata}
	d.Provenance = Provenance{Samples: e.Total(), Environments: len(e.Samples)}
	first, last := Day(0), Day(-1)
	e.each(func(_ Element, p *Proof) {
		if last < 0 || p.First < first {
			first = p.First
		}
		last = max(last, p.Last)
		if len(p.Days) == 1 && len(p.Sources) == 1 {
			b.once++
		}
	})
	b.last = last
	if last >= 0 {
		d.Provenance.First, d.Provenance.Last = date(first), date(last)
	}
	if n := e.Total(); n > 0 {
		d.Provenance.Unseen = float64(int(float64(b.once)/float64(n)*1e4+0.5)) / 1e4 // Good–Turing
	}
	for _, name := range sortedKeys(e.top.kids) {
		if t, ok := b.trigger(name, e.top.kids[name]); ok {
			d.Ingress = append(d.Ingress, t)
		}
	}
	if opt.Base != nil {
		d = opt.Base.join(d)
	}
	return d, b.pending
}

func date(d Day) string { return time.Unix(int64(d)*86400, 0).UTC().Format(time.DateOnly) }

// normal reports whether an element is settled, or accepted by a person; of is the
// proof of the route it belongs to.
func (b *builder) normal(at Place, mark string, p, of *Proof) bool {
	s := b.opt.Settled
	ok := len(p.Sources) >= s.Sources && len(p.Days) >= s.Days && (of == nil || p.estimate() >= s.Share*of.estimate()) ||
		b.accepted(at)
	if !ok {
		b.pending = append(b.pending, Pending{Element{slices.Clone(at), mark}, *p})
	}
	return ok
}

// known reports whether the base has a trigger or route.
func (b *builder) known(at Place) bool {
	s := b.base.find(at)
	return s != nil && s.words["."]
}

func (b *builder) accepted(at Place) bool { return b.opt.Accept != nil && b.opt.Accept(at) }

func (b *builder) trigger(name string, s *spot) (t Trigger, ok bool) {
	at := Place{name}
	here := s.marks["."]
	t.Trigger = name
	methods := false
	for _, step := range sortedKeys(s.kids) {
		if step[0] != '#' {
			methods = true
			b.routes(&t, append(at, step), s.kids[step])
		}
	}
	normal := here != nil && b.normal(at, ".", here, nil) || b.known(at)
	if !normal && (!methods || len(t.Routes) == 0) {
		return t, false
	}
	t.Sources = b.wordsOf(at, s, "@", here)
	if g := s.kids[groupEvent]; g != nil {
		t.Event = b.fields(append(at, groupEvent), nil, g, here)
	}
	return t, true
}

// routes adds those at a place and below.
func (b *builder) routes(t *Trigger, at Place, s *spot) {
	// Environments that began with the base tell nothing of the presence of what is
	// in it.
	if here := s.marks["."]; here != nil && b.normal(at, ".", here, nil) || b.known(at) {
		r := Route{Route: formatRoute(at[1:])}
		if g := s.kids[groupBody]; g != nil {
			r.ContentTypes = b.wordsOf(append(at, groupBody), g, "c", here)
			r.Body = b.fields(append(at, groupBody), nil, g, here)
		}
		if g := s.kids[groupQuery]; g != nil {
			r.Query = b.fields(append(at, groupQuery), nil, g, here)
		}
		if g := s.kids[groupCookie]; g != nil {
			r.Cookies = b.fields(append(at, groupCookie), nil, g, here)
		}
		young := here != nil && (b.last-here.First < Day(b.opt.Settled.Days) || len(here.Sources) < fewSources)
		r.Partial = young && !b.accepted(at) && !b.known(at)
		t.Routes = append(t.Routes, r)
	}
	for _, step := range sortedKeys(s.kids) {
		if step[0] == '/' {
			b.routes(t, append(at[:len(at):len(at)], step), s.kids[step])
		}
	}
}

// wordsOf are the normal words of a letter; none if any may be.
func (b *builder) wordsOf(at Place, s *spot, letter string, of *Proof) (words []string) {
	for _, m := range sortedKeys(s.marks) {
		switch {
		case !strings.HasPrefix(m, letter):
		case m == letter+"*":
			return nil
		case b.normal(at, m, s.marks[m], of):
			words = append(words, m[1:])
		}
	}
	return words
}

// fields are those at a place and below; path is the place below its group.
func (b *builder) fields(at, path Place, s *spot, of *Proof) (out []Field) {
	var lk look
	parts := lk.parts()
	for _, m := range sortedKeys(s.marks) {
		if i := strings.IndexByte(aspectNames, m[0]); i >= 0 && b.normal(at, m, s.marks[m], of) {
			step, _ := strconv.Atoi(m[1:])
			*parts[i] |= 1 << step
		}
	}
	if lk.types != 0 {
		out = append(out, fieldOf(path, lk))
	}
	for _, step := range sortedKeys(s.kids) {
		out = append(out, b.fields(append(at[:len(at):len(at)], step), append(path[:len(path):len(path)], step), s.kids[step], of)...)
	}
	return out
}

// fieldOf describes a look, with room: ends of ranges lie a step beyond what was
// seen, and a text that holds some kinds of word characters may hold the others.
func fieldOf(path Place, lk look) Field {
	f := Field{Path: formatPath(path), Type: bitNames(lk.types, typeNames())}
	if lk.length != 0 {
		f.Length = rangeOf(wider(lk.length, len(lengthSteps)-1))
	}
	if lk.size != 0 {
		f.Size = rangeOf(wider(lk.size, len(lengthSteps)-1))
	}
	if lk.classes != 0 {
		f.Chars = bitNames(generalised(lk.classes), classNames[:])
	}
	if one := lk.formats &^ (1 << formatEmpty); bits.OnesCount64(one) == 1 && one != 1<<formatFree && lk.formats == one {
		f.Format = formatNames[bits.TrailingZeros64(one)]
	}
	if lk.low|lk.high != 0 {
		low, high := numberRange(beyond(lk.low, lk.high))
		f.Number = low + ".." + high
		f.Whole = lk.whole == 1
	}
	return f
}

// wider is a run of steps with one more at either end.
func wider(steps uint64, top int) uint64 {
	from, to := bits.TrailingZeros64(steps), bits.Len64(steps)-1
	return 1<<max(0, from-1) | 1<<min(top, to+1)
}

// beyond takes each end of a range of magnitudes a step on.
func beyond(low, high uint64) (uint64, uint64) {
	if high != 0 {
		high |= 1 << min(topStep, bits.Len64(high))
	}
	if low != 0 {
		low |= 1 << min(topStep, bits.Len64(low))
	} else if first := bits.TrailingZeros64(high); first > 0 {
		high |= 1 << (first - 1)
	}
	return low, high
}

// generalised adds the characters that texts like the ones seen have as well.
func generalised(classes uint64) uint64 {
	const (
		word  = classLower | classUpper | classDigit | classHyphen | classUnderscore
		prose = word | classSpace | classDot | classComma | classColon | classRound | classQuote | classSlash | classPlus | classLetter | classBeyond
	)
	if bits.OnesCount64(classes&word) >= 2 {
		classes |= word
	}
	if classes&classSpace != 0 && classes&(classLower|classUpper|classLetter) != 0 {
		classes |= prose
	}
	return classes
}
