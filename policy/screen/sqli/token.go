package sqli

import "strings"

// kind is the kind of a token.
type kind uint8

const (
	none kind = iota
	keyword
	union
	group
	expression
	sqlType
	function
	bareword
	number
	variable
	str
	operator
	logic
	comment
	collate
	leftParen
	rightParen
	leftBrace
	rightBrace
	dot
	comma
	colon
	semicolon
	tsql
	unknown
	evil
	backslash
	attack // of the entries that are fingerprints; no token has it
)

// letters are the kinds as libinjection writes them in fingerprints and tables.
const letters = "\x00kUBEtfn1vso&cA(){}.,:;T?X\\F"

// kinds is a set of them.
type kinds uint32

func of(list ...kind) (set kinds) {
	for _, k := range list {
		set |= 1 << k
	}
	return set
}

func (k kind) in(set kinds) bool { return set&(1<<k) != 0 }

// token is one token of a text. The text of the token is cut at 31 bytes: that
// much decides.
type token struct {
	kind        kind
	open, close byte // of strings, 0 where the text's end takes the place of a quote
	text        string
}

const maxText = 31

func (t *token) set(k kind, text string) { t.kind, t.text = k, text[:min(len(text), maxText)] }

// unary reports an operator that can stand before a value.
func (t *token) unary() bool {
	if t.kind != operator {
		return false
	}
	switch t.text {
	case "+", "-", "!", "~", "!!":
		return true
	}
	return len(t.text) == 3 && strings.EqualFold(t.text, "NOT")
}

func (t *token) arithmetic() bool {
	return t.kind == operator && len(t.text) == 1 && strings.Contains("*/+-%", t.text)
}

// most is how many tokens make a fingerprint.
const most = 5

// reader reads a text in one context after the other.
type reader struct {
	s     string
	pos   int
	quote byte // the string the text begins in, or 0
	mysql bool

	tokens    [most + 3]token
	left      int  // tokens after folding
	read      int  // tokens before
	ambiguous bool // MySQL would have seen other comments
	repeats   repeats
}

// next reads a token. It leaves an empty one if there is none.
func (r *reader) next(t *token) bool {
	*t = token{}
	if r.pos == 0 && r.quote != 0 && r.s != "" {
		r.pos = r.quoted(t, 0, r.quote)
		r.read++
		return true
	}
	for r.pos < len(r.s) {
		r.pos = r.token(t, r.pos)
		if t.kind != none {
			r.read++
			return true
		}
	}
	return false
}

// token reads at i and returns where to go on. A token without kind was a gap.
func (r *reader) token(t *token, i int) int {
	s := r.s
	switch c := s[i]; c {
	case '\'', '"':
		t.open = c
		return r.quoted(t, i+1, c)
	case '`':
		return r.backquoted(t, i)
	case '#':
		r.ambiguous = true
		if r.mysql {
			return r.lineComment(t, i)
		}
		return take(t, operator, s, i, 1)
	case '-':
		return r.dash(t, i)
	case '/':
		return r.slash(t, i)
	case '$':
		return r.dollar(t, i)
	case '@':
		return r.variable(t, i)
	case '[':
		n := strings.IndexByte(s[i:], ']') + 1
		if n == 0 {
			n = len(s) - i
		}
		return take(t, bareword, s, i, n)
	case '\\':
		if strings.HasPrefix(s[i:], `\N`) { // NULL in MySQL
			return take(t, number, s, i, 2)
		}
		return take(t, backslash, s, i, 1)
	case '(', ')', ',', ';', '{', '}':
		return take(t, kindOf(c), s, i, 1)
	case '%', '+', '^', '~':
		return take(t, operator, s, i, 1)
	case '!', '&', '*', ':', '<', '=', '>', '|':
		return r.operator(t, i)
	case '?', ']':
		return take(t, unknown, s, i, 1)
	case '.', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return r.number(t, i)
	case 'b', 'B', 'e', 'E', 'n', 'N', 'q', 'Q', 'u', 'U', 'x', 'X':
		return r.prefixed(t, i)
	default:
		if c <= ' ' || c == 0x7f || c == 0xa0 {
			return i + 1
		}
		return r.word(t, i)
	}
}

// take makes a token of the n bytes at i.
func take(t *token, k kind, s string, i, n int) int {
	t.set(k, s[i:i+n])
	return i + n
}

func (r *reader) lineComment(t *token, i int) int {
	if n := strings.IndexByte(r.s[i:], '\n'); n >= 0 {
		take(t, comment, r.s, i, n)
		return i + n + 1
	}
	return take(t, comment, r.s, i, len(r.s)-i)
}

// dash reads a comment or a minus: everyone takes two dashes for a comment but
// MySQL, which wants white space behind them.
func (r *reader) dash(t *token, i int) int {
	rest := r.s[i:]
	switch {
	case len(rest) < 2 || rest[1] != '-':
	case len(rest) == 2 || white(rest[2]):
		return r.lineComment(t, i)
	case !r.mysql:
		r.ambiguous = true
		return r.lineComment(t, i)
	}
	return take(t, operator, r.s, i, 1)
}

func white(c byte) bool {
	return c == ' ' || '\t' <= c && c <= '\r' || c == 0xa0 || c == 0
}

// slash reads a comment or a division. Comments in comments mean different
// things to different databases, and /*! is code to MySQL.
func (r *reader) slash(t *token, i int) int {
	rest := r.s[i:]
	if !strings.HasPrefix(rest, "/*") {
		return take(t, operator, r.s, i, 1)
	}
	k, n := comment, len(rest)
	if end := strings.Index(rest[2:], "*/"); end >= 0 {
		n = end + 4
		if strings.Contains(rest[2:end+3], "/*") {
			k = evil
		}
	}
	if strings.HasPrefix(rest, "/*!") {
		k = evil
	}
	return take(t, k, r.s, i, n)
}

// operator reads an operator of one to three bytes.
func (r *reader) operator(t *token, i int) int {
	rest := r.s[i:]
	if len(rest) >= 2 {
		if strings.HasPrefix(rest, "<=>") {
			return take(t, operator, r.s, i, 3)
		}
		if k := lookup(rest[:2]); k != none {
			return take(t, k, r.s, i, 2)
		}
		if rest[0] == ':' {
			return take(t, colon, r.s, i, 1)
		}
	}
	return take(t, operator, r.s, i, 1)
}

// variable reads @name, @@name and the quoted forms of both.
func (r *reader) variable(t *token, i int) int {
	i++
	if strings.HasPrefix(r.s[i:], "@") {
		i++
	}
	if i < len(r.s) {
		switch c := r.s[i]; c {
		case '`':
			i = r.backquoted(t, i)
			t.kind = variable
			return i
		case '\'', '"':
			t.open = c
			i = r.quoted(t, i+1, c)
			t.kind = variable
			return i
		}
	}
	n := 0
	for i+n < len(r.s) && !endsVariable[r.s[i+n]] {
		n++
	}
	return take(t, variable, r.s, i, n)
}

// endsWord and endsVariable are the bytes that end words and names of variables.
var (
	endsWord     = bytesOf(" []{}<>:\\?=@!#~+-*/&|^%(),';\t\n\v\f\r\"\xa0\x00")
	endsVariable = bytesOf(" <>:\\?=@!#~+-*/&|^%(),';\t\n\v\f\r'`\"")
)

func bytesOf(list string) (set [256]bool) {
	for i := range len(list) {
		set[list[i]] = true
	}
	return set
}

// word reads a word, and what it means. The part before a dot or a backquote is a
// word of its own if it means something; looking for it before the end of the
// word is what keeps and.and.and linear.
func (r *reader) word(t *token, i int) int {
	s, end := r.s, i
	for ; end < len(s) && !endsWord[s[end]]; end++ {
		if c := s[end]; (c == '.' || c == '`') && end-i < maxText {
			if k := lookup(s[i:end]); k != none && k != bareword {
				return take(t, k, s, i, end-i)
			}
		}
	}
	k := bareword
	if end-i <= maxText {
		if meant := lookup(s[i:end]); meant != none {
			k = meant
		}
	}
	return take(t, k, s, i, end-i)
}
