package event

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// graphql opens a GraphQL document: its string literals are values under the
// name of their argument, its comments are texts, and its names together are one
// text in place of the document. In a document that is one, only those are the
// caller's free choice; braces, colons and dollar signs would raise false alarms
// in every query. What does not read as GraphQL to its last byte is not touched,
// as anything may be called query (GraphQL specification, October 2021, section
// 2).
func (d *decoder) graphql(val string, at leafAt) bool {
	if !opensGraphQL(val) || d.deep(at) {
		return false
	}
	lex := graphLexer{s: val, most: d.lim.Nodes}
	if !lex.run() || !d.spend(len(val)) {
		if lex.full() {
			d.limit("leaves")
		}
		return false
	}
	d.layers++
	defer func() { d.layers-- }()
	d.addText(strings.Join(lex.names, ","), at)
	d.queries++
	shape := at
	shape.name, shape.sub = shapeName, join(at.sub, shapeName)
	if text := lex.shape(d.queries); text != "" {
		d.addText(text, shape)
	}
	if lex.introspects && d.lim.Introspection {
		d.addText("introspection", shape)
	}
	for _, text := range lex.texts {
		if !d.room() {
			d.addText(val, at)
			return true
		}
		t := at
		if text.name != "" {
			t.name, t.sub = text.name, join(at.sub, text.name)
		}
		d.text(text.value, t)
	}
	return true
}

// holdsGraphQL reports whether a GraphQL document may stand under this name: in
// the body of a request, or where AppSync repeats it for authorizers and
// resolvers.
func holdsGraphQL(name string) bool {
	return name == "query" || name == "queryString" || name == "selectionSetGraphQL"
}

// shapeName is the name of the leaf that tells how a GraphQL document is built.
const shapeName = "graphql-shape"

// From here on the shape of a document is worth a leaf: no client's query is as
// deep or repeats itself as often.
const (
	deepQuery      = 15
	manyAliases    = 50
	manyDirectives = 50
	manyQueries    = 25
)

// shape tells how a document is built where that is out of the ordinary: it
// costs the function time and memory in proportion, and nothing in its text
// looks like an attack. queries is the number of documents so far in the event.
func (l *graphLexer) shape(queries int) string {
	if l.depth < deepQuery && l.aliases < manyAliases && l.directives < manyDirectives && queries < manyQueries {
		return ""
	}
	return fmt.Sprintf("depth %d, aliases %d, directives %d, queries %d", l.depth, l.aliases, l.directives, queries)
}

// opensGraphQL looks at the first word.
func opensGraphQL(s string) bool {
	s = strings.TrimLeft(s, " \t\r\n,\ufeff")
	for _, w := range [...]string{"{", "query", "mutation", "subscription", "fragment", "#", "extend", "type", "\""} {
		if strings.HasPrefix(s, w) {
			return strings.IndexByte(s, '{') >= 0
		}
	}
	return false
}

type graphText struct{ name, value string }

// graphLexer reads tokens, and only as much grammar as tells a query from a
// shell command: brackets match, and a dollar sign starts a variable.
type graphLexer struct {
	s     string
	i     int
	names []string
	texts []graphText
	last  string // the last name
	// What makes a query expensive: selections inside selections, one field
	// under many names, directives.
	depth, selections   int
	aliases, directives int
	args                int    // round brackets that are open; in them stand values, not selections
	introspects         bool   // a selection holds __schema or __type
	label               string // the name before the last colon
	open                []byte
	most                int // names that are worth holding; no query has as many
}

func (l *graphLexer) run() bool {
	for l.i < len(l.s) {
		if !l.token() || l.full() {
			return false
		}
	}
	return len(l.open) == 0 && len(l.names) > 0
}

func (l *graphLexer) full() bool { return len(l.names)+len(l.texts) > l.most }

func (l *graphLexer) token() bool {
	switch c := l.s[l.i]; {
	case isSpace(c) || c == ',' || c == '!' || c == '&' || c == '=' || c == '|':
		l.i++
	case c == ':':
		l.label = l.last
		if l.args == 0 && len(l.open) > 0 {
			l.aliases++
		}
		l.i++
	case c == '$' || c == '@':
		l.i++
		if c == '@' {
			l.directives++
		}
		return l.i < len(l.s) && isNameByte(l.s[l.i]) && !digit(l.s[l.i])
	case strings.HasPrefix(l.s[l.i:], "..."):
		l.i += 3
	case strings.HasPrefix(l.s[l.i:], "\ufeff"):
		l.i += 3
	case c == '{' || c == '(' || c == '[':
		l.open = append(l.open, c)
		l.i++
		l.count(c, 1)
	case c == '}' || c == ')' || c == ']':
		top := len(l.open) - 1
		if top < 0 || l.open[top] != opener(c) {
			return false
		}
		l.open = l.open[:top]
		l.i++
		l.count(opener(c), -1)
	case c == '#':
		end := strings.IndexAny(l.s[l.i:], "\r\n")
		if end < 0 {
			end = len(l.s) - l.i
		}
		l.texts = append(l.texts, graphText{value: l.s[l.i+1 : l.i+end]})
		l.i += end
	case c == '"':
		return l.str()
	case c == '-' || digit(c):
		return l.number()
	case isNameByte(c):
		start := l.i
		for l.i < len(l.s) && isNameByte(l.s[l.i]) {
			l.i++
		}
		l.last = l.s[start:l.i]
		l.names = append(l.names, l.last)
		if l.args == 0 && (l.last == "__schema" || l.last == "__type") {
			l.introspects = true // GraphQL specification, October 2021, section 4
		}
	default:
		return false
	}
	return true
}

// count keeps track of the brackets that are open.
func (l *graphLexer) count(opened byte, by int) {
	switch {
	case opened == '(':
		l.args += by
	case opened == '{' && l.args == 0:
		l.selections += by
		l.depth = max(l.depth, l.selections)
	}
}

func (l *graphLexer) number() bool {
	start := l.i
	for l.i++; l.i < len(l.s) && (digit(l.s[l.i]) || strings.IndexByte(".eE+-", l.s[l.i]) >= 0); l.i++ {
	}
	l.names = append(l.names, l.s[start:l.i])
	return l.i == len(l.s) || !isNameByte(l.s[l.i])
}

// str reads a string or a block string.
func (l *graphLexer) str() bool {
	rest := l.s[l.i:]
	if strings.HasPrefix(rest, `"""`) {
		body := rest[3:]
		for from := 0; ; {
			end := strings.Index(body[from:], `"""`)
			if end < 0 {
				return false
			}
			end += from
			if end == 0 || body[end-1] != '\\' {
				l.value(strings.ReplaceAll(body[:end], `\"""`, `"""`))
				l.i += end + 6
				return true
			}
			from = end + 3
		}
	}
	for j := 1; j < len(rest); j++ {
		switch rest[j] {
		case '\\':
			j++
		case '\n', '\r':
			return false
		case '"':
			l.value(unescapeGraphQL(rest[1:j]))
			l.i += j + 1
			return true
		}
	}
	return false
}

func (l *graphLexer) value(s string) { l.texts = append(l.texts, graphText{l.label, s}) }

// unescapeGraphQL undoes the escapes of JSON, and \u{…} of later drafts.
func unescapeGraphQL(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		if s[i+1] == 'u' {
			if r, size := unicodeEscape(s[i:]); size > 0 {
				b.WriteRune(r)
				i += size - 1
				continue
			}
			if r, size := bracedEscape(s[i:]); size > 0 {
				b.WriteRune(r)
				i += size - 1
				continue
			}
		}
		if e := strings.IndexByte(`"\/bfnrt`, s[i+1]); e >= 0 {
			b.WriteByte("\"\\/\b\f\n\r\t"[e])
			i++
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func bracedEscape(s string) (rune, int) {
	end := strings.IndexByte(s[:min(len(s), 12)], '}')
	if end < 4 || s[2] != '{' {
		return 0, 0
	}
	var r rune
	for _, c := range []byte(s[3:end]) {
		if unhex(c) < 0 {
			return 0, 0
		}
		r = r<<4 | rune(unhex(c))
	}
	if !utf8.ValidRune(r) {
		r = utf8.RuneError
	}
	return r, end + 1
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func isNameByte(c byte) bool { return alnum(c) || c == '_' }

func opener(c byte) byte {
	switch c {
	case '}':
		return '{'
	case ')':
		return '('
	}
	return '['
}
