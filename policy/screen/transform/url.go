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
	plain := 0 // what stands from here to i is copied in one go
	for i := 0; i < len(s); {
		c := s[i]
		if c != '+' && c != '%' {
			i++
			continue
		}
		n := 1
		if c == '+' {
			c = ' '
		} else if i+1 < len(s) && s[i+1]|0x20 == 'u' {
			code, digits := hexRun(s[i+2:], 4)
			if digits < 4 {
				i += 2
				continue
			}
			c, n = bestFit(code), 6
		} else if v, ok := hexByte(s[i+1:]); ok {
			c, n = v, 3
		} else {
			i++
			continue
		}
		dst = append(append(dst, s[plain:i]...), c)
		changed = true
		i += n
		plain = i
	}
	return append(dst, s[plain:]...), changed
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
	plain := 0 // what stands from here to i is copied in one go
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		dst = append(append(dst, s[plain:i]...), '%', 'u')
		changed = true
		i += n
		plain = i
		shift := 12
		for r>>(shift+4) != 0 {
			shift += 4
		}
		for ; shift >= 0; shift -= 4 {
			dst = append(dst, digits[r>>shift&15])
		}
	}
	return append(dst, s[plain:]...), changed
}
