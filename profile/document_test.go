package profile

import (
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/event"
)

const sample = `apiVersion: merlon.dev/v1
kind: Profile
metadata:
  function: orders
  code: "version:7"
  source: learned
  version: 3
ingress:
  - trigger: function-url
    routes:
      - route: "GET /orders/{int}"
        query:
          - {path: page, type: [string], length: 1-4, chars: [digit], format: integer}
      - route: "POST /orders"
        contentTypes: ["application/json"]
        body:
          - {path: customer, type: [object]}
          - {path: "customer.e-mail", type: [string], length: 5-64, chars: [lower, digit, dot, at], format: email}
          - {path: "customer[\"a.b\"]", type: [string, "null"], length: 0-8}
          - {path: items, type: [array], size: 1-12}
          - {path: "items[].quantity", type: [number], number: "1..50", whole: true}
          - {path: "labels.*", type: [string], values: ["open", "paid"]}
  - trigger: sqs
    sources:
      - "arn:aws:sqs:eu-central-1:123456789012:orders"
    event:
      - {path: "Records[].body.id", type: [string], format: uuid}
provenance: {samples: 41233, environments: 812, first: "2026-10-01", last: "2026-10-14", unseen: 0.0004}
`

func TestDocumentRoundTrip(t *testing.T) {
	t.Parallel()
	d, err := Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	once := d.Canonical()
	again, err := Parse(once)
	if err != nil {
		t.Fatalf("what Canonical writes is not read: %v\n%s", err, once)
	}
	if twice := again.Canonical(); string(twice) != string(once) {
		t.Errorf("canonical text changes:\n%s\n%s", once, twice)
	}
	slices.Reverse(d.Ingress)
	slices.Reverse(d.Ingress[1].Routes)
	slices.Reverse(d.Ingress[1].Routes[0].Body)
	if got := d.Canonical(); string(got) != string(once) {
		t.Errorf("canonical text depends on order:\n%s", got)
	}
}

func TestDocumentFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ old, text, want string }{
		{"kind: Profile", "kind: Policy", "want merlon.dev/v1 and Profile"},
		{"trigger: sqs", "trigger: sqz", `ingress[1].trigger: "sqz" is no trigger`},
		{"trigger: sqs", "trigger: function-url", "stands twice"},
		{"GET /orders/{int}", "GET orders", "ingress[0].routes[0].route"},
		{"length: 1-4", "length: 4-1", "ingress[0].routes[0].query[0].length"},
		{"chars: [digit]", "chars: [digits]", `chars: "digits": want some of`},
		{"format: integer", "format: int", `format: "int": want one of`},
		{"1..50", "50..1", "number"},
		{"path: items,", "path: 'items.',", `body[3].path`},
		{"path: items,", "path: customer,", `body[3].path: "customer" stands twice`},
		{"version: 3", "version: -1", "metadata.version: -1"},
		{"version: 3", "version: 3\n  notAfter: soon", "metadata.notAfter"},
		{"version: 3", "version: 3\n  nots: soon", `unknown field "nots"`},
		{"version: 3", "version: 3\n  version: 4", "version"},
		{"code: \"version:7\"", "code: &a x", "anchors are not allowed"},
	} {
		text := strings.Replace(sample, tt.old, tt.text, 1)
		if text == sample {
			t.Fatalf("%q is not in the sample", tt.old)
		}
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.text, err, tt.want)
		}
	}
}

// TestCanonicalIsReadAlike: what is in the form that Canonical writes is read
// without YAML, and to the same; the profiles that are learned are.
func TestCanonicalIsReadAlike(t *testing.T) {
	t.Parallel()
	d, err := Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	d.Modes, d.Mode, d.Ingress[0].Routes[0].Partial = map[string]string{"chars": "off", "route": "enforce"}, "alert", true
	d.Metadata.NotAfter = "2027-01-01"
	r := rand.New(rand.NewPCG(3, 4))
	shops, _ := built(t, learnFrom(t, 4, 1500, func(int) call { return shop(r) }))
	for _, d := range []*Document{d, shops} {
		text := d.Canonical()
		fast, ok := parseCanonical(text)
		if !ok || fast.check() != nil {
			t.Fatalf("canonical text is not read:\n%s", text)
		}
		if slow, err := parseYAML(text); err != nil || !reflect.DeepEqual(fast, slow) {
			t.Errorf("YAML reads another profile, %v:\n%+v\n%+v", err, slow, fast)
		}
	}
	canonical := string(d.Canonical())
	for _, change := range [][2]string{
		{"  version: 3\n", "  version: 3\n  version: 3\n"}, {"  version: 3\n", "  version: 03\n"}, {"  version: 3\n", "  version: 3\n\n"}, {"kind: Profile", "kind: Profile # one"},
		{"length: 1-4", "length: \"1-4\""}, {"  - trigger: sqs", "  -  trigger: sqs"}, {"customer.e-mail", `customer.\xff`}, {"kind: Profile\n", "kind: Profile\nmore: x\n"},
	} {
		text := strings.Replace(canonical, change[0], change[1], 1)
		if d, ok := parseCanonical([]byte(text)); ok && d.check() == nil || text == canonical {
			t.Errorf("%q for %q is read as canonical", change[1], change[0])
		}
	}
}

// TestFiveMinutes: the profiles of docs/PROFILE.md that nobody has to learn.
func TestFiveMinutes(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/PROFILE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "## Five minutes\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var checkers []*Checker
	for i, block := range strings.Split(section, "```") {
		if text, ok := strings.CutPrefix(block, "yaml\n"); ok && i%2 == 1 {
			d, err := Parse([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			c, err := NewChecker(d)
			if err != nil {
				t.Fatal(err)
			}
			checkers = append(checkers, c)
		}
	}
	if len(checkers) != 2 {
		t.Fatalf("%d profiles, want 2", len(checkers))
	}
	body := object{"anything": object{"goes": 1}}
	queue := sqsBatch(rand.New(rand.NewPCG(1, 1)))
	for _, tt := range []struct {
		name            string
		ev              *event.Event
		trigger, routes Dimension
	}{
		{"a known route", call{"POST", "/orders", "a=b", "192.0.2.1", body}.decode(t), "", ""},
		{"another route", call{"POST", "/refunds", "", "192.0.2.1", body}.decode(t), "", Routes},
		{"another method", call{"DELETE", "/orders", "", "192.0.2.1", nil}.decode(t), "", Routes},
		{"a queue", decoded(t, queue), "", Triggers},
		{"a direct invocation", decoded(t, object{"admin": true}), Triggers, Triggers},
	} {
		for i, want := range []Dimension{tt.trigger, tt.routes} {
			got := checkers[i].Check(tt.ev)
			if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || got[0].Dimension != want) {
				t.Errorf("%s, profile %d: %+v, want %q", tt.name, i+1, got, want)
			}
		}
	}
}

// FuzzCanonical: whatever the quick reader takes, YAML reads alike.
func FuzzCanonical(f *testing.F) {
	if d, err := Parse([]byte(sample)); err == nil {
		f.Add(d.Canonical())
	}
	for _, s := range []string{`["\xff"]`, `["\u00ff\U0001f600\a\x7f"]`, `["a, b: c]"]`, "null", "1e3", "0x1f", "~", "-", ".inf", "2026-10-01", "1_000"} {
		d := &Document{APIVersion: APIVersion, Kind: Kind, Metadata: Metadata{Function: s, Code: s}, Mode: "alert", Modes: map[string]string{"chars": "off"},
			Ingress: []Trigger{{Trigger: "sqs", Sources: []string{s}, Event: []Field{{Path: s, Values: []string{s}, Type: []string{"null"}, Number: "1..2"}}}}}
		f.Add(d.Canonical())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fast, ok := parseCanonical(data)
		if !ok || fast.check() != nil {
			return
		}
		slow, err := parseYAML(data)
		if err != nil || !reflect.DeepEqual(fast, slow) {
			t.Fatalf("YAML reads another profile, %v:\n%s\n%+v\n%+v", err, data, slow, fast)
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"a", "a.b[].c", `["a\"b"].c`, "*", "a.*", ".", "[]", "[][]x", "a..b", `["`, ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, err := parsePath(s)
		if err != nil {
			return
		}
		text := formatPath(at)
		again, err := parsePath(text)
		if err != nil || !slices.Equal(at, again) {
			t.Errorf("%q reads as %q, which is written %q and reads as %q, %v", s, at, text, again, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Parse(data)
		if err != nil {
			return
		}
		if _, err := NewChecker(d); err != nil {
			t.Fatalf("what Parse takes does not compile: %v", err)
		}
		if _, err := Parse(d.Canonical()); err != nil {
			t.Fatalf("canonical text is refused: %v\n%s", err, d.Canonical())
		}
	})
}
