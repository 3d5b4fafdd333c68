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
// also how a short file becomes a long one. The error says where.
func Check(data []byte) error {
	documents := 0
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
		if what != "" {
			return fmt.Errorf("[%d:%d] %s are not allowed", t.Position.Line, t.Position.Column, what)
		}
	}
	return nil
}
