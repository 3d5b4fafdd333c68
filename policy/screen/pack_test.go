package screen_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/corazawaf/coraza/v3"

	"github.com/merlon-security/merlon/policy/screen"
	"github.com/merlon-security/merlon/policy/seclang"
)

// packText holds rules of every kind the Core Rule Set has not, or has once.
const packText = `
SecAction "id:1,phase:1,pass,nolog,setvar:tx.detection_paranoia_level=4,setvar:tx.blocking_paranoia_level=4,setvar:tx.word=needle,setvar:tx.score=0"
SecRule ARGS|!ARGS:skipme|!ARGS:/^x_/ "@contains %{tx.word}" "id:100001,phase:2,block,t:none,t:lowercase"
SecRule ARGS:/^q/ "@streq Yes" "id:100002,phase:2,block"
SecRule ARGS:skipme|REQUEST_HEADERS:X-One "@beginsWith AB" "id:100003,phase:2,block,t:trim"
SecRule ARGS_NAMES "@rx ^\$" "id:100004,phase:2,block"
SecRule ARGS "!@rx ^[ -~]*$" "id:100005,phase:2,block"
SecRule ARGS "@gt 40" "id:100006,phase:2,block,t:length"
SecRule &ARGS "@gt 3" "id:100007,phase:2,block"
SecRule ARGS "@pm foo bar selectſ" "id:100008,phase:2,block,t:removeWhitespace"
SecRule ARGS "@rx (?i)KELVIN" "id:100009,phase:2,block,t:base64DecodeExt,multiMatch"
SecRule ARGS "@rx <b>" "id:100010,phase:2,block,t:htmlEntityDecode,t:replaceNulls,multiMatch"
SecRule ARGS "@validateUtf8Encoding" "id:100011,phase:2,block"
SecRule ARGS "@validateUrlEncoding" "id:100012,phase:2,block"
SecRule ARGS "@endsWith .bak" "id:100013,phase:2,pass,nolog,setvar:tx.score=+3"
SecRule TX:score "@ge 3" "id:100014,phase:2,block"
SecRule ARGS "@within a b c" "id:100015,phase:2,block,t:hexDecode,chain"
SecRule ARGS|REQUEST_METHOD "@rx x|PUT" "t:trimLeft"
SecRule REQUEST_URI "@rx ^/skip" "id:100016,phase:2,pass,nolog,skipAfter:END"
SecRule ARGS_COMBINED_SIZE "@gt 120" "id:100017,phase:2,block"
SecMarker END
SecRule REQUEST_COOKIES:sid "@rx [^0-9a-f]" "id:100018,phase:1,block,t:urlDecode,t:removeComments"
SecRule REQUEST_BODY "@rx (?:\x27|a\x00b)" "id:100019,phase:2,block"
SecRule ARGS_GET|ARGS_PATH "@le 5" "id:100020,phase:2,block,t:length"
SecRule ARGS "@rx (?i)c[\"'^]*a[\"'^]*t|d(?:\$x)?o(?:\$x)?g" "id:100021,phase:2,block"
`

var packPieces = []string{
	"needle", "NEEDLE", "Yes", "AB", " ", "\t", "é", "\xff", "foo", "ba", "r", "selectſ", "S2VsdmluIQ==", "KELV\u0131N", "kelvin", "\u212aelvin", "&lt;b&gt;", "<b>", "\x00",
	"%4", "%41", ".bak", "61", "a", "x", "'", "\"", "^", "c", "at", "d$xo", "og", "$x", strings.Repeat("z", 41), "0", "5",
}

// TestOwnRules compares screen and Coraza on rules made to be unlike the Core Rule Set's.
func TestOwnRules(t *testing.T) {
	rules, err := seclang.Parse(seclang.Source{Name: "pack", Text: packText})
	if err != nil {
		t.Fatal(err)
	}
	p, err := screen.Compile(rules, screen.Options{Paranoia: 4})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Reasons()) > 0 {
		t.Errorf("not screenable: %v", p.Reasons())
	}
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithDirectives("SecRuleEngine DetectionOnly\nSecRequestBodyAccess On\nSecAction \"id:2,phase:1,pass,nolog,ctl:requestBodyProcessor=RAW\"\n" + packText))
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(21, 22))
	word := func() string {
		var sb strings.Builder
		for range rnd.IntN(5) {
			sb.WriteString(packPieces[rnd.IntN(len(packPieces))])
		}
		return sb.String()
	}
	s := p.NewScratch()
	seen := map[int]int{}
	for range 6000 {
		in := browser()
		in.URI = []string{"/a?q=1", "/skip", "/b?" + word()}[rnd.IntN(3)]
		in.Headers = append(in.Headers, screen.Header{Name: "x-one", Value: word()}, screen.Header{Name: "Cookie", Value: "SID=" + word()})
		for range rnd.IntN(4) {
			name := []string{"a", "skipme", "SkipMe", "X_a", "quiz", "", word()}[rnd.IntN(7)]
			in.Args = append(in.Args, screen.Arg{Name: name, Value: word(), Origin: screen.Origin(rnd.IntN(3))})
		}
		if rnd.IntN(3) == 0 {
			in.Body = word()
		}
		got := p.Scan(s, in)
		stock := runOn(t, waf, in, nil)
		for _, m := range stock {
			class := p.Classes()[m.id]
			if m.id < 100000 || class == screen.Bookkeeping {
				continue
			}
			seen[m.id]++
			if !got.Always && !slices.ContainsFunc(got.Hits, func(h screen.Hit) bool { return h.RuleID == m.id }) {
				t.Fatalf("stock matches %d, Scan says %+v: %+v", m.id, got, in)
			}
		}
		if narrow := runOn(t, waf, part(in, got), p.Narrow(nil, in, got)); !slices.Equal(narrow, stock) {
			t.Fatalf("narrowed %v, stock %v: %+v", narrow, stock, in)
		}
	}
	for id, class := range p.Classes() {
		if (class == screen.Value || class == screen.Head) && seen[id] == 0 {
			t.Errorf("rule %d was never matched", id)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"another level", `SecAction "id:1,phase:1,pass,nolog,setvar:tx.detection_paranoia_level=3"`, "set it in one place"},
		{"pattern", `SecRule ARGS "@rx (" "id:1,deny"`, "t:1: rule 1: pattern"},
		{"byte range", `SecRule ARGS "@validateByteRange 1-999" "id:1,deny"`, "want numbers from 0 to 255"},
		{"file", `SecRule ARGS "@pmFromFile x" "id:1,deny"`, "no way to read it"},
	} {
		rules, err := seclang.Parse(seclang.Source{Name: "t", Text: row.text})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := screen.Compile(rules, screen.Options{Paranoia: 1}); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("Compile(%s) = %v, want an error with %q", row.name, err, row.want)
		}
	}
}

func TestUnknownKindsGoToCoraza(t *testing.T) {
	for _, text := range []string{
		`SecRule ARGS "@rbl example.org" "id:1,deny"`,
		`SecRule ARGS "@rx a" "id:1,deny,t:sha1"`,
		`SecRule TIME_HOUR "@gt 3" "id:1,deny"`,
		`SecRule ARGS "@streq %{REQUEST_HEADERS.Host}" "id:1,deny"`,
		`SecRule TX:/^x/ "@rx a" "id:1,deny"`,
		`SecRule MATCHED_VAR "@rx a" "id:1,deny"`,
		`SecRule ARGS "@pm a  b" "id:1,deny"`,
		`SecRule ARGS "@rx é\xff" "id:1,deny"`,
	} {
		rules, err := seclang.Parse(seclang.Source{Name: "t", Text: text})
		if err != nil {
			t.Fatal(err)
		}
		p, err := screen.Compile(rules, screen.Options{Paranoia: 1})
		if err != nil {
			t.Fatal(err)
		}
		got := p.Scan(p.NewScratch(), browser())
		if p.Classes()[1] != screen.Unknown || len(p.Reasons()) != 1 || !got.Always || got.Clean {
			t.Errorf("%s: class %s, reasons %v, Scan %+v, want unknown and always", text, p.Classes()[1], p.Reasons(), got)
		}
	}
}
