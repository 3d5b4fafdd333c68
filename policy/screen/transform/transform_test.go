package transform_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unicode/utf8"

	"github.com/merlon-security/merlon/policy/screen/transform"
)

// compare checks one transformation of one value against Coraza's, and that a
// value without trigger bytes is its own image.
func compare(t *testing.T, buf []byte, k transform.Kind, trigger *transform.Bytes, s string) []byte {
	want, wantChanged, err := stock[k.String()](s)
	if err != nil {
		want, wantChanged = s, false // Coraza keeps the value of a failed transformation
	}
	got, changed := k.Append(buf[:0], s)
	if string(got) != want || changed != wantChanged {
		t.Fatalf("%s(%q) = %q, %v, want %q, %v", k, s, got, changed, want, wantChanged)
	}
	var present transform.Bytes
	present.Add(s)
	if !trigger.Meets(&present) && s != "" && want != s {
		t.Fatalf("%s(%q) = %q without a trigger byte", k, s, want)
	}
	reach, known := k.Reach(&present)
	for i := 0; i < len(want) && known; i++ {
		if !reach.Has(want[i]) {
			t.Fatalf("%s(%q) = %q has a byte beyond its reach", k, s, want)
		}
	}
	return got
}

// hard are the bytes and sequences on which decoders disagree.
var hard = []string{
	"\x00", "\t", "\n", "\v", "\r", " ", "  ", "\"", "'", "\\", "^", "%", "%u", "%2", "%25", "+", "&", "&#", "&#x", ";", "lt", "gt;",
	"amp", "nGt;", "/", "//", "/*", "*/", ".", "..", "./", "-", "--", "-->", "<!--", "#", ":", "(", ",", "$", "=", "a", "A", "f", "F",
	"0", "1", "7", "8", "9", "u", "x", "X", "n", "{", "}", "ff", "FF0", "\x80", "\x85", "\xa0", "\xc2", "\xc2\xa0", "\xc2\x85", "\xc3",
	"\xe2\x80\xa8", "\u212a", "\u017f", "\uff01", "\u3000", "\xed\xa0\x80", "\xf0\x9f\x98\x80", "\xff", "C:", "::$DATA", "İ", "ß", "é",
}

func TestAgainstStock(t *testing.T) {
	buf := make([]byte, 0, 4096)
	for k := transform.Kind(0); int(k) < transform.Kinds; k++ {
		trigger := k.Trigger()
		check := func(s string) { buf = compare(t, buf, k, &trigger, s) }
		check("")
		for a := 0; a < 256; a++ {
			check(string([]byte{byte(a)}))
			for b := 0; b < 256; b++ {
				check(string([]byte{byte(a), byte(b)}))
			}
		}
		for r := rune(0x80); r <= utf8.MaxRune; r++ {
			if r < 0x3100 || r >= 0xd7f0 && r < 0x10100 || r%251 == 0 {
				check(string(r))
			}
		}
		rnd := rand.New(rand.NewPCG(1, uint64(k)))
		for range 150_000 {
			s := ""
			for range 1 + rnd.IntN(8) {
				s += hard[rnd.IntN(len(hard))]
			}
			check(s)
		}
	}
}

func TestURLDecodeUniEveryCodePoint(t *testing.T) {
	trigger := transform.URLDecodeUni.Trigger()
	for code := range 0x10000 {
		compare(t, nil, transform.URLDecodeUni, &trigger, fmt.Sprintf("a%%u%04Xb", code))
	}
}

func TestCharacterReferences(t *testing.T) {
	trigger := transform.HTMLEntityDecode.Trigger()
	check := func(s string) { compare(t, nil, transform.HTMLEntityDecode, &trigger, s) }
	for code := range 0x300 {
		for _, format := range []string{"&#%d;", "&#%d", "&#%dz", "&#x%x;", "&#X%X", "&#x%x ", "&#0000000%d;"} {
			check(fmt.Sprintf(format, code))
		}
	}
	for _, s := range []string{"&#99999999999999999999;", "&#x110000;", "&#xD800;", "&#x10FFFF;", "&#xFFFFFFFFFFFFFFFFFFFFF", "&#;", "&#x;", "&;", "&", "&&lt;"} {
		check(s)
	}
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1"
	for _, a := range letters {
		for _, b := range letters {
			for _, tail := range []string{"", ";", "t;", "mp;", "mp", "uot", "uml;x", "p"} {
				check("&" + string(a) + string(b) + tail)
			}
		}
	}
	for _, name := range []string{"nGt", "nLt", "NotEqualTilde", "notit", "notin", "ampamp", "copysr", "frac12", "sup1", "there4", "AElig", "CounterClockwiseContourIntegral"} {
		for _, tail := range []string{"", ";", "; ", "x", " y", ";&lt;"} {
			check("&" + name + tail)
		}
	}
}

func TestLookup(t *testing.T) {
	for k := transform.Kind(0); int(k) < transform.Kinds; k++ {
		if got, ok := transform.Lookup(k.String()); !ok || got != k {
			t.Errorf("Lookup(%s) = %s, %v", k, got, ok)
		}
	}
	if k, ok := transform.Lookup("normalisePathWin"); !ok || k != transform.NormalizePathWin {
		t.Errorf("Lookup(normalisePathWin) = %s, %v, want normalizepathwin", k, ok)
	}
	if _, ok := transform.Lookup("sha1"); ok {
		t.Error("Lookup(sha1) found a transformation the screen must not claim")
	}
}
