package screen

import (
	"math/bits"
)

// Scan evaluates the program on one transaction.
func (p *Program) Scan(s *Scratch, in *Input) Result {
	if in.Opaque {
		return Result{Always: true}
	}
	s.reset(in)
	defer s.release()
	s.collect()
	for i := range s.values {
		s.value(i)
	}
	s.looseRules()
	r := s.result()
	r.Args, r.All = s.needed(&r)
	p.tidy()
	return r
}

// result lists the rules found, in their order.
func (s *Scratch) result() Result {
	for w, word := range s.seen {
		for ; word != 0; word &= word - 1 {
			i := w<<6 + bits.TrailingZeros64(word)
			s.hits = append(s.hits, s.places[i])
		}
	}
	always := s.p.unknown
	return Result{Clean: len(s.hits) == 0 && !always, Always: always, Hits: s.hits}
}

// hit notes that a rule can match.
func (s *Scratch) hit(rule int, place Place, index int) {
	put(s.seen, rule)
	s.places[rule] = Hit{RuleID: int(s.p.metas[s.p.rules[rule].meta].id), Place: place, Index: index}
}

// value looks at one distinct value.
func (s *Scratch) value(i int) {
	p, v := s.p, &s.values[i]
	set := s.sets[i*p.width : (i+1)*p.width]
	left := uint64(0)
	for w := range set {
		s.want[w] = set[w] &^ s.seen[w]
		if !s.in.HasHead {
			s.want[w] &^= p.heads[w]
		}
		left |= s.want[w]
	}
	if left == 0 {
		return
	}
	hash, known := s.clean.knows(s.seed, v.text, s.want)
	if known {
		for w := range set { // a link failed on what such a rule captured; its starter may have matched
			set[w] &^= s.want[w] &^ p.captive[w]
		}
		return
	}
	copy(s.wanted, s.want)
	matched := false
	s.contextual = false
	s.open(v.text)
	for t := range s.texts {
		if !s.candidates(t) {
			continue
		}
		s.sift(t)
		for w, word := range s.cand {
			for ; word != 0; word &= word - 1 {
				r := w<<6 + bits.TrailingZeros64(word)
				if !s.decide(&p.rules[r], &s.texts[t]) {
					continue
				}
				v.starts = true
				if s.chainHolds(r, s.texts[t].text) {
					s.hit(r, v.place, int(v.index))
					s.want[w] &^= word & -word
					matched = true
				}
			}
		}
	}
	if !v.starts {
		for w := range set {
			set[w] &^= s.wanted[w]
		}
	}
	if !matched && !s.contextual {
		s.clean.note(hash, v.text, s.wanted)
	}
}

// decide runs the operator of a rule whose condition holds.
func (s *Scratch) decide(r *rule, t *text) bool {
	if r.op.code == opWords && !r.op.negated && r.exactWords() {
		c, res := &r.clauses[0], &s.results[t.result]
		return c.bytes.Meets(&res.present) || has(res.plain, c.literal)
	}
	return s.p.test(&r.op, t.text)
}

// exactWords reports whether the literals of a word list are the whole words.
func (r *rule) exactWords() bool {
	return r.op.whole && len(r.clauses) == 1 && r.clauses[0].literal >= 0
}
