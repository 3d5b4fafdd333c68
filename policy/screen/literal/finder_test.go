package literal_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/policy/screen/literal"
)

// TestFinderFindsWhatContainsFinds tries finders of all literals, of long ones
// only and of a few, on texts in which literals stand at every position.
func TestFinderFindsWhatContainsFinds(t *testing.T) {
	list := words(1500)
	var b literal.Builder
	for i, w := range list {
		b.Add(w, uint16(i))
	}
	set, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(6, 4))
	for _, row := range []struct {
		name   string
		wanted func(mark int) bool
	}{
		{"all", func(int) bool { return true }},
		{"four bytes and more", func(m int) bool { return len(list[m]) > 3 }},
		{"three bytes and more", func(m int) bool { return len(list[m]) > 2 }},
		{"two bytes", func(m int) bool { return len(list[m]) == 2 }},
		{"few", func(m int) bool { return m%50 == 0 }},
		{"none", func(int) bool { return false }},
	} {
		f := set.Finder(row.wanted)
		var some []string
		hits := 0
		for i, w := range list {
			if row.wanted(i) {
				some = append(some, w)
			}
		}
		if f.Empty() != (len(some) == 0) {
			t.Errorf("%s: Empty() = %v with %d literals", row.name, f.Empty(), len(some))
		}
		for range 400 {
			var sb strings.Builder
			for range rnd.IntN(60) {
				sb.WriteByte("abcseltABCSELT /\x00\xe9'"[rnd.IntN(19)])
			}
			text := sb.String()
			if len(some) > 0 {
				at := rnd.IntN(len(text) + 1)
				text = text[:at] + some[rnd.IntN(len(some))] + text[at:]
			}
			low := strings.Map(func(r rune) rune {
				if 'A' <= r && r <= 'Z' {
					return r + 'a' - 'A'
				}
				return r
			}, strings.ReplaceAll(text, "\xe9", "\u00e9"))
			low = strings.ReplaceAll(low, "\u00e9", "\xe9")
			found := make([]uint64, len(list)/64+1)
			f.Find(text, found)
			for i, w := range list {
				got, want := found[i/64]&(1<<(i%64)) != 0, strings.Contains(low, w)
				if got && !want || want && !got && row.wanted(i) {
					t.Fatalf("%s: Find(%q) found %q = %v, want %v", row.name, text, w, got, want)
				}
				if got {
					hits++
				}
			}
		}
		if len(some) > 0 && hits < 400 {
			t.Errorf("%s: %d literals found in all, want at least 400: the texts exercise nothing", row.name, hits)
		}
	}
}
