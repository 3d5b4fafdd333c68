package screen

import (
	"strconv"
	"strings"
	"unicode/utf8"

	libinjection "github.com/corazawaf/libinjection-go"

	"github.com/merlon-security/merlon/policy/screen/sqli"
	"github.com/merlon-security/merlon/policy/screen/transform"
)

// opcode is the kind of test of a rule. The list is closed.
type opcode uint8

const (
	opAlways      opcode = iota // @unconditionalMatch, and what configuration decided
	opRx                        // pattern on runes
	opRxBytes                   // pattern on bytes
	opWords                     // @pm: exact by the literals found
	opSQLi                      // @detectSQLi
	opXSS                       // @detectXSS
	opByteRange                 // @validateByteRange: a byte outside
	opURLEncoding               // @validateUrlEncoding: a broken escape
	opUTF8                      // @validateUtf8Encoding: invalid
	opEqual                     // @streq
	opContains                  // @contains, @strmatch
	opWithin                    // @within
	opPrefix                    // @beginsWith
	opSuffix                    // @endsWith
	opEQ
	opGE
	opGT
	opLE
	opLT
)

// operator is one compiled test.
type operator struct {
	code    opcode
	negated bool
	text    string // argument of the comparisons
	number  int    // argument of the numeric comparisons
	pattern int32  // index of the pattern of opRx and opRxBytes, else -1
	outside transform.Bytes
	words   []string // of opWords, in lower case
	whole   bool     // the literals of the condition are whole words
}

var comparisons = map[string]opcode{
	"streq": opEqual, "contains": opContains, "strmatch": opContains, "within": opWithin,
	"beginswith": opPrefix, "endswith": opSuffix, "eq": opEQ, "ge": opGE, "gt": opGT, "le": opLE, "lt": opLT,
}

// number reads a number the way Coraza compares: a fault counts as what strconv.Atoi returns with it.
func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// compare evaluates the operators that need nothing but the text.
func (o *operator) compare(s string) bool {
	switch o.code {
	case opAlways:
		return true
	case opEqual:
		return s == o.text
	case opContains:
		return strings.Contains(s, o.text)
	case opWithin:
		return strings.Contains(o.text, s)
	case opPrefix:
		return strings.HasPrefix(s, o.text)
	case opSuffix:
		return strings.HasSuffix(s, o.text)
	case opEQ:
		return number(s) == o.number
	case opGE:
		return number(s) >= o.number
	case opGT:
		return number(s) > o.number
	case opLE:
		return number(s) <= o.number
	case opLT:
		return number(s) < o.number
	case opByteRange:
		for i := 0; i < len(s); i++ {
			if o.outside.Has(s[i]) {
				return true
			}
		}
		return false
	case opURLEncoding:
		return brokenEscape(s)
	case opUTF8:
		return !utf8.ValidString(s)
	case opSQLi:
		return injection(s)
	case opXSS:
		return strings.ContainsAny(s, "<=") && libinjection.IsXSS(s)
	case opWords:
		return o.hasWord(s)
	}
	return true // patterns are the program's
}

// brokenEscape reports a percent sign without two hexadecimal digits behind it.
func brokenEscape(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			continue
		}
		if i+2 >= len(s) || hexValue(s[i+1]) < 0 || hexValue(s[i+2]) < 0 {
			return true
		}
		i += 2
	}
	return false
}

// injection is libinjection's verdict. One word or one number is one token,
// and no fingerprint of libinjection has a single token.
func injection(s string) bool {
	digits, word := true, true
	for i := 0; i < len(s) && (digits || word); i++ {
		c := s[i]
		digit := '0' <= c && c <= '9'
		digits = digits && digit
		word = word && (c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' || digit && i > 0)
	}
	if digits || word {
		return false
	}
	_, found := sqli.Detect(s)
	return found
}

// hasWord searches without tables; the scan has them, members of chains do not.
func (o *operator) hasWord(s string) bool {
	for i := range s {
		for _, w := range o.words {
			if len(s)-i >= len(w) && equalFoldASCII(s[i:i+len(w)], w) {
				return true
			}
		}
	}
	return false
}

// equalFoldASCII compares s with the lower-case t.
func equalFoldASCII(s, t string) bool {
	for i := 0; i < len(t); i++ {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != t[i] {
			return false
		}
	}
	return true
}
