package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/merlon-security/merlon/internal/event"
)

// shown is one text that a reader shows a handler.
type shown struct{ reader, kind, text string }

// view is what an event shows of itself once decoded.
type view struct {
	ev       *event.Event
	placed   bool            // see base64Event
	texts    map[string]bool // values and names of leaves
	names    []string
	blurred  map[string]bool // texts, see blur; set where bytes in them are no UTF-8
	numbers  map[float64]bool
	readable []string // all texts, for what is compared by a part
}

func newView(ev *event.Event, placed bool) *view {
	v := &view{ev: ev, placed: placed, texts: map[string]bool{}, numbers: map[float64]bool{}, blurred: map[string]bool{}}
	if ev.HTTP != nil { // the words of a path stand in the target
		for word := range strings.SplitSeq(ev.HTTP.Target, "/") {
			if strings.Trim(word, words) == "" {
				v.texts[word] = true
			}
		}
	}
	for i := range ev.Leaves {
		l := &ev.Leaves[i]
		for _, text := range [...]string{canonical(l.Value), canonical(l.Name)} {
			v.texts[text] = true
			b := blur(text)
			v.blurred[b] = v.blurred[b] || strings.ContainsRune(text, utf8.RuneError)
		}
		v.readable = append(v.readable, l.Value, l.Name)
		if strings.ContainsAny(l.Name, "[]. ") {
			v.names = append(v.names, canonical(l.Name))
		}
		if n, err := strconv.ParseFloat(canonical(l.Value), 64); err == nil || n != 0 { // an infinite one is an error and a number
			v.numbers[n] = true
		}
	}
	return v
}

// words are what a path segment is made of that is no attack by itself.
const words = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.~@:+,"

// canonical is a text up to what no rule can tell apart: how many replacement
// characters stand for a run of bytes that are no UTF-8, and white space around.
func canonical(s string) string {
	if !utf8.ValidString(s) || strings.ContainsRune(s, utf8.RuneError) {
		var b strings.Builder
		bad := false
		for _, c := range s {
			if c != utf8.RuneError || !bad {
				b.WriteRune(c)
			}
			bad = c == utf8.RuneError
		}
		s = b.String()
	}
	return strings.TrimFunc(s, func(c rune) bool { return unicode.IsSpace(c) || c == '\ufeff' })
}

// sees reports whether a text that a handler is shown is among the leaves.
func (v *view) sees(s shown) bool {
	switch {
	case s.kind == "bytes":
		return v.seesBytes(s.text)
	case s.text == "null": // of which the name is what counts
		return true
	}
	if v.seesText(s.text, s.kind != "value") || v.opened(s.text) || v.opened(unescape(s.text)) || (!readable(s.text) || strings.IndexByte(s.text, 0) >= 0) && v.seesRuns(s.text) {
		return true
	}
	switch s.kind {
	case "number":
		n, err := strconv.ParseFloat(s.text, 64)
		return (err == nil || n != 0) && v.numbers[n]
	case "file": // only the last step of a path is shown
		text := canonical(fromLatin1(s.text))
		return v.holds(func(leaf string) bool {
			leaf = canonical(leaf)
			return canonical(leaf[strings.LastIndexAny(leaf, `/\\`)+1:]) == text || strings.HasSuffix(leaf, text)
		})
	case "header": // folded lines are joined by any white space
		text := blur(squeeze(s.text))
		return v.holds(func(leaf string) bool {
			leaf = blur(squeeze(leaf))
			return leaf == text || strings.HasPrefix(leaf, text) // where Python cuts a malformed name off
		}) || v.inHead(text)
	case "media":
		return v.holds(func(leaf string) bool { return strings.Contains(strings.ToLower(leaf), s.text) })
	}
	return false
}

// seesText looks for a text as it is shown, for its bytes where it was read as
// Latin-1, and for what is behind its percent signs where a reader has left
// them: what a handler sees encoded is inspected decoded.
func (v *view) seesText(s string, name bool) bool {
	bytes := fromLatin1(s)
	for _, s := range [...]string{s, unescape(s), unescape(strings.ReplaceAll(s, "+", " ")), bytes, unescape(bytes)} {
		text := canonical(s)
		if text == "" || text == "\ufffd" || v.texts[text] || name && v.key(text) {
			return true
		}
		if bad, ok := v.blurred[blur(text)]; ok && (bad || strings.ContainsRune(text, utf8.RuneError)) {
			return true
		}
	}
	return false
}

// key reports whether a name is one of the steps of a longer one, such as b of
// a[b].c, the way qs takes names apart.
func (v *view) key(s string) bool {
	edge := func(c byte) bool { return c <= ' ' || strings.IndexByte("[].", c) >= 0 }
	for _, name := range v.names {
		if s[0] == '[' && strings.Contains(flat(name), flat(s)) {
			return true // steps beyond the depth that qs reads
		}
		for i := 0; i+len(s) <= len(name); i++ {
			if !strings.HasPrefix(name[i:], s) {
				continue
			}
			end := i + len(s)
			if (i == 0 || edge(name[i-1]) || edge(s[0])) && (end == len(name) || edge(name[end]) || edge(s[len(s)-1])) {
				return true
			}
		}
	}
	return false
}

// seesLines is for what follows a document: JSON Lines, or texts.
func (v *view) seesLines(s string) bool {
	for line := range strings.Lines(s) {
		if !v.sees(shown{kind: "value", text: line}) {
			return false
		}
	}
	return true
}

// inHead is for names in headers that are malformed: such a header is a leaf as
// it is, and what a reader makes of it some part of that.
func (v *view) inHead(text string) bool {
	bare := strings.NewReplacer(`\`, "", `"`, "")
	for i := range v.ev.Leaves {
		if l := &v.ev.Leaves[i]; l.Name == "content-disposition" && strings.Contains(bare.Replace(blur(squeeze(l.Value))), bare.Replace(text)) {
			return true
		}
	}
	return false
}

func squeeze(s string) string {
	return strings.Join(strings.FieldsFunc(canonical(s), func(c rune) bool { return c <= ' ' }), " ")
}

// strict writes a document so that Go reads it: without raw control characters
// in strings, and without the words that only Python knows.
func strict(s string) string {
	var b strings.Builder
	quoted, escaped := false, false
	for _, c := range s {
		switch {
		case quoted && c < ' ':
			fmt.Fprintf(&b, `\u%04x`, c)
			continue
		case escaped:
			escaped = false
		case c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		}
		b.WriteRune(c)
	}
	return strings.NewReplacer("-Infinity", "null", "Infinity", "null", "NaN", "null").Replace(b.String())
}

func flat(name string) string { return strings.NewReplacer("[", "", "]", "", ".", "").Replace(name) }

// opened reports whether a text is a document all of whose names and values are
// seen: such a text is no leaf itself.
func (v *view) opened(s string) bool {
	s = strict(s)
	dec := json.NewDecoder(strings.NewReader(s))
	dec.UseNumber()
	var doc any
	if dec.Decode(&doc) != nil || !v.seesLines(s[dec.InputOffset():]) {
		return false
	}
	switch doc.(type) {
	case map[string]any, []any, string:
	default:
		return false
	}
	all := true
	walkGo(doc, func(kind, text string) { all = all && v.sees(shown{kind: kind, text: text}) })
	return all
}

// blur keeps of a text what is ASCII. Where one of two texts could not be
// decoded, that is what they can be compared by.
func blur(s string) string {
	var b strings.Builder
	run := false
	for _, c := range s {
		if c < utf8.RuneSelf {
			b.WriteRune(c)
		} else if !run {
			b.WriteRune(utf8.RuneError)
		}
		run = c >= utf8.RuneSelf
	}
	return b.String()
}

// unescape undoes percent-encoding where it is well-formed.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func (v *view) holds(match func(leaf string) bool) bool {
	for _, leaf := range v.readable {
		if match(leaf) {
			return true
		}
	}
	return false
}

// seesBytes judges what a base64 decoder yields. Of a text that stands where
// base64 has to, an attack that can be read has to be in a leaf whatever is
// around it; of any other, only if what is around it is text as well.
func (v *view) seesBytes(encoded string) bool {
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return false
	}
	out := string(raw)
	start := strings.Index(out, marker)
	if start < 0 || v.texts[canonical(out)] {
		return true
	}
	if !readable(out) && !v.placed {
		return true
	}
	const group = 3 // where one decoder drops an unfinished group, another does not
	end := strings.IndexByte(out[start:], ')')
	return end < 0 || v.holds(func(leaf string) bool {
		if !readable(out) {
			return strings.Contains(leaf, out[start:start+end])
		}
		return strings.HasPrefix(leaf, out) && len(leaf) <= len(out)+group
	})
}

// seesRuns reports whether the runs of text in bytes that are none are seen.
func (v *view) seesRuns(s string) bool {
	const shortest = 4
	for run := range strings.FieldsFuncSeq(s, func(c rune) bool { return c < ' ' || c >= 0x7f }) {
		if len(run) >= shortest && !v.holds(func(leaf string) bool { return strings.Contains(leaf, run) }) {
			return false
		}
	}
	return true
}

// readable reports whether bytes are text as a person would say it.
func readable(s string) bool {
	bad := 0
	for _, c := range s {
		if c == utf8.RuneError || unicode.IsControl(c) {
			bad++
		}
	}
	return bad*8 < utf8.RuneCountInString(s)
}

// fromLatin1 undoes the reading of UTF-8 as Latin-1, which busboy does to names
// unless it is told not to. Characters beyond Latin-1 were read otherwise.
func fromLatin1(s string) string {
	b := make([]byte, 0, len(s))
	for _, c := range s {
		if c <= 0xff {
			b = append(b, byte(c))
		} else {
			b = utf8.AppendRune(b, c)
		}
	}
	return string(b)
}
