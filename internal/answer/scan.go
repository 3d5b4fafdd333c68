package answer

import (
	"bytes"
	"encoding/json"
)

// span is a stretch of a text.
type span struct{ start, end int }

// member is one member of a JSON object.
type member struct {
	key string
	val span
}

// members returns the members of the object that a valid JSON text holds
// between the given ends, in order and with every duplicate.
func members(text []byte, in span) (out []member, ok bool) {
	i := space(text, in.start)
	if i >= in.end || text[i] != '{' {
		return nil, false
	}
	for i = space(text, i+1); text[i] != '}'; i = next(text, i) {
		end := skip(text, i)
		var key string
		if json.Unmarshal(text[i:end], &key) != nil {
			return nil, false
		}
		start := space(text, space(text, end)+1) // behind the colon
		i = skip(text, start)
		out = append(out, member{key, span{start, i}})
	}
	return out, true
}

// elements returns the elements of the array that a valid JSON text holds
// between the given ends.
func elements(text []byte, in span) (out []span, ok bool) {
	i := space(text, in.start)
	if i >= in.end || text[i] != '[' {
		return nil, false
	}
	for i = space(text, i+1); text[i] != ']'; i = next(text, i) {
		end := skip(text, i)
		out = append(out, span{i, end})
		i = end
	}
	return out, true
}

// next moves from the end of a member or element to what follows it.
func next(text []byte, i int) int {
	if i = space(text, i); text[i] == ',' {
		return space(text, i+1)
	}
	return i
}

func space(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r') {
		i++
	}
	return i
}

// skip returns the end of the value that starts at i. It counts brackets
// instead of recursing: the text is known to be valid, its depth is not.
func skip(text []byte, i int) int {
	for depth := 0; i < len(text); {
		switch text[i] {
		case '"':
			i = skipString(text, i)
		case '{', '[':
			depth++
			i++
			continue
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\t', '\n', '\r':
			i++
			continue
		default:
			for i < len(text) && bytes.IndexByte([]byte(",:]} \t\r\n"), text[i]) < 0 {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
	return i
}

func skipString(text []byte, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return i
}

// find returns the only member with this key; count tells how many there are.
func find(ms []member, key string) (m member, count int) {
	for _, c := range ms {
		if c.key == key {
			m = c
			count++
		}
	}
	return m, count
}

// textOf returns the string at a span; ok is false for anything else.
func textOf(text []byte, at span) (s string, ok bool) {
	if text[at.start] != '"' {
		return "", false
	}
	return s, json.Unmarshal(text[at.start:at.end], &s) == nil
}

func whole(text []byte) span { return span{0, len(text)} }
