package when

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// token is one word of an expression.
type token struct {
	kind tokenKind
	at   int
	text string  // of names and operators as written, of strings the value
	num  float64 // of numbers
	int  bool    // a number without a fraction
}

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenName
	tokenString
	tokenNumber
	tokenMark // operator or bracket
)

// marks in the order they are tried: the longer first.
var marks = [...]string{"&&", "||", "==", "!=", "<=", ">=", "(", ")", "[", "]", ",", ".", "!", "<", ">", "?", ":", "-"}

// scan cuts an expression into tokens.
func scan(text string) ([]token, error) {
	var out []token
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case strings.HasPrefix(text[i:], "//"):
			n := strings.IndexByte(text[i:], '\n')
			if n < 0 {
				n = len(text) - i
			}
			i += n
		case (c == 'r' || c == 'R') && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\''):
			n := strings.IndexByte(text[i+2:], text[i+1])
			if n < 0 || strings.ContainsAny(text[i+2:i+2+n], "\n\r") {
				return nil, &Error{i, "the string is not closed"}
			}
			out = append(out, token{kind: tokenString, at: i, text: text[i+2 : i+2+n]})
			i += n + 3
		case letter(c):
			n := i
			for n < len(text) && (letter(text[n]) || digit(text[n])) {
				n++
			}
			out = append(out, token{kind: tokenName, at: i, text: text[i:n]})
			i = n
		case digit(c):
			t, err := scanNumber(text, i)
			if err != nil {
				return nil, err
			}
			out = append(out, t)
			i += len(t.text)
		case c == '"' || c == '\'':
			value, n, err := scanString(text, i)
			if err != nil {
				return nil, err
			}
			out = append(out, token{kind: tokenString, at: i, text: value})
			i = n
		default:
			m := mark(text[i:])
			if m == "" {
				return nil, &Error{i, refuse(text[i:])}
			}
			out = append(out, token{kind: tokenMark, at: i, text: m})
			i += len(m)
		}
	}
	return append(out, token{kind: tokenEnd, at: len(text)}), nil
}

func letter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

func mark(s string) string {
	for _, m := range marks {
		if strings.HasPrefix(s, m) {
			return m
		}
	}
	return ""
}

// refuse explains what does not begin any token.
func refuse(s string) string {
	r, _ := utf8.DecodeRuneInString(s)
	switch r {
	case '=':
		return "want == to compare"
	case '&', '|':
		return fmt.Sprintf("want %c%c", r, r)
	case '+', '*', '/', '%':
		return fmt.Sprintf("%c: there is no arithmetic", r)
	}
	return fmt.Sprintf("%q has no meaning here", r)
}

func scanNumber(text string, at int) (token, error) {
	n := at
	for n < len(text) && digit(text[n]) {
		n++
	}
	whole := true
	if n+1 < len(text) && text[n] == '.' && digit(text[n+1]) {
		whole = false
		for n++; n < len(text) && digit(text[n]); {
			n++
		}
	}
	if n < len(text) && letter(text[n]) {
		return token{}, &Error{at, "want a decimal number such as 10 or 0.5"}
	}
	f, err := strconv.ParseFloat(text[at:n], 64)
	if err != nil || whole && f > 1<<53 {
		return token{}, &Error{at, "the number is too large: want at most 9007199254740992"}
	}
	return token{kind: tokenNumber, at: at, text: text[at:n], num: f, int: whole}, nil
}

// escapes of one letter, as in CEL.
var escapes = map[byte]byte{
	'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v', '\\': '\\', '\'': '\'', '"': '"', '`': '`', '?': '?',
}

// scanString reads a quoted string, and returns what stands in it and where it ends.
func scanString(text string, at int) (value string, end int, err error) {
	quote := text[at]
	if strings.HasPrefix(text[at:], strings.Repeat(string(quote), 3)) {
		return "", 0, &Error{at, "strings in three quotes are not known: use one"}
	}
	var b strings.Builder
	for i := at + 1; i < len(text); {
		switch c := text[i]; {
		case c == quote:
			return b.String(), i + 1, nil
		case c == '\n' || c == '\r':
			return "", 0, &Error{at, "the string is not closed"}
		case c != '\\':
			b.WriteByte(c)
			i++
		default:
			n, err := escape(&b, text[i:])
			if err != "" {
				return "", 0, &Error{i, err}
			}
			i += n
		}
	}
	return "", 0, &Error{at, "the string is not closed"}
}

// escape writes what the escape at the start of s stands for, and returns its length.
func escape(b *strings.Builder, s string) (n int, fault string) {
	if len(s) < 2 {
		return 0, "the string is not closed"
	}
	if c, ok := escapes[s[1]]; ok {
		b.WriteByte(c)
		return 2, ""
	}
	digits := map[byte]int{'x': 2, 'X': 2, 'u': 4, 'U': 8}[s[1]]
	if digits == 0 || len(s) < 2+digits {
		return 0, `unknown escape: want \n, \t, \\, \", \', \xHH, \uHHHH, or a raw string r"…" for patterns`
	}
	code, err := strconv.ParseUint(s[2:2+digits], 16, 32)
	if err != nil || !utf8.ValidRune(rune(code)) || code > utf8.MaxRune {
		return 0, "the escape is no character"
	}
	b.WriteRune(rune(code))
	return 2 + digits, ""
}
