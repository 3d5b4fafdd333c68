package screen_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/policy/screen"
)

// prose is filler: sentences with the punctuation, the capitals and the
// letters beyond ASCII that make most transformations change a text.
const prose = "Please leave the parcel with our neighbour Élodie on floor 3; nobody is home before six. It's the third order, and we're still pleased - " +
	"the packaging (cardboard) could be smaller. Could you send invoice no. 7/21 again, to accounting@example.org? Thanks, S. Müller & family. "

// filler returns n bytes of prose from anywhere.
func (w writer) filler(n int) string {
	at := w.IntN(len(prose))
	return strings.Repeat(prose, n/len(prose)+2)[at : at+n]
}

// embedded puts the value into a long text: at its beginning, at its end, or
// inside, where it may cut a word or a character of several bytes in two.
func (w writer) embedded(v string) string {
	long := w.filler(512 + w.IntN(1200))
	at := []int{0, len(long), w.IntN(len(long))}[w.IntN(3)]
	return long[:at] + v + long[at:]
}

// TestScanAgainstReference compares the scan, which prunes, shares and looks
// for parts, with the rules' definition: on the strings the Core Rule Set is
// tested with and on made-up ones, short, inside long texts, and two of them
// far apart.
func TestScanAgainstReference(t *testing.T) {
	w := writer{Rand: rand.New(rand.NewPCG(*seed, 17))}
	values := []string{"", prose, strings.Repeat(prose, 20), strings.ToUpper(strings.Repeat(prose, 3)), strings.Repeat("é\u017f\u212a", 400)}
	for i, v := range payloads() {
		if len(v) < 4000 && (i%16 == 0 || *cases > 2000) {
			values = append(values, v, w.embedded(v))
		}
	}
	for range *cases / 10 {
		v := w.value()
		if len(v) < 8000 {
			values = append(values, w.embedded(v), w.embedded(v+w.filler(300)+w.value()))
		}
	}
	for _, level := range []int{1, 4} {
		p := compileCRS(t, level)
		s := p.NewScratch()
		matched, clean := map[int]bool{}, 0
		for _, v := range values {
			in := &screen.Input{Args: []screen.Arg{{Name: "leaf", Value: v}}}
			may, must := p.Reference(in, v)
			got := map[int]bool{}
			for _, h := range p.Scan(s, in).Hits {
				got[h.RuleID] = true
				if h.Place == screen.InArg && !may[h.RuleID] {
					t.Fatalf("level %d: Scan finds %d in %q, which does not match", level, h.RuleID, v)
				}
			}
			for id, is := range must {
				if is && !got[id] {
					t.Fatalf("level %d: %d matches %q, Scan does not say so", level, id, v)
				}
				matched[id] = true
			}
			if len(may) == 0 {
				clean++
			}
		}
		t.Logf("level %d: %d values, %d of them clean, %d rules matched", level, len(values), clean, len(matched))
		if len(matched) < 60 || level == 1 && clean < 100 {
			t.Errorf("level %d: %d rules matched, %d of %d values clean: the comparison shows nothing", level, len(matched), clean, len(values))
		}
	}
}
