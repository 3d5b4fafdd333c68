package event

import (
	"strings"
	"unicode/utf8"

	"github.com/merlon-security/merlon/internal/verdict"
)

// Frameworks and databases fold text after a filter has seen it: Unicode's
// compatibility forms in normalisation (NFKC), what a code page lacks in
// conversion to it (best fit). A full-width ＜script＞ is one then, and a prime
// (U+02B9) ends a string. What a text would be in ASCII is a second view of it,
// a leaf of the same name and path.

// folds adds that view of every leaf that has one.
func (d *decoder) folds() {
	for i := range d.ev.Leaves {
		if i%clockStep == clockStep-1 && past(d.lim.Until) {
			d.limit("time")
			return
		}
		l := &d.ev.Leaves[i]
		plain := l.Value
		if l.Place == verdict.PlacePath { // stands as it was sent
			plain = unescapePath(plain)
		}
		if beyondASCII(plain) || beyondASCII(l.Name) {
			d.fold(l, plain)
		}
	}
}

// fold adds the view of a leaf whose value reads as plain, if it has one. A
// cookie's is an argument: what it folds to may hold the semicolon that ends a
// cookie. The line of all cookies has none besides.
func (d *decoder) fold(l *Leaf, plain string) {
	name, inName := folded(l.Name)
	value, inValue := folded(plain)
	if !inName && !inValue || !d.spend(len(name)+len(value)) {
		return
	}
	view := *l
	switch {
	case l.Place == verdict.PlaceCookie:
		view.Place = verdict.PlaceArgument
	case l.Place == verdict.PlaceHeader && strings.EqualFold(l.Name, "cookie"):
		return
	}
	view.Name, view.Value, view.InTarget, view.Folded = name, value, false, true
	d.ev.Leaves = append(d.ev.Leaves, view)
}

// beyondASCII reports whether s has a byte that is not ASCII. It looks at eight
// at a time: every text of every event comes by.
func beyondASCII(s string) bool {
	const high = 0x8080808080808080
	if len(s) < 8 {
		var or byte
		for i := 0; i < len(s); i++ {
			or |= s[i]
		}
		return or >= utf8.RuneSelf
	}
	for i := 0; i < len(s)-8; i += 8 {
		if eight(s[i:])&high != 0 {
			return true
		}
	}
	return eight(s[len(s)-8:])&high != 0
}

// eight reads the first eight bytes, in one load.
func eight(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// folded replaces the runes of s that fold to ASCII, and reports whether there
// are any.
func folded(s string) (string, bool) {
	var b strings.Builder
	done := 0
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if to := foldOf(r); to != "" {
			b.WriteString(s[done:i])
			b.WriteString(to)
			done = i + size
		}
		i += size
	}
	if done == 0 {
		return s, false
	}
	b.WriteString(s[done:])
	return b.String(), true
}

// foldRun are runes from first on, each with width bytes of to.
type foldRun struct {
	first rune
	width int
	to    string
}

// foldOf is what a rune folds to, or nothing. Letters and ideographs, of which
// texts in other scripts consist, are told by range.
func foldOf(r rune) string {
	if r >= 0x380 && r < 0x1d00 || r >= 0x3400 && r < 0xa700 || r >= 0xac00 && r < 0xfb00 {
		return ""
	}
	lo, hi := 0, len(foldRuns)
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); foldRuns[mid].first > r {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	if lo == 0 {
		return ""
	}
	run := &foldRuns[lo-1]
	at := int(r-run.first) * run.width
	if at >= len(run.to) {
		return ""
	}
	return run.to[at : at+run.width]
}
