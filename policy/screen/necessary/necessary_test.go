package necessary_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"testing"
	"unicode"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"

	"github.com/merlon-security/merlon/policy/screen/necessary"
	"github.com/merlon-security/merlon/policy/screen/transform"
	"github.com/merlon-security/merlon/policy/seclang"
)

// crsPatterns returns every @rx of the request rules, by a name for messages.
func crsPatterns(t *testing.T) map[string]string {
	t.Helper()
	names, err := fs.Glob(coreruleset.FS, "@owasp_crs/REQUEST-*.conf")
	if err != nil {
		t.Fatal(err)
	}
	var sources []seclang.Source
	for _, name := range names {
		text, err := fs.ReadFile(coreruleset.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, seclang.Source{Name: name, Text: string(text)})
	}
	rules, err := seclang.Parse(sources...)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, r := range rules {
		if r.Operator.Name == "rx" {
			out[fmt.Sprint(r.ID)] = "(?sm)" + r.Operator.Argument
		}
		for i, m := range r.Chain {
			if m.Operator.Name == "rx" {
				out[fmt.Sprint(r.ID, ".", i)] = "(?sm)" + m.Operator.Argument
			}
		}
	}
	return out
}

// any are the characters written for a dot.
var any = []rune("a B1'\"\\$\u017f\u212a\ufffdé")

// walker writes random strings that a pattern is likely to match.
type walker struct{ rnd *rand.Rand }

func (w walker) write(out []rune, re *syntax.Regexp) []rune {
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if re.Flags&syntax.FoldCase != 0 {
				for range w.rnd.IntN(4) {
					r = unicode.SimpleFold(r)
				}
			}
			out = append(out, r)
		}
	case syntax.OpCharClass:
		if len(re.Rune) > 0 {
			i := w.rnd.IntN(len(re.Rune)/2) * 2
			out = append(out, re.Rune[i]+w.rnd.Int32N(min(re.Rune[i+1]-re.Rune[i]+1, 200)))
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		out = append(out, any[w.rnd.IntN(len(any))])
	case syntax.OpCapture:
		out = w.write(out, re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			out = w.write(out, sub)
		}
	case syntax.OpAlternate:
		out = w.write(out, re.Sub[w.rnd.IntN(len(re.Sub))])
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest:
		n := w.rnd.IntN(3)
		if re.Op == syntax.OpPlus {
			n++
		} else if re.Op == syntax.OpQuest {
			n = min(n, 1)
		}
		for range n {
			out = w.write(out, re.Sub[0])
		}
	}
	return out
}

// probe checks that whatever the pattern matches satisfies its condition.
func probe(t *testing.T, name, pattern string, rounds int) (matched int) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	cond, err := necessary.FromRegexp(pattern)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var hints [][2]transform.Bytes
	for _, c := range cond {
		hints = append(hints, c.Hints())
	}
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	tree = tree.Simplify()
	w := walker{rand.New(rand.NewPCG(7, uint64(len(pattern))))}
	for range rounds {
		s := string(w.write(nil, tree))
		if w.rnd.IntN(3) == 0 {
			s = "x" + s + "\xff y"
		}
		if !re.MatchString(s) {
			continue
		}
		matched++
		if !cond.Holds(s) {
			t.Fatalf("%s: %s matches %q, but its condition %+v does not hold", name, pattern, s, cond)
		}
		var present transform.Bytes
		present.Add(string(necessary.Normal(nil, s)))
		for i, h := range hints {
			if !h[0].Meets(&present) || !h[1].Meets(&present) {
				t.Fatalf("%s: %s matches %q, which has no byte of the hints %v of %+v", name, pattern, s, h, cond[i])
			}
		}
	}
	return matched
}

func TestConditionsAreNecessary(t *testing.T) {
	patterns := crsPatterns(t)
	if len(patterns) < 250 {
		t.Fatalf("%d patterns, want at least 250", len(patterns))
	}
	idle := 0
	for name, pattern := range patterns {
		if probe(t, name, pattern, 600) == 0 {
			idle++
		}
	}
	if idle > 8 {
		t.Errorf("%d of %d patterns were never matched by their own strings", idle, len(patterns))
	}
}

func TestShapes(t *testing.T) {
	for _, pattern := range []string{
		`a(?:.*y?)?b`, `a(?:[^x]*)?b`, `(?:.*|foo)bar`, `(?i)select|ſcript`, `(?i)k+`, `a["']*b`, `a"["']*b`, `x(?:\$[a-z]+)?y`,
		`(?:a|b.*)c`, `(?:ab|c.*d)?e`, `[^a-z]`, `[^\x00-\x7f]z`, `^$`, `(?:a["']*)+b`, `(?:(?:x.)?y)?z`, `a{2,5}b`, `(?:ab){3}`, `\x{fffd}q`, `(?i)[^k]m`, `(?:)`, `x(?:'|&#0*39;)*y`, `(?:j|&#0*106;)(?:[\t\n]|&tab;)*a`, `(?:ab|c.*d;)?e`, `a\\?b`, `(?i:K)x|sſ`, `[K-\x{212a}]`, `(a|b|)(c|)(d|e)`,
	} {
		if probe(t, "shape", "(?sm)"+pattern, 3000) == 0 {
			t.Errorf("%s was never matched", pattern)
		}
	}
}

func TestConditionsExclude(t *testing.T) {
	rows := []struct{ pattern, clean string }{
		{`(?i)\bunion[\s]+select\b`, "reunion of the elected"},
		{`(?i)c["']*(?:\$[a-z]*)?\\?u["']*r["']*l\b`, "it's a current list"},
		{`<script[^>]*>`, "a script"},
		{`(?:foo|bar.*)baz`, "foo ba"},
	}
	for _, row := range rows {
		cond, err := necessary.FromRegexp("(?sm)" + row.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if cond.Holds(row.clean) {
			t.Errorf("condition of %s holds for %q: %+v", row.pattern, row.clean, cond)
		}
	}
}

func TestBytesPattern(t *testing.T) {
	folded, err := necessary.FromBytesRegexp(`(?i)x\xe2`)
	if err != nil {
		t.Fatal(err)
	}
	if !folded.Holds("X\xe2") {
		t.Errorf("condition %+v does not hold for a byte whose rune folds to another", folded)
	}
	cond, err := necessary.FromBytesRegexp(`\xbc[^\xbe>]*[\xbe>]|<[^\xbe]*\xbe`)
	if err != nil {
		t.Fatal(err)
	}
	if cond.Holds("plain <b é") || !cond.Holds("<a\xbe") || !cond.Holds("\xbca>") {
		t.Errorf("condition %+v: want bytes 0xbc and 0xbe to matter", cond)
	}
}
