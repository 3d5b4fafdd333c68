package sample

import (
	"strings"
)

// Shape is a kind of string that some engines need more than linear time for.
type Shape struct {
	Name string
	unit string // repeated to the length wanted; empty for the generated ones
	end  string
}

// Shapes are the kinds tried.
func Shapes() []Shape {
	return []Shape{
		{Name: "a", unit: "a"}, {Name: "space", unit: " "}, {Name: "quote", unit: "'"}, {Name: "digits", unit: "1234567890"},
		{Name: "lt", unit: "<"}, {Name: "lt-a", unit: "<a "}, {Name: "backslash", unit: `\`}, {Name: "percent", unit: "%25"},
		{Name: "dotdot", unit: "../"}, {Name: "dollar-paren", unit: "$("}, {Name: "assign", unit: ";a="}, {Name: "paren", unit: "("},
		{Name: "entity", unit: "&#"}, {Name: "select", unit: "select "}, {Name: "comment", unit: "/*"}, {Name: "or-1", unit: "or 1 "},
		{Name: "e-acute", unit: "é"}, {Name: "base64"}, {Name: "words"},
		{Name: "quote-quote-a", unit: "''a", end: "z"}, {Name: "escaped-quote", unit: `\'`, end: "z"}, {Name: "mixed-quotes", unit: `\'' "" `, end: "z"},
		{Name: "and-dot", unit: "and."}, {Name: "backquote", unit: "`` "}, {Name: "dollars", unit: "$a$ $$ "}, {Name: "oracle-quote", unit: "q'( "},
		{Name: "dashes", unit: "--\n"}, {Name: "at", unit: "@@,"}, {Name: "list", unit: "'',"}, {Name: "close-comment", unit: "/**/"},
		{Name: "attribute", unit: "<a b="}, {Name: "html-comment", unit: "<!--"}, {Name: "declaration", unit: "<%a% "},
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
	n -= len(s.end)
	return strings.Repeat(s.unit, n/len(s.unit)) + s.end
}

// PostText is a JSON body with one text in it.
func PostText(seed uint64, text string) *Event {
	return PostJSON(seed, encode(map[string]string{"text": text}))
}
