package event

import (
	"math"
	"unicode/utf8"
)

// shortestRun is the length from which a run of printable bytes counts as text
// inside binary content of n bytes. Small content may be the fields of a binary
// protocol. In compressed data, such as pictures, runs come about by chance: one
// byte in 2.6 is printable, and noise of 40 letters and signs reads as an
// injection sooner or later. The length is that which chance brings about once
// in twenty files: n × 0.38^length = 0.05.
func shortestRun(n int) int {
	const small, least, grows = 4 << 10, 4, 0.97 // -ln 0.38
	if n <= small {
		return least
	}
	return int(math.Log(20*float64(n))/grows) + 1
}

// plainText reports whether a value is text as it is: valid UTF-8 without NUL
// and without the control bytes that only binary formats use.
func plainText(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return plainUnicode(s[i:])
		}
	}
	return true
}

func plainUnicode(s string) bool {
	control := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c == 0 {
				return false
			}
			if !printable(c) {
				control++
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			return false
		}
		i += size
	}
	return control*16 <= len(s)
}

// opaque makes leaves of bytes that no decoder took: bodies and files. (A string
// of a JSON document is text by its nature, and a leaf whole.) Text is one leaf.
// Content that is mostly text is one leaf as well: a NUL or a broken rune in it
// is how an attack would hide. Binary content is inspected as the runs of text
// in it, as the tool strings shows them; the bytes between are counted in
// Event.Binary.
func (d *decoder) opaque(val string, at leafAt) {
	if plainText(val) || mostlyText(val) {
		d.addText(val, at)
		return
	}
	shortest, before := shortestRun(len(val)), len(d.ev.Leaves)
	d.ev.Binary += len(val)
	for start, end := nextRun(val, 0, shortest); end > 0; start, end = nextRun(val, end, shortest) {
		if !d.room() {
			end = len(val)
		}
		d.addText(val[start:end], at)
		d.ev.Binary -= end - start
	}
	if len(d.ev.Leaves) == before {
		d.addText("", at) // the name counts
	}
}

// nextRun finds the next run of at least shortest printable bytes at or after
// from; end is 0 if there is none. It asks for the last byte of where a run could
// be first: in a picture, one that is not printable comes soon, and the bytes
// before it need no look, as no run of that length can reach past it.
func nextRun(s string, from, shortest int) (start, end int) {
	for start = from; start+shortest <= len(s); {
		i := start + shortest - 1
		for i >= start && printable(s[i]) {
			i--
		}
		if i >= start {
			start = i + 1
			continue
		}
		for end = start + shortest; end < len(s) && printable(s[end]); {
			end++
		}
		return start, end
	}
	return 0, 0
}

// mostlyText reports whether fewer than one byte in eight is not printable.
func mostlyText(s string) bool {
	odd, most := 0, (len(s)+7)/8
	if oddAtLeast(s, most) {
		return false
	}
	for i := 0; i < len(s); {
		c := s[i]
		if printable(c) {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			odd++
			i++
		} else {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				odd++
			}
			i += size
		}
		if odd >= most {
			return false
		}
	}
	return true
}

// role is what a byte can be in UTF-8.
type role uint8

const (
	shown role = iota // printable
	hidden
	continuing
	leading // of two to four bytes
	never
	roles
)

var roleOf = func() (of [256]role) {
	for c := range of {
		switch {
		case printable(byte(c)):
		case c < 0x80:
			of[c] = hidden
		case c < 0xc0:
			of[c] = continuing
		case c == 0xc0 || c == 0xc1 || c > 0xf4:
			of[c] = never
		default:
			of[c] = leading
		}
	}
	return of
}()

// oddPair counts what two neighbours show to be no text: the second byte if it
// never is, or goes on with nothing; the first if it should go on.
var oddPair = func() (odd [roles * roles]uint8) {
	for a := range roles {
		for b := range roles {
			n := uint8(0)
			if b == hidden || b == never || b == continuing && a != continuing && a != leading {
				n++
			}
			if a == leading && b != continuing {
				n++
			}
			odd[a*roles+b] = n
		}
	}
	return odd
}()

// oddAtLeast reports whether some bytes' neighbours alone show that at least
// most bytes are no text. It takes no branch on a byte: in a picture the
// processor would guess every other one wrong. It knows after a third of one.
func oddAtLeast(s string, most int) bool {
	odd, before := 0, shown
	for len(s) > 0 {
		block := s[:min(len(s), 512)]
		s = s[len(block):]
		for i := range len(block) {
			r := roleOf[block[i]]
			odd += int(oddPair[before*roles+r])
			before = r
		}
		if odd >= most {
			return true
		}
	}
	return false
}

// printable includes vertical tab and form feed, which are white space to SQL
// and JavaScript: they must not cut an attack into runs that are too short.
func printable(c byte) bool { return c >= 0x20 && c < 0x7f || c >= '\t' && c <= '\r' }
