package transform

import (
	"unicode/utf8"
)

// appendURL decodes %HH and +; what is no escape stays.
func appendURL(dst []byte, s string) (_ []byte, changed bool) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '+':
			changed = true
			c = ' '
		case '%':
			changed = true
			if v, ok := hexByte(s[i+1:]); ok {
				c = v
				i += 2
			}
		}
		dst = append(dst, c)
	}
	return dst, changed
}

// appendURLUni decodes %HH, + and the %uHHHH of IIS, the latter by best fit to ASCII.
func appendURLUni(dst []byte, s string) (_ []byte, changed bool) {
	for i := 0; i < len(s); {
		c := s[i]
		if c == '+' {
			dst = append(dst, ' ')
			changed = true
			i++
			continue
		}
		if c != '%' {
			dst = append(dst, c)
			i++
			continue
		}
		if i+1 < len(s) && s[i+1]|0x20 == 'u' {
			if code, n := hexRun(s[i+2:], 4); n == 4 {
				dst = append(dst, bestFit(code))
				changed = true
				i += 6
				continue
			}
			dst = append(dst, s[i:i+2]...)
			i += 2
			continue
		}
		if v, ok := hexByte(s[i+1:]); ok {
			dst = append(dst, v)
			changed = true
			i += 3
			continue
		}
		dst = append(dst, c)
		i++
	}
	return dst, changed
}

// bestFit folds a UTF-16 unit to one byte: by the table for US-ASCII (code
// page 20127), else full-width ASCII by offset, else its low byte.
func bestFit(code int) byte {
	if b, ok := bestFitASCII(rune(code)); ok {
		return b
	}
	low := byte(code)
	if 0 < low && low < 0x5f && code>>8 == 0xff {
		low += 0x20
	}
	return low
}

// appendUnicode writes every rune beyond ASCII as %uHHHH, in lower case and
// with more digits where it needs them.
func appendUnicode(dst []byte, s string) (_ []byte, changed bool) {
	const digits = "0123456789abcdef"
	for _, r := range s {
		if r < utf8.RuneSelf {
			dst = append(dst, byte(r))
			continue
		}
		changed = true
		dst = append(dst, '%', 'u')
		shift := 12
		for r>>(shift+4) != 0 {
			shift += 4
		}
		for ; shift >= 0; shift -= 4 {
			dst = append(dst, digits[r>>shift&15])
		}
	}
	return dst, changed
}
