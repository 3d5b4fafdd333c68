package extract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/merlon-security/merlon/internal/quarantine"
)

// maxDepth bounds the search: an export of CloudWatch holds messages in a list
// in an object, an SQS reply holds bodies of lines.
const maxDepth = 8

// find returns the quarantine lines in a line of input: one as it was written,
// behind a timestamp (aws logs tail, an export to S3), or as text inside a JSON
// document (aws logs filter-log-events, aws sqs receive-message), also where
// that is printed over several lines. The error says that there are some which
// cannot be read.
func find(line []byte) ([]quarantine.Line, error) {
	if !bytes.Contains(line, []byte(quarantine.Schema)) {
		return nil, nil
	}
	var f finder
	f.text(string(line), 0)
	if f.err == nil && len(f.lines) == 0 {
		f.err = fmt.Errorf("names %s but holds no entry", quarantine.Schema)
	}
	return f.lines, f.err
}

type finder struct {
	lines []quarantine.Line
	err   error
}

// text looks into a text that may hold lines of its own.
func (f *finder) text(s string, depth int) {
	for part := range strings.SplitSeq(s, "\n") {
		if strings.Contains(part, quarantine.Schema) {
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
	var v any
	dec := json.NewDecoder(strings.NewReader(s))
	if err := dec.Decode(&v); err != nil {
		f.err = fmt.Errorf("damaged: %w", err)
		return
	}
	f.value(v, []byte(s)[:dec.InputOffset()], depth)
}

// value looks for entries in a JSON value; raw is its text where it is the whole
// of one, for an exact reading.
func (f *finder) value(v any, raw []byte, depth int) {
	if depth > maxDepth {
		f.err = fmt.Errorf("entries stand deeper than %d levels", maxDepth)
		return
	}
	switch v := v.(type) {
	case string:
		if strings.Contains(v, quarantine.Schema) {
			f.text(v, depth+1)
		}
	case []any:
		for _, x := range v {
			f.value(x, nil, depth+1)
		}
	case map[string]any:
		if v["schema"] == quarantine.Schema {
			f.line(v, raw)
			return
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			f.value(v[name], nil, depth+1)
		}
	}
}

func (f *finder) line(v map[string]any, raw []byte) {
	if raw == nil { // CloudWatch and collectors parse JSON lines
		var err error
		if raw, err = json.Marshal(v); err != nil {
			f.err = err
			return
		}
	}
	var l quarantine.Line
	if err := json.Unmarshal(raw, &l); err != nil {
		f.err = fmt.Errorf("damaged: %w", err)
		return
	}
	f.lines = append(f.lines, l)
}
