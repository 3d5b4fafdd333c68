package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

func (r *random) jsonRequest() request {
	body := r.document()
	ctype := pick(r, "application/json", "application/json", "application/json; charset=utf-8", "application/vnd.api+json", "text/plain", "", "application/x-www-form-urlencoded")
	if r.chance(5) {
		charset := pick(r, "utf-16", "utf-16le", "utf-16be", "utf-32", "utf-32le", "utf-32be", "utf-8")
		ctype = "application/json; charset=" + charset
		body = encodeText(body, charset, r.chance(2))
		if r.chance(3) {
			ctype = "application/json" // Python looks at the bytes
		}
	} else if r.chance(12) {
		body = "\ufeff" + body
	}
	return request{ctype: ctype, body: body}
}

func (r *random) document() string {
	switch r.IntN(12) {
	case 0:
		return r.scalar()
	case 1: // deep
		n := 1 + r.IntN(200)
		return strings.Repeat(`{"`+r.token()+`":[`, n) + r.scalar() + strings.Repeat("]}", n)
	}
	return r.container(0) + pick(r, "", "", "", "", "", "", "", "\n"+r.container(0), " "+r.token(), "}")
}

func (r *random) container(depth int) string {
	array, brackets := r.chance(3), "{}"
	if array {
		brackets = "[]"
	}
	var b strings.Builder
	space := func() { b.WriteString(pick(r, "", "", "", " ", "\n\t", "\r\n")) }
	b.WriteByte(brackets[0])
	for i, n := 0, r.IntN(5); i < n; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		space()
		if !array {
			name := r.name()
			if r.chance(5) {
				name = pick(r, "$ne", "$where", "a", "a.b", "constructor", "")
			}
			b.WriteString(r.quote(name))
			space()
			b.WriteByte(':')
			space()
		}
		if depth < 4 && r.chance(3) {
			b.WriteString(r.container(depth + 1))
		} else {
			b.WriteString(r.scalar())
		}
		space()
	}
	b.WriteByte(brackets[1])
	return b.String()
}

func (r *random) scalar() string {
	switch r.IntN(8) {
	case 0:
		return pick(r, "0", "-0", "17", "1e5", "1.50", "1E400", "-1e-400", "9007199254740993", "123456789012345678901234567890", fmt.Sprint(r.Int64()))
	case 1:
		return pick(r, "true", "false", "null", "NaN", "Infinity", "-Infinity")
	case 2: // a document in a string
		if r.chance(2) {
			return r.quote(`{"in":` + r.quote(r.text()) + `}`)
		}
		return `""`
	}
	return r.quote(r.value())
}

// quote writes a string of JSON with more escapes than it needs.
func (r *random) quote(s string) string {
	often := r.chance(4)
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteString(`\` + string(c))
		case c < 0x20 && !(c == '\t' && r.chance(4)), often && r.chance(2):
			for _, u := range utf16.Encode([]rune{c}) {
				fmt.Fprintf(&b, pick(r, `\u%04x`, `\u%04X`), u)
			}
		case c == '/' && r.chance(2):
			b.WriteString(`\/`)
		default:
			b.WriteRune(c)
		}
	}
	if r.chance(20) {
		b.WriteString(pick(r, `\ud800`, `\udc00x`, `\ud83d\ud83d`, `\uD83D\uDE00`))
	}
	b.WriteByte('"')
	return b.String()
}

// encodeText writes a text in a charset of Unicode.
func encodeText(s, charset string, mark bool) string {
	if mark {
		s = "\ufeff" + s
	}
	big := strings.HasSuffix(charset, "be")
	var b []byte
	unit := func(v uint32, width int) {
		for i := range width {
			shift := 8 * i
			if big {
				shift = 8 * (width - 1 - i)
			}
			b = append(b, byte(v>>shift))
		}
	}
	switch {
	case strings.HasPrefix(charset, "utf-16"):
		for _, u := range utf16.Encode([]rune(s)) {
			unit(uint32(u), 2)
		}
	case strings.HasPrefix(charset, "utf-32"):
		for _, c := range s {
			unit(uint32(c), 4)
		}
	default:
		return s
	}
	return string(b)
}

func (r *random) textRequest() request {
	body := r.value() + pick(r, "", "\n", "\r\n\r\n", " ") + r.value()
	ctype := pick(r, "text/plain", "text/plain; charset=utf-8", "text/plain; charset=iso-8859-1", "text/plain; charset=utf-16le", "text/html", "application/octet-stream", "")
	switch {
	case strings.Contains(ctype, "8859"):
		body = latin1(body)
	case strings.Contains(ctype, "utf-16le"):
		body = encodeText(body, "utf-16le", false)
	case r.chance(8): // what looks like UTF-16 at its start
		body = pick(r, "\xff\xfe", "\xfe\xff", " \x00", "\x00\"", "1\x00", "\xff\xfe\x00\x00") + body
	}
	return request{ctype: ctype, body: body}
}

// latin1 writes what Latin-1 has of a text.
func latin1(s string) string {
	var b []byte
	for _, c := range s {
		if c < 0x100 {
			b = append(b, byte(c))
		}
	}
	return string(b)
}

// encodeJSON is the JSON of an event; Lambda's events are valid UTF-8.
func encodeJSON(v any) []byte {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("bug: an event of strings and maps has no JSON: " + err.Error())
	}
	out := strings.TrimSuffix(b.String(), "\n")
	if !utf8.ValidString(out) {
		panic("bug: an event that is no UTF-8")
	}
	return []byte(out)
}
