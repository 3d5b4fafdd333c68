package transform

import (
	"html"
	"strings"
	"unicode/utf8"
)

// appendEntities resolves character references as HTML's tokenizer does in
// text. Changed goes by the length, as in Coraza.
func appendEntities(dst []byte, s string) ([]byte, bool) {
	start, size := len(dst), len(s)
	for {
		i := strings.IndexByte(s, '&')
		if i < 0 {
			dst = append(dst, s...)
			return dst, len(dst)-start != size
		}
		dst = append(dst, s[:i]...)
		s = s[i:]
		var n int
		if len(s) > 1 && s[1] == '#' {
			dst, n = appendNumeric(dst, s)
		} else {
			dst, n = appendNamed(dst, s)
		}
		s = s[n:]
	}
}

// appendNumeric resolves &#38; &#x26; and their forms without semicolon.
func appendNumeric(dst []byte, s string) ([]byte, int) {
	i, base := 2, 10
	if i < len(s) && s[i]|0x20 == 'x' {
		i, base = 3, 16
	}
	first, x := i, 0
	for ; i < len(s); i++ {
		d := nibble(s[i])
		if d < 0 || d >= base {
			break
		}
		if x <= utf8.MaxRune {
			x = base*x + d
		}
	}
	if i == first {
		return append(dst, '&'), 1
	}
	if i < len(s) && s[i] == ';' {
		i++
	}
	return utf8.AppendRune(dst, numericRune(x)), i
}

// windows1252 replaces the code points 0x80 to 0x9f, which HTML reads as
// Windows-1252 (HTML Standard §13.2.5.80).
var windows1252 = [32]rune{
	0x20AC, 0x81, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D, 0x017D, 0x8F,
	0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D, 0x017E, 0x0178,
}

func numericRune(x int) rune {
	switch {
	case 0x80 <= x && x <= 0x9f:
		return windows1252[x-0x80]
	case x == 0, 0xD800 <= x && x <= 0xDFFF, x > utf8.MaxRune:
		return utf8.RuneError
	}
	return rune(x)
}

// appendNamed resolves a named reference. The names are those of the standard
// library, which is asked for one reference at a time.
func appendNamed(dst []byte, s string) ([]byte, int) {
	i := 1
	for i < len(s) && (nibble(s[i]) >= 0 || 'a' <= s[i]|0x20 && s[i]|0x20 <= 'z') {
		i++
	}
	if i == 1 {
		return append(dst, '&'), 1
	}
	if i < len(s) && s[i] == ';' {
		i++
	}
	switch s[:i] {
	case "&nGt;": // the standard library leaves out the two names shorter than what they stand for
		return append(dst, "\u226b\u20d2"...), i
	case "&nLt;":
		return append(dst, "\u226a\u20d2"...), i
	}
	return append(dst, html.UnescapeString(s[:i])...), i
}
