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
	start, shortest, before := -1, shortestRun(len(val)), len(d.ev.Leaves)
	d.ev.Binary += len(val)
	for i := 0; i <= len(val); i++ {
		if i < len(val) && printable(val[i]) {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 && i-start >= shortest {
			if !d.room() {
				d.addText(val[start:], at)
				d.ev.Binary -= len(val) - start
				return
			}
			d.addText(val[start:i], at)
			d.ev.Binary -= i - start
		}
		start = -1
	}
	if len(d.ev.Leaves) == before {
		d.addText("", at) // the name counts
	}
}

// mostlyText reports whether fewer than one byte in eight is not printable. It
// knows after a fifth of a picture that this is none.
func mostlyText(s string) bool {
	odd, most := 0, (len(s)+7)/8
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

// printable includes vertical tab and form feed, which are white space to SQL
// and JavaScript: they must not cut an attack into runs that are too short.
func printable(c byte) bool { return c >= 0x20 && c < 0x7f || c >= '\t' && c <= '\r' }
