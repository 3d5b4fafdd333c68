package main

import (
	"fmt"
	"strings"
)

func (r *random) cookieRequest() request {
	var lines []string
	for range 1 + r.IntN(2) {
		var b strings.Builder
		for i, n := 0, 1+r.IntN(4); i < n; i++ {
			if i > 0 {
				b.WriteString(pick(r, "; ", "; ", "; ", ";", ";  ", " ;", ", ", " "))
			}
			b.WriteString(r.cookieName() + pick(r, "=", "=", "=", " = ", "==") + r.cookieValue())
		}
		lines = append(lines, b.String())
	}
	return request{cookies: lines}
}

func (r *random) cookieName() string {
	return pick(r, "sid", "user", "a", "__proto__", "$Version", "Path", "a[b]", "a%5Bb%5D", r.token(), r.token()+"<b>", r.token()+"'")
}

func (r *random) cookieValue() string {
	json := pick(r, `{"a":{"$ne":"%s"}}`, `["<b>%s"]`, `{"__proto__":{"x":"%s"}}`, `"%s' or 1=1"`, `{"u":"\u003cscript\u003e%s"}`, `{"open":"%s`)
	json = fmt.Sprintf(json, r.token())
	switch r.IntN(9) {
	case 0:
		return "j:" + json
	case 1:
		return "j:" + r.escape(json, false)
	case 2:
		return r.escape(json, false)
	case 3:
		return r.escape(r.value(), false)
	case 4:
		return `"` + r.quoted(r.text()) + `"`
	case 5:
		return `"` + r.escape(r.text(), false) + `"`
	case 6:
		return r.escape(r.text(), false) + r.broken() + r.token()
	case 7:
		return pick(r, "s:", "s%3A", "b:") + r.token() + ".sig" + r.escape(r.text(), false)
	default:
		return strings.ReplaceAll(r.text(), ";", "")
	}
}

// quoted writes the inside of a quoted cookie as Python's http.cookies does:
// octal escapes for what may not stand there, sometimes for more.
func (r *random) quoted(s string) string {
	often := r.chance(3)
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case c == '"' || c == '\\':
			b.WriteString(`\` + string(c))
		case c < 0x20 || c >= 0x7f || (c == ';' || c == ',') && !r.chance(3) || often && r.chance(2):
			fmt.Fprintf(&b, `\%03o`, c)
		case r.chance(40):
			b.WriteString(`\` + string(c))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
