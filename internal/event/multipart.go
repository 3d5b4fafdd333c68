package event

import (
	"mime"
	"slices"
	"strings"
)

// multipart makes leaves of the parts of a multipart body: names, file names,
// headers, contents, and what stands before the first and after the last of
// them. It is more tolerant than any reader that a handler may use (lines may
// end in LF, the end may be missing), and it leaves no byte out: readers differ
// in which bytes they skip. It returns false if the boundary never occurs.
func (d *decoder) multipart(val, boundary string, at leafAt) bool {
	if d.parts >= d.lim.Nesting {
		d.limit("nesting")
		return false
	}
	d.parts++
	defer func() { d.parts-- }()
	start, next := delimiter(val, 0, boundary)
	if start < 0 {
		return false
	}
	d.residue(val[:start], at)
	charset := partCharset(val, boundary)
	for closed := false; next < len(val); {
		if !d.room() {
			d.addText(val[next:], at)
			return true
		}
		start, end := delimiter(val, next, boundary)
		if start < 0 {
			start, end = len(val), len(val)
		}
		if closed {
			d.residue(val[next:start], at)
		} else {
			d.part(trimEOL(val[next:start]), "--"+boundary, charset, at)
		}
		closed = strings.HasPrefix(strings.TrimPrefix(val[start:], "--"+boundary), "--")
		next = end
	}
	return true
}

// residue makes a leaf of bytes that are in no part, unless they are blank.
func (d *decoder) residue(s string, at leafAt) {
	if strings.TrimSpace(s) != "" {
		d.opaque(s, at)
	}
}

// delimiter finds the next line that holds "--boundary" or "--boundary--" and
// blanks; end is where the line after it starts.
func delimiter(s string, from int, boundary string) (start, end int) {
	mark := "--" + boundary
	for {
		i := strings.Index(s[from:], mark)
		if i < 0 {
			return -1, -1
		}
		start = from + i
		from = start + len(mark)
		if start > 0 && s[start-1] != '\n' && s[start-1] != '\r' {
			continue
		}
		// Only blanks are looked at: a search for the end of the line would read
		// a body of boundaries and no line ends once for each of them.
		end = from
		if strings.HasPrefix(s[end:], "--") {
			end += 2
		}
		for end < len(s) && (s[end] == ' ' || s[end] == '\t') {
			end++
		}
		if eol := lineEnd(s[end:]); eol > 0 || end == len(s) {
			return start, end + eol
		}
	}
}

// lineEnd returns the length of the line end that s begins with. A carriage
// return alone is one to Python.
func lineEnd(s string) int {
	switch {
	case strings.HasPrefix(s, "\r\n"):
		return 2
	case strings.HasPrefix(s, "\n"), strings.HasPrefix(s, "\r"):
		return 1
	}
	return 0
}

func trimEOL(s string) string { return strings.TrimSuffix(strings.TrimSuffix(s, "\n"), "\r") }

// sniffBoundary returns the boundary of a body that is a multipart body whatever
// its type says.
func sniffBoundary(s string) string {
	if !strings.HasPrefix(s, "--") {
		return ""
	}
	end := strings.IndexAny(s[:min(len(s), 256)], "\r\n")
	if end < 0 {
		return ""
	}
	line, rest := s[:end], s[end:]
	if len(line) > 202 || !containsFold(rest[:min(len(rest), 1024)], "content-") {
		return ""
	}
	return strings.TrimRight(line[2:], " \t\r")
}

// partCharset is the encoding of the fields, as a part called _charset_ names it
// (RFC 7578 §4.6); empty if none does.
func partCharset(val, boundary string) string {
	const field = "_charset_"
	if !strings.Contains(val, field) {
		return ""
	}
	_, next := delimiter(val, 0, boundary)
	for next < len(val) {
		start, end := delimiter(val, next, boundary)
		if start < 0 {
			start, end = len(val), len(val)
		}
		head, body := cutHead(trimEOL(val[next:start]))
		if strings.Contains(head, field) && readPart(head).name == field {
			return strings.ToLower(strings.TrimSpace(body))
		}
		next = end
	}
	return ""
}

// part makes leaves of one part. mark is how a line begins that separates parts:
// to busboy, whatever follows on it. charset is what the form says of the parts
// that do not name their own.
func (d *decoder) part(s, mark, charset string, at leafAt) {
	head, body := cutHead(s)
	p := readPart(head)
	f := at
	f.name, f.sub = p.name, join(at.sub, firstOf(p.name, "part"))
	for _, h := range p.rest {
		if !d.room() {
			d.addText(head, f) // whole, as what is left of it has no place of its own
			break
		}
		g := f
		g.name, g.sub = h.name, f.sub+"."+firstOf(h.name, "header")
		d.addText(h.value, g)
	}
	m := mediaOf(p.types)
	// A body that is a lone field is text whatever it looks like.
	d.partContent(body, m, f)
	if charset != "" && p.field(m) {
		d.charsetView(body, charset, f)
	}
	if i := strings.Index(body, "\r\n"+mark); i > 0 && d.room() && d.spend(i) {
		d.partContent(body[:i], m, f)
	}
	d.transferred(body, p.transfer, m, f)
	if p.stray && d.room() && d.spend(len(s)) { // Python's body begins there
		from := s[strayLine(head):]
		d.partContent(from, m, f)
		d.transferred(from, p.transfer, m, f)
	}
}

func (d *decoder) partContent(val string, m media, at leafAt) {
	switch {
	case val == "":
		d.addText("", at)
	case m.any || len(m.boundaries) > 0:
		d.content(val, m, at)
	case d.archive(val, at):
	case !d.nested(val, at):
		text := d.wide(val, at)
		d.opaque(text, at)
		d.views(text, at)
	}
}

func join(outer, inner string) string {
	if outer == "" {
		return inner
	}
	return outer + "." + inner
}

// cutHead separates a part's head from its content at the first blank line.
func cutHead(s string) (head, body string) {
	if n := lineEnd(s); n > 0 {
		return "", s[n:]
	}
	for i := 0; i < len(s); i++ {
		if s[i] != '\n' && s[i] != '\r' {
			continue
		}
		rest := s[i+lineEnd(s[i:]):]
		if n := lineEnd(rest); n > 0 {
			return s[:i], rest[n:]
		}
	}
	return s, ""
}

// partHead is what a part's head says.
type partHead struct {
	name, transfer string
	types          []string
	rest           []pair // file names, and whatever is not as usual
	stray          bool   // a line is no header
}

// field reports whether the content of a part is a text whose encoding the form
// may name: no file, which has a type of its own.
func (p *partHead) field(m media) bool {
	return len(m.charsets) == 0 && !slices.ContainsFunc(p.types, func(t string) bool { return !strings.HasPrefix(strings.ToLower(t), "text/") })
}

// unfold joins the lines of a folded header.
var unfold = strings.NewReplacer("\r\n ", " ", "\r\n\t", " ", "\n ", " ", "\n\t", " ", "\r ", " ", "\r\t", " ")

func readPart(head string) (p partHead) {
	if strings.Contains(head, "\n ") || strings.Contains(head, "\n\t") || strings.Contains(head, "\r ") || strings.Contains(head, "\r\t") {
		head = unfold.Replace(head)
	}
	for line := range strings.FieldsFuncSeq(head, func(c rune) bool { return c == '\r' || c == '\n' }) {
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case strings.TrimSpace(line) == "":
		case ok && strings.EqualFold(name, "content-disposition"):
			p.disposition(value)
		case ok && strings.EqualFold(name, "content-type"):
			p.types = append(p.types, value)
			p.unusual("content-type", value)
		case ok && strings.EqualFold(name, "content-transfer-encoding"):
			p.transfer = strings.ToLower(value)
			p.unusual("content-transfer-encoding", value)
		default:
			p.rest = append(p.rest, pair{name: name, value: value})
			p.words(name, value)
			p.stray = p.stray || !isHeader(line)
		}
	}
	return p
}

// isHeader reports whether a line begins with the name of a header.
func isHeader(line string) bool {
	name, _, ok := strings.Cut(line, ":")
	return ok && name != "" && !strings.ContainsAny(name, " \t")
}

// strayLine returns where the first line of a head starts that is neither a
// header nor the continuation of one.
func strayLine(head string) int {
	for start := 0; start < len(head); {
		end := len(head)
		if n := strings.IndexAny(head[start:], "\r\n"); n >= 0 {
			end = start + n
		}
		line := head[start:end]
		if line != "" && line[0] != ' ' && line[0] != '\t' && !isHeader(line) {
			return start
		}
		start = end + 1
	}
	return 0
}

// unusual keeps a header value that is more than a media type and charset.
func (p *partHead) unusual(name, value string) {
	if !plainMedia(value) {
		p.rest = append(p.rest, pair{name: name, value: value})
	}
}

// plainMedia reports whether a header value is a bare media type or charset.
func plainMedia(s string) bool {
	if kind, params, err := mime.ParseMediaType(s); err == nil && params["charset"] != "" && len(params) == 1 {
		s = kind + params["charset"]
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; !alnum(c) && strings.IndexByte("/+.-", c) < 0 {
			return false
		}
	}
	return true
}
