// Package logline finds Merlon's own lines in what people have of a log: the
// lines themselves, lines behind a timestamp, lines as text inside the JSON
// documents of the AWS tools. It knows that such a line is a JSON object with a
// member schema, and nothing of what else is in it.
package logline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxDepth bounds the search: an export of CloudWatch holds messages in a list
// in an object, an SQS reply holds bodies of lines.
const maxDepth = 8

// Line is one line of ours, byte for byte as it was written where that can be
// told: a signature holds for these bytes.
type Line struct {
	Schema string
	Text   []byte
}

// Find returns the lines with a schema that begins with one of the given, in a
// line of input: one as it was written, behind a timestamp (aws logs tail, an
// export to S3), or as text inside a JSON document (aws logs filter-log-events,
// aws sqs receive-message), also where that is printed over several lines. The
// error says that there are some which cannot be read.
func Find(line []byte, schemas ...string) ([]Line, error) {
	f := finder{schemas: schemas}
	if !f.names(line) {
		return nil, nil
	}
	line = bytes.TrimSpace(line)
	if schema, ok := f.whole(line); ok {
		return []Line{{schema, line}}, nil
	}
	f.text(string(line), 0)
	if f.err == nil && len(f.lines) == 0 {
		f.err = fmt.Errorf("names %s but holds no line of it", strings.Join(schemas, " or "))
	}
	return f.lines, f.err
}

type finder struct {
	schemas []string
	lines   []Line
	err     error
}

// whole recognises a line as it is in the log, which is what most are: it need
// not be looked for.
func (f *finder) whole(line []byte) (schema string, ok bool) {
	var head struct{ Schema string }
	if !bytes.HasPrefix(line, []byte(`{"schema":"`)) || json.Unmarshal(line, &head) != nil {
		return "", false
	}
	return head.Schema, f.ours(head.Schema)
}

func (f *finder) names(b []byte) bool {
	return slices.ContainsFunc(f.schemas, func(s string) bool { return bytes.Contains(b, []byte(s)) })
}

func (f *finder) ours(schema string) bool {
	return slices.ContainsFunc(f.schemas, func(s string) bool { return strings.HasPrefix(schema, s) })
}

// text looks into a text that may hold lines of its own.
func (f *finder) text(s string, depth int) {
	for part := range strings.SplitSeq(s, "\n") {
		if f.names([]byte(part)) {
			f.one(part, depth)
		}
	}
}

func (f *finder) one(s string, depth int) {
	s = strings.TrimSpace(s)
	// "message": "…", is a line of a printed document.
	if _, value, ok := strings.Cut(s, `": "`); ok && strings.HasPrefix(s, `"`) {
		s = `"` + strings.TrimSuffix(value, ",")
	} else if i := strings.IndexByte(s, '{'); i > 0 && s[0] != '"' && s[0] != '[' {
		s = s[i:]
	}
	// A Decoder, since more may follow the value.
	var raw json.RawMessage
	if err := json.NewDecoder(strings.NewReader(s)).Decode(&raw); err != nil {
		f.err = fmt.Errorf("damaged: %w", err)
		return
	}
	f.value(raw, depth)
}

// value looks for lines in a JSON value.
func (f *finder) value(raw json.RawMessage, depth int) {
	switch {
	case !f.names(raw):
	case depth > maxDepth:
		f.err = fmt.Errorf("lines stand deeper than %d levels", maxDepth)
	case raw[0] == '"':
		var s string
		if f.decode(raw, &s) {
			f.text(s, depth+1)
		}
	case raw[0] == '[':
		var list []json.RawMessage
		if f.decode(raw, &list) {
			for _, v := range list {
				f.value(v, depth+1)
			}
		}
	case raw[0] == '{':
		f.object(raw, depth)
	}
}

func (f *finder) object(raw json.RawMessage, depth int) {
	var head struct {
		Schema any `json:"schema"`
	}
	if !f.decode(raw, &head) {
		return
	}
	if schema, ok := head.Schema.(string); ok && f.ours(schema) {
		text := raw
		if bytes.ContainsAny(raw, "\n\t") || bytes.Contains(raw, []byte(`": `)) { // printed for people
			var b bytes.Buffer
			if err := json.Compact(&b, raw); err == nil {
				text = b.Bytes()
			}
		}
		f.lines = append(f.lines, Line{Schema: schema, Text: text})
		return
	}
	var m map[string]json.RawMessage
	if f.decode(raw, &m) {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			f.value(m[name], depth+1)
		}
	}
}

func (f *finder) decode(raw json.RawMessage, v any) bool {
	if err := json.Unmarshal(raw, v); err != nil {
		f.err = fmt.Errorf("damaged: %w", err)
		return false
	}
	return true
}
