package transform

import "unicode"

// sextet is the value of a base64 digit (RFC 4648 §4), or -1.
func sextet(c byte) int {
	switch {
	case 'A' <= c && c <= 'Z':
		return int(c - 'A')
	case 'a' <= c && c <= 'z':
		return int(c-'a') + 26
	case '0' <= c && c <= '9':
		return int(c-'0') + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	}
	return -1
}

// appendBase64 decodes as far as it can. Line ends are skipped; padding or a
// space ends the decoding. What is no digit ends it too, unless lenient: then
// it is skipped, and so are spaces, and the URL alphabet (RFC 4648 §5) counts.
func appendBase64(dst []byte, s string, lenient bool) []byte {
	x, n := 0, 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\r' || c == '\n' || lenient && (c == '.' || unicode.IsSpace(rune(c))) {
			continue
		}
		if c == '=' || c == ' ' {
			break
		}
		if lenient {
			switch c {
			case '-':
				c = '+'
			case '_':
				c = '/'
			}
		}
		v := sextet(c)
		if v < 0 {
			if lenient {
				continue
			}
			break
		}
		x = x<<6 | v
		if n++; n == 4 {
			dst = append(dst, byte(x>>16), byte(x>>8), byte(x))
			x, n = 0, 0
		}
	}
	switch n {
	case 2:
		dst = append(dst, byte(x>>4))
	case 3:
		dst = append(dst, byte(x>>10), byte(x>>2))
	}
	return dst
}
