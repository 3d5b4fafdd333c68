// Package necessary derives, from a pattern, what every value it matches must
// contain: a conjunction of clauses, each a choice between bytes and literals.
// It proves absence only: a value that fails a clause cannot match; one that
// passes all of them may.
//
// Conditions speak about the normal form of a value: ASCII in lower case,
// U+017F and U+212A replaced by the s and k they fold to. Literals may be
// found in the normal form or in the same text without the bytes of Junk,
// which evasions put between the letters of a command.
package necessary

import (
	"slices"
	"strings"

	"github.com/merlon-security/merlon/policy/screen/transform"
)

// Junk are the bytes shells ignore inside words, as the rules against command
// injection have them.
const Junk = `"')[\^`

// Clause holds for a value that contains one of the bytes or one of the literals.
type Clause struct {
	Bytes    transform.Bytes
	Literals []string // at least two bytes each, sorted, none containing another
	// Stripped: a literal may stand in the value without junk instead.
	Stripped bool
}

// Cond is a conjunction. Without clauses nothing is known.
type Cond []Clause

// MaxLiteral bounds the length of literals; a prefix of a necessary literal is necessary.
const MaxLiteral = 24

// literalClause makes the clause "one of these strings occurs". It fails if
// one of them is empty, for then it says nothing.
func literalClause(set []string, escape transform.Bytes) (Clause, bool) {
	c := Clause{Bytes: escape}
	for _, s := range set {
		switch {
		case s == "":
			return Clause{}, false
		case len(s) == 1:
			c.Bytes.Add(s)
		case len(s) > MaxLiteral:
			c.Literals = append(c.Literals, s[:MaxLiteral])
		default:
			c.Literals = append(c.Literals, s)
		}
	}
	c.minimise()
	return c, true
}

// minimise drops literals that another atom of the clause implies.
func (c *Clause) minimise() {
	slices.SortFunc(c.Literals, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	var kept []string
next:
	for _, s := range c.Literals {
		for i := 0; i < len(s); i++ {
			if c.Bytes.Has(s[i]) {
				continue next
			}
		}
		for _, k := range kept {
			if strings.Contains(s, k) {
				continue next
			}
		}
		kept = append(kept, s)
	}
	slices.Sort(kept)
	c.Literals = kept
}

// or joins two clauses into the one that holds when either does.
func (c Clause) or(d Clause) Clause {
	out := Clause{Bytes: c.Bytes, Literals: slices.Concat(c.Literals, d.Literals), Stripped: c.Stripped || d.Stripped}
	out.Bytes.Join(&d.Bytes)
	out.minimise()
	return out
}

// Hints returns two sets of bytes. Every value that satisfies the clause has a
// byte of each: one of the clause's own, or those of a literal, of which the
// sets have different ones where it has different ones.
func (c *Clause) Hints() (hints [2]transform.Bytes) {
	rest := make([]transform.Bytes, len(c.Literals))
	for i, s := range c.Literals {
		rest[i].Add(s)
	}
	for h := range hints {
		hints[h] = c.Bytes
		cover(&hints[h], rest)
		for i := range rest {
			if less := rest[i].Without(&hints[h]); !less.Empty() {
				rest[i] = less
			}
		}
	}
	return hints
}

// cover adds to set a byte of each of the sets that has none in common with
// it, preferring the bytes that are rare in benign values and in many of the
// sets (Chvátal 1979).
func cover(set *transform.Bytes, of []transform.Bytes) {
	for {
		var covers [256]int
		for i := range of {
			if of[i].Meets(set) {
				continue
			}
			for b := range covers {
				if of[i].Has(byte(b)) {
					covers[b]++
				}
			}
		}
		best, most := byte(0), 0.0
		for b, n := range covers {
			if worth := float64(n) / presence(byte(b)); worth > most {
				best, most = byte(b), worth
			}
		}
		if most == 0 {
			return
		}
		set.AddRange(best, best)
	}
}

// full reports whether every non-empty value satisfies the clause.
func (c *Clause) full() bool {
	return c.Bytes[0]&c.Bytes[2]&c.Bytes[3] == ^uint64(0) && c.Bytes[1]|upper == ^uint64(0)
}

// upper are the bits of A-Z in the second word of a byte set: the normal form has none.
const upper = 0x7fffffe

// Weight estimates how many of a hundred benign values satisfy the clause. It
// only ranks clauses; soundness does not depend on it.
func (c *Clause) Weight() float64 {
	w := 0.0
	for b := 0; b < 0x80; b++ {
		if c.Bytes.Has(byte(b)) {
			w += presence(byte(b))
		}
	}
	if c.Bytes[2]|c.Bytes[3] != 0 {
		w += 3
	}
	for _, s := range c.Literals {
		w += literalWeight(s)
	}
	return w
}

// presence is the share of benign values with the byte, in percent.
func presence(b byte) float64 {
	switch {
	case 'a' <= b && b <= 'z':
		return letterShare[b-'a']
	case '0' <= b && b <= '9':
		return 20
	}
	switch b {
	case ' ':
		return 30
	case '.', '-', '_', '/', ':', ',':
		return 12
	case '@', '=', '\'', '(', ')':
		return 3
	case '"', '&', '+', '?', '!', ';', '%', '\n':
		return 2
	}
	if b < ' ' {
		return 0.2
	}
	return 0.7
}

var letterShare = [26]float64{
	45, 12, 25, 28, 60, 15, 14, 20, 42, 3, 7, 30, 20, 40, 40, 16, 2, 40, 40, 45, 22, 9, 10, 3, 13, 2,
}

// literalWeight estimates the share of benign values with the literal.
func literalWeight(s string) float64 {
	w := 400.0
	for i := 0; i < len(s); i++ {
		w *= presence(s[i]) / 450
	}
	return w
}

// sortCond orders clauses from the rarest to the commonest and keeps the best.
func (cond Cond) best(most int) Cond {
	cond = slices.DeleteFunc(slices.Clone(cond), func(c Clause) bool { return c.full() })
	slices.SortStableFunc(cond, func(a, b Clause) int {
		switch wa, wb := a.Weight(), b.Weight(); {
		case wa < wb:
			return -1
		case wa > wb:
			return 1
		}
		return 0
	})
	var out Cond
	for _, c := range cond {
		if len(out) < most && !slices.ContainsFunc(out, func(o Clause) bool {
			return o.Bytes == c.Bytes && o.Stripped == c.Stripped && slices.Equal(o.Literals, c.Literals)
		}) {
			out = append(out, c)
		}
	}
	return out
}
