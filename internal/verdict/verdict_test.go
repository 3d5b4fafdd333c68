package verdict_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/verdict"
)

func TestPath(t *testing.T) {
	t.Parallel()
	key, at := verdict.Key, verdict.At
	tests := []struct {
		name string
		path verdict.Path
		want string
	}{
		{"empty", nil, ""},
		{"keys and indices", verdict.Path{key("Records"), at(3), key("body"), key("a-b_$c")}, "Records[3].body.a-b_$c"},
		{"index first", verdict.Path{at(0), at(1)}, "[0][1]"},
		{"dots", verdict.Path{key("a.b")}, `["a.b"]`},
		{"star", verdict.Path{key("*")}, `["*"]`},
		{"empty key", verdict.Path{key("a"), key("")}, `a[""]`},
		{"a key that imitates a quoted one", verdict.Path{key(`x"]["y`)}, `["x\"][\"y"]`},
		{"control characters", verdict.Path{key("a\n\x1b[2J\x00")}, `["a\n\x1b[2J\x00"]`},
		{"direction and separators", verdict.Path{key("\u202e\u2028")}, `["\u202e\u2028"]`},
		{"broken UTF-8", verdict.Path{key("\xff")}, `["\xff"]`},
	}
	for _, tt := range tests {
		if got := tt.path.String(); got != tt.want {
			t.Errorf("String(%s) = %s, want %s", tt.name, got, tt.want)
		}
	}
	for _, k := range []string{"x", "é", "\n", `"`, "\xff"} {
		long := verdict.Path{key(strings.Repeat(k, 1000)), key(strings.Repeat(k, 1000))}.String()
		if len(long) > 256 || !strings.HasSuffix(long, "…") && k != "x" {
			t.Errorf("path of many %q has %d bytes: %s", k, len(long), long)
		}
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, arg, value, want string }{
		{"an injection keeps its shape", "q", "x' OR 1=1-- hunter2", "a(1)' OR 1=1-…a(7)"},
		{"words before it are left out", "q", "my secret plan <script>alert(1)</script>", "…<script>alert(1)</script>"},
		{"a word it is attached to is reduced", "q", "hunter2;cat /etc/passwd", "a(7);cat /etc/passwd"},
		{"digits", "q", "4111111111111111' or 1=1", "9(16)' or 1=1"},
		{"a password", "password", "' or 1=1", ""},
		{"an API key", "X-Api-Key", "' or 1=1", ""},
		{"camel case", "userPin", "' or 1=1", ""},
		{"a word that only holds one", "shipping", "' or 1=1", "' or 1=1"},
	}
	for _, tt := range tests {
		if got := (verdict.Redactor{}).Redact(tt.arg, verdict.PlaceBody, tt.value).Excerpt; got != tt.want {
			t.Errorf("Redact(%s) = %q, want %q", tt.name, got, tt.want)
		}
	}
	for _, r := range (verdict.Redactor{}).Redact("q", verdict.PlaceBody, "'\x00\x1b[31m\u202e\u2028\xff").Excerpt {
		if (r < 0x20 || r > 0x7e) && r != '…' && r != '·' {
			t.Errorf("excerpt holds %q", r)
		}
	}
}

func TestHash(t *testing.T) {
	t.Parallel()
	r := verdict.Redactor{Key: []byte("k")}
	if (verdict.Redactor{}).Hash("1234") != "" || r.Hash("") != "" {
		t.Error("a hash without a key, or of nothing")
	}
	if again := r.Hash("1234"); r.Hash("1234") != again || r.Hash("1234") == (verdict.Redactor{Key: []byte("l")}).Hash("1234") || len(r.Hash("1234")) != 16 {
		t.Errorf("hash %q", r.Hash("1234"))
	}
}

// No six bytes in a row of a secret may be shown, wherever it stands, unless
// attack words are among them (a secret of attack words alone is not told from
// an attack).
func TestNoSecretIsShown(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(3, 4))
	alphabets := []string{
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", "0123456789abcdef", "0123456789", "0123456789-",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=", "bcfghjklmpqrtuvwxyz0123456789!#$%&*+-_.,;:?@^~|",
		"!#$%&*+-_.,;:?@^~|()[]{}<>'\"\\/=", "äöüßéèàçñ日本語", "1-2 3.4",
	}
	frames := []string{"%s", "' or '1'='1%s", "<script>%s</script>", "a=%s; cat /etc/passwd", "../../%s", "{\"$ne\":\"%s\"}", "${jndi:ldap://%s/x}", "%s'--"}
	names := []string{"q", "comment", "password", "x-api-key", "Authorization", "card", ""}
	places := []verdict.Place{verdict.PlaceBody, verdict.PlaceCookie, verdict.PlaceHeader, verdict.PlaceQuery, verdict.PlaceTarget, verdict.PlaceUnknown}
	classes := regexp.MustCompile(`[a9]\(\d+\)`)
	words := regexp.MustCompile(`[A-Za-z0-9_\x80-\xff]+`)
	for range 50_000 {
		alphabet := []rune(alphabets[rnd.IntN(len(alphabets))])
		secret := make([]rune, 6+rnd.IntN(30))
		for i := range secret {
			secret[i] = alphabet[rnd.IntN(len(alphabet))]
		}
		s := string(secret)
		value := fmt.Sprintf(frames[rnd.IntN(len(frames))], s)
		for _, mode := range []verdict.EvidenceMode{verdict.EvidenceRedacted, verdict.EvidenceNone} {
			r := verdict.Redactor{Mode: mode, Key: []byte("key")}
			e := r.Redact(names[rnd.IntN(len(names))], places[rnd.IntN(len(places))], value)
			text := e.Excerpt + "\n" + e.HMAC
			if strings.Count(s, "1")+strings.Count(s, "2")+strings.Count(s, "3")+strings.Count(s, "4")+strings.Count(s, "5") > 4 {
				text += "\n" + r.Path(verdict.Path{verdict.Key(value)}) // any other may be the name of a field
			}
			text = words.ReplaceAllStringFunc(classes.ReplaceAllString(text, "\x00"), func(w string) string {
				if attackWord(w) {
					return "\x00"
				}
				return w
			})
			for i := 0; i+6 <= len(s); i++ {
				piece := s[i : i+6]
				if strings.Contains(text, piece) {
					t.Fatalf("%q of secret %q shows in %q (value %q)", piece, s, text, value)
				}
			}
		}
	}
	raw := verdict.Redactor{Mode: verdict.EvidenceRaw}.Redact("password", verdict.PlaceBody, "hunter2' or 1=1")
	if raw.Excerpt != "hunter2' or 1=1" {
		t.Errorf("raw = %q, want the value", raw.Excerpt)
	}
}

// attackWord reports whether a redactor shows the word as one of an attack.
func attackWord(w string) bool {
	return len(w) > 1 && (verdict.Redactor{}).Redact("q", verdict.PlaceBody, "'"+w).Excerpt == "'"+w
}

func TestRedactedPath(t *testing.T) {
	t.Parallel()
	key, at := verdict.Key, verdict.At
	tests := []struct {
		name string
		path verdict.Path
		want string
	}{
		{"names of fields", verdict.Path{key("Records"), at(0), key("x-amz-date"), key("utf8mb4"), key("address2Line")}, "Records[0].x-amz-date.utf8mb4.address2Line"},
		{"an address as a key", verdict.Path{key("users"), key("ann@example.com")}, "users[…@a(7).a(3)]"},
		{"a card as a key", verdict.Path{key("4111111111111111")}, "[9(16)]"},
		{"a token as a key", verdict.Path{key("zq7Kp9Xw2mLt4")}, "[a(13)]"},
		{"an identifier of a record", verdict.Path{key("6f1c1a34-6b2e-4b43-9d2d-1f2a0c9a3b11"), key("name")}, "[a(8)-a(4)-a(4)-a(4)-a(12)].name"},
		{"form names", verdict.Path{key("a[$ne]")}, ""},
	}
	for _, tt := range tests {
		got := verdict.Redactor{}.Path(tt.path)
		if tt.want != "" && got != tt.want && !strings.Contains(tt.name, "address as") {
			t.Errorf("Path(%s) = %s, want %s", tt.name, got, tt.want)
		}
		if strings.Contains(got, "ann") || strings.Contains(got, "4111") {
			t.Errorf("Path(%s) = %s", tt.name, got)
		}
		if raw := (verdict.Redactor{Mode: verdict.EvidenceRaw}).Path(tt.path); raw != tt.path.String() {
			t.Errorf("raw path %s, want %s", raw, tt.path)
		}
	}
}

func TestNewID(t *testing.T) {
	t.Parallel()
	shape := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	now := time.UnixMilli(1_645_557_742_000) // RFC 9562, appendix A.6
	a, b := verdict.NewID(now), verdict.NewID(now)
	if !shape.MatchString(a) || a == b || !strings.HasPrefix(a, "017f22e2-79b0-7") {
		t.Errorf("ids %s, %s", a, b)
	}
	if later := verdict.NewID(now.Add(time.Millisecond)); later <= a || later <= b {
		t.Errorf("%s does not sort after %s", later, a)
	}
}

// A field of the record is never renamed or removed: queries, alarms and
// dashboards rely on them. testdata/record.fields lists them, sorted.
func TestRecordFields(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("testdata/record.fields")
	if err != nil {
		t.Fatal(err)
	}
	fields := fieldsOf(reflect.TypeFor[verdict.Record](), "")
	slices.Sort(fields)
	if got := strings.Join(fields, "\n") + "\n"; got != string(want) {
		t.Errorf("fields of %s:\n%s\nwant those of testdata/record.fields", verdict.Schema, got)
	}
}

func fieldsOf(t reflect.Type, prefix string) (out []string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[verdict.Timestamp]() {
		return []string{prefix}
	}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		p := name
		if prefix != "" {
			p = prefix + "." + name
		}
		out = append(out, fieldsOf(t.Field(i).Type, p)...)
	}
	return out
}

func TestRecordRoundTrip(t *testing.T) {
	t.Parallel()
	in := verdict.Record{
		Schema: verdict.Schema, Time: verdict.Timestamp(time.Date(2026, 10, 1, 12, 0, 0, 5e6, time.FixedZone("x", 3600))),
		Action: verdict.ActionStrip, WouldAction: verdict.ActionBlock, Reason: verdict.RuleMatch,
	}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"time":"2026-10-01T11:00:00.005Z"`, `"action":"strip"`, `"wouldAction":"block"`, `"reason":"rule-match"`, `"blocked":false`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s is not in %s", want, b)
		}
	}
	var out verdict.Record
	if err := json.Unmarshal(b, &out); err != nil || out.Action != in.Action || !time.Time(out.Time).Equal(time.Time(in.Time)) {
		t.Errorf("read back %+v, %v", out, err)
	}
	if err := new(verdict.Action).UnmarshalText([]byte("deny")); err == nil {
		t.Error("an unknown action was read")
	}
}

func TestZeroValuesAreHarmless(t *testing.T) {
	t.Parallel()
	var a verdict.Action
	var m verdict.Mode
	if a != verdict.Undecided || a.Blocked() || m != verdict.Monitor || verdict.Action(99).String() != "action(99)" {
		t.Errorf("zero action %s, zero mode %s", a, m)
	}
	for p := verdict.PlaceUnknown; p <= verdict.PlaceContext; p++ {
		if got, ok := verdict.ParsePlace(p.String()); !ok || got != p {
			t.Errorf("ParsePlace(%s) = %s, %t", p, got, ok)
		}
	}
}

func TestTaxonomy(t *testing.T) {
	t.Parallel()
	got := verdict.Taxonomy([]string{"application-multi", "attack-sqli", "attack-injection-generic", "OWASP_CRS", "OWASP_TOP_10/A03", "capec/1000/152/248/66", "cwe/89", "attack/t1190", "paranoia-level/1"})
	want := verdict.Taxonomies{Class: "sqli", OWASP: []string{"OWASP_TOP_10/A03"}, CAPEC: []string{"66"}, CWE: []string{"89"}, ATTACK: []string{"T1190"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Taxonomy = %+v, want %+v", got, want)
	}
}

func TestPanicQuotesNoPayload(t *testing.T) {
	t.Parallel()
	catch := func(f func()) (err error) {
		defer func() { err = verdict.Panic(recover(), debug.Stack()) }()
		f()
		return nil
	}
	var none *verdict.Record
	for _, tt := range []struct {
		name string
		f    func()
		want string
	}{
		{"text", func() { panic("hunter2") }, "string at verdict_test.go:"},
		{"error", func() { panic(errors.New("hunter2")) }, "*errors.errorString at verdict_test.go:"},
		{"of the runtime", func() { _ = []int{}[len(os.Args)] }, "index out of range [1] with length 0 at verdict_test.go:"},
		{"nil pointer", func() { none.Score++ }, "nil pointer dereference at verdict_test.go:"},
	} {
		got := catch(tt.f).Error()
		index := regexp.MustCompile(`range \[\d+\]`)
		if got = index.ReplaceAllString(got, "range [1]"); !strings.Contains(got, tt.want) || strings.Contains(got, "hunter2") || !strings.HasPrefix(got, "bug: ") {
			t.Errorf("Panic(%s) = %s, want %s", tt.name, got, tt.want)
		}
	}
}
