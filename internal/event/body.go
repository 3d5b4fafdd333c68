package event

import (
	"mime"
	"slices"
	"strings"

	"github.com/merlon-security/merlon/internal/verdict"
)

// body makes leaves of an HTTP request body. What the headers say of it is a
// hint and never a limit: handlers call JSON.parse without looking at the type,
// and where two headers disagree either may be the one that counts.
func (d *decoder) body(r *request, n int32) {
	val := d.ev.docs[r.doc].nodes[n].val
	at := leafAt{doc: r.doc, node: n, name: "body", place: verdict.PlaceBody, record: -1}
	if val == "" {
		return
	}
	readings := []string{val}
	if r.base64 {
		var clean bool
		if readings, clean = base64Readings(val); !clean {
			d.addText(val, at)
			d.views(val, at)
		}
	}
	if d.ev.HTTP != nil && d.ev.HTTP.Body == "" && len(readings) > 0 {
		d.ev.HTTP.Body = readings[0]
	}
	label := mediaOf(r.types)
	for _, raw := range readings {
		plain := true
		for _, encoding := range r.codings {
			if !identity(encoding) {
				plain = false
				d.content(d.inflate(raw, encoding, at), label, at)
			}
		}
		switch {
		case plain && isGzip(raw): // some handlers look at the bytes
			d.content(d.inflate(raw, "gzip", at), label, at)
		case plain && isZstd(raw):
			d.content(d.inflate(raw, "zstd", at), label, at)
		case plain:
			d.content(raw, label, at)
		}
	}
}

// media is what the Content-Type headers of a body or part say together.
type media struct {
	json, form, any bool
	graphql         bool
	boundaries      []string
	charsets        []string
}

func mediaOf(types []string) (m media) {
	for _, t := range types {
		if t == "" {
			continue
		}
		kind, params, err := mime.ParseMediaType(t)
		if err != nil { // other readers go on: a parameter twice, two types
			kind, params = strings.ToLower(t), nil
			m.parameters(t)
		}
		m.any = true
		m.json = m.json || strings.Contains(kind, "json")
		m.graphql = m.graphql || kind == "application/graphql"
		m.form = m.form || strings.Contains(kind, "x-www-form-urlencoded")
		if b := params["boundary"]; b != "" {
			m.boundaries = append(m.boundaries, b)
		}
		if c := params["charset"]; c != "" {
			m.charsets = append(m.charsets, strings.ToLower(c))
		}
	}
	return m
}

// parameters reads a Content-Type that is not as it should be.
func (m *media) parameters(t string) {
	_, rest, _ := strings.Cut(t, ";")
	for rest != "" {
		var key, val string
		key, val, rest = parameter(rest)
		switch {
		case val == "":
		case strings.EqualFold(key, "boundary") && !slices.Contains(m.boundaries, val) && len(m.boundaries) < maxBoundaries:
			m.boundaries = append(m.boundaries, val)
		case strings.EqualFold(key, "charset") && len(m.charsets) == 0:
			m.charsets = append(m.charsets, strings.ToLower(val))
		}
	}
}

// maxBoundaries bounds the boundaries of one type: a body is read for each.
const maxBoundaries = 4

// content makes leaves of decoded body bytes. Every reader that takes them
// contributes; what none takes is a leaf as it is.
func (d *decoder) content(val string, m media, at leafAt) {
	if text := d.wide(val, at); text != val {
		val, m.charsets = text, nil
	}
	for _, c := range m.charsets {
		text, known := fromCharset(val, c)
		if !known {
			d.limit("charset")
		}
		if text != val && d.spend(len(text)) {
			n := m
			n.charsets = nil
			d.content(text, n, at)
		}
	}
	if val == "" {
		return
	}
	if m.json || startsJSON(val) {
		r := d.parse(val, at.doc, at.node, at.sub, at.name)
		if r.ok {
			if at.sub != "" { // the name of a part
				d.addName(at)
			}
			d.walk(r.doc, 0, at.place, at.record)
			if m.form && strings.ContainsAny(val, "&%") {
				d.form(val, at)
			}
			return
		}
		if len(d.ev.docs[r.doc].nodes) > 1 {
			d.walk(r.doc, 0, at.place, at.record)
		}
	}
	boundaries := m.boundaries
	if b := sniffBoundary(val); b != "" && !slices.Contains(boundaries, b) {
		boundaries = append(boundaries, b)
	}
	split := false
	for _, b := range boundaries {
		split = d.multipart(val, b, at) || split
	}
	switch {
	case split:
		// Who does not look for parts here, or not for parts in parts, reads the
		// whole: to SQL, a line that begins with two hyphens is a comment.
		if (d.parts > 0 || len(m.boundaries) == 0) && d.room() && d.spend(len(val)) {
			d.opaque(val, at)
		}
	case m.graphql && d.graphql(val, at), d.archive(val, at):
	case m.form && strings.Contains(val, "=") && val[0] != '<':
		d.form(val, at)
		if val[0] == '"' {
			d.quoted(val, at)
		}
	case !m.form && looksForm(val): // or text, by its type
		d.form(val, at)
		if d.room() {
			d.opaque(val, at)
		}
	case m.form:
		d.form(val, at)
		d.opaque(val, at)
		d.views(val, at)
	default:
		d.opaque(val, at)
		d.views(val, at)
	}
}

// asciiBased reports whether a charset writes ASCII as ASCII, or is one that
// fromWide recognises. In any other an attack would not look like one.
func asciiBased(charset string) bool {
	for _, p := range [...]string{"utf-7", "utf7", "ibm", "cp037", "cp5", "cp1026", "cp1140", "ebcdic", "hz-", "iso-2022", "x-ebcdic"} {
		if strings.HasPrefix(charset, p) {
			return false
		}
	}
	return true
}
