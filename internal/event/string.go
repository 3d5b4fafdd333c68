package event

import "strings"

// text makes the leaves of a string: those of the document that it is, or else
// one of its own and those of everything that it may be read as. Most strings
// are short words and are done after a few comparisons.
func (d *decoder) text(val string, at leafAt) {
	if d.nested(val, at) {
		return
	}
	if holdsGraphQL(at.name) && d.graphql(val, at) {
		return
	}
	d.addText(val, at)
	if at.sub == "" && len(val) > 2 && at.doc >= 0 && isObjectKey(&d.ev.docs[at.doc], at.node) {
		key := unescapeQuery(val)
		if key != val {
			d.addText(key, at)
		}
		// Whoever may upload chooses a name below a prefix that is given.
		d.segmentLeaves(key, func(text string) { d.addText(text, at) })
	}
	d.views(val, at)
}

// minView is the length of the shortest text that hides another one: "%3C" in a
// word, nine bytes in base64.
const minView = 3

// views adds what a string decodes to where it decodes to something: the text
// behind percent signs, base64, a token's claims, the nodes of XML. The string
// itself is a leaf already.
func (d *decoder) views(val string, at leafAt) {
	if len(val) < minView {
		return
	}
	if strings.IndexByte(val, '%') >= 0 && (plainText(val) || mostlyText(val)) {
		d.percent(val, at)
	}
	if strings.IndexByte(val, '\n') > 0 {
		d.cells(val, at)
	}
	if val[len(val)-1] == '"' && (val[0] == '"' || val[0] == 0xef) {
		d.quoted(strings.TrimPrefix(val, "\ufeff"), at)
	}
	if len(val) < minBase64 {
		return
	}
	switch c := val[0]; {
	case c == '<' || c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == 0xef:
		d.markup(val, at)
	case (c == 'd' || c == 'D') && dataURI(val) > 0:
		d.guess(val[dataURI(val):], at)
		return
	case isToken(val):
		d.token(val, at)
	}
	d.guess(val, at)
}

// quoted adds what a string in quotes is to a reader of JSON, if it is one to
// them: encoded twice, or the whole of a body.
func (d *decoder) quoted(val string, at leafAt) {
	if val[0] != '"' {
		return
	}
	p := parser{s: val}
	out, ok := p.str()
	if !ok || p.i != len(val) || out == "" || !d.room() || d.deep(at) || !d.spend(len(out)) {
		return
	}
	d.layers++
	d.text(out, at)
	d.layers--
}

// percent adds the text behind percent-encoding, however many times it has been
// applied.
func (d *decoder) percent(val string, at leafAt) {
	out := val
	for range maxDecodings {
		next := unescapePath(unescapeUnits(out))
		if next == out {
			break
		}
		out = next
	}
	if out == val || !d.room() || d.deep(at) || !d.spend(len(out)) {
		return
	}
	d.layers++
	if !d.nested(out, at) {
		d.addText(out, at)
	}
	d.layers--
}

// unescapeUnits decodes %uXXXX, as JavaScript's unescape does.
func unescapeUnits(s string) string {
	if !strings.Contains(s, "%u") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] == '%' && i+6 <= len(s) && s[i+1] == 'u' {
			if r, size := unicodeEscape(`\` + s[i+1:i+6]); size > 0 {
				b.WriteRune(r)
				i += size
				continue
			}
		}
		b.WriteByte(s[i])
		i++
	}
	return b.String()
}

// spend counts bytes that a decoder produces, and reports whether they are
// within the limit.
func (d *decoder) spend(n int) bool {
	if d.decoded+n > d.lim.Decoded {
		d.limit("decoded")
		return false
	}
	if !d.grow(n) {
		return false
	}
	d.decoded += n
	return true
}

// grow asks for memory for n bytes of content.
func (d *decoder) grow(n int) bool {
	if d.lim.Memory == nil || d.lim.Memory.Grow(n) {
		return true
	}
	d.limit("memory")
	return false
}
