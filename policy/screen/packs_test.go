package screen_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/corazawaf/coraza/v3"

	"github.com/merlon-security/merlon/policy/rules"
	"github.com/merlon-security/merlon/policy/screen"
	"github.com/merlon-security/merlon/policy/seclang"
)

// firstOwn is the lowest id of a rule of our own.
const firstOwn = 9_100_000

// shippedText is the rule set that ships, with Coraza's own operators.
func shippedText() string {
	return rules.StockOperators(rules.SecLang(rules.Options{Paranoia: 1, Threshold: 5}))
}

// vectorTexts are the quoted texts of testdata/rules: the attacks and the benign
// texts of the packs. Another test reads the files strictly.
func vectorTexts(t *testing.T) (out []string) {
	t.Helper()
	files, err := filepath.Glob("../../testdata/rules/*.vec")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if i := strings.IndexByte(line, '"'); i >= 0 {
				text, err := strconv.Unquote(strings.TrimSpace(line[i:]))
				if err != nil {
					t.Fatalf("%s: %s: %v", file, line, err)
				}
				out = append(out, text)
			}
		}
	}
	if len(out) < 500 {
		t.Fatalf("%d texts, want at least 500", len(out))
	}
	return out
}

// TestPacksAreScreened: no rule that ships goes to Coraza for want of a screen.
func TestPacksAreScreened(t *testing.T) {
	p, err := screen.Load(rules.Screen(rules.Requests, 1))
	if err != nil {
		t.Fatal(err)
	}
	for _, reason := range p.Reasons() {
		t.Error(reason)
	}
	own := 0
	for id, class := range p.Classes() {
		if id < firstOwn {
			continue
		}
		if own++; class != screen.Value && class != screen.Head {
			t.Errorf("rule %d is of class %s, want one that is screened", id, class)
		}
	}
	if own < 90 {
		t.Errorf("%d rules of our own, want at least 90", own)
	}
}

// TestDifferentialPacks compares the screen that ships with stock Coraza over the
// rules that ship: on the packs' own vectors in every place, and on what can be
// made of them and of the packs' patterns.
func TestDifferentialPacks(t *testing.T) {
	p, err := screen.Load(rules.Screen(rules.Requests, 1))
	if err != nil {
		t.Fatal(err)
	}
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(rules.Data()).WithDirectives(shippedText()))
	if err != nil {
		t.Fatal(err)
	}
	texts := vectorTexts(t)
	w := writer{rand.New(rand.NewPCG(*seed, 17))}
	matches := patternsOf(seclang.Source{Name: "rules", Text: shippedText()})
	scratch, classes := p.NewScratch(), p.Classes()
	matched, clean := map[int]bool{}, 0
	check := func(in *screen.Input) {
		got := p.Scan(scratch, in)
		want := findings(runOn(t, waf, in, headless(p, in)), classes, 1)
		for _, id := range want {
			matched[id] = true
			if !slices.ContainsFunc(got.Hits, func(h screen.Hit) bool { return h.RuleID == id }) {
				t.Errorf("stock matches %d, Scan does not say so: %+v", id, in)
			}
		}
		if got.Clean {
			clean++
		}
		if got.Clean && len(want) > 0 || got.Always {
			t.Errorf("Scan = %+v, stock %v: %+v", got, want, in)
		}
	}
	for i, text := range texts {
		in := browser()
		switch i % 4 {
		case 0:
			in.Headers = append(in.Headers, screen.Header{Name: "X-Any", Value: text})
		case 1:
			in.URI = "/p?" + text
		}
		in.Args = append(in.Args, screen.Arg{Name: "leaf", Value: text}, screen.Arg{Name: text, Value: "1"})
		check(in)
	}
	made := *cases / 4 // each costs stock Coraza some milliseconds
	for range made {
		v := w.mutate(pick(w, texts))
		if w.IntN(2) == 0 {
			v = string(w.match(nil, pick(w, matches)))
		}
		if check(w.around(v)); t.Failed() {
			break
		}
	}
	own := 0
	for id := range matched {
		if id >= firstOwn {
			own++
		}
	}
	t.Logf("%d transactions, %d clean, %d rules matched, %d of them ours", len(texts)+made, clean, len(matched), own)
	if own < 85 || clean == 0 {
		t.Errorf("%d rules of ours matched, %d transactions clean: the comparison shows too little", own, clean)
	}
}
