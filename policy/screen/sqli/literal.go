package sqli

import "strings"

// quoted reads a string whose content begins at from, up to a quote that is
// neither escaped nor doubled, or to the end of the text.
func (r *reader) quoted(t *token, from int, quote byte) int {
	s := r.s
	plain, escaped := false, false // quotes met so far without and with an odd number of backslashes before them
	for i := from; ; {
		n := strings.IndexByte(s[i:], quote)
		if n < 0 {
			t.set(str, s[from:])
			t.close = 0
			return len(s)
		}
		i += n
		odd := oddBackslashes(s[from:i])
		plain, escaped = plain || !odd, escaped || odd
		if plain && escaped {
			odd = r.repeats.odd(s, from, i)
		}
		switch {
		case odd:
			i++
		case i+1 < len(s) && s[i+1] == quote:
			plain = true // the second one has a quote before it
			i += 2
		default:
			t.set(str, s[from:i])
			t.close = quote
			return i + 1
		}
	}
}

// oddBackslashes reports whether an odd number of backslashes ends a text.
func oddBackslashes(s string) bool {
	n := len(s)
	for n > 0 && s[n-1] == '\\' {
		n--
	}
	return (len(s)-n)%2 == 1
}

// backquoted reads a name in backquotes, which may be a function's.
func (r *reader) backquoted(t *token, i int) int {
	t.open = '`'
	i = r.quoted(t, i+1, '`')
	if t.kind = lookup(t.text); t.kind != function {
		t.kind = bareword
	}
	return i
}

// prefixed reads what begins with a letter that can stand before a quote, and
// a word if it does not.
func (r *reader) prefixed(t *token, i int) int {
	s := r.s[i:]
	if len(s) < 3 {
		return r.word(t, i)
	}
	switch c := s[0] | 0x20; {
	case c == 'u' && s[1] == '&' && s[2] == '\'': // Unicode
		t.open = 'u'
		i = r.quoted(t, i+3, '\'')
		if t.close == '\'' {
			t.close = 'u'
		}
		return i
	case c == 'n' && s[1]|0x20 == 'q':
		return r.oracle(t, i, i+1)
	case s[1] != '\'' || c == 'u':
		return r.word(t, i)
	case c == 'q':
		return r.oracle(t, i, i)
	case c == 'e' || c == 'n': // with escapes, of the national character set
		t.open = '\''
		return r.quoted(t, i+2, '\'')
	}
	digits := "0123456789abcdefABCDEF"
	if s[0]|0x20 == 'b' {
		digits = "01"
	}
	n := 2 + span(s[2:], digits)
	if n == len(s) || s[n] != '\'' {
		return r.word(t, i)
	}
	return take(t, number, r.s, i, n+1)
}

// oracle reads q'[…]' with its q at q, or the word at i.
func (r *reader) oracle(t *token, i, q int) int {
	s := r.s
	if q+2 >= len(s) || s[q+1] != '\'' || s[q+2] <= ' ' {
		return r.word(t, i)
	}
	end := s[q+2]
	switch end {
	case '(':
		end = ')'
	case '[':
		end = ']'
	case '{':
		end = '}'
	case '<':
		end = '>'
	}
	// The library looks for the byte as a code point, which from 0x80 on is two
	// bytes of UTF-8, and goes on as if they were one.
	next := delimited(t, s, q+3, string(rune(end))+"'", 'q')
	if end >= 0x80 && t.close != 0 {
		next--
	}
	return next
}

// dollar reads an amount of money, $$…$$, $tag$…$tag$, or the sign alone.
func (r *reader) dollar(t *token, i int) int {
	s := r.s
	n := 1 + span(s[i+1:], "0123456789.,")
	switch {
	case n == 2 && s[i+1] == '.':
		return r.word(t, i)
	case n > 1:
		return take(t, number, s, i, n)
	case strings.HasPrefix(s[i:], "$$"):
		return delimited(t, s, i+2, "$$", '$')
	}
	// The i is missing in the library's list of letters.
	n += span(s[i+1:], "abcdefghjiklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	if n > 1 && i+n < len(s) && s[i+n] == '$' {
		return delimited(t, s, i+n+1, s[i:i+n+1], '$')
	}
	return take(t, bareword, s, i, 1)
}

// delimited reads a string up to a delimiter of its own, without escapes.
func delimited(t *token, s string, from int, end string, mark byte) int {
	t.open = mark
	if n := strings.Index(s[from:], end); n >= 0 {
		t.set(str, s[from:from+n])
		t.close = mark
		return from + n + len(end)
	}
	t.set(str, s[from:])
	return len(s)
}

// number reads a number of any notation.
func (r *reader) number(t *token, i int) int {
	s := r.s
	if s[i] == '0' && i+1 < len(s) {
		digits := ""
		switch s[i+1] {
		case 'x', 'X':
			digits = "0123456789abcdefABCDEF"
		case 'b', 'B':
			digits = "01"
		}
		if digits != "" {
			if n := span(s[i+2:], digits); n > 0 {
				return take(t, number, s, i, 2+n)
			}
			return take(t, bareword, s, i, 2)
		}
	}
	end := i + span(s[i:], decimal)
	if end < len(s) && s[end] == '.' {
		end++
		end += span(s[end:], decimal)
		if end-i == 1 {
			return take(t, dot, s, i, 1)
		}
	}
	exponent, digits := false, false
	if end < len(s) && s[end]|0x20 == 'e' {
		exponent = true
		end++
		if end < len(s) && (s[end] == '+' || s[end] == '-') {
			end++
		}
		n := span(s[end:], decimal)
		digits = n > 0
		end += n
	}
	end += oracleSuffix(s[end:])
	if exponent && !digits {
		return end // MySQL ignores 1.e where it begins a name
	}
	return take(t, number, s, i, end-i)
}

const decimal = "0123456789"

// oracleSuffix is 1 if a number's type follows: 1.2f, and 1.2fUNION too.
func oracleSuffix(s string) int {
	if s == "" || s[0]|0x20 != 'd' && s[0]|0x20 != 'f' {
		return 0
	}
	if len(s) == 1 || white(s[1]) || s[1] == ';' || s[1]|0x20 == 'u' {
		return 1
	}
	return 0
}

// span counts the bytes at the beginning that are in a list.
func span(s, list string) int {
	for i := range len(s) {
		if strings.IndexByte(list, s[i]) < 0 {
			return i
		}
	}
	return len(s)
}
