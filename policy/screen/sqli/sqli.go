// Package sqli answers what libinjection-go 0.3.3 answers to the question
// whether a text is SQL injection, its oddities included: Coraza's rules rest
// on these answers, and the screen must not differ from them. The method is
// libinjection's (Nick Galbreath, BSD-3-Clause): read a text as SQL tokens as if
// it stood bare, in a single-quoted or in a double-quoted string, fold them
// to at most five, and look their kinds up in a list of known attacks.
//
// What differs is the price. The library takes quadratic time for escaped and
// doubled quotes inside a string and for keywords joined by dots: 64 KB of
// either cost it up to eight seconds. Here every text takes linear time, and
// none allocates, adversarial ones aside. The words and the list are in
// tables.bin, taken from the library's source by package gen.
//
// The package knows nothing of rules and imports nothing of the project.
package sqli

import "strings"

// Detect reports whether a text is SQL injection, and the fingerprint of its tokens if so.
func Detect(s string) (fingerprint string, found bool) {
	r := reader{s: s}
	if r.attack(0, false) || r.ambiguous && r.attack(0, true) {
		return r.fingerprint(), true
	}
	if strings.IndexByte(s, '\'') >= 0 && (r.attack('\'', false) || r.ambiguous && r.attack('\'', true)) {
		return r.fingerprint(), true
	}
	if strings.IndexByte(s, '"') >= 0 && r.attack('"', true) {
		return r.fingerprint(), true
	}
	return "", false
}

// attack reads the text in one context: inside a string that quote began before
// the text, or bare if quote is 0; in MySQL's reading of comments or the standard's.
func (r *reader) attack(quote byte, mysql bool) bool {
	r.pos, r.read, r.ambiguous = 0, 0, false
	r.quote, r.mysql = quote, mysql
	r.left = r.fold()
	last := r.left - 1
	// A backquote that nothing follows begins a comment, as PHP's mysql_query had it.
	if r.left > 2 && r.tokens[last].kind == bareword && r.tokens[last].open == '`' && r.tokens[last].close == 0 && r.tokens[last].text == "" {
		r.tokens[last].kind = comment
	}
	for i := range r.left {
		if r.tokens[i].kind == evil {
			r.tokens[0].kind, r.left = evil, 1
			break
		}
	}
	return r.left > 0 && known(r.tokens[:r.left]) && !r.harmless()
}

// fingerprint is the kinds of the tokens in letters.
func (r *reader) fingerprint() string {
	var b [most]byte
	for i := range r.left {
		b[i] = letters[r.tokens[i].kind]
	}
	return string(b[:r.left])
}

// harmless excepts texts whose tokens are those of an attack, and which people
// write without meaning one.
func (r *reader) harmless() bool {
	a, b, n := &r.tokens[0], &r.tokens[1], r.left
	// SQL Server keeps statements with this word out of its audit log.
	if n > 1 && r.tokens[n-1].kind == comment && strings.Contains(r.s, "sp_password") {
		return false
	}
	switch n {
	case 2:
		return r.harmlessPair(a, b)
	case 3:
		switch r.fingerprint() {
		case "sos", "s&s": // foo' + 'bar is one, with the text's ends inside the strings
			return a.open != 0 || r.tokens[2].close != 0 || a.close != r.tokens[2].open
		case "s&n", "n&1", "1&1", "1&v", "1&s":
			if r.read == 3 { // sexy and 17
				return true
			}
		}
		return b.kind == keyword && (len(b.text) < 5 || !strings.EqualFold(b.text[:4], "INTO"))
	}
	return false
}

// harmlessPair is harmless for two tokens.
func (r *reader) harmlessPair(a, b *token) bool {
	switch {
	case b.kind == union: // 1 union, unless something was folded away
		return r.read == 2
	case strings.HasPrefix(b.text, "#"):
		return true
	case a.kind == bareword && b.kind == comment && !strings.HasPrefix(b.text, "/"):
		return true
	case a.kind == number && b.kind == comment && !strings.HasPrefix(b.text, "/"):
		return false
	case a.kind == number && b.kind == comment:
		return r.read <= 2 && !r.endsNumber(len(a.text))
	}
	return len(b.text) > 2 && b.text[0] == '-'
}

// endsNumber reports whether a number that reaches up to i ends there for SQL.
func (r *reader) endsNumber(i int) bool {
	rest := r.s[min(i, len(r.s)):]
	return rest != "" && rest[0] <= ' ' || strings.HasPrefix(rest, "/*") || strings.HasPrefix(rest, "--")
}
