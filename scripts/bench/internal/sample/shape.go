package sample

import (
	"strings"
)

// Shape is a kind of string that some engines need more than linear time for.
type Shape struct {
	Name string
	unit string // repeated to the length wanted; empty for the generated ones
}

// Shapes are the kinds tried.
func Shapes() []Shape {
	return []Shape{
		{"a", "a"}, {"space", " "}, {"quote", "'"}, {"digits", "1234567890"}, {"lt", "<"}, {"lt-a", "<a "}, {"backslash", `\`},
		{"percent", "%25"}, {"dotdot", "../"}, {"dollar-paren", "$("}, {"assign", ";a="}, {"paren", "("}, {"entity", "&#"},
		{"select", "select "}, {"comment", "/*"}, {"or-1", "or 1 "}, {"e-acute", "é"}, {"base64", ""}, {"words", ""},
	}
}

// Text returns a string of the shape of about n bytes.
func (s Shape) Text(n int) string {
	switch s.Name {
	case "base64":
		return newSource(1).base64(n)
	case "words":
		return newSource(1).text(n)
	}
	return strings.Repeat(s.unit, n/len(s.unit)+1)[:n/len(s.unit)*len(s.unit)]
}

// PostText is a JSON body with one text in it.
func PostText(seed uint64, text string) *Event {
	return PostJSON(seed, encode(map[string]string{"text": text}))
}
