package necessary

import (
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/merlon-security/merlon/policy/screen/transform"
)

// limits of the calculus: more strings, or more clauses, would cost more to look for than they exclude.
const (
	maxStrings = 256
	maxClauses = 4
)

// FromRegexp derives the condition of a pattern in Go's syntax, flags written
// into it as the engine does.
func FromRegexp(pattern string) (Cond, error) { return derive(pattern, false) }

// FromBytesRegexp derives the condition of a pattern that is matched byte by
// byte, so that \xbc means the byte and not the rune.
func FromBytesRegexp(pattern string) (Cond, error) { return derive(pattern, true) }

func derive(pattern string, latin bool) (Cond, error) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, err
	}
	d := deriver{latin: latin}
	in := d.node(re.Simplify())
	return in.cond().best(maxClauses), nil
}

// FromWords derives the condition of a search for one of the words, ASCII case ignored.
func FromWords(words []string) Cond {
	set := make([]string, len(words))
	for i, w := range words {
		set[i] = lower(w)
	}
	c, ok := literalClause(set, transform.Bytes{})
	if !ok {
		return nil
	}
	return Cond{c}
}

// lower folds ASCII only: other bytes stay as they are.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// info is what is known of the matches of a node.
type info struct {
	exact  []string // the normal forms of all matches, if known
	known  bool     // exact is valid
	tail   bool     // exact speaks of the end of each match only; something unknown stands before it
	junk   transform.Bytes
	escape transform.Bytes // exact holds unless the value has one of these bytes
	and    Cond            // holds besides
}

// cond turns what is known into clauses.
func (in info) cond() Cond {
	out := slices.Clone(in.and)
	if in.known {
		if c, ok := in.clause(); ok {
			out = append(out, c)
		}
	}
	return out
}

// clause states the exact set as a clause. If junk was skipped inside a string
// that itself holds a junk byte, neither text contains it: the junk escapes.
func (in info) clause() (Clause, bool) {
	escape := in.escape
	if !in.junk.Empty() {
		for _, s := range in.exact {
			if strings.ContainsAny(s, Junk) {
				escape.Join(&in.junk)
				break
			}
		}
	}
	c, ok := literalClause(in.exact, escape)
	c.Stripped = !in.junk.Empty() && len(c.Literals) > 0
	return c, ok
}

func exactly(set ...string) info { return info{exact: set, known: true} }

type deriver struct{ latin bool }

func (d *deriver) node(re *syntax.Regexp) info {
	switch re.Op {
	case syntax.OpNoMatch:
		// Nothing matches: any clause is true of all matches, the emptiest says so.
		return info{and: Cond{{}}}
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return exactly("")
	case syntax.OpLiteral:
		return d.literal(re)
	case syntax.OpCharClass:
		return d.class(re)
	case syntax.OpCapture:
		return d.node(re.Sub[0])
	case syntax.OpConcat:
		return d.concat(re.Sub)
	case syntax.OpAlternate:
		return d.alternate(re.Sub)
	case syntax.OpPlus:
		return info{and: d.node(re.Sub[0]).cond()}
	case syntax.OpStar, syntax.OpQuest:
		return d.optional(re)
	}
	return info{} // any character
}

// literal is an exact string; what is beyond ASCII in it only by its bytes' class.
func (d *deriver) literal(re *syntax.Regexp) info {
	out := exactly("")
	for _, r := range re.Rune {
		out = join(out, d.rune(r))
	}
	return out
}

// rune gives the normal form of one rune of a pattern.
func (d *deriver) rune(r rune) info {
	switch {
	case r < utf8.RuneSelf:
		return exactly(lower(string(r)))
	case !d.latin && r == 0x17f:
		return exactly("s")
	case !d.latin && r == 0x212a:
		return exactly("k")
	}
	// The parser keeps one rune for all that fold to it; among bytes that makes a difference.
	var c Clause
	d.addRange(&c.Bytes, r, r)
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		d.addRange(&c.Bytes, f, f)
	}
	return info{and: Cond{c}}
}

// class is a small set of strings, or the set of its bytes.
func (d *deriver) class(re *syntax.Regexp) info {
	const mostRunes = 12
	var (
		c     Clause
		set   []string
		small = true
	)
	for i := 0; i+1 < len(re.Rune); i += 2 {
		lo, hi := re.Rune[i], re.Rune[i+1]
		d.addRange(&c.Bytes, lo, hi)
		if hi-lo > 2*mostRunes {
			small = false
		}
		for r := lo; small && r <= hi; r++ {
			in := d.rune(r)
			if !in.known {
				small = false
				break
			}
			if !slices.Contains(set, in.exact[0]) {
				set = append(set, in.exact[0])
			}
			small = len(set) <= mostRunes
		}
	}
	if small && len(set) > 0 {
		return exactly(set...)
	}
	return info{and: Cond{c}}
}

// addRange adds the bytes by which a rune of the range shows in a value. Any
// byte beyond ASCII may belong to any rune beyond ASCII, or, being invalid,
// count as U+FFFD.
func (d *deriver) addRange(m *transform.Bytes, lo, hi rune) {
	if d.latin {
		for r := lo; r <= hi && r <= 0xff; r++ {
			m.Add(string([]byte{lowerByte(byte(r))}))
		}
		return
	}
	for r := lo; r <= hi && r < utf8.RuneSelf; r++ {
		m.Add(string([]byte{lowerByte(byte(r))}))
	}
	if hi >= utf8.RuneSelf {
		m.AddRange(0x80, 0xff)
	}
	if lo <= 0x17f && 0x17f <= hi {
		m.Add("s")
	}
	if lo <= 0x212a && 0x212a <= hi {
		m.Add("k")
	}
}

func lowerByte(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// optional treats X* and X?. Evasions stand as such between letters: junk can
// be looked through, other rare material excuses the literals around it.
func (d *deriver) optional(re *syntax.Regexp) info {
	sub := d.node(re.Sub[0])
	if m, ok := onlyBytes(sub); ok && within(m, Junk) {
		in := exactly("")
		in.junk = m
		return in
	}
	if re.Op == syntax.OpQuest && sub.known && !sub.tail && sub.junk.Empty() && sub.escape.Empty() && len(sub.exact) <= 4 {
		return exactly(append(slices.Clone(sub.exact), "")...)
	}
	if m, ok := rareBytes(sub.cond()); ok {
		in := exactly("")
		in.escape = m
		return in
	}
	return info{}
}

// onlyBytes tells whether every match is one byte, and which.
func onlyBytes(in info) (transform.Bytes, bool) {
	var m transform.Bytes
	if in.known && !in.tail && in.escape.Empty() && in.junk.Empty() {
		for _, s := range in.exact {
			if len(s) != 1 {
				return m, false
			}
			m.Add(s)
		}
		return m, len(in.exact) > 0
	}
	return m, false
}

func within(m transform.Bytes, set string) bool {
	var s transform.Bytes
	s.Add(set)
	for i := range m {
		if m[i]&^s[i] != 0 {
			return false
		}
	}
	return true
}

// rareBytes finds bytes one of which every match has and few benign values have.
func rareBytes(cond Cond) (transform.Bytes, bool) {
	var (
		best   transform.Bytes
		weight = 8.0
		found  bool
	)
	for _, c := range cond {
		m := c.Bytes
		for _, s := range c.Literals {
			rare := s[0]
			for i := range len(s) {
				if presence(s[i]) < presence(rare) {
					rare = s[i]
				}
			}
			m.Add(string([]byte{rare}))
		}
		one := Clause{Bytes: m}
		if w := one.Weight(); w < weight {
			best, weight, found = m, w, true
		}
	}
	return best, found
}

// concat joins neighbours as long as the set of strings stays small.
func (d *deriver) concat(subs []*syntax.Regexp) info {
	out := exactly("")
	for _, sub := range subs {
		out = join(out, d.node(sub))
	}
	return out
}

// join is concatenation of what is known.
func join(a, b info) info {
	and := slices.Concat(a.and, b.and)
	if a.known && b.known && !b.tail && len(a.exact)*len(b.exact) <= maxStrings {
		out := info{known: true, tail: a.tail, and: and, junk: a.junk, escape: a.escape}
		out.junk.Join(&b.junk)
		out.escape.Join(&b.escape)
		for _, s := range a.exact {
			for _, t := range b.exact {
				out.exact = append(out.exact, s+t)
			}
		}
		slices.Sort(out.exact)
		out.exact = slices.Compact(out.exact)
		return out
	}
	if a.known {
		if c, ok := a.clause(); ok {
			and = append(and, c)
		}
	}
	if !b.known {
		b = exactly("") // nothing of what follows is known yet
	}
	b.and, b.tail = and, true
	return b
}

// alternate unites exact sets, else pairs the best clauses of the branches.
func (d *deriver) alternate(subs []*syntax.Regexp) info {
	infos := make([]info, 0, len(subs))
	union := info{known: true}
	for _, sub := range subs {
		in := d.node(sub)
		infos = append(infos, in)
		union.known = union.known && in.known && !in.tail
		union.exact = append(union.exact, in.exact...)
		union.junk.Join(&in.junk)
		union.escape.Join(&in.escape)
	}
	slices.Sort(union.exact)
	union.exact = slices.Compact(union.exact)
	if union.known && len(union.exact) <= maxStrings {
		return union
	}
	if in, ok := d.excused(infos); ok {
		return in
	}
	var out Cond
	for rank := range maxClauses {
		c, ok := unite(infos, rank)
		if !ok {
			break
		}
		out = append(out, c)
	}
	return info{and: out}
}

// excused takes an alternative such as (?:j|&#0*106;), a letter or its escaped
// forms, for the letter, excused by the rare byte every escape has.
func (d *deriver) excused(infos []info) (info, bool) {
	out := info{known: true}
	for _, in := range infos {
		if in.known && !in.tail {
			out.exact = append(out.exact, in.exact...)
			out.junk.Join(&in.junk)
			out.escape.Join(&in.escape)
			continue
		}
		m, ok := rareBytes(in.cond())
		if !ok {
			return info{}, false
		}
		out.escape.Join(&m)
	}
	slices.Sort(out.exact)
	out.exact = slices.Compact(out.exact)
	const most, longest = 4, 2
	if len(out.exact) == 0 || len(out.exact) > most {
		return info{}, false
	}
	for _, s := range out.exact {
		if len(s) > longest {
			return info{}, false
		}
	}
	return out, true
}

// unite joins the clauses of the given rank of all branches; a branch with fewer gives its last.
func unite(infos []info, rank int) (Clause, bool) {
	var (
		out  Clause
		more bool
	)
	for _, in := range infos {
		cond := in.cond().best(maxClauses)
		if len(cond) == 0 {
			return out, false
		}
		if rank < len(cond) {
			more = true
		}
		out = out.or(cond[min(rank, len(cond)-1)])
	}
	return out, more
}
