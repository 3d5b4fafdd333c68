package transform

import (
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

// appendLower is strings.ToLower: by runes as soon as one byte is not ASCII,
// so that U+212A becomes k and a stray byte becomes U+FFFD.
func appendLower(dst []byte, s string) ([]byte, bool) {
	start := len(dst)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= utf8.RuneSelf {
			dst = dst[:start]
			for _, r := range s {
				dst = appendRune(dst, unicode.ToLower(r))
			}
			return dst, string(dst[start:]) != s
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst, string(dst[start:]) != s
}

// appendWithoutSpace drops every rune that Unicode calls a space.
func appendWithoutSpace(dst []byte, s string) (_ []byte, changed bool) {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c == ' ' || '\t' <= c && c <= '\r' {
				changed = true
			} else {
				dst = append(dst, c)
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if unicode.IsSpace(r) {
			changed = true
		} else {
			dst = appendRune(dst, r)
		}
		i += n
	}
	return dst, changed
}

// latinSpace tells the spaces of ISO 8859-1.
func latinSpace(r rune) bool {
	return r == ' ' || '\t' <= r && r <= '\r' || r == 0x85 || r == 0xA0
}

// appendCompressed makes one space of every run of Latin-1 spaces, a raw byte 0xA0 included.
func appendCompressed(dst []byte, s string) (_ []byte, changed bool) {
	in := false
	for i := 0; i < len(s); {
		r, n := rune(s[i]), 1
		if s[i] >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(s[i:])
		}
		switch {
		case !latinSpace(r) && s[i] != 0xA0:
			in = false
			dst = append(dst, s[i:i+n]...)
		case in:
			changed = true
		default:
			in = true
			changed = changed || r != ' '
			dst = append(dst, ' ')
		}
		i += n
	}
	return dst, changed
}

// appendCmdLine undoes the evasions of a shell: quotes, backslashes and carets
// go, separators become one space, none before / or (, ASCII in lower case.
func appendCmdLine(dst []byte, s string) (_ []byte, changed bool) {
	space := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '"', '\'', '\\', '^':
			changed = true
			continue
		case ' ', ',', ';', '\t', '\r', '\n':
			changed = changed || space || c != ' '
			if !space {
				dst = append(dst, ' ')
			}
			space = true
			continue
		case '/', '(':
			if space {
				dst = dst[:len(dst)-1]
				changed = true
			}
		default:
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
				changed = true
			}
		}
		space = false
		dst = append(dst, c)
	}
	return dst, changed
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
