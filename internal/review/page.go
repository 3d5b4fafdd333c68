package review

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
)

//go:embed page/page.html
var pageText string

//go:embed page/page.css
var pageStyle string

//go:embed page/page.js
var pageScript string

// pageProblems bounds the problems that a page lists.
const pageProblems = 500

// pageData is what the template is given.
type pageData struct {
	CSP           string
	Title         string
	Style         template.CSS
	Script        template.JS
	Summary       *Summary
	Outcomes      []Outcome
	Chart         template.HTML
	Problems      string
	ShownProblems []Problem
	MoreProblems  bool
	Data          []block
}

// pageRows is one table of rows.
type pageRows struct {
	Title, Column string
	List          List
}

func (r pageRows) Total() int { return len(r.List.Rows) + r.List.More }
func (r pageRows) Wide() bool { return r.Column == "function" || r.Column == "rule" }

// Page writes a log as one HTML file that needs nothing else and may not load
// anything: the policy in it lets run the one script and the one style sheet that
// it brings, by their hashes.
func Page(w io.Writer, l *Log, s *Summary) error {
	data, err := pack(l)
	if err != nil {
		return err
	}
	t, err := template.New("page").Funcs(template.FuncMap{
		"time":   func(t time.Time) string { return t.UTC().Format(clock) },
		"plural": func(n int, word string) string { return plural(n, word) },
		"figure": figure,
		"short":  short,
		"join":   func(list []string) string { return strings.Join(list, ", ") },
		"other":  func(t Totals) int { return t.Faulty + t.Noted },
		"lost":   func(c Coverage) int { return c.Dropped + c.Unwritten },
		"list":   func(title, column string, l List) pageRows { return pageRows{title, column, l} },
	}).Parse(pageText)
	if err != nil {
		return fmt.Errorf("bug: %w", err)
	}
	shown := s.Problems[:min(len(s.Problems), pageProblems)]
	return t.Execute(w, &pageData{
		CSP: csp(), Title: "Merlon verdicts", Style: template.CSS(pageStyle), Script: template.JS(pageScript),
		Summary: s, Outcomes: []Outcome{Refused, Removed, Would, Faulty, Noted}, Chart: chart(&s.Timeline),
		Problems: strings.Join(s.problemText(), "; "), ShownProblems: shown, MoreProblems: len(shown) < len(s.Problems), Data: data,
	})
}

// csp is the policy of the page. Everything that is not named is forbidden:
// images, connections, frames, and scripts that stand anywhere else.
func csp() string {
	hash := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'none'; script-src " + hash(pageScript) + "; style-src " + hash(pageStyle) + "; base-uri 'none'; form-action 'none'"
}
