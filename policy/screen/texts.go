package screen

import (
	"math/bits"

	"github.com/merlon-security/merlon/policy/screen/transform"
)

// open computes the texts of a value that the rules in question need.
func (s *Scratch) open(text string) {
	s.texts, s.group, s.alive, s.made = s.texts[:0], s.group[:0], s.alive[:0], s.made[:0]
	s.step.reset()
	s.newText(text)
	copy(s.group[:s.p.width], s.p.all)
	s.transformAll()
}

// transformAll computes the text of every node whose rules, or whose
// descendants' rules, are in question and not ruled out by bytes. Texts that
// come out equal are one.
func (s *Scratch) transformAll() {
	p := s.p
	s.nodeAt[0] = 0
	for n := 1; n < len(p.nodes); n++ {
		nd := &p.nodes[n]
		at := s.nodeAt[nd.parent]
		// The empty text has no byte to trigger anything, and yet a length.
		if at >= 0 && (p.triggers[n].Meets(&s.texts[at].raw) || nd.kind == transform.Length) {
			if s.worthwhile(n, at) {
				at = s.apply(nd, at)
			} else {
				at = -1
			}
		}
		s.nodeAt[n] = at
		if at == 0 {
			continue
		}
		for i, rules := range p.moved[n] {
			s.group[i] &^= rules
		}
		if at > 0 {
			group := s.set(s.group, at)
			for i, rules := range p.own[n] {
				group[i] |= rules
			}
		}
	}
}

// set returns the set of a text or a node in a list of sets.
func (s *Scratch) set(list []uint64, at int32) []uint64 {
	w := int32(s.p.width)
	return list[at*w : (at+1)*w]
}

// worthwhile reports whether a rule in question may match the text of a node or
// one derived from it. It follows which bytes these texts can have at most.
func (s *Scratch) worthwhile(n int, from int32) bool {
	p := s.p
	if !meets(p.below[n], s.want) {
		return false
	}
	src := &s.texts[from]
	raw, present, alive := &src.raw, s.results[src.result].present, s.set(s.alive, from)
	for _, d := range p.subtree[n] {
		nd := &p.nodes[d]
		if int(d) != n {
			raw = &s.reach[nd.parent]
			present, alive = possible(raw), s.set(s.near, nd.parent)
		}
		near := s.set(s.near, d)
		copy(near, alive)
		s.reach[d] = *raw
		if p.triggers[d].Meets(raw) || nd.kind == transform.Length {
			most, known := nd.kind.Reach(raw)
			if !known {
				if meets(p.below[d], s.want) {
					return true
				}
				continue
			}
			s.reach[d] = most
			more := possible(&most)
			for i := range more {
				more[i] &^= present[i]
			}
			p.revive(near, &more)
		}
		if s.plausible(p.own[d], near, &s.reach[d]) {
			return true
		}
	}
	return false
}

// plausible reports whether a rule in question, of both sets, may match a text with no bytes but those.
func (s *Scratch) plausible(rules, near []uint64, bytes *transform.Bytes) bool {
	most := possible(bytes)
	for i := range rules {
		for word := rules[i] & near[i] & s.want[i]; word != 0; word &= word - 1 {
			if s.p.rules[i<<6+bits.TrailingZeros64(word)].hinted(&most) {
				return true
			}
		}
	}
	return false
}

// hinted reports whether the bytes of a text do not rule out that it satisfies the rule's condition.
func (r *rule) hinted(present *transform.Bytes) bool {
	for i := range r.clauses {
		if h := &r.clauses[i].hints; !h[0].Meets(present) || !h[1].Meets(present) {
			return false
		}
	}
	return true
}

// possible returns what the normal form of a text with bytes of raw can have.
// The two letters that fold to ASCII count as there if their first byte is:
// the rest may be what a transformation brings together.
func possible(raw *transform.Bytes) transform.Bytes {
	m := raw.Lower()
	if raw.Has(longS[0]) {
		m.Add("s")
	}
	if raw.Has(kelvin[0]) {
		m.Add("k")
	}
	return m
}

const (
	longS  = "\u017f"
	kelvin = "\u212a"
)

// revive adds the rules that the bytes keep alive.
func (p *Program) revive(set []uint64, bytes *transform.Bytes) {
	w := p.width
	for i, word := range p.hints {
		for word &= bytes[i]; word != 0; word &= word - 1 {
			b := i<<6 + bits.TrailingZeros64(word)
			for j, v := range p.byHint[b*w : (b+1)*w] {
				set[j] |= v
			}
		}
	}
}

// apply runs one transformation, unless it has been, and returns the number of its text.
func (s *Scratch) apply(nd *node, from int32) int32 {
	a := s.transformed(nd.kind, from)
	if nd.multi && !a.changed {
		return from
	}
	return a.to
}

func (s *Scratch) transformed(kind transform.Kind, from int32) applied {
	for _, a := range s.made {
		if a.from == from && a.kind == kind {
			return a
		}
	}
	src := &s.texts[from]
	out, changed := kind.Append(s.step.open(len(src.text)+64), src.text)
	a := applied{from: from, to: s.textOf(out), kind: kind, changed: changed}
	s.made = append(s.made, a)
	return a
}

// textOf returns the number of the text out, a new one if there is none.
func (s *Scratch) textOf(out []byte) int32 {
	for t := range s.texts {
		if s.texts[t].text == string(out) {
			return int32(t)
		}
	}
	return s.newText(s.step.keep(out))
}

// newText enters a text and returns its number. Of the first one, if it is
// short, all literals are looked for at once: the same pass gives its bytes.
func (s *Scratch) newText(str string) int32 {
	p := s.p
	t := text{text: str, result: s.sameFolded(str)}
	if t.result >= 0 {
		t.raw.Add(str)
	} else {
		t.result = s.newResult()
		s.firstLook(&s.results[t.result], &t, len(s.texts) == 0 && len(str) < longText)
	}
	s.texts = append(s.texts, t)
	for range p.width {
		s.group = append(s.group, 0)
	}
	s.alive = append(s.alive, p.always...)
	p.revive(s.set(s.alive, int32(len(s.texts)-1)), &s.results[t.result].present)
	return int32(len(s.texts) - 1)
}

func (s *Scratch) firstLook(r *scanned, t *text, scan bool) {
	p := s.p
	if scan {
		t.raw = p.literals.Scan(t.text, r.plain)
	} else {
		t.raw.Add(t.text)
	}
	r.present = t.raw.Lower()
	r.junk = p.junk.Meets(&t.raw)
	normal := s.normal(t)
	if len(normal) != len(t.text) {
		r.present.Add(normal)
	}
	r.whole, r.bare = scan, scan || !r.junk
	if scan && len(normal) != len(t.text) {
		p.literals.Scan(normal, r.plain)
	}
	if scan && r.junk {
		p.literals.Scan(s.withoutJunk(normal), r.strip)
	}
}

// newResult returns the number of a result that no text has yet.
func (s *Scratch) newResult() int32 {
	at := 0
	for i := range s.texts {
		at = max(at, int(s.texts[i].result)+1)
	}
	if at == len(s.results) {
		n := len(s.p.bits)
		buf := make([]uint64, 2*n+(len(s.p.finders)+63)/64)
		s.results = append(s.results, scanned{plain: buf[:n:n], strip: buf[n : 2*n : 2*n], looked: buf[2*n:]})
	}
	r := &s.results[at]
	clear(r.plain)
	clear(r.strip)
	clear(r.looked)
	return int32(at)
}

// sameFolded finds the result of a text that differs from str in the case of
// ASCII alone, which no condition sees; -1 if there is none.
func (s *Scratch) sameFolded(str string) int32 {
	for t := range s.texts {
		if o := &s.texts[t]; len(o.text) == len(str) && foldEqual(o.text, str) {
			return o.result
		}
	}
	return -1
}

func foldEqual(a, b string) bool {
	for i := 0; i < len(a); i++ {
		c, d := a[i], b[i]
		if c != d && (c|0x20 != d|0x20 || c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

func meets(a, b []uint64) bool {
	for i := range a {
		if a[i]&b[i] != 0 {
			return true
		}
	}
	return false
}
