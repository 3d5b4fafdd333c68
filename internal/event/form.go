package event

import "strings"

// formPairs calls fn for each pair of URL-encoded text, split on '&' only.
// net/url drops every pair that holds a semicolon, and with it
// "?q=;cat /etc/passwd". Broken escapes stay as they are. When fn returns false
// the walk ends, and what has not been given to it is returned.
func formPairs(s string, fn func(name, value string) bool) (rest string) {
	for s != "" {
		kv, after, _ := strings.Cut(s, "&")
		if kv == "" {
			s = after
			continue
		}
		k, v, _ := strings.Cut(kv, "=")
		if !fn(unescapeQuery(k), unescapeQuery(v)) {
			return s
		}
		s = after
	}
	return ""
}

// form makes leaves of the fields of a URL-encoded body.
func (d *decoder) form(val string, at leafAt) {
	charset := formCharset(val)
	rest := formPairs(val, func(name, value string) bool {
		if !d.room() {
			return false
		}
		f := at
		f.name, f.sub = name, join(at.sub, name)
		d.text(value, f)
		if charset != "" {
			d.charsetView(value, charset, f)
		}
		return true
	})
	if rest != "" {
		d.addText(rest, at)
	}
}

// formCharset is what a form says of its own encoding in the field _charset_
// (HTML, "Selecting a form submission encoding"); empty if it does not.
func formCharset(val string) (charset string) {
	const field = "_charset_="
	if at := strings.Index(val, field); at == 0 || at > 0 && val[at-1] == '&' {
		charset, _, _ = strings.Cut(val[at+len(field):], "&")
		charset = strings.ToLower(unescapeQuery(charset))
	}
	return charset
}

// charsetView adds what a text is in another charset, where it is not the same.
func (d *decoder) charsetView(val, charset string, at leafAt) {
	text, known := fromCharset(val, charset)
	if !known {
		d.limit("charset")
	}
	if text != val && d.room() && d.spend(len(text)) {
		d.text(text, at)
	}
}

// looksForm reports whether text of another type could be fields all the same: a
// plain name, an equals sign, one line.
func looksForm(s string) bool {
	first, _, _ := strings.Cut(s, "&")
	name, _, ok := strings.Cut(first, "=")
	if !ok || name == "" || len(name) > 128 {
		return false
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; !alnum(c) && strings.IndexByte("_-.[]%$+", c) < 0 {
			return false
		}
	}
	return !strings.ContainsAny(s, "\r\n\x00")
}

// unescapeQuery decodes %XX and '+', and leaves alone what is neither.
func unescapeQuery(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b.WriteByte(' ')
		case s[i] == '%' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0:
			b.WriteByte(byte(unhex(s[i+1])<<4 | unhex(s[i+2])))
			i += 2
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
