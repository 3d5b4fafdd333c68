package literal_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/policy/screen/literal"
)

// words are short and alike on purpose: prefixes, suffixes and overlaps of one another.
func words(n int) []string {
	rnd := rand.New(rand.NewPCG(3, 9))
	var out []string
	for range n {
		var sb strings.Builder
		for range 2 + rnd.IntN(6) {
			sb.WriteByte("abcse lt/\x00\xe9'"[rnd.IntN(12)])
		}
		out = append(out, sb.String())
	}
	return out
}

func TestScanFindsWhatContainsFinds(t *testing.T) {
	list := words(3000)
	var b literal.Builder
	for i, w := range list {
		b.Add(w, uint16(i))
	}
	set, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(4, 4))
	hits := 0
	for range 300 {
		var sb strings.Builder
		for range rnd.IntN(40) {
			sb.WriteByte("abcseltABCSELT /\x00\xe9'"[rnd.IntN(19)])
		}
		text := sb.String()
		found := make([]uint64, len(list)/64+1)
		present := set.Scan(text, found)
		low := strings.Map(func(r rune) rune {
			if 'A' <= r && r <= 'Z' {
				return r + 'a' - 'A'
			}
			return r
		}, strings.ReplaceAll(text, "\xe9", "\u00e9"))
		low = strings.ReplaceAll(low, "\u00e9", "\xe9")
		for i, w := range list {
			got, want := found[i/64]&(1<<(i%64)) != 0, strings.Contains(low, w)
			if got != want {
				t.Fatalf("Scan(%q) found %q = %v, want %v", text, w, got, want)
			}
			if got {
				hits++
			}
		}
		for c := range 256 {
			if got, want := present[c>>6]&(1<<(c&63)) != 0, strings.IndexByte(text, byte(c)) >= 0; got != want {
				t.Fatalf("Scan(%q): byte %#x present = %v, want %v", text, c, got, want)
			}
		}
	}
	if hits < 1000 {
		t.Errorf("%d literals found in all, want at least 1000: the texts exercise nothing", hits)
	}
}

func TestBuildRefuses(t *testing.T) {
	for _, word := range []string{"", "a", strings.Repeat("x", 256)} {
		var b literal.Builder
		b.Add(word, 0)
		if _, err := b.Build(); err == nil {
			t.Errorf("Build with a literal of %d bytes succeeded", len(word))
		}
	}
}
