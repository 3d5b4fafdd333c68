package event

import (
	"strings"

	"github.com/merlon-security/merlon/internal/verdict"
)

// cookieLeaves makes leaves of the cookies of one header line: each as it
// stands, and as the libraries decode it where that differs.
func (d *decoder) cookieLeaves(doc int32, h pair) {
	rest := h.value
	for rest != "" && d.room() {
		var c string
		c, rest, _ = strings.Cut(rest, ";")
		c = strings.Trim(c, " \t")
		if c == "" {
			continue
		}
		name, value, _ := strings.Cut(c, "=")
		name, value = strings.TrimRight(name, " \t"), strings.TrimLeft(value, " \t")
		d.cookie(doc, h.node, name, value)
		if strings.ContainsAny(value, " \t\v\f") {
			d.spacedCookies(doc, h.node, name, value)
		}
	}
}

// cookie makes the leaves of one cookie: as it was sent, and as the libraries
// undo quotes (Go's), percent-encoding (the cookie package from 1.0), or both.
// Express reads JSON behind "j:".
func (d *decoder) cookie(doc, node int32, name, value string) {
	l := Leaf{Name: name, Value: value, Place: verdict.PlaceCookie, Record: -1, doc: doc, node: node, sub: name}
	d.add(l)
	text := value
	for _, reading := range [...]string{unquote(value), unescapePath(value), unescapePath(unquote(value))} {
		if reading != text && reading != value && d.room() && d.spend(len(reading)) {
			l.Value = reading
			d.add(l)
			text = reading
		}
	}
	d.parameterViews(strings.TrimPrefix(unquote(text), "j:"), &l)
}

// spacedCookies adds the cookies that follow a blank: Python's http.cookies ends
// a value there.
func (d *decoder) spacedCookies(doc, node int32, name, value string) {
	blank := func(c rune) bool { return c == ' ' || c >= '\t' && c <= '\r' }
	value = strings.Join(strings.FieldsFunc(value, blank), " ")
	d.cookiesIn(doc, node, name, value)
	if tight := equals.Replace(value); tight != value && d.room() && d.spend(len(tight)) {
		d.cookiesIn(doc, node, name, tight)
	}
}

// cookiesIn adds the cookies of a text in which single blanks separate them; the
// first value is that of name.
func (d *decoder) cookiesIn(doc, node int32, name, value string) {
	for i, f := range strings.Split(value, " ") {
		if !d.room() {
			return // they stand in the value
		}
		if i > 0 {
			var ok bool
			if name, f, ok = strings.Cut(f, "="); !ok || name == "" {
				continue
			}
		}
		d.cookie(doc, node, name, f)
	}
}

// equals takes the blanks around equals signs away.
var equals = strings.NewReplacer(" = ", "=", " =", "=", "= ", "=")

// quotedCookies adds what Python's http.cookies makes of values in quotes: they
// may hold semicolons, and a backslash escapes a character or, with three octal
// digits, a byte.
func (d *decoder) quotedCookies(doc, node int32, line string) {
	s, last := line, strings.LastIndexByte(line, '"')
	for len(line)-len(s) <= last {
		i := strings.IndexByte(s, '=')
		if i < 0 || !d.room() {
			return
		}
		name := strings.TrimRight(s[:i], " \t")
		name = name[strings.LastIndexAny(name, "; \t")+1:]
		s = strings.TrimLeft(s[i+1:], " \t")
		if s == "" || s[0] != '"' {
			continue
		}
		end := 1
		for end < len(s) && s[end] != '"' {
			if s[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(s) {
			return
		}
		inside := s[1:end]
		if strings.ContainsAny(inside, "; \t\\") && d.spend(len(inside)) {
			d.cookie(doc, node, name, unescapeOctal(inside))
		}
		s = s[end+1:]
	}
}

func unquote(v string) string {
	if len(v) > 1 && v[0] == '"' && v[len(v)-1] == '"' {
		return v[1 : len(v)-1]
	}
	return v
}

// unescapeOctal undoes the escapes of a quoted cookie.
func unescapeOctal(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	octal := func(c byte) bool { return c >= '0' && c <= '7' }
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '\\' || i+1 == len(s):
			b.WriteByte(s[i])
		case i+3 < len(s) && s[i+1] <= '3' && octal(s[i+1]) && octal(s[i+2]) && octal(s[i+3]):
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
		default:
			i++
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
