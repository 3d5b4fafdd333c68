package screen

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	libinjection "github.com/corazawaf/libinjection-go"

	"github.com/merlon-security/merlon/policy/screen/necessary"
	"github.com/merlon-security/merlon/policy/screen/transform"
	"github.com/merlon-security/merlon/policy/seclang"
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

// compileOperator compiles an operator. ok is false for one the screen does
// not know or whose argument depends on the transaction.
func (c *compiler) compileOperator(op *seclang.Operator) (out operator, cond necessary.Cond, ok bool, err error) {
	out = operator{negated: op.Negated, pattern: -1}
	name := strings.ToLower(op.Name)
	if code, isComparison := comparisons[name]; isComparison {
		arg := c.operands[op]
		if !arg.ok {
			return out, nil, false, nil
		}
		text := arg.text
		out.code, out.text = code, text
		out.number = number(text)
		if code == opContains && !op.Negated && text != "" {
			cond = necessary.FromWords([]string{text})
		}
		return out, cond, true, nil
	}
	switch name {
	case "unconditionalmatch":
		return out, nil, true, nil
	case "rx":
		cond, err = c.compilePattern(&out, op.Argument)
		if out.negated {
			cond = nil
		}
		return out, cond, err == nil, err
	case "pm":
		out.words = strings.Split(op.Argument, " ")
	case "pmfromfile", "pmf":
		if out.words, err = c.wordsFromFile(op.Argument); err != nil {
			return out, nil, false, err
		}
	case "detectsqli":
		out.code = opSQLi
		return out, nil, true, nil
	case "detectxss":
		out.code = opXSS
		var m transform.Bytes
		m.Add("<=") // no HTML token that counts comes about without one of them
		return out, necessary.Cond{{Bytes: m}}, true, nil
	case "validatebyterange":
		if out.outside, err = parseByteRange(op.Argument); err != nil {
			return out, nil, false, err
		}
		out.code = opByteRange
		if !op.Negated {
			cond = necessary.Cond{{Bytes: foldBytes(out.outside)}}
		}
		return out, cond, true, nil
	case "validateurlencoding":
		out.code = opURLEncoding
		var m transform.Bytes
		m.Add("%")
		if !op.Negated {
			cond = necessary.Cond{{Bytes: m}}
		}
		return out, cond, true, nil
	case "validateutf8encoding":
		out.code = opUTF8
		var m transform.Bytes
		m.AddRange(0x80, 0xff)
		if !op.Negated {
			cond = necessary.Cond{{Bytes: m}}
		}
		return out, cond, true, nil
	default:
		return out, nil, false, nil
	}
	out.code = opWords
	for i, w := range out.words {
		if w == "" {
			return out, nil, false, nil // an empty word matches everything in some engines
		}
		out.words[i] = strings.ToLower(w)
	}
	if !op.Negated {
		cond = necessary.FromWords(out.words)
		out.whole = !slices.ContainsFunc(out.words, func(w string) bool { return len(w) > necessary.MaxLiteral })
	}
	return out, cond, true, nil
}

// compilePattern takes the pattern in, with the flags Coraza puts before it
// (RX operator: dot matches newline, ^ and $ at lines; none when it works on bytes).
func (c *compiler) compilePattern(out *operator, text string) (cond necessary.Cond, err error) {
	if arbitraryBytes(text) {
		out.code = opRxBytes
		cond, err = necessary.FromBytesRegexp(text)
	} else {
		out.code = opRx
		text = "(?sm)" + text
		cond, err = necessary.FromRegexp(text)
	}
	if err != nil {
		return nil, fmt.Errorf("pattern: %w", err)
	}
	out.pattern = c.addPattern(text, out.code == opRxBytes)
	return cond, nil
}

// arbitraryBytes reports whether the \xHH escapes of a pattern are, together
// with its plain text, no UTF-8: then Coraza matches bytes instead of runes.
func arbitraryBytes(pattern string) bool {
	var plain []byte
	for i := 0; i < len(pattern); {
		n := 1
		c := pattern[i]
		if v, size, ok := hexEscape(pattern[i:]); ok {
			c, n = v, size
		}
		plain = append(plain, c)
		i += n
	}
	return !utf8.Valid(plain)
}

// hexEscape reads \xHH or \x{HH}, which Coraza takes for bytes unless the text ends with it too early.
func hexEscape(s string) (v byte, size int, ok bool) {
	if len(s) < 4 || s[0] != '\\' || s[1] != 'x' {
		return 0, 0, false
	}
	digits := s[2:4]
	size = 4
	if s[2] == '{' {
		end := strings.IndexByte(s, '}')
		if len(s) < 6 || end < 0 {
			return 0, 0, false
		}
		// Of more than two digits the first two count, as Coraza reads them; the rest is skipped.
		if digits = s[3:end]; len(digits) < 2 {
			return 0, 0, false
		}
		digits, size = digits[:2], end+1
	}
	if hexValue(digits[0]) < 0 || hexValue(digits[1]) < 0 {
		return 0, 0, false
	}
	return byte(hexValue(digits[0])<<4 | hexValue(digits[1])), size, true
}

func (c *compiler) wordsFromFile(name string) ([]string, error) {
	if c.opt.Data == nil {
		return nil, fmt.Errorf("file %q: no way to read it given", name)
	}
	data, err := c.opt.Data(name)
	if err != nil {
		return nil, err
	}
	var out []string
	for line := range bytes.Lines(data) {
		if w := strings.TrimSpace(string(line)); w != "" && w[0] != '#' {
			out = append(out, w)
		}
	}
	return out, nil
}

// parseByteRange reads "9,10,32-126" and returns the bytes outside.
func parseByteRange(text string) (outside transform.Bytes, err error) {
	var inside transform.Bytes
	for part := range strings.SplitSeq(text, ",") {
		lo, hi, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			hi = lo
		}
		first, err1 := strconv.ParseUint(lo, 10, 8)
		last, err2 := strconv.ParseUint(hi, 10, 8)
		if err1 != nil || err2 != nil {
			return outside, fmt.Errorf("byte range %q: want numbers from 0 to 255", part)
		}
		inside.AddRange(byte(first), byte(last))
	}
	for i := range outside {
		outside[i] = ^inside[i]
	}
	return outside, nil
}

// foldBytes gives the set in lower case, as normal forms are.
func foldBytes(m transform.Bytes) transform.Bytes {
	const upper = 0x7fffffe
	m[1] |= (m[1] & upper) << 32
	m[1] &^= upper
	return m
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
	found, _ := libinjection.IsSQLi(s)
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
