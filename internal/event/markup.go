package event

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// markup adds the text nodes and attribute values of a string that is XML. The
// string stays a leaf: a document type, an entity or a comment in it is where
// attacks on parsers stand, and a script element is well-formed. Entities are
// not expanded but for the five that every parser knows and those of characters,
// so that a document can never grow.
func (d *decoder) markup(val string, at leafAt) {
	s := strings.Trim(val, " \t\r\n\ufeff")
	if len(s) < 7 || s[0] != '<' || s[len(s)-1] != '>' {
		return
	}
	if declaresUTF7(s) {
		if out := fromUTF7(s); out != s && d.spend(len(out)) {
			d.addText(out, at)
			s = out
		}
	}
	x := markupReader{s: s, most: max(0, d.lim.Nodes-len(d.ev.Leaves))}
	if !x.run() || len(x.texts) == 0 || !d.spend(len(s)) || d.deep(at) {
		return
	}
	if x.full {
		d.limit("leaves")
	}
	d.layers++
	defer func() { d.layers-- }()
	for _, text := range x.texts {
		if !d.room() {
			return // the string itself is a leaf
		}
		// The node stands where the string stands: an exception for a field of rich
		// text holds for what is in it.
		t := at
		t.name = text.name
		d.text(text.value, t)
	}
}

// markupReader splits well-formed XML. It looks at each byte once.
type markupReader struct {
	s     string
	i     int
	open  [][2]int32 // where the names of the open elements stand
	texts []graphText
	most  int // of texts: the rest is told by full, and stands in the string itself
	full  bool
}

func (x *markupReader) run() bool {
	for x.i < len(x.s) {
		if x.s[x.i] != '<' {
			end := strings.IndexByte(x.s[x.i:], '<')
			if end < 0 {
				return false
			}
			x.node(x.s[x.i : x.i+end])
			x.i += end
			continue
		}
		rest, ok := x.s[x.i:], false
		switch {
		case strings.HasPrefix(rest, "<!--"):
			ok = x.until("<!--", "-->", true)
		case strings.HasPrefix(rest, "<![CDATA["):
			ok = x.until("<![CDATA[", "]]>", true)
		case strings.HasPrefix(rest, "<?"):
			ok = x.until("<?", "?>", false)
		case strings.HasPrefix(rest, "<!"):
			ok = x.doctype()
		case strings.HasPrefix(rest, "</"):
			ok = x.closing()
		default:
			ok = x.tag()
		}
		if !ok {
			return false
		}
	}
	return len(x.open) == 0
}

// until skips what stands between two marks, and keeps its text.
func (x *markupReader) until(start, end string, keep bool) bool {
	body := x.s[x.i+len(start):]
	n := strings.Index(body, end)
	if n < 0 {
		return false
	}
	if keep {
		x.add(x.element(), body[:n])
	}
	x.i += len(start) + n + len(end)
	return true
}

// doctype skips a document type; the raw leaf shows it.
func (x *markupReader) doctype() bool {
	depth := 0
	for ; x.i < len(x.s); x.i++ {
		switch x.s[x.i] {
		case '[':
			depth++
		case ']':
			depth--
		case '>':
			if depth <= 0 {
				x.i++
				return true
			}
		}
	}
	return false
}

func (x *markupReader) closing() bool {
	end := strings.IndexByte(x.s[x.i:], '>')
	if end < 0 || len(x.open) == 0 || strings.TrimSpace(x.s[x.i+2:x.i+end]) != x.element() {
		return false
	}
	x.open = x.open[:len(x.open)-1]
	x.i += end + 1
	return true
}

// tag reads a start tag with its attributes.
func (x *markupReader) tag() bool {
	x.i++
	start := x.i
	name := x.name()
	if name == "" {
		return false
	}
	for {
		x.blanks()
		switch {
		case x.i >= len(x.s):
			return false
		case x.s[x.i] == '>':
			x.i++
			x.open = append(x.open, [2]int32{int32(start), int32(start + len(name))})
			return true
		case strings.HasPrefix(x.s[x.i:], "/>"):
			x.i += 2
			return true
		}
		key := x.name()
		x.blanks()
		if key == "" || x.i+1 >= len(x.s) || x.s[x.i] != '=' {
			return false
		}
		x.i++
		x.blanks()
		if x.i >= len(x.s) || x.s[x.i] != '"' && x.s[x.i] != '\'' {
			return false
		}
		quote := x.s[x.i]
		end := strings.IndexByte(x.s[x.i+1:], quote)
		if end < 0 {
			return false
		}
		x.add(key, unescapeMarkup(x.s[x.i+1:x.i+1+end]))
		x.i += end + 2
	}
}

func (x *markupReader) name() string {
	start := x.i
	for x.i < len(x.s) && (alnum(x.s[x.i]) || x.s[x.i] >= 0x80 || strings.IndexByte("_:.-", x.s[x.i]) >= 0) {
		x.i++
	}
	return x.s[start:x.i]
}

func (x *markupReader) blanks() {
	for x.i < len(x.s) && isSpace(x.s[x.i]) {
		x.i++
	}
}

func (x *markupReader) node(s string) { x.add(x.element(), unescapeMarkup(s)) }

func (x *markupReader) add(name, value string) {
	value = strings.TrimSpace(value)
	switch {
	case value == "":
	case len(x.texts) >= x.most:
		x.full = true
	default:
		x.texts = append(x.texts, graphText{name, value})
	}
}

func (x *markupReader) element() string {
	if len(x.open) == 0 {
		return ""
	}
	at := x.open[len(x.open)-1]
	return x.s[at[0]:at[1]]
}

// unescapeMarkup resolves the references that need no document type.
func unescapeMarkup(s string) string {
	if strings.IndexByte(s, '&') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '&' {
			if text, size := reference(s[i:]); size > 0 {
				b.WriteString(text)
				i += size - 1
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func reference(s string) (text string, size int) {
	end := strings.IndexByte(s[:min(len(s), 16)], ';')
	if end < 2 {
		return "", 0
	}
	switch name := s[1:end]; {
	case name == "lt":
		return "<", end + 1
	case name == "gt":
		return ">", end + 1
	case name == "amp":
		return "&", end + 1
	case name == "quot":
		return `"`, end + 1
	case name == "apos":
		return "'", end + 1
	case name[0] == '#' && len(name) > 1:
		base, digits := 10, name[1:]
		if digits[0] == 'x' || digits[0] == 'X' {
			base, digits = 16, digits[1:]
		}
		r, err := strconv.ParseUint(digits, base, 21)
		if err != nil || !utf8.ValidRune(rune(r)) {
			return "", 0
		}
		return string(rune(r)), end + 1
	}
	return "", 0
}
