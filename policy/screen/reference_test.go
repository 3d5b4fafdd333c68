package screen_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/policy/screen"
	"github.com/merlon-security/merlon/policy/seclang"
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

// TestBytesBroughtIn tries every byte that a transformation can put into a
// text that had none: a rule that waits for it must not be ruled out before.
func TestBytesBroughtIn(t *testing.T) {
	for _, row := range []struct{ pattern, transformations, value string }{
		{`[ ]`, "t:urlDecode", "a+b"},
		{`[ ]`, "t:urlDecodeUni", "a+b"},
		{`[ ]`, "t:cmdLine", "a;b"},
		{`[ ]`, "t:compressWhitespace", "a\tb"},
		{`[ ]`, "t:replaceComments", "a/**/b"},
		{`[ ]`, "t:replaceNulls", "a\x00b"},
		{`[ ]`, "t:removeComments", "a/*b"},
		{`[ ]`, "t:removeNulls,t:urlDecode,t:lowercase", "A+b"},
		{`\x00`, "t:removeComments", "/**/"},
		{`<`, "t:urlDecode,t:lowercase,t:removeNulls", "%3C"},
		{`<`, "t:utf8toUnicode,t:urlDecodeUni", "\u2039"},
		{`<`, "t:lowercase,t:htmlEntityDecode", "&LT;"},
		{`<`, "t:lowercase,t:jsDecode", `\X3C`},
		{`<`, "t:compressWhitespace,t:cssDecode", `\3c`},
		{`<`, "t:removeWhitespace,t:base64Decode", "P A=="},
		{`<`, "t:trim,t:hexDecode", "3c "},
		{`%`, "t:utf8toUnicode", "é"},
		{`u`, "t:utf8toUnicode", "é"},
		{`9`, "t:utf8toUnicode", "é"},
		{`e`, "t:utf8toUnicode", "é"},
		{`k`, "t:lowercase", "\u212a"},
		{`i`, "t:lowercase", "İ"},
		{`a`, "t:cmdLine", "A"},
		{`/`, "t:normalizePathWin", `\`},
		{`/`, "t:lowercase,t:normalizePathWin", `A\`},
		{`[0-9]`, "t:length", "abc"},
		{`[0-9]`, "t:lowercase,t:length", "ABC"},
		{`s`, "t:removeNulls", "\xc5\x00\xbf"},
		{`k`, "t:removeNulls", "\xe2\x00\x84\xaa"},
	} {
		rules, err := seclang.Parse(seclang.Source{Name: "t", Text: `SecRule ARGS "@rx (?i)` + row.pattern + `" "id:1,deny,` + row.transformations + `"`})
		if err != nil {
			t.Fatal(err)
		}
		p, err := screen.Compile(rules, screen.Options{Paranoia: 1})
		if err != nil {
			t.Fatal(err)
		}
		s := p.NewScratch()
		for _, v := range []string{row.value, row.value + strings.Repeat("q", 700)} {
			in := &screen.Input{Args: []screen.Arg{{Name: "x", Value: v}}}
			_, must := p.Reference(in, v)
			if len(v) < 100 && !must[1] {
				t.Errorf("%s, %s: %q does not match: the row shows nothing", row.pattern, row.transformations, row.value)
			}
			if got := p.Scan(s, in); must[1] && len(got.Hits) == 0 {
				t.Errorf("%s, %s: Scan(%.20q) is clean", row.pattern, row.transformations, v)
			}
		}
	}
}
