package waf_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/policy/waf"
)

// BenchmarkOwnRules measures what rules of a user cost an event, and the worst
// that the list lets through: patterns of the largest size allowed, for which an
// automaton is no help, over as much text as goes into one chunk.
func BenchmarkOwnRules(b *testing.B) {
	pattern := func(i, n int) string { return fmt.Sprintf(`x[xy]{%d}z%c?`, n, 'a'+i%26) }
	rnd := rand.New(rand.NewPCG(9, 10))
	hard := func(n int) string { // has what every match has, and no match
		text := []byte("yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyz")
		for len(text) < n {
			text = append(text, "xy"[rnd.IntN(2)])
		}
		return string(text)
	}
	rules := func(count, repeat int) string {
		var text strings.Builder
		for i := range count {
			fmt.Fprintf(&text, "SecRule ARGS \"@rx %s\" \"id:%d,phase:2,deny,msg:'m'\"\n", pattern(i, repeat), i+1)
		}
		return text.String()
	}
	for _, row := range []struct {
		name, rules, value string
	}{
		{"24 ordinary, 1 KB", ownRules, strings.Repeat("an ordinary value ", 56)},
		{"1 largest pattern, 1 KB", rules(1, 950), hard(1 << 10)},
		{"1 largest pattern, 64 KB", rules(1, 950), hard(64 << 10)},
		{"as many as allowed, 64 KB", rules(10, 950), hard(64 << 10)},
		{"200 lists of phrases, 64 KB", strings.ReplaceAll(rules(200, 1), "@rx ", "@pm "), hard(64 << 10)},
	} {
		b.Run(row.name, func(b *testing.B) {
			e := waf.NewOwn(vet(b, row.rules))
			if err := e.Warm(); err != nil {
				b.Fatal(err)
			}
			ev := decode(b, object{"a": row.value})
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Inspect(b.Context(), ev); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
