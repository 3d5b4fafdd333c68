package transform

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// appendRune appends r the way strings.Map does: the replacement character for what was no rune.
func appendRune(dst []byte, r rune) []byte {
	if r < utf8.RuneSelf {
		return append(dst, byte(r))
	}
	return utf8.AppendRune(dst, r)
}

// table gives for each byte what a transformation makes of it, in the low
// byte, and flags. Text is a mix of letters and spaces on which a branch
// guesses wrong at every word; a look into a table does not.
type table [256]uint16

const (
	separator = 1 << 8 // stands for a space
	special   = 1 << 9 // needs a closer look
)

func newTable(of func(c byte) uint16) (t table) {
	for c := range t {
		t[c] = of(byte(c))
	}
	return t
}

func isASCIISpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

var lowerTable = newTable(func(c byte) uint16 {
	if c >= utf8.RuneSelf {
		return special
	}
	return uint16(lowerByte(c))
})

// appendLower is strings.ToLower: by runes as soon as one byte is not ASCII,
// so that U+212A becomes k and a stray byte becomes U+FFFD.
func appendLower(dst []byte, s string) ([]byte, bool) {
	start, rest := len(dst), s
	for rest != "" {
		dst = slices.Grow(dst, len(rest))
		out := dst[len(dst) : len(dst)+len(rest)]
		i := 0
		for ; i < len(rest); i++ {
			e := lowerTable[rest[i]]
			if e&special != 0 {
				break
			}
			out[i] = byte(e)
		}
		dst = dst[:len(dst)+i]
		if rest = rest[i:]; rest != "" {
			r, n := utf8.DecodeRuneInString(rest)
			dst = appendRune(dst, unicode.ToLower(r))
			rest = rest[n:]
		}
	}
	return dst, string(dst[start:]) != s
}

var spaceTable = newTable(func(c byte) uint16 {
	switch {
	case c >= utf8.RuneSelf:
		return special
	case isASCIISpace(c):
		return separator | ' '
	}
	return uint16(c)
})

// appendWithoutSpace drops every rune that Unicode calls a space.
func appendWithoutSpace(dst []byte, s string) (_ []byte, changed bool) {
	for s != "" {
		dst = slices.Grow(dst, len(s))
		out := dst[len(dst) : len(dst)+len(s)]
		i, w := 0, 0
		for ; i < len(s); i++ {
			e := spaceTable[s[i]]
			if e&special != 0 {
				break
			}
			out[w] = byte(e)
			w += 1 - int(e>>8) // a separator is written over
		}
		dst = dst[:len(dst)+w]
		changed = changed || w != i
		if s = s[i:]; s == "" {
			break
		}
		r, n := utf8.DecodeRuneInString(s)
		if unicode.IsSpace(r) {
			changed = true
		} else {
			dst = appendRune(dst, r)
		}
		s = s[n:]
	}
	return dst, changed
}

// latinSpace tells the spaces of ISO 8859-1.
func latinSpace(r rune) bool {
	return r == ' ' || '\t' <= r && r <= '\r' || r == 0x85 || r == 0xA0
}

// appendCompressed makes one space of every run of Latin-1 spaces, a raw byte 0xA0 included.
func appendCompressed(dst []byte, s string) ([]byte, bool) {
	start, rest := len(dst), s
	in := uint16(0) // separator, if the last character was one
	for rest != "" {
		dst = slices.Grow(dst, len(rest))
		out := dst[len(dst) : len(dst)+len(rest)]
		i, w := 0, 0
		for ; i < len(rest); i++ {
			e := spaceTable[rest[i]]
			if e&special != 0 {
				break
			}
			out[w] = byte(e)
			w += 1 - int(e&in>>8)
			in = e & separator
		}
		dst = dst[:len(dst)+w]
		if rest = rest[i:]; rest == "" {
			break
		}
		r, n := utf8.DecodeRuneInString(rest)
		switch {
		case !latinSpace(r) && rest[0] != 0xA0:
			in = 0
			dst = append(dst, rest[:n]...)
		case in == 0:
			in = separator
			dst = append(dst, ' ')
		}
		rest = rest[n:]
	}
	return dst, string(dst[start:]) != s
}

var cmdLineTable = newTable(func(c byte) uint16 {
	switch c {
	case '"', '\'', '\\', '^', '/', '(':
		return special | uint16(c)
	case ' ', ',', ';', '\t', '\r', '\n':
		return separator | ' '
	}
	return uint16(lowerByte(c))
})

// appendCmdLine undoes the evasions of a shell: quotes, backslashes and carets
// go, separators become one space, none before / or (, ASCII in lower case.
func appendCmdLine(dst []byte, s string) ([]byte, bool) {
	start := len(dst)
	dst = slices.Grow(dst, len(s))
	out := dst[start : start+len(s)]
	w, in := 0, uint16(0) // separator, if the last character written was one
	for i := 0; i < len(s); i++ {
		e := cmdLineTable[s[i]]
		if e&special == 0 {
			out[w] = byte(e)
			w += 1 - int(e&in>>8)
			in = e & separator
			continue
		}
		if c := byte(e); c == '/' || c == '(' {
			w -= int(in >> 8)
			out[w] = c
			w++
			in = 0
		}
	}
	return dst[:start+w], string(out[:w]) != s
}

func appendTrimmed(dst []byte, s, trimmed string) ([]byte, bool) {
	return append(dst, trimmed...), len(s) != len(trimmed)
}

func appendLength(dst []byte, s string) ([]byte, bool) {
	return strconv.AppendInt(dst, int64(len(s)), 10), true
}

func appendWithoutNulls(dst []byte, s string) (_ []byte, changed bool) {
	for {
		head, rest, found := strings.Cut(s, "\x00")
		dst = append(dst, head...)
		if !found {
			return dst, changed
		}
		changed = true
		s = rest
	}
}

func appendNullsReplaced(dst []byte, s string) (_ []byte, changed bool) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == 0 {
			c, changed = ' ', true
		}
		dst = append(dst, c)
	}
	return dst, changed
}
