package event

import (
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// kind is the type of a JSON value.
type kind uint8

const (
	kindObject kind = iota + 1
	kindArray
	kindString
	kindNumber
	kindLiteral // true, false, null, NaN, Infinity
)

// node is one JSON value. Nodes stand in document order, so the subtree of a
// container is the run of nodes from itself to end.
type node struct {
	key        string // own key; elements of an array go by the name of the array
	val        string // decoded string, or the literal text of a number or word
	start, end int32  // span in the document's text
	parent     int32
	index      int32 // position in the parent array, -1 in an object
	last       int32 // last node of the subtree
	kind       kind
}

// document is a decoded JSON text, with the place of the string that held it.
type document struct {
	src       string
	nodes     []node
	label     string // a step of its own above the root, for documents that are no node's value
	outerDoc  int32  // -1 for the event itself
	outerNode int32
	index     map[string]int32 // members of a large root, see rootChild
	keys      uint64           // bits of the root's keys, see rootKeys
}

// parser is a tolerant, iterative JSON reader. It accepts what any of the
// runtimes' own readers accept (Python takes NaN and raw control bytes, all of
// them take duplicate keys and keep one; this one keeps all) and never
// recurses, so depth costs memory in proportion and nothing else.
type parser struct {
	s     string
	i     int
	name  string // name of the root
	nodes []node
	max   int // nodes it may hold
	full  bool
	depth int  // containers that are open
	deep  int  // containers that may be open
	mark  int  // everything before is in nodes
	whole bool // one value has been read to its end
	until time.Time
	late  bool // until has passed
}

// clockStep is the number of values after which the clock is looked at.
const clockStep = 2048

// parse reads one JSON value with nothing but white space around it. ok is
// false when the text is not that; nodes then holds what had been read, and
// the text from p.mark on is what has not been read, a member that broke off
// halfway included.
func (p *parser) parse() (ok bool) {
	cur := int32(-1) // open container
	for {
		p.space()
		p.mark = p.i
		key := p.name
		if cur >= 0 && p.nodes[cur].kind == kindObject {
			if p.i >= len(p.s) || p.s[p.i] != '"' {
				return false
			}
			if key, ok = p.str(); !ok {
				return false
			}
			p.space()
			if p.i >= len(p.s) || p.s[p.i] != ':' {
				return false
			}
			p.i++
			p.space()
		}
		if len(p.nodes) >= p.max {
			p.full = true
			return false
		}
		if len(p.nodes)%clockStep == clockStep-1 && past(p.until) {
			p.late = true
			return false
		}
		n, ok := p.value(cur, key)
		if !ok {
			return false
		}
		p.mark = p.i
		if k := p.nodes[n].kind; k == kindObject || k == kindArray {
			p.space()
			if p.i < len(p.s) && p.s[p.i] != closer(k) {
				if p.depth++; p.depth > p.deep {
					return false
				}
				cur = n
				continue
			}
			if p.i >= len(p.s) {
				return false
			}
			p.i++
			p.mark = p.i
			p.nodes[n].end = int32(p.i)
		}
		if cur, ok = p.after(cur); !ok {
			return false
		}
		if cur < 0 {
			p.space()
			p.whole = true
			return p.i == len(p.s)
		}
	}
}

// complete reports whether the text is one container and something after it on
// another line.
func (p *parser) complete() bool {
	return p.whole && strings.IndexByte(p.s[p.mark:p.i], '\n') >= 0
}

// settle gives every container of an unfinished document its subtree end.
func (p *parser) settle() {
	for i := range p.nodes {
		p.nodes[i].last = int32(i)
	}
	for i := len(p.nodes) - 1; i > 0; i-- {
		if parent := p.nodes[i].parent; p.nodes[parent].last < p.nodes[i].last {
			p.nodes[parent].last = p.nodes[i].last
		}
	}
}

// after reads what follows a value: a comma, or the ends of containers. It
// returns the container that is still open, -1 at the end of the document.
func (p *parser) after(cur int32) (int32, bool) {
	for cur >= 0 {
		p.space()
		if p.i >= len(p.s) {
			return cur, false
		}
		c := p.s[p.i]
		p.i++
		if c == ',' {
			return cur, true
		}
		if c != closer(p.nodes[cur].kind) {
			p.i--
			return cur, false
		}
		p.mark = p.i
		p.nodes[cur].end = int32(p.i)
		p.nodes[cur].last = int32(len(p.nodes) - 1)
		p.depth--
		cur = p.nodes[cur].parent
	}
	return -1, true
}

func closer(k kind) byte {
	if k == kindObject {
		return '}'
	}
	return ']'
}

// value reads a scalar or the opening of a container and adds its node.
func (p *parser) value(parent int32, key string) (int32, bool) {
	if p.i >= len(p.s) {
		return 0, false
	}
	n := node{key: key, start: int32(p.i), parent: parent, index: -1, last: int32(len(p.nodes))}
	if parent >= 0 && p.nodes[parent].kind == kindArray {
		n.key = p.nodes[parent].key
		n.index = p.nodes[parent].last // counts the elements until the array closes
		p.nodes[parent].last++
	}
	ok := true
	switch c := p.s[p.i]; {
	case c == '{':
		n.kind = kindObject
		p.i++
	case c == '[':
		n.kind, n.last = kindArray, 0
		p.i++
	case c == '"':
		n.kind = kindString
		n.val, ok = p.str()
	case c == '-' || c == '+' || c == '.' || c >= '0' && c <= '9':
		n.kind = kindNumber
		n.val, ok = p.number()
	default:
		n.kind = kindLiteral
		n.val, ok = p.word()
	}
	if !ok {
		return 0, false
	}
	n.end = int32(p.i)
	p.nodes = append(p.nodes, n)
	id := int32(len(p.nodes) - 1)
	if n.kind == kindArray {
		p.emptyArray(id)
	}
	return id, true
}

// emptyArray fixes the subtree end of an array that closes at once; others get
// theirs when they close.
func (p *parser) emptyArray(id int32) {
	j := p.i
	for j < len(p.s) && isSpace(p.s[j]) {
		j++
	}
	if j < len(p.s) && p.s[j] == ']' {
		p.nodes[id].last = id
	}
}

func (p *parser) space() {
	for p.i < len(p.s) && isSpace(p.s[p.i]) {
		p.i++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func (p *parser) number() (string, bool) {
	start := p.i
	for p.i < len(p.s) {
		c := p.s[p.i]
		if c != '-' && c != '+' && c != '.' && c != 'e' && c != 'E' && (c < '0' || c > '9') {
			break
		}
		p.i++
	}
	if p.s[start:p.i] == "-" && strings.HasPrefix(p.s[p.i:], "Infinity") {
		p.i += len("Infinity")
	}
	return p.s[start:p.i], p.delimited()
}

func (p *parser) word() (string, bool) {
	for _, w := range [...]string{"true", "false", "null", "NaN", "Infinity"} {
		if strings.HasPrefix(p.s[p.i:], w) {
			p.i += len(w)
			return w, p.delimited()
		}
	}
	return "", false
}

// delimited reports whether a number or word ends here. 1abc is not a number
// followed by something.
func (p *parser) delimited() bool {
	if p.i >= len(p.s) {
		return true
	}
	c := p.s[p.i]
	return c == ',' || c == '}' || c == ']' || isSpace(c)
}

// str reads a string. Without escapes it is a substring of the text.
func (p *parser) str() (string, bool) {
	p.i++
	start := p.i
	end := strings.IndexByte(p.s[start:], '"')
	if end < 0 {
		return "", false
	}
	v := p.s[start : start+end]
	if esc := strings.IndexByte(v, '\\'); esc >= 0 {
		p.i += esc
		return p.escaped(start)
	}
	p.i += end + 1
	return v, true
}

func (p *parser) escaped(start int) (string, bool) {
	var b strings.Builder
	b.Grow(p.quoted())
	b.WriteString(p.s[start:p.i])
	for p.i < len(p.s) {
		c := p.s[p.i]
		switch {
		case c == '"':
			p.i++
			return b.String(), true
		case c != '\\':
			run := p.i
			for p.i < len(p.s) && p.s[p.i] != '"' && p.s[p.i] != '\\' {
				p.i++
			}
			b.WriteString(p.s[run:p.i])
		case p.i+1 >= len(p.s):
			return "", false
		case p.s[p.i+1] == 'u':
			r, size := unicodeEscape(p.s[p.i:])
			if size == 0 {
				return "", false
			}
			b.WriteRune(r)
			p.i += size
		default:
			e := strings.IndexByte(`"\/bfnrt`, p.s[p.i+1])
			if e < 0 {
				return "", false
			}
			b.WriteByte("\"\\/\b\f\n\r\t"[e])
			p.i += 2
		}
	}
	return "", false
}

// quoted guesses the length of the string that p.i stands in: up to the next
// quote that no backslash precedes. A body of JSON in JSON is long, and would
// otherwise be copied a dozen times while it grows.
func (p *parser) quoted() int {
	for i := p.i; ; i++ {
		next := strings.IndexByte(p.s[i:], '"')
		if next < 0 {
			return 0
		}
		if i += next; p.s[i-1] != '\\' {
			return i - p.i + 16
		}
	}
}

// unicodeEscape reads \uXXXX, or a surrogate pair of them, at the start of s.
// A lone surrogate becomes U+FFFD, as in Go; the other runtimes keep it, which
// no rule can tell apart.
func unicodeEscape(s string) (rune, int) {
	hi, ok := hex4(s)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(hi) {
		return hi, 6
	}
	if lo, ok := hex4(s[6:]); ok {
		if r := utf16.DecodeRune(hi, lo); r != utf8.RuneError {
			return r, 12
		}
	}
	return utf8.RuneError, 6
}

func hex4(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range []byte(s[2:6]) {
		d := unhex(c)
		if d < 0 {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// past reports whether a moment is over; the zero moment never is.
func past(t time.Time) bool { return !t.IsZero() && time.Now().After(t) }
