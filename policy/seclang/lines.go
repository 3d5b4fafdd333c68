package seclang

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// maxLine is the longest physical line Coraza's scanner reads; it stops
// silently at a longer one, and every rule behind it would be lost.
const maxLine = 64*1024 - 1

// directive is one logical line: continuations joined, comments and blank lines gone.
type directive struct {
	file  string
	line  int // of its first physical line
	name  string
	rest  string
	lines []physical
}

// physical is where a physical line begins in the logical one.
type physical struct{ offset, line, column int }

// at finds the physical place of a byte of "name rest".
func (d *directive) at(offset int) (line, column int) {
	p := d.lines[0]
	for _, q := range d.lines[1:] {
		if q.offset <= offset {
			p = q
		}
	}
	return p.line, p.column + offset - p.offset
}

// errorf names the place of a fault.
func (d *directive) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s: %w", d.file, d.line, d.name, fmt.Errorf(format, args...))
}

// split cuts a source into directives.
func split(src Source) ([]directive, error) {
	var (
		out   []directive
		buf   strings.Builder
		first int
		lines []physical
	)
	text := src.Text
	for n := 1; text != ""; n++ {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		if len(line) > maxLine {
			return nil, fmt.Errorf("%s:%d: line of %d bytes: want at most %d, split it with a backslash", src.Name, n, len(line), maxLine)
		}
		indent := len(line) - len(strings.TrimLeftFunc(line, unicode.IsSpace))
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if line[len(line)-1] == '`' {
			return nil, fmt.Errorf("%s:%d: datasets in backticks are not supported: use @pm or @pmFromFile", src.Name, n)
		}
		if buf.Len() == 0 {
			first, lines = n, nil
		}
		lines = append(lines, physical{buf.Len(), n, indent + 1})
		if head, ok := strings.CutSuffix(line, `\`); ok {
			buf.WriteString(head)
			continue
		}
		buf.WriteString(line)
		name, rest, _ := strings.Cut(buf.String(), " ")
		out = append(out, directive{file: src.Name, line: first, name: name, rest: rest, lines: lines})
		buf.Reset()
	}
	if buf.Len() > 0 {
		d := directive{file: src.Name, line: first, name: "end of file"}
		return nil, d.errorf("%w", errors.New("a continued line has no end: remove its last backslash"))
	}
	return out, nil
}

// unquote removes one pair of equal quotes around s, if there is one.
func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}
