package policy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/merlon-security/merlon/policy/seclang"
	"github.com/merlon-security/merlon/policy/when"
)

// spot is where a text of the file stands, so that faults inside it can be
// pointed at. The zero spot is nowhere.
type spot struct {
	line, column int  // of the text's first character, in characters from 1
	literal      bool // a block that begins with |: its lines are the file's
	plain        bool // on one line and without escapes: its characters are the file's
}

// locate finds the texts that hold a language of their own, by their YAML path.
func locate(data []byte) map[string]spot {
	spots := map[string]spot{}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return spots // it was decoded already, so it can be parsed
	}
	var lines [][]rune // once, since JSON may be one line with thousands of texts
	for line := range strings.SplitSeq(string(data), "\n") {
		lines = append(lines, []rune(line))
	}
	for _, doc := range file.Docs {
		if doc.Body != nil {
			ast.Walk(visitor{spots, lines}, doc.Body)
		}
	}
	return spots
}

// entryAt says where the texts below a YAML path begin, as "[line:column] "; it
// is empty if there are none.
func entryAt(spots map[string]spot, path string) string {
	var first spot
	for p, s := range spots {
		if strings.HasPrefix(p, path) && (first.line == 0 || s.line < first.line || s.line == first.line && s.column < first.column) {
			first = s
		}
	}
	if first.line == 0 {
		return ""
	}
	return fmt.Sprintf("[%d:%d] ", first.line, first.column)
}

type visitor struct {
	spots map[string]spot
	lines [][]rune
}

// Visit implements ast.Visitor.
func (v visitor) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.LiteralNode:
		at := n.Start.Position
		s := spot{line: at.Line, column: at.Column}
		if strings.HasPrefix(n.Start.Value, "|") {
			s = spot{line: at.Line + 1, literal: true, column: v.indent(at.Line)}
		}
		v.spots[n.GetPath()] = s
		return nil
	case *ast.StringNode:
		at := n.GetToken().Position
		s := spot{line: at.Line, column: at.Column}
		s.plain = v.shows(&s, n.Value)
		v.spots[n.GetPath()] = s
	}
	return v
}

// indent is the column of a block's text, which begins below the given line.
func (v visitor) indent(line int) int {
	for _, characters := range v.lines[min(line, len(v.lines)):] {
		l := string(characters)
		if t := strings.TrimLeft(l, " "); strings.TrimSpace(t) != "" {
			return len(l) - len(t) + 1
		}
	}
	return 1
}

// shows reports whether a text stands at a spot, or behind a quote there, as it is.
func (v visitor) shows(s *spot, text string) bool {
	if s.line < 1 || s.line > len(v.lines) {
		return false
	}
	line := v.lines[s.line-1]
	if s.column < 1 || s.column > len(line) {
		return false
	}
	rest := string(line[s.column-1 : min(s.column+len(text), len(line))])
	if quoted := rest[1:]; (rest[0] == '"' || rest[0] == '\'') && strings.HasPrefix(quoted, text) {
		s.column++
		return true
	}
	return strings.HasPrefix(rest, text)
}

// faults points the faults of rules at the file.
func (s spot) faults(err error) (out []error) {
	for _, e := range unjoin(err) {
		var f *seclang.Fault
		if errors.As(e, &f) {
			e = fmt.Errorf("secrules: [%d:%d] %s: %s", s.line+f.Line-1, s.column+f.Column-1, f.What, f.Text)
		}
		out = append(out, e)
	}
	return out
}

// explain points the faults of a condition at the file.
func (s spot) explain(rule, text string, err error) (out []error) {
	for _, e := range unjoin(err) {
		var f *when.Error
		switch {
		case !errors.As(e, &f):
			e = fmt.Errorf("%s: %w", rule, e)
		case s.literal || s.plain:
			before := text[:f.Offset]
			line := strings.Count(before, "\n")
			column := len([]rune(before[strings.LastIndexByte(before, '\n')+1:]))
			e = fmt.Errorf("%s: when: [%d:%d] %s", rule, s.line+line, s.column+column, f.Text)
		default: // folded or escaped: the characters stand elsewhere
			e = fmt.Errorf("%s: when: [%d:%d] character %d: %s", rule, s.line, s.column, len([]rune(text[:f.Offset]))+1, f.Text)
		}
		out = append(out, e)
	}
	return out
}

// unjoin lists what errors.Join joined.
func unjoin(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // of errors.Join itself
		var out []error
		for _, e := range j.Unwrap() {
			out = append(out, unjoin(e)...)
		}
		return out
	}
	return []error{err}
}
