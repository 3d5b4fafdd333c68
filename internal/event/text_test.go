package event

import (
	"math/rand/v2"
	"testing"
	"unicode/utf8"
)

// mixtures are texts of few kinds of bytes, more or less binary.
func mixtures(yield func(string) bool) {
	rnd := rand.New(rand.NewPCG(1, 7))
	kinds := [][]byte{[]byte("abc <'"), {0, 1, 0x1f, 0x7f}, {'\t', '\n', '\v'}, {0x80, 0x9f, 0xbf}, {0xc0, 0xc1, 0xf5, 0xff}, {0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4}, []byte("é€😀\u00a0")}
	for range 60_000 {
		odds := [7]int{0: 1 + rnd.IntN(40)}
		total := odds[0]
		for i := range odds[1:] {
			odds[i+1] = rnd.IntN(4)
			total += odds[i+1]
		}
		b := make([]byte, rnd.IntN(90))
		for i := range b {
			k, n := 0, rnd.IntN(total)
			for n >= odds[k] {
				n -= odds[k]
				k++
			}
			b[i] = kinds[k][rnd.IntN(len(kinds[k]))]
		}
		if !yield(string(b)) {
			return
		}
	}
}

func TestNeighboursTellNoMoreThanRunes(t *testing.T) {
	t.Parallel()
	texts, short := 0, 0
	for s := range mixtures {
		odd := 0
		for i := 0; i < len(s); {
			r, size := utf8.DecodeRuneInString(s[i:])
			if s[i] < utf8.RuneSelf && !printable(s[i]) || r == utf8.RuneError && size == 1 {
				odd++
			}
			i += size
		}
		if oddAtLeast(s, odd+1) {
			t.Fatalf("oddAtLeast(%q, %d), and there are %d", s, odd+1, odd)
		}
		if want := odd < (len(s)+7)/8 || s == ""; mostlyText(s) != want {
			t.Fatalf("mostlyText(%q) = %v with %d odd bytes", s, !want, odd)
		}
		texts++
		if odd > 0 && !oddAtLeast(s, odd) {
			short++
		}
	}
	if short > texts/2 {
		t.Errorf("neighbours miss odd bytes in %d of %d texts", short, texts)
	}
}

func TestRunsAreFound(t *testing.T) {
	t.Parallel()
	runs := 0
	for s := range mixtures {
		for shortest := 4; shortest < 12; shortest += 3 {
			next := 0
			for start := 0; start < len(s); {
				end := start
				for end < len(s) && printable(s[end]) {
					end++
				}
				if end-start >= shortest {
					if a, b := nextRun(s, next, shortest); a != start || b != end {
						t.Fatalf("nextRun(%q, %d, %d) = %d, %d, want %d, %d", s, next, shortest, a, b, start, end)
					}
					next = end
					runs++
				}
				start = end + 1
			}
			if _, end := nextRun(s, next, shortest); end != 0 {
				t.Fatalf("nextRun(%q, %d, %d) finds one more", s, next, shortest)
			}
		}
	}
	if runs < 10_000 {
		t.Errorf("%d runs, want at least 10,000", runs)
	}
}
