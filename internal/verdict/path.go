package verdict

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxPathText bounds a printed path. Keys are the caller's text: a path of a
// megabyte must not become a log line of a megabyte.
const maxPathText = 256

// Segment is one step of a Path: a key, or an index into an array.
type Segment struct {
	Key   string
	Index int // used when Key is empty and Array is true
	Array bool

	reduced bool // Key has been redacted, and is printed as it is
}

// Key makes the segment of an object member.
func Key(k string) Segment { return Segment{Key: k} }

// At makes the segment of an array element.
func At(i int) Segment { return Segment{Index: i, Array: true} }

// Path says where a value stands in an event, outermost step first. It is a
// list and not a string, so that a key such as "body.comment" or "*" cannot
// imitate another path; exceptions compare segments.
type Path []Segment

// Same reports whether the segment at i is s. The name of a header has no case.
func (p Path) Same(i int, s Segment) bool {
	q := &p[i]
	if q.Array != s.Array || q.Index != s.Index {
		return false
	}
	header := i == 1 && (p[0].Key == "headers" || p[0].Key == "multiValueHeaders")
	return q.Key == s.Key || header && strings.EqualFold(q.Key, s.Key)
}

// String prints the path as Records[3].body.user.name. Keys that hold anything
// but letters, digits, '_', '-' and '$' are printed as ["quoted \" key"], so the
// text is unambiguous and safe in a log line. The result never exceeds
// maxPathText bytes; what was cut is replaced by "…".
func (p Path) String() string {
	var b strings.Builder
	for i, s := range p {
		switch {
		case s.Array:
			b.WriteByte('[')
			b.WriteString(strconv.Itoa(s.Index))
			b.WriteByte(']')
		case s.reduced:
			b.WriteString("[" + s.Key + "]")
		case plainKey(s.Key):
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s.Key)
		default:
			b.WriteByte('[')
			b.WriteString(strconv.QuoteToASCII(clip(s.Key, maxPathText)))
			b.WriteByte(']')
		}
		if b.Len() > maxPathText {
			return clip(b.String(), maxPathText-len("…")) + "…"
		}
	}
	return b.String()
}

func plainKey(k string) bool {
	if k == "" || len(k) > maxPathText {
		return false
	}
	for i := 0; i < len(k); i++ {
		c := k[i]
		if c != '_' && c != '-' && c != '$' &&
			(c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// clip shortens s to at most n bytes without cutting a rune in two.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
