package transform

import "unicode/utf8"

// nibble is the value of a hexadecimal digit, or -1.
func nibble(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func octal(c byte) bool { return '0' <= c && c <= '7' }

// hexRun reads up to most digits at the front of s.
func hexRun(s string, most int) (value, n int) {
	for n < most && n < len(s) && nibble(s[n]) >= 0 {
		value = value<<4 | nibble(s[n])
		n++
	}
	return value, n
}

// hexByte reads exactly two digits at the front of s.
func hexByte(s string) (byte, bool) {
	v, n := hexRun(s, 2)
	return byte(v), n == 2
}

// control resolves the letters C gives to control characters.
func control(c byte) (byte, bool) {
	const letters, values = "abfnrtv", "\a\b\f\n\r\t\v"
	for i := 0; i < len(letters); i++ {
		if letters[i] == c {
			return values[i], true
		}
	}
	return c, false
}

// appendEscapeSeq resolves the escapes of ANSI C. Of an unknown one the
// backslash goes; a backslash at the end stays.
func appendEscapeSeq(dst []byte, s string) (_ []byte, changed bool) {
	for i := 0; i < len(s); {
		if s[i] != '\\' || i+1 >= len(s) {
			dst = append(dst, s[i])
			i++
			continue
		}
		changed = true
		c := s[i+1]
		if v, ok := control(c); ok {
			dst = append(dst, v)
			i += 2
			continue
		}
		if c == 'x' || c == 'X' {
			if v, ok := hexByte(s[i+2:]); ok {
				dst = append(dst, v)
				i += 4
				continue
			}
		}
		if octal(c) {
			v, n := 0, 1
			for n < 4 && i+n < len(s) && octal(s[i+n]) {
				v = v<<3 | int(s[i+n]-'0')
				n++
			}
			dst = append(dst, byte(v))
			i += n
			continue
		}
		dst = append(dst, c)
		i += 2
	}
	return dst, changed
}

// appendCSS resolves the escapes of CSS (Syntax Level 3, §4.3.7), full-width ASCII folded.
func appendCSS(dst []byte, s string) (_ []byte, changed bool) {
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			dst = append(dst, s[i])
			i++
			continue
		}
		changed = true
		i++
		if i >= len(s) {
			break
		}
		code, n := hexRun(s[i:], 6)
		switch {
		case n > 0:
			if code == 0 {
				code = utf8.RuneError
			}
			if 0xff01 <= code && code <= 0xff5e {
				code -= 0xfee0
			}
			dst = utf8.AppendRune(dst, rune(code))
			i += n
			if i < len(s) && isASCIISpace(s[i]) {
				i++
			}
		case s[i] == '\n':
			i++
		default:
			dst = append(dst, s[i])
			i++
		}
	}
	return dst, changed
}

// appendJS resolves the escapes of JavaScript. Of a code point the low byte
// alone is kept, full-width ASCII folded.
func appendJS(dst []byte, s string) (_ []byte, changed bool) {
	for i := 0; i < len(s); {
		if s[i] != '\\' || i+1 >= len(s) {
			dst = append(dst, s[i])
			i++
			continue
		}
		changed = true
		rest := s[i+1:]
		c, n := jsEscape(rest)
		dst = append(dst, c)
		i += 1 + n
	}
	return dst, changed
}

// jsEscape resolves the escape behind a backslash; s is not empty.
func jsEscape(s string) (c byte, n int) {
	if s[0] == 'u' {
		if len(s) > 1 && s[1] == '{' {
			if code, n := hexRun(s[2:], 6); n > 0 && 2+n < len(s) && s[2+n] == '}' {
				c = byte(code)
				if 0xff01 <= code && code <= 0xff5e {
					c += 0x20
				}
				return c, n + 3
			}
		}
		if code, n := hexRun(s[1:], 4); n == 4 {
			c = byte(code)
			if 0 < c && c < 0x5f && code>>8 == 0xff {
				c += 0x20
			}
			return c, 5
		}
	}
	if s[0] == 'x' {
		if v, ok := hexByte(s[1:]); ok {
			return v, 3
		}
	}
	if octal(s[0]) {
		n = 1
		for n < 3 && n < len(s) && octal(s[n]) {
			n++
		}
		if n == 3 && s[0] > '3' {
			n = 2
		}
		v := 0
		for _, d := range []byte(s[:n]) {
			v = v<<3 | int(d-'0')
		}
		return byte(v), n
	}
	c, _ = control(s[0])
	return c, 1
}

// appendHex decodes pairs of digits; anything else leaves the value as it is.
func appendHex(dst []byte, s string) ([]byte, bool) {
	start := len(dst)
	for i := 0; i < len(s); i += 2 {
		v, ok := hexByte(s[i:])
		if !ok {
			return append(dst[:start], s...), false
		}
		dst = append(dst, v)
	}
	return dst, true
}
