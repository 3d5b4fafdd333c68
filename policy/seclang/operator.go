package seclang

import (
	"fmt"
	"strings"
)

// parseOperator reads "!@name argument". Without @ the whole text is a pattern for @rx.
func parseOperator(text string) (Operator, error) {
	var op Operator
	if rest, ok := strings.CutPrefix(text, "!"); ok {
		op.Negated = true
		text = rest
	}
	rest, named := strings.CutPrefix(text, "@")
	if !named {
		op.Name, op.Argument = "rx", strings.TrimSpace(text)
		return op, nil
	}
	name, arg, _ := strings.Cut(rest, " ")
	op.Name, op.Argument = strings.TrimSpace(name), strings.TrimSpace(arg)
	if op.Name == "" {
		return op, fmt.Errorf("operator %q: want a name behind @", text)
	}
	return op, nil
}

// cutOperand cuts the quoted operator off the front of text and resolves its
// escapes: only \" is one, every other backslash belongs to the operand.
func cutOperand(text string) (operand, rest string, err error) {
	if text == "" || text[0] != '"' {
		return "", "", fmt.Errorf("want an operator in double quotes, have %q", clip(text))
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return strings.ReplaceAll(text[1:i], `\"`, `"`), text[i+1:], nil
		}
	}
	return "", "", fmt.Errorf("operator %q: quote is not closed", clip(text))
}

// clip keeps messages short: rules hold patterns of kilobytes.
func clip(s string) string {
	const most = 60
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
