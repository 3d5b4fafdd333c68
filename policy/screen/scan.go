package screen

import (
	"math/bits"
	"strings"

	"github.com/merlon-security/merlon/policy/screen/necessary"
	"github.com/merlon-security/merlon/policy/screen/transform"
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
		s.candidates(t)
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

// open computes the texts of a value that the rules in question need.
func (s *Scratch) open(text string) {
	s.texts, s.group = s.texts[:0], s.group[:0]
	s.step.reset()
	s.newText(text, -1)
	copy(s.group[:s.p.width], s.p.all)
	s.transformAll()
}

// transformAll computes the text of every node a rule in question needs.
// Texts that come out equal are one.
func (s *Scratch) transformAll() {
	p := s.p
	s.nodeAt[0] = 0
	for n := 1; n < len(p.nodes); n++ {
		nd := &p.nodes[n]
		from := s.nodeAt[nd.parent]
		s.nodeAt[n] = from
		if from < 0 {
			continue
		}
		// The empty text has no byte to trigger anything, and yet a length.
		if p.triggers[n].Meets(&s.texts[from].raw) || nd.kind == transform.Length {
			if !meets(p.below[n], s.want) {
				s.nodeAt[n] = -1
				continue
			}
			s.nodeAt[n] = s.apply(nd, from)
		}
		if at := s.nodeAt[n]; at > 0 {
			w := p.width
			group := s.group[int(at)*w : (int(at)+1)*w]
			for i := range group {
				s.group[i] &^= p.moved[n][i]
			}
			for i := range group {
				group[i] |= p.own[n][i]
			}
		}
	}
}

// apply runs one transformation and returns the number of its text.
func (s *Scratch) apply(nd *node, from int32) int32 {
	src := &s.texts[from]
	out, changed := nd.kind.Append(s.step.open(len(src.text)+64), src.text)
	if nd.multi && !changed || string(out) == src.text {
		return from
	}
	for t := range s.texts {
		if s.texts[t].text == string(out) {
			return int32(t)
		}
	}
	return s.newText(s.step.keep(out), s.sameFolded(out))
}

// sameFolded finds the scan of a text that differs from out in the case of
// ASCII alone, which a scan does not see; -1 if there is none.
func (s *Scratch) sameFolded(out []byte) int32 {
	for t := range s.texts {
		if o := &s.texts[t]; len(o.text) == len(out) && asciiOnly(&o.raw) && foldEqual(o.text, out) {
			return o.result
		}
	}
	return -1
}

func foldEqual(a string, b []byte) bool {
	for i, c := range b {
		d := a[i]
		if c != d && (c|0x20 != d|0x20 || c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

func asciiOnly(m *transform.Bytes) bool { return m[2]|m[3] == 0 }

func meets(a, b []uint64) bool {
	for i := range a {
		if a[i]&b[i] != 0 {
			return true
		}
	}
	return false
}

// newText enters a text, with the scan it shares or -1, and returns its number.
func (s *Scratch) newText(str string, result int32) int32 {
	t := text{text: str, result: result}
	if result >= 0 {
		t.raw.Add(str)
	} else {
		t.result = int32(s.scanText(&t))
	}
	s.texts = append(s.texts, t)
	for range s.p.width {
		s.group = append(s.group, 0)
	}
	return int32(len(s.texts) - 1)
}

// scanText looks at every byte of a text, and at the text without junk if it has any.
func (s *Scratch) scanText(t *text) int {
	p := s.p
	at := 0
	for i := range s.texts {
		at = max(at, int(s.texts[i].result)+1)
	}
	if at == len(s.results) {
		n := len(p.bits)
		buf := make([]uint64, 2*n)
		s.results = append(s.results, scanned{plain: buf[:n:n], strip: buf[n:]})
	}
	r := &s.results[at]
	clear(r.plain)
	t.raw = p.literals.Scan(t.text, r.plain)
	r.present = foldBytes(t.raw)
	normal := t.text
	if t.raw.Has(0xc5) && strings.Contains(normal, "\u017f") || t.raw.Has(0xe2) && strings.Contains(normal, "\u212a") {
		normal = s.step.keep(necessary.Normal(s.step.open(len(normal)), normal))
		more := transform.Bytes(p.literals.Scan(normal, r.plain))
		r.present.Join(&more)
	}
	if r.junk = p.junk.Meets(&t.raw); r.junk {
		clear(r.strip)
		b := s.step.open(len(normal))
		for i := 0; i < len(normal); i++ {
			if !p.junk.Has(normal[i]) {
				b = append(b, normal[i])
			}
		}
		p.literals.Scan(s.step.keep(b), r.strip)
	}
	return at
}

// candidates collects in s.cand the rules in question that the rarest clause does not rule out.
func (s *Scratch) candidates(t int) {
	p, r := s.p, &s.results[s.texts[t].result]
	w := p.width
	cand := s.cand
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
	group := s.group[t*w : (t+1)*w]
	for j := range cand {
		cand[j] &= group[j] & s.want[j]
	}
}

// sift takes out the candidates whose condition does not hold. On a long text
// those that are left are tried several at a time: one automaton for a batch
// of patterns takes no longer than one for each of them.
func (s *Scratch) sift(t int) {
	p, tx := s.p, &s.texts[t]
	res := &s.results[tx.result]
	for w, word := range s.cand {
		for ; word != 0; word &= word - 1 {
			r := &p.rules[w<<6+bits.TrailingZeros64(word)]
			for i := range r.clauses {
				if !r.clauses[i].holds(res) {
					s.cand[w] &^= word & -word
					break
				}
			}
		}
	}
	const long, several = 512, 3
	if len(tx.text) < long {
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

func (c *clause) holds(r *scanned) bool {
	if c.bytes.Meets(&r.present) {
		return true
	}
	return c.literal >= 0 && (has(r.plain, c.literal) || r.junk && has(r.strip, c.literal))
}

func has(set []uint64, bit int32) bool { return set[bit>>6]&(1<<(bit&63)) != 0 }

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
