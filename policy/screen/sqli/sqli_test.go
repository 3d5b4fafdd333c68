package sqli_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	libinjection "github.com/corazawaf/libinjection-go"

	"github.com/merlon-security/merlon/policy/screen/sqli"
)

// pieces are what the tokenizer and the folding react to.
var pieces = []string{
	"'", "'", "'", "\"", "\"", "`", "`", "\\", "\\", "''", `\'`, `""`, "``", " ", " ", "\n", "\x00", "\xa0", "\t", "\x7f",
	"a", "z", "1", "0", "1.", ".", ".5", "1e", "1e5", "1.e", "0x1F", "0b1", "0x", "1f", "2d;", "1fu", "$", "$$", "$1,0", "$.", "$a$", "$ab$", "$i$",
	"--", "-- ", "--a", "-", "#", "/*", "*/", "/*!", "/", "*", "(", "(", ")", ")", ",", ",", ";", ";", "{", "}", "[", "]", "?", ":", "::", ":=", "@", "@@", "@a",
	"+", "-", "~", "!", "!!", "%", "^", "&", "&&", "|", "||", "<", "<=>", "<>", "=", ">=", "\\N",
	"and", "or", "not", "in", "like", "not in", "is", "null", "union", "union all", "all", "select", "distinct", "from", "where", "into", "outfile", "order by", "group", "by", "having",
	"insert", "drop", "table", "exec", "sleep", "user", "user_id", "database", "current_user", "if", "ifnull", "case", "when", "int", "collate", "a_b", "waitfor", "delay", "limit", "between",
	"x'1f'", "b'01'", "x'", "b'", "e'", "n'", "nq'", "q'[", "]'", "q'(", ")'", "u&'", "q'é", "nq'\xe9", "é'", "\xe9'",
	"ſelect", "lıke", "unıon", "é", "\xff", "sp_password", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "and.", "or`", "select.a", "1=1", "'='", "; if", ") (", "'a' 'b'", ", -1", "1,1", "1)",
}

func text(rnd *rand.Rand, most int) string {
	var b strings.Builder
	for range 1 + rnd.IntN(most) {
		if p := pieces[rnd.IntN(len(pieces))]; rnd.IntN(12) == 0 {
			for range 1 + rnd.IntN(9) {
				b.WriteString(p)
			}
		} else {
			b.WriteString(p)
		}
		if rnd.IntN(3) == 0 {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// compare puts a text to the library and to the package, and returns the answer.
func compare(t *testing.T, s string) string {
	t.Helper()
	want, print := libinjection.IsSQLi(s)
	got, found := sqli.Detect(s)
	if found != want || got != print {
		t.Fatalf("Detect(%.300q) = %q, %v, libinjection says %q, %v", s, got, found, print, want)
	}
	return print
}

func TestSameAsLibinjection(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 1))
	prints := map[string]bool{}
	for n := range 400_000 {
		prints[compare(t, text(rnd, 3+n%17))] = true
	}
	if len(prints) < 1000 {
		t.Errorf("%d fingerprints: the comparison has no power", len(prints))
	}
}

// TestSameAsLibinjectionOnQuotes takes texts of few letters that repeat: the
// library's answer for an escaped quote depends on where the rest of the text
// first occurs.
func TestSameAsLibinjectionOnQuotes(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	for n := range 300_000 {
		var b strings.Builder
		for range 1 + n%4 {
			var unit strings.Builder
			for range 1 + rnd.IntN(9) {
				unit.WriteString([]string{"'", "'", "\"", "`", "\\", "\\", "a", " ", ","}[rnd.IntN(9)])
			}
			b.WriteString(strings.Repeat(unit.String(), 1+rnd.IntN(20)))
		}
		compare(t, b.String())
	}
}

// TestSameAsLibinjectionOnLongTexts takes texts long enough for every table to have all its levels.
func TestSameAsLibinjectionOnLongTexts(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 3))
	for range 60 {
		var b strings.Builder
		for range 1 + rnd.IntN(3) {
			unit := text(rnd, 6) + []string{`\'`, `''`, `\"`, `""`, "``", ","}[rnd.IntN(6)]
			b.WriteString(strings.Repeat(unit, 1+rnd.IntN(1+6000/len(unit))))
		}
		b.WriteString(text(rnd, 3))
		compare(t, b.String())
	}
}

func TestNothingIsAllocated(t *testing.T) {
	for _, s := range []string{"1' union all select 1,2 -- ", "it's a text, isn't it? (one of many)", `{"a":"\"b\"","c":"d"}`} {
		if n := testing.AllocsPerRun(100, func() { sqli.Detect(s) }); n > 1 { // the fingerprint
			t.Errorf("Detect(%q) allocates %v times", s, n)
		}
	}
}

func FuzzDetect(f *testing.F) {
	for _, s := range pieces {
		f.Add(s)
	}
	f.Add(`x''abc\'abc`)
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) < 4<<10 {
			compare(t, s)
		}
	})
}
