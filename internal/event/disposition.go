package event

import (
	"slices"
	"strconv"
	"strings"
)

// disposition reads the names in a Content-Disposition as they are written: a
// file name's directories are the attack. A name that readers read in different
// ways is kept in each of them. What is not of this form is kept whole.
func (p *partHead) disposition(value string) {
	kind, rest, _ := strings.Cut(value, ";")
	odd := !plainMedia(strings.TrimSpace(kind))
	var pieces []piece
	unbalanced := (strings.Count(value, `"`)-strings.Count(value, `\"`))%2 != 0
	odd = odd || unbalanced
	for rest != "" {
		var key, raw string
		from := rest
		key, raw, rest = rawParameter(rest)
		key = strings.ToLower(key)
		base, suffix, extended := strings.Cut(key, "*")
		odd = odd || strings.Count(raw, `"`) > 2 || !strings.HasPrefix(raw, `"`) && strings.ContainsAny(raw, tspecials)
		switch {
		case base != "name" && base != "filename":
			odd = odd || key != "" || raw != ""
		case extended && suffix != "":
			pieces = append(pieces, piece{base, suffix, unquoteParameter(raw)})
		case extended:
			v := unquoteParameter(raw)
			p.named(base, fromExtended(v))
			p.named(base, fromExtended(unescapePath(v))) // Python's order
			if len(v) > 6 && strings.EqualFold(v[:6], "utf-16") {
				p.named(base, fromUTF16(fromExtended(v), containsFold(v[:min(len(v), 10)], "be'")))
			}
		default:
			for _, v := range parameterReadings(raw) {
				p.named(base, v)
			}
			if unbalanced { // Python reads on until quotes are balanced
				unbalanced = false
				p.named(base, strings.TrimSpace(from[strings.IndexByte(from, '=')+1:]))
			}
		}
	}
	for _, base := range [...]string{"name", "filename"} {
		if v := join2231(pieces, base); v != "" {
			p.named(base, v)
		}
	}
	if odd {
		p.rest = append(p.rest, pair{name: "content-disposition", value: value})
	}
}

// named takes a reading of a name. The first is what the part goes by.
func (p *partHead) named(base, v string) {
	switch {
	case base == "name" && p.name == "":
		p.name = v
	case base == "name" && v == p.name:
		return
	default:
		p.rest = append(p.rest, pair{name: base, value: v})
	}
	p.words(base, v)
}

// words keeps what the encoded words in a header (RFC 2047) say.
func (p *partHead) words(name, value string) {
	if strings.Contains(value, "=?") {
		if v := encodedWords(value); v != value {
			p.rest = append(p.rest, pair{name: name, value: v})
		}
	}
}

// tspecials are the characters that cannot stand in a parameter without quotes
// (RFC 2045).
const tspecials = "()<>@,;:\\\"/[]?="

// parameter cuts the first parameter off a header value.
func parameter(s string) (key, val, rest string) {
	key, val, rest = rawParameter(s)
	return key, unquoteParameter(val), rest
}

// rawParameter cuts the first parameter off and leaves it in its quotes. A
// backslash keeps a quote from ending it.
func rawParameter(s string) (key, raw, rest string) {
	s = strings.TrimLeft(s, " \t;")
	i := strings.IndexAny(s, "=;")
	if i < 0 || s[i] == ';' {
		key, rest, _ = strings.Cut(s, ";")
		return strings.TrimSpace(key), "", rest
	}
	key, s = strings.TrimSpace(s[:i]), strings.TrimLeft(s[i+1:], " \t")
	end := 0
	if strings.HasPrefix(s, `"`) {
		for end = 1; end < len(s) && s[end] != '"'; end++ {
			if s[end] == '\\' && end+1 < len(s) && s[end+1] == '"' {
				end++
			}
		}
	}
	semicolon := strings.IndexByte(s[min(end, len(s)):], ';')
	if semicolon < 0 {
		return key, strings.TrimSpace(s), ""
	}
	return key, strings.TrimSpace(s[:end+semicolon]), s[end+semicolon+1:]
}

// unquoteParameter takes a parameter out of its quotes. A backslash escapes only
// a quote: browsers send file names with backslashes as they are.
func unquoteParameter(raw string) string {
	if !strings.HasPrefix(raw, `"`) {
		return raw
	}
	var b strings.Builder
	for i := 1; i < len(raw); i++ {
		switch {
		case raw[i] == '\\' && i+1 < len(raw) && raw[i+1] == '"':
			i++
			b.WriteByte('"')
		case raw[i] != '"':
			b.WriteByte(raw[i])
		}
	}
	return b.String()
}

// parameterReadings returns what readers make of a parameter. They differ about
// backslashes: one escapes another one to busboy, what is special to Go, anything
// to the later ones of Python.
func parameterReadings(raw string) []string {
	first := unquoteParameter(raw)
	readings := []string{first}
	if n := strings.Count(raw, `"`); n > 2 || n > 0 && raw[len(raw)-1] != '"' {
		// Python's readers end at the second quote, go on to the last, or take the
		// quotes for a part of the value.
		readings = append(readings, strings.Trim(raw, `"`), raw)
		if inner, _, ok := strings.Cut(raw[1:], `"`); ok && raw[0] == '"' {
			readings = append(readings, inner)
		}
	}
	if strings.IndexByte(first, '\\') < 0 {
		return readings
	}
	for _, special := range [...]string{"", "\\", tspecials} {
		var b strings.Builder
		for i := 0; i < len(first); i++ {
			if first[i] == '\\' && i+1 < len(first) && (special == "" || strings.IndexByte(special, first[i+1]) >= 0) {
				i++
			}
			b.WriteByte(first[i])
		}
		if v := b.String(); !slices.Contains(readings, v) {
			readings = append(readings, v)
		}
	}
	return readings
}

// fromExtended decodes a parameter value of RFC 8187: charset'language'escaped.
func fromExtended(s string) string {
	if parts := strings.SplitN(s, "'", 3); len(parts) == 3 {
		s = parts[2]
	}
	return unescapePath(s)
}

// piece is a parameter that continues another one (RFC 2231).
type piece struct{ base, suffix, value string }

// join2231 puts the pieces of a parameter together, in the order of their numbers.
func join2231(pieces []piece, base string) string {
	number := func(p piece) int {
		n, _ := strconv.Atoi(strings.TrimSuffix(p.suffix, "*")) // one that is none comes first
		return n
	}
	slices.SortStableFunc(pieces, func(a, b piece) int { return number(a) - number(b) })
	var b strings.Builder
	for _, p := range pieces {
		switch {
		case p.base != base:
		case strings.HasSuffix(p.suffix, "*") && b.Len() == 0:
			b.WriteString(fromExtended(p.value))
		case strings.HasSuffix(p.suffix, "*"):
			b.WriteString(unescapePath(p.value))
		default:
			b.WriteString(p.value)
		}
	}
	return b.String()
}

// encodedWords decodes the words of RFC 2047 in a text: =?charset?q or b?text?=.
func encodedWords(s string) string {
	var b strings.Builder
	for {
		i := strings.Index(s, "=?")
		if i < 0 {
			break
		}
		b.WriteString(s[:i])
		s = s[i:]
		parts := strings.SplitN(s[2:], "?", 3)
		if len(parts) < 3 {
			break
		}
		end := strings.Index(parts[2], "?=")
		if end < 0 {
			break // here, and for every word that follows
		}
		text := parts[2][:end]
		switch parts[1] {
		case "q", "Q":
			b.WriteString(quotedPrintable(strings.ReplaceAll(text, "_", " ")))
		case "b", "B":
			b.WriteString(leniences[1].decode(text))
		default:
			b.WriteString(text)
		}
		s = parts[2][end+2:]
	}
	return b.String() + s
}
