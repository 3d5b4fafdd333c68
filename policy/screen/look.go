package screen

import (
	"math/bits"
	"strings"
	"sync"

	"github.com/merlon-security/merlon/policy/screen/literal"
	"github.com/merlon-security/merlon/policy/screen/necessary"
)

// longText is the length from which a text is searched for those literals
// alone that could still rule a rule out, and patterns are tried in batches.
const longText = 512

// commonWeight is the weight of literals from which a clause is taken to hold
// for every long text: one of them is always there. Which words are there, a
// search for words has to know.
const commonWeight = 0.6

// finder looks for a part of the literals, and is made when it is first needed.
type finder struct {
	once sync.Once
	*literal.Finder
}

// The finders are one for the rules of each node, and then these.
const (
	anywhere   = iota // of all nodes
	stripped          // in texts without junk
	rarestOnly        // of each rule, the clause that is the least likely to hold
	moreFinders
)

// finder returns a finder by its number.
func (p *Program) finder(i int) *literal.Finder {
	f := &p.finders[i]
	f.once.Do(func() {
		wanted := make([]uint64, len(p.bits))
		for r := range p.rules {
			at := p.rules[r].nodes
			if i < len(p.nodes) && !has(p.own[i], int32(r)) || len(at) == 0 {
				continue
			}
			if i == len(p.nodes)+rarestOnly {
				if c := p.rules[r].rarestWords(); c != nil {
					put(wanted, int(c.literal))
				}
				continue
			}
			for j := range p.rules[r].clauses {
				c := &p.rules[r].clauses[j]
				if c.literal >= 0 && !c.common && (c.stripped || i != len(p.nodes)+stripped) {
					put(wanted, int(c.literal))
				}
			}
		}
		f.Finder = p.literals.Finder(func(mark int) bool { return has(wanted, int32(mark)) })
	})
	return f.Finder
}

// candidates collects in s.cand the rules in question whose condition the
// text satisfies, and reports whether there are any.
func (s *Scratch) candidates(t int) bool {
	p := s.p
	r := &s.results[s.texts[t].result]
	all := r.whole && r.bare
	if all {
		s.indexed(r)
	} else {
		copy(s.cand, s.set(s.alive, int32(t)))
	}
	for w, rules := range s.set(s.group, int32(t)) {
		s.cand[w] &= rules & s.want[w]
	}
	if !all && s.undecided(r) {
		s.look(t)
	}
	any := uint64(0)
	for w, word := range s.cand {
		for ; word != 0; word &= word - 1 {
			if !p.rules[w<<6+bits.TrailingZeros64(word)].conditionHolds(r) {
				s.cand[w] &^= word & -word
			}
		}
		any |= s.cand[w]
	}
	return any != 0
}

// indexed collects in s.cand the rules that their rarest clause does not rule
// out, for a text of which all is known.
func (s *Scratch) indexed(r *scanned) {
	p, cand := s.p, s.cand
	w := p.width
	copy(cand, p.always)
	for i, word := range p.bytes {
		for word &= r.present[i]; word != 0; word &= word - 1 {
			b := i<<6 + bits.TrailingZeros64(word)
			for j, v := range p.byByte[b*w : (b+1)*w] {
				cand[j] |= v
			}
		}
	}
	for i, word := range p.bits {
		found := r.plain[i]
		if r.junk {
			found |= r.strip[i]
		}
		for word &= found; word != 0; word &= word - 1 {
			for j, v := range p.byBit[i<<6+bits.TrailingZeros64(word)] {
				cand[j] |= v
			}
		}
	}
}

// undecided takes out of s.cand what bytes rule out, and collects in s.unsure the
// rules that depend on literals. It reports whether there are any.
func (s *Scratch) undecided(r *scanned) bool {
	any := uint64(0)
	for w, word := range s.cand {
		s.unsure[w] = 0
		for ; word != 0; word &= word - 1 {
			rl := &s.p.rules[w<<6+bits.TrailingZeros64(word)]
			switch {
			case !rl.hinted(&r.present):
				s.cand[w] &^= word & -word
			case !rl.conditionHolds(r):
				s.unsure[w] |= word & -word
			}
		}
		any |= s.unsure[w]
	}
	return any != 0
}

func (r *rule) conditionHolds(res *scanned) bool {
	for i := range r.clauses {
		if !r.clauses[i].holds(res) {
			return false
		}
	}
	return true
}

func (c *clause) holds(r *scanned) bool {
	if c.bytes.Meets(&r.present) || c.common && !r.whole {
		return true
	}
	return c.literal >= 0 && (has(r.plain, c.literal) || c.stripped && r.junk && has(r.strip, c.literal))
}

func has(set []uint64, bit int32) bool { return set[bit>>6]&(1<<(bit&63)) != 0 }

// look searches a text for the literals the rules of s.unsure depend on.
func (s *Scratch) look(t int) {
	tx := &s.texts[t]
	r := &s.results[tx.result]
	normal := s.normal(tx)
	if len(tx.text) < longText {
		s.scan(r, tx.text, normal)
		return
	}
	p := s.p
	if p.responses && !s.rarestHold(r, tx.text, normal) {
		return
	}
	for _, i := range s.findersFor(t) {
		if !s.tries(r, i) {
			continue
		}
		p.finder(i).Find(tx.text, r.plain)
		if len(normal) != len(tx.text) {
			p.finder(i).Find(normal, r.plain)
		}
	}
	if i := len(p.nodes) + stripped; r.junk && s.unsureStripped() && s.tries(r, i) && !p.finder(i).Empty() {
		p.finder(i).Find(s.withoutJunk(normal), r.strip)
	}
}

// rarestWords returns the clause of a rule whose words are the rarest, nil if
// there is none that can be looked for in any text.
func (r *rule) rarestWords() (rarest *clause) {
	for i := range r.clauses {
		c := &r.clauses[i]
		if c.literal >= 0 && !c.common && !c.stripped && (rarest == nil || c.weight < rarest.weight) {
			rarest = c
		}
	}
	return rarest
}

// rarestHold looks for the rarest words of each rule, and takes those rules out of
// s.unsure that have theirs not. It reports whether any are left. Responses are
// long, and most rules about them have a word that hardly any of them has.
func (s *Scratch) rarestHold(res *scanned, text, normal string) bool {
	p := s.p
	f := p.finder(len(p.nodes) + rarestOnly)
	f.Find(text, res.plain)
	if len(normal) != len(text) {
		f.Find(normal, res.plain)
	}
	left := uint64(0)
	for w, word := range s.unsure {
		for ; word != 0; word &= word - 1 {
			if c := p.rules[w<<6+bits.TrailingZeros64(word)].rarestWords(); c != nil && !c.holds(res) {
				s.unsure[w] &^= word & -word
			}
		}
		left |= s.unsure[w]
	}
	return left != 0
}

// scan looks for all literals in a short text, and without its junk if a rule of s.unsure asks.
func (s *Scratch) scan(r *scanned, text, normal string) {
	if !r.whole {
		r.whole = true
		s.p.literals.Scan(text, r.plain)
		if len(normal) != len(text) {
			s.p.literals.Scan(normal, r.plain)
		}
	}
	if !r.bare && s.unsureStripped() {
		r.bare = true
		s.p.literals.Scan(s.withoutJunk(normal), r.strip)
	}
}

// tries notes that a finder is used on a text, and reports whether it has not been.
func (s *Scratch) tries(r *scanned, finder int) bool {
	if has(r.looked, int32(finder)) || finder < len(s.p.nodes) && has(r.looked, int32(len(s.p.nodes)+anywhere)) {
		return false
	}
	put(r.looked, finder)
	return true
}

// findersFor chooses the finders that together have the literals of the rules of s.unsure.
func (s *Scratch) findersFor(t int) []int {
	const most = 2
	p := s.p
	s.use = s.use[:0]
	for n, at := range s.nodeAt {
		if int(at) == t && meets(p.own[n], s.unsure) {
			s.use = append(s.use, n)
		}
	}
	if len(s.use) > most {
		s.use = append(s.use[:0], len(p.nodes)+anywhere)
	}
	return s.use
}

// unsureStripped reports whether a rule of s.unsure looks for literals between junk.
func (s *Scratch) unsureStripped() bool {
	for w, word := range s.unsure {
		for ; word != 0; word &= word - 1 {
			for _, c := range s.p.rules[w<<6+bits.TrailingZeros64(word)].clauses {
				if c.stripped {
					return true
				}
			}
		}
	}
	return false
}

// normal returns the text with U+017F and U+212A replaced by what they fold to.
func (s *Scratch) normal(t *text) string {
	if t.raw.Has(longS[0]) && strings.Contains(t.text, longS) || t.raw.Has(kelvin[0]) && strings.Contains(t.text, kelvin) {
		return s.step.keep(necessary.Normal(s.step.open(len(t.text)), t.text))
	}
	return t.text
}

func (s *Scratch) withoutJunk(text string) string {
	b := s.step.open(len(text))
	for i := 0; i < len(text); i++ {
		if !s.p.junk.Has(text[i]) {
			b = append(b, text[i])
		}
	}
	return s.step.keep(b)
}

// sift takes out the candidates whose pattern does not match. On a long text
// those that are left are tried several at a time: one automaton for a batch
// of patterns takes no longer than one for each of them.
func (s *Scratch) sift(t int) {
	p, tx := s.p, &s.texts[t]
	const several = 2
	if len(tx.text) < longText {
		return
	}
	for b := range p.batches {
		set := p.batches[b].set
		n := 0
		for w := range set {
			n += bits.OnesCount64(set[w] & s.cand[w])
		}
		if n >= several && p.batches[b].misses(p, tx.text) {
			for w := range set {
				s.cand[w] &^= set[w]
			}
		}
	}
}
