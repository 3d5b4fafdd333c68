package event

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// formPairs calls fn for each pair of URL-encoded text, split on '&' only and
// still encoded. net/url drops every pair that holds a semicolon, and with it
// "?q=;cat /etc/passwd". When fn returns false the walk ends, and what has not
// been given to it is returned.
func formPairs(s string, fn func(name, value string) bool) (rest string) {
	for s != "" {
		kv, after, _ := strings.Cut(s, "&")
		if kv == "" {
			s = after
			continue
		}
		k, v, _ := strings.Cut(kv, "=")
		if !fn(k, v) {
			return s
		}
		s = after
	}
	return ""
}

// form makes leaves of the fields of a URL-encoded body.
func (d *decoder) form(val string, at leafAt) {
	charset := formCharset(val)
	field := func(name, value string) {
		f := at
		f.name, f.sub = name, join(at.sub, name)
		d.text(value, f)
		if charset != "" {
			d.charsetView(value, charset, f)
		}
	}
	rest := formPairs(val, func(rawName, rawValue string) bool {
		if !d.room() {
			return false
		}
		name, value := unescapeQuery(rawName), unescapeQuery(rawValue)
		field(name, value)
		d.otherReadings(rawName, rawValue, name, value, field)
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

// otherReadings calls add for what some readers, other than most, make of a pair
// of URL-encoded text. An ordinary pair has none.
func (d *decoder) otherReadings(rawName, rawValue, name, value string, add func(name, value string)) {
	one := func(n, v string) {
		if (n != name || v != value) && d.room() && d.spend(len(n)+len(v)) {
			add(n, v)
		}
	}
	read := func(n, v string) {
		one(n, v)
		if strings.Contains(v, "&#") || strings.Contains(n, "&#") {
			one(entities(n), entities(v)) // qs, interpretNumericEntities
		}
	}
	if strings.IndexByte(rawName, ';') >= 0 || strings.IndexByte(rawValue, ';') >= 0 {
		// qs with a delimiter of its own, and Python before 3.9.2, split here too.
		pair := rawName
		if rawValue != "" {
			pair += "=" + rawValue
		}
		for piece := range strings.SplitSeq(pair, ";") {
			if n, v, _ := strings.Cut(piece, "="); piece != "" {
				read(unescapeQuery(n), unescapeQuery(v))
			}
		}
	}
	if end := bracketEquals(rawValue); end > 0 { // qs looks for "]=" first
		read(unescapeQuery(rawName+"="+rawValue[:end-1]), unescapeQuery(rawValue[end:]))
	}
	if strings.Contains(value, "&#") || strings.Contains(name, "&#") {
		read(name, value)
	}
	if strings.IndexByte(value, 0) >= 0 || strings.IndexByte(name, 0) >= 0 {
		read(fromWide(name), fromWide(value)) // busboy, where the type says UTF-16
	}
	if lossy(rawName, name) || lossy(rawValue, value) {
		read(lowBytes(rawName), lowBytes(rawValue))
	}
}

// bracketEquals returns where the first value behind "]=" starts, 0 if none does.
func bracketEquals(s string) int {
	for i := 0; ; i++ {
		next := strings.IndexByte(s[i:], '=')
		if next < 0 {
			return 0
		}
		i += next
		if i > 0 && s[i-1] == ']' || i > 2 && strings.EqualFold(s[i-3:i], "%5d") {
			return i + 1
		}
	}
}

// entities decodes numeric character references in decimal, as qs does.
func entities(s string) string {
	var b strings.Builder
	for {
		i := strings.Index(s, "&#")
		if i < 0 {
			break
		}
		b.WriteString(s[:i])
		s = s[i:]
		end := strings.IndexByte(s[:min(len(s), 12)], ';')
		n, err := strconv.ParseUint(s[2:max(2, end)], 10, 32)
		if err != nil || n > utf8.MaxRune {
			b.WriteString(s[:2])
			s = s[2:]
			continue
		}
		b.WriteRune(rune(n))
		s = s[end+1:]
	}
	return b.String() + s
}

// lossy reports whether Node's querystring reads a text by its low bytes: it
// holds characters beyond ASCII as they are, and its escapes are not all those
// of UTF-8, which is where decodeURIComponent gives up.
func lossy(raw, decoded string) bool {
	if strings.IndexByte(raw, '%') < 0 {
		return false
	}
	return beyondASCII(raw) && (!utf8.ValidString(decoded) || strings.Count(decoded, "%") > strings.Count(raw, "%25"))
}

// lowBytes is that reading: of each character it keeps the lowest eight bits, so
// that U+013C is a less-than sign.
func lowBytes(raw string) string {
	var b strings.Builder
	for i := 0; i < len(raw); {
		switch r, size := utf8.DecodeRuneInString(raw[i:]); {
		case raw[i] == '%' && i+2 < len(raw) && unhex(raw[i+1]) >= 0 && unhex(raw[i+2]) >= 0:
			b.WriteByte(byte(unhex(raw[i+1])<<4 | unhex(raw[i+2])))
			i += 3
		case raw[i] == '+':
			b.WriteByte(' ')
			i++
		case r >= 0x10000: // two UTF-16 units
			r -= 0x10000
			b.WriteByte(byte(0xd800 + r>>10))
			b.WriteByte(byte(0xdc00 + r&0x3ff))
			i += size
		default:
			b.WriteByte(byte(r))
			i += size
		}
	}
	return b.String()
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
