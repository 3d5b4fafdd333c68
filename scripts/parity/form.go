package main

import (
	"net/url"
	"strings"
)

// pairs is URL-encoded text: of a query, or of a form.
func (r *random) pairs() string {
	var b strings.Builder
	if r.chance(12) {
		b.WriteString(pick(r, "utf8=%E2%9C%93&", "utf8=%26%2310003%3B&", "_charset_=iso-8859-1&", "_charset_=utf-8&"))
	}
	for i, n := 0, 1+r.IntN(5); i < n; i++ {
		if i > 0 {
			b.WriteString(pick(r, "&", "&", "&", "&", "&", "&&", ";", "&amp;"))
		}
		name := r.nested()
		if r.chance(4) {
			name = pick(r, "a", "a[]", "a[b]", "user", "q") // duplicates
		}
		if r.chance(3) {
			b.WriteString(r.escape(name, true))
		} else {
			b.WriteString(keepBrackets(r.escape(name, true)))
		}
		if r.chance(12) {
			continue // no equals sign
		}
		b.WriteString(pick(r, "=", "=", "=", "=", "=", "==", "%3D="))
		value := r.value()
		if r.chance(8) {
			value = pick(r, `{"$gt":"`+r.token()+`"}`, `[1,"`+r.text()+`"]`, `{"a":{"b":"<b>`+r.token()+`"}}`)
		}
		b.WriteString(r.escape(value, true))
		if r.chance(8) {
			b.WriteString(r.broken() + r.token())
		}
	}
	return b.String()
}

// keepBrackets writes brackets as they are, which most clients do.
func keepBrackets(s string) string {
	return strings.NewReplacer("%5B", "[", "%5D", "]", "%5b", "[", "%5d", "]").Replace(s)
}

func (r *random) queryRequest() request {
	return request{query: r.pairs()}
}

func (r *random) formRequest() request {
	ctype := pick(r,
		"application/x-www-form-urlencoded", "application/x-www-form-urlencoded", "application/x-www-form-urlencoded;charset=UTF-8",
		"application/x-www-form-urlencoded; charset=iso-8859-1", "application/x-www-form-urlencoded; charset=latin1",
		"application/x-www-form-urlencoded; charset=utf-16le", "Application/X-WWW-Form-URLEncoded ; charset=\"utf-8\"",
		"application/x-www-form-urlencoded, text/plain", "text/plain", "application/json", "")
	body := r.pairs()
	if !strings.Contains(strings.ToLower(ctype), "urlencoded") {
		// Text of another type is taken for fields if it is one line and starts with a plain name.
		body = r.token() + "=" + url.QueryEscape(r.value()) + "&" + strings.NewReplacer("\r", "", "\n", "", "\x00", "").Replace(body)
	}
	if strings.Contains(ctype, "utf-16le") {
		body = r.widePairs()
	}
	return request{ctype: ctype, body: body}
}

// widePairs is a form whose escapes spell UTF-16, as busboy reads it where the
// type says so.
func (r *random) widePairs() string {
	var b strings.Builder
	for i := range 1 + r.IntN(3) {
		if i > 0 {
			b.WriteByte('&')
		}
		for j, s := range []string{r.token(), r.ascii()} {
			if j > 0 {
				b.WriteByte('=')
			}
			for _, c := range []byte(s) {
				b.WriteString("%" + string(hexDigits[c>>4]) + string(hexDigits[c&15]) + "%00")
			}
		}
	}
	return b.String()
}

func (r *random) pathRequest() request {
	var b strings.Builder
	for range 1 + r.IntN(4) {
		b.WriteString("/" + r.escape(r.text(), false))
		if r.chance(10) {
			b.WriteString(r.broken())
		}
	}
	return request{path: strings.NewReplacer("?", "%3F", "#", "%23", `\`, "%5C").Replace(b.String())}
}
