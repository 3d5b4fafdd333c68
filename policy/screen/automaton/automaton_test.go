package automaton_test

import (
	"io/fs"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"testing"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"

	"github.com/merlon-security/merlon/policy/screen/automaton"
	"github.com/merlon-security/merlon/policy/seclang"
)

// budget is ample for all but TestOverflow.
const budget = 1 << 20

// patterns are those of the Core Rule Set and shapes of our own.
func patterns(t testing.TB) []string {
	t.Helper()
	out := []string{
		`(?sm)^$`, `(?sm)^a\b.c$`, `\Aab\z`, `(?i)\bk\B`, `(?i)straße|ſ`, `[^a]`, `(?s).`, `.`, `a{3,5}`, `(?:a|b|)*c`, `\x{fffd}`, `(?m)^\B`, ``, `(?i)[k-s]x`, `$^`, `\b`,
	}
	names, err := fs.Glob(coreruleset.FS, "@owasp_crs/REQUEST-*.conf")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(coreruleset.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		// Updates refer to other files: without them each file stands alone.
		var kept []string
		for line := range strings.Lines(string(text)) {
			if !strings.HasPrefix(line, "SecRuleUpdate") {
				kept = append(kept, line)
			}
		}
		rules, err := seclang.Parse(seclang.Source{Name: name, Text: strings.Join(kept, "")})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rules {
			if r.Operator.Name == "rx" {
				out = append(out, "(?sm)"+r.Operator.Argument)
			}
		}
	}
	return out
}

var pieces = []string{
	"a", "b", "k", "\u212a", "s", "ſ", "ß", "x", " ", "\n", "\t", "'", "\"", "select ", " or 1=1", "<script", ">", "onload=", "../", "/etc", "\\", "%0a",
	"\xff", "\xc3", "é", "\ufffd", "0", "9", "-", ";", "|", "curl", "$(", ")", "=", "union", "http://", "[", "]", "{", "}", "_", "\x00", "😀",
}

func text(rnd *rand.Rand) string {
	var sb strings.Builder
	for range rnd.IntN(9) {
		sb.WriteString(pieces[rnd.IntN(len(pieces))])
	}
	return sb.String()
}

func TestAgainstRegexp(t *testing.T) {
	all := patterns(t)
	if len(all) < 230 {
		t.Fatalf("%d patterns, want at least 230", len(all))
	}
	for i, pattern := range all {
		m, err := automaton.New(pattern, false, automaton.NewBudget(budget))
		if err != nil {
			t.Fatalf("New(%q): %v", pattern, err)
		}
		again, err := automaton.Read(string(m.Append(nil)), pattern, false, automaton.NewBudget(budget))
		if err != nil {
			t.Fatalf("Read(%q): %v", pattern, err)
		}
		re := regexp.MustCompile(pattern)
		rnd := rand.New(rand.NewPCG(5, uint64(i)))
		for range 400 {
			s := text(rnd)
			want := re.MatchString(s)
			if got := m.Match(s); got != want {
				t.Fatalf("Match(%q, %q) = %v, want %v", pattern, s, got, want)
			}
			if got := again.Match(s); got != want {
				t.Fatalf("Match(%q, %q) = %v when read again, want %v", pattern, s, got, want)
			}
		}
	}
}

func TestBytes(t *testing.T) {
	m, err := automaton.New(`\xbc[^\xbe>]*[\xbe>]`, true, automaton.NewBudget(budget))
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range map[string]bool{"\xbcx\xbe": true, "\xc2\xbcx>": true, "x>": false, "\xbc": false} {
		if got := m.Match(s); got != want {
			t.Errorf("Match(%q) = %v, want %v", s, got, want)
		}
	}
}

// TestOverflow drives a machine beyond its bound, where regexp takes over.
func TestOverflow(t *testing.T) {
	const pattern = `(?s)a.{14}b`
	m, err := automaton.New(pattern, false, automaton.NewBudget(budget))
	if err != nil {
		t.Fatal(err)
	}
	re := regexp.MustCompile(pattern)
	rnd := rand.New(rand.NewPCG(6, 6))
	for range 300 {
		b := make([]byte, rnd.IntN(400))
		for i := range b {
			b[i] = "aaab"[rnd.IntN(4)] + byte(rnd.IntN(2))
		}
		if got, want := m.Match(string(b)), re.Match(b); got != want {
			t.Fatalf("Match(%q) = %v, want %v", b, got, want)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	m, err := automaton.New(`(?i)(?:union[\s]+select|or\s+\d=\d|a.{9}b)`, false, automaton.NewBudget(budget))
	if err != nil {
		t.Fatal(err)
	}
	re := m.Regexp()
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(8, uint64(g)))
			for range 2000 {
				if s := text(rnd); m.Match(s) != re.MatchString(s) {
					t.Errorf("Match(%q) = %v", s, !re.MatchString(s))
					return
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkMatch(b *testing.B) {
	prose := strings.Repeat("The quick brown fox jumps over the lazy dog; and then, it's off. ", 30)
	for _, pattern := range []string{`(?i)\b(?:union[\s]+select|or\s+\d=\d)`} {
		m, err := automaton.New(pattern, false, automaton.NewBudget(budget))
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(prose)))
		for b.Loop() {
			m.Match(prose)
		}
	}
}

func TestReadRefusesDamage(t *testing.T) {
	m, err := automaton.New(`(?i)a[b-d]+\bx`, false, automaton.NewBudget(budget))
	if err != nil {
		t.Fatal(err)
	}
	data := string(m.Append(nil))
	for n := range data {
		if _, err := automaton.Read(data[:n], "", false, automaton.NewBudget(budget)); err == nil {
			t.Errorf("Read of %d of %d bytes succeeded", n, len(data))
		}
	}
}
