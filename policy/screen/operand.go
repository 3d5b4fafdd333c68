package screen

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/merlon-security/merlon/policy/screen/necessary"
	"github.com/merlon-security/merlon/policy/screen/transform"
	"github.com/merlon-security/merlon/policy/seclang"
)

// compileOperator compiles an operator. ok is false for one the screen does
// not know or whose argument depends on the transaction.
func (c *compiler) compileOperator(op *seclang.Operator) (out operator, cond necessary.Cond, ok bool, err error) {
	out = operator{negated: op.Negated, pattern: -1}
	name := strings.ToLower(op.Name)
	if code, isComparison := comparisons[name]; isComparison {
		out.code = code
		cond, ok = c.compileComparison(&out, op)
	} else {
		cond, ok, err = c.compileTest(&out, name, op.Argument)
	}
	if out.negated {
		cond = nil // what a match must contain says nothing about what does not match
	}
	return out, cond, ok && err == nil, err
}

// compileComparison takes in an argument whose macros are known.
func (c *compiler) compileComparison(out *operator, op *seclang.Operator) (cond necessary.Cond, ok bool) {
	arg := c.operands[op]
	if !arg.ok {
		return nil, false
	}
	out.text, out.number = arg.text, number(arg.text)
	if out.code == opContains && arg.text != "" {
		cond = necessary.FromWords([]string{arg.text})
	}
	return cond, true
}

// compileTest compiles the operators that are no comparison.
func (c *compiler) compileTest(out *operator, name, arg string) (cond necessary.Cond, ok bool, err error) {
	switch name {
	case "unconditionalmatch":
		return nil, true, nil
	case "rx":
		if arbitraryBytes(arg) && !ascii(arg) {
			return nil, false, nil // bytes and runes in one pattern: engines differ on what that means
		}
		cond, err = c.compilePattern(out, arg)
		return cond, true, err
	case "pm":
		cond, ok = compileWords(out, strings.Split(arg, " "))
		return cond, ok, nil
	case "pmfromfile", "pmf":
		words, err := c.wordsFromFile(arg)
		if err != nil {
			return nil, false, err
		}
		cond, ok = compileWords(out, words)
		return cond, ok, nil
	case "detectsqli":
		out.code = opSQLi
		return nil, true, nil
	case "detectxss":
		out.code = opXSS
		return oneOf("<="), true, nil // no HTML token that counts comes about without one of them
	case "validatebyterange":
		out.code = opByteRange
		out.outside, err = parseByteRange(arg)
		return necessary.Cond{{Bytes: out.outside.Lower()}}, true, err
	case "validateurlencoding":
		out.code = opURLEncoding
		return oneOf("%"), true, nil
	case "validateutf8encoding":
		out.code = opUTF8
		var m transform.Bytes
		m.AddRange(0x80, 0xff)
		return necessary.Cond{{Bytes: m}}, true, nil
	}
	return nil, false, nil
}

// oneOf is the condition that one of the bytes occurs.
func oneOf(bytes string) necessary.Cond {
	var m transform.Bytes
	m.Add(bytes)
	return necessary.Cond{{Bytes: m}}
}

// compileWords takes the words of a search in. An empty one matches everything
// in some engines: then the screen does not claim to know.
func compileWords(out *operator, words []string) (necessary.Cond, bool) {
	out.code, out.whole = opWords, true
	for _, w := range words {
		if w == "" {
			return nil, false
		}
		out.words = append(out.words, strings.ToLower(w))
		out.whole = out.whole && len(w) <= necessary.MaxLiteral
	}
	return necessary.FromWords(out.words), true
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
