package event

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/url"
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
			d.part(trimEOL(val[next:start]), at)
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
		for end < len(s) && (s[end] == ' ' || s[end] == '\t' || s[end] == '\r') {
			end++
		}
		if end == len(s) || s[end] == '\n' {
			return start, min(len(s), end+1)
		}
	}
}

func trimEOL(s string) string { return strings.TrimSuffix(strings.TrimSuffix(s, "\n"), "\r") }

// sniffBoundary returns the boundary of a body that is a multipart body whatever
// its type says.
func sniffBoundary(s string) string {
	if !strings.HasPrefix(s, "--") {
		return ""
	}
	line, rest, ok := strings.Cut(s, "\n")
	if !ok || len(line) > 202 || !containsFold(rest[:min(len(rest), 1024)], "content-") {
		return ""
	}
	return strings.TrimRight(line[2:], " \t\r")
}

// part makes leaves of one part.
func (d *decoder) part(s string, at leafAt) {
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
	m := mediaOf([]string{p.ctype})
	// A body that is a lone field is text whatever it looks like.
	d.partContent(body, m, f)
	if dec, ok := transferDecode(body, p.transfer); ok && dec != body {
		d.partContent(dec, m, f)
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
		text := fromWide(val)
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
	if rest, ok := strings.CutPrefix(s, "\r\n"); ok {
		return "", rest
	}
	if rest, ok := strings.CutPrefix(s, "\n"); ok {
		return "", rest
	}
	for i := 0; i < len(s); i++ {
		if s[i] != '\n' {
			continue
		}
		switch rest := s[i+1:]; {
		case strings.HasPrefix(rest, "\r\n"):
			return s[:i], rest[2:]
		case strings.HasPrefix(rest, "\n"):
			return s[:i], rest[1:]
		}
	}
	return s, ""
}

// partHead is what a part's head says.
type partHead struct {
	name, ctype, transfer string
	rest                  []pair // file names, and whatever is not as usual
}

func readPart(head string) (p partHead) {
	if strings.Contains(head, "\n ") || strings.Contains(head, "\n\t") {
		head = strings.NewReplacer("\r\n ", " ", "\r\n\t", " ", "\n ", " ", "\n\t", " ").Replace(head)
	}
	for line := range strings.Lines(head) {
		line = strings.TrimRight(line, "\r\n")
		name, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch {
		case strings.TrimSpace(line) == "":
		case ok && strings.EqualFold(strings.TrimSpace(name), "content-disposition"):
			p.disposition(value)
		case ok && strings.EqualFold(strings.TrimSpace(name), "content-type"):
			p.ctype = value
			if !plainMedia(value) {
				p.rest = append(p.rest, pair{name: "content-type", value: value})
			}
		case ok && strings.EqualFold(strings.TrimSpace(name), "content-transfer-encoding"):
			p.transfer = strings.ToLower(value)
			if !plainMedia(value) {
				p.rest = append(p.rest, pair{name: "content-transfer-encoding", value: value})
			}
		default:
			p.rest = append(p.rest, pair{name: strings.TrimSpace(name), value: value})
		}
	}
	return p
}

// disposition reads name, filename and filename* as they are written: a file
// name's directories are the attack. What is not of this form is kept whole.
func (p *partHead) disposition(value string) {
	kind, rest, _ := strings.Cut(value, ";")
	odd := !plainMedia(strings.TrimSpace(kind))
	for rest != "" {
		var key, val string
		key, val, rest = parameter(rest)
		if strings.EqualFold(key, "name") && p.name == "" {
			p.name = val
			continue
		}
		switch {
		case strings.EqualFold(key, "filename"):
			p.rest = append(p.rest, pair{name: "filename", value: val})
		case strings.EqualFold(key, "filename*"):
			p.rest = append(p.rest, pair{name: "filename", value: extended(val)})
		case key != "" || val != "":
			odd = true
		}
	}
	if odd {
		p.rest = append(p.rest, pair{name: "content-disposition", value: value})
	}
}

// parameter cuts the first parameter off a header value. A backslash escapes
// only a quote: browsers send file names with backslashes as they are.
func parameter(s string) (key, val, rest string) {
	s = strings.TrimLeft(s, " \t;")
	i := strings.IndexAny(s, "=;")
	if i < 0 || s[i] == ';' {
		key, rest, _ = strings.Cut(s, ";")
		return strings.TrimSpace(key), "", rest
	}
	key, s = strings.TrimSpace(s[:i]), strings.TrimLeft(s[i+1:], " \t")
	if !strings.HasPrefix(s, `"`) {
		val, rest, _ = strings.Cut(s, ";")
		return key, strings.TrimSpace(val), rest
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '"':
			i++
			b.WriteByte('"')
		case s[i] == '"':
			tail, rest, _ := strings.Cut(s[i+1:], ";")
			b.WriteString(strings.TrimRight(tail, " \t"))
			return key, b.String(), rest
		default:
			b.WriteByte(s[i])
		}
	}
	return key, b.String(), ""
}

// extended decodes a parameter value of RFC 8187: charset'language'escaped.
func extended(s string) string {
	if parts := strings.SplitN(s, "'", 3); len(parts) == 3 {
		if v, err := url.PathUnescape(parts[2]); err == nil {
			return v
		}
	}
	return s
}

// transferDecode undoes a part's Content-Transfer-Encoding.
func transferDecode(s, transfer string) (string, bool) {
	switch {
	case strings.Contains(transfer, "base64"):
		out, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(alphabet(s, true), "="))
		return string(out), err == nil || len(out) > 0
	case strings.Contains(transfer, "quoted-printable"):
		var b bytes.Buffer
		_, _ = io.Copy(&b, quotedprintable.NewReader(strings.NewReader(s))) // what came out before a flaw counts
		return b.String(), b.Len() > 0
	}
	return "", false
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
