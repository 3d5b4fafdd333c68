// Package plainyaml keeps the files that people review to the part of YAML that
// everybody reads alike.
package plainyaml

import (
	"fmt"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// Check refuses what a reviewer may read differently from us: a second
// document, which would be ignored, and anchors, aliases, merge keys and tags,
// with which a line says something elsewhere. Ten aliases of ten aliases are
// also how a short file becomes a long one. Nor does it take what nests deeper
// than anybody writes: the parser recurses, and a stack that is too deep ends the
// process instead of the parsing. The error says where.
func Check(data []byte) error {
	documents := 0
	var open nesting
	for _, t := range lexer.Tokenize(string(data)) {
		what := ""
		switch t.Type {
		case token.AnchorType:
			what = "anchors"
		case token.AliasType:
			what = "aliases"
		case token.MergeKeyType:
			what = "merge keys"
		case token.TagType:
			what = "tags (a text that begins with ! stands in quotes)"
		case token.DocumentHeaderType:
			if documents++; documents > 1 || t.Prev != nil && t.Prev.Type != token.CommentType && t.Prev.Type != token.DocumentHeaderType {
				what = "several documents"
			}
		}
		if open.next(t) > maxNesting {
			return fmt.Errorf("[%d:%d] nests deeper than %d levels", t.Position.Line, t.Position.Column, maxNesting)
		}
		if what != "" {
			return fmt.Errorf("[%d:%d] %s are not allowed", t.Position.Line, t.Position.Column, what)
		}
	}
	return nil
}

// maxNesting bounds the levels that cost a byte or two each. Those by indentation
// cost a line each, longer from level to level, and are bounded by the size of
// files.
const maxNesting = 100

// nesting counts levels that are open: brackets and braces, and the marks of
// sequences and keys that stand one after the other in a line.
type nesting struct{ brackets, marks, line int }

func (n *nesting) next(t *token.Token) int {
	if t.Position.Line != n.line {
		n.line, n.marks = t.Position.Line, 0
	}
	switch t.Type {
	case token.SequenceStartType, token.MappingStartType:
		n.brackets++
	case token.SequenceEndType, token.MappingEndType:
		n.brackets--
	case token.SequenceEntryType, token.MappingKeyType, token.MappingValueType:
		if n.brackets == 0 {
			n.marks++
		}
	}
	return n.brackets + n.marks
}
