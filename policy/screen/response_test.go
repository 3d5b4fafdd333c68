package screen_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
	"testing"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza-coreruleset/v4/tests"
	"github.com/corazawaf/coraza/v3"
	"github.com/goccy/go-yaml"

	"github.com/merlon-security/merlon/policy/screen"
	"github.com/merlon-security/merlon/policy/seclang"
)

// responseText is what stock Coraza gets before the rules about responses.
const responseText = `
SecRuleEngine DetectionOnly
SecResponseBodyAccess On
SecResponseBodyLimit 134217728
SecAction "id:900000,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level=4,setvar:tx.detection_paranoia_level=4,setvar:tx.crs_skip_response_analysis=0"
SecAction "id:900001,phase:3,pass,nolog,ctl:forceResponseBodyVariable=On"
`

// responseSources returns the Core Rule Set's rules that look at responses, in loading order.
func responseSources() (out []seclang.Source) {
	names, err := fs.Glob(coreruleset.FS, "@owasp_crs/RESPONSE-95[0-6]*.conf")
	if err != nil {
		panic(err) // the pattern is constant
	}
	for _, name := range names {
		text, err := fs.ReadFile(coreruleset.FS, name)
		if err != nil {
			panic(err) // the file system is embedded
		}
		out = append(out, seclang.Source{Name: name, Text: string(text)})
	}
	return out
}

var stockResponses = sync.OnceValue(func() coraza.WAF {
	cfg := coraza.NewWAFConfig().WithRootFS(coreruleset.FS).WithDirectives(responseText)
	for _, src := range responseSources() {
		cfg = cfg.WithDirectivesFromFile(src.Name)
	}
	waf, err := coraza.NewWAF(cfg)
	if err != nil {
		panic(err)
	}
	return waf
})

func compileResponses(t testing.TB, level int) *screen.Program {
	t.Helper()
	text := strings.ReplaceAll(responseText, "level=4", fmt.Sprint("level=", level))
	rules, err := seclang.Parse(append([]seclang.Source{{Name: "engine", Text: text}}, responseSources()...)...)
	if err != nil {
		t.Fatal(err)
	}
	p, err := screen.Compile(rules, screen.Options{Paranoia: level, Responses: true, Data: readData})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// runStockResponse feeds a response to Coraza without the rules of the given ranges.
func runStockResponse(t testing.TB, in *screen.Input, without [][2]int) []matched {
	t.Helper()
	tx := stockResponses().NewTransaction()
	defer tx.Close()
	for _, r := range without {
		tx.(remover).RemoveRuleByIDRange(r[0], r[1])
	}
	tx.ProcessURI("/", "GET", "HTTP/1.1")
	tx.ProcessRequestHeaders()
	if _, err := tx.ProcessRequestBody(); err != nil {
		t.Fatal(err)
	}
	for _, h := range in.ReplyHeaders {
		tx.AddResponseHeader(h.Name, h.Value)
	}
	status := 0
	if _, err := fmt.Sscan(in.Status, &status); err != nil {
		t.Fatal(err)
	}
	tx.ProcessResponseHeaders(status, "HTTP/1.1")
	if _, _, err := tx.WriteResponseBody([]byte(in.Reply)); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ProcessResponseBody(); err != nil {
		t.Fatal(err)
	}
	return list(tx.MatchedRules())
}

// reflectedBodies are the responses that the Core Rule Set's own tests have the
// function give.
func reflectedBodies(t testing.TB) (bodies []string) {
	t.Helper()
	names, err := fs.Glob(tests.FS, "RESPONSE-95*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(tests.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Tests []struct {
				Stages []struct{ Input struct{ Data string } }
			}
		}
		if err := yaml.Unmarshal(data, &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, test := range file.Tests {
			for _, stage := range test.Stages {
				var reply struct{ Body string }
				if json.Unmarshal([]byte(stage.Input.Data), &reply) == nil && reply.Body != "" {
					bodies = append(bodies, reply.Body)
				}
			}
		}
	}
	if len(bodies) < 70 {
		t.Fatalf("%d bodies, want 70 at least", len(bodies))
	}
	return bodies
}

// phrases are the words that the rules look for.
func phrases(t testing.TB) (all []string) {
	t.Helper()
	for _, name := range []string{"asp-dotnet-errors", "iis-errors", "php-errors", "ruby-errors", "sql-errors", "web-shells-asp", "web-shells-php"} {
		data, err := readData(name + ".data")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				all = append(all, line)
			}
		}
	}
	return all
}

// TestResponseDifferential: what the screen calls clean, stock Coraza finds
// nothing in; a rule that stock Coraza matches is among the hits; and narrowed to
// the hits it finds the same.
func TestResponseDifferential(t *testing.T) {
	t.Parallel()
	var programs [5]*screen.Program
	var scratch [5]*screen.Scratch
	for level := 1; level <= 4; level++ {
		programs[level] = compileResponses(t, level)
		scratch[level] = programs[level].NewScratch()
	}
	if r := programs[4].Reasons(); len(r) > 0 {
		t.Fatalf("not screened: %v", r)
	}
	classes := programs[4].Classes()
	r := rand.New(rand.NewPCG(*seed, 2))
	bodies, words := append(reflectedBodies(t), samples(t, r)...), phrases(t)
	fill := strings.Repeat("lorem ipsum dolor sit amet, consectetur: \"adipiscing\" elit; <p>sed</p>\n", 40)
	clean, found := 0, map[int]bool{}
	for i := range len(bodies) + *cases/4 {
		in := &screen.Input{Status: []string{"200", "404", "500"}[r.IntN(3)], ReplyHeaders: []screen.Header{{Name: "Content-Type", Value: "text/html"}}}
		if i < len(bodies) {
			in.Reply = bodies[i]
		} else {
			in.Reply = madeUp(r, bodies, words, fill)
		}
		stock := runStockResponse(t, in, nil)
		for level := 1; level <= 4; level++ {
			got := programs[level].Scan(scratch[level], in)
			want := findings(stock, classes, level)
			for _, id := range want {
				found[id] = true
				if !slices.ContainsFunc(got.Hits, func(h screen.Hit) bool { return h.RuleID == id }) {
					t.Errorf("level %d: stock matches %d, Scan does not say so: %.300q", level, id, in.Reply)
				}
			}
			if got.Clean {
				clean++
			}
			if level == 4 && !got.Clean {
				narrowed := runStockResponse(t, in, programs[4].Narrow(nil, in, got))
				if a, b := findings(narrowed, classes, 4), want; !slices.Equal(a, b) {
					t.Errorf("narrowed %v, stock %v: %.300q", a, b, in.Reply)
				}
			}
		}
	}
	t.Logf("%d clean, %d rules matched", clean, len(found))
	if clean < 100 || len(found) < 54 {
		t.Errorf("%d clean scans and %d rules that match: the comparison has no power", clean, len(found))
	}
}

// samples makes texts that the patterns of the rules match.
func samples(t testing.TB, r *rand.Rand) (all []string) {
	t.Helper()
	rules, err := seclang.Parse(responseSources()...)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rules {
		for _, l := range rules[i].Links() {
			switch l.Operator.Name {
			case "rx":
				re, err := syntax.Parse("(?sm)"+l.Operator.Argument, syntax.Perl)
				if err != nil {
					t.Fatalf("rule %d: %v", rules[i].ID, err)
				}
				for range 3 {
					var b strings.Builder
					sample(&b, re, r)
					all = append(all, b.String())
				}
			case "contains":
				all = append(all, l.Operator.Argument)
			}
		}
	}
	return all
}

// sample writes a text that an expression matches, assertions aside.
func sample(b *strings.Builder, re *syntax.Regexp, r *rand.Rand) {
	few := func(least, most int) {
		if most < 0 || most > least+3 {
			most = least + 3
		}
		for range least + r.IntN(most-least+1) {
			sample(b, re.Sub[0], r)
		}
	}
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		pair := 2 * r.IntN(len(re.Rune)/2)
		b.WriteRune(re.Rune[pair] + rune(r.IntN(int(min(re.Rune[pair+1]-re.Rune[pair], 60))+1)))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('x')
	case syntax.OpAlternate:
		sample(b, re.Sub[r.IntN(len(re.Sub))], r)
	case syntax.OpStar:
		few(0, -1)
	case syntax.OpPlus:
		few(1, -1)
	case syntax.OpQuest:
		few(0, 1)
	case syntax.OpRepeat:
		few(re.Min, re.Max)
	default: // concatenations, groups; what is empty has none
		for _, sub := range re.Sub {
			sample(b, sub, r)
		}
	}
}

// madeUp makes a body of pieces of others, words of the rules and filling, some
// in another case, some cut, short or longer than what is searched at once.
func madeUp(r *rand.Rand, bodies, words []string, fill string) string {
	var b strings.Builder
	for range 1 + r.IntN(4) {
		var piece string
		switch r.IntN(4) {
		case 0:
			piece = bodies[r.IntN(len(bodies))]
		case 1:
			piece = words[r.IntN(len(words))]
		case 2:
			piece = fill[:r.IntN(len(fill))]
		default:
			piece = bodies[r.IntN(len(bodies))]
			piece = piece[:r.IntN(len(piece)+1)]
		}
		switch r.IntN(6) {
		case 0:
			piece = strings.ToUpper(piece)
		case 1:
			piece = strings.ReplaceAll(piece, " ", "\n")
		case 2:
			piece = strings.ReplaceAll(strings.ReplaceAll(piece, "s", "ſ"), "k", "\u212a")
		}
		b.WriteString(piece)
	}
	return b.String()
}
