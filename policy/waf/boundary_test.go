package waf_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/policy/rules"
	"github.com/merlon-security/merlon/policy/waf"
)

// TestD2NoSeamHidesAnAttack puts an attack at every position around the ends of
// chunks, by number of leaves and by bytes.
func TestD2NoSeamHidesAnAttack(t *testing.T) {
	e, err := waf.New(waf.Options{Rules: rules.Options{Paranoia: 1, Threshold: 5}})
	if err != nil {
		t.Fatal(err)
	}
	const attack = "1' UNION SELECT password FROM users -- "
	found := func(name string, doc any, path string) {
		t.Helper()
		raw, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		ev := event.Decode(raw, nil, event.DefaultLimits())
		r, err := e.Inspect(t.Context(), ev)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Findings) == 0 || r.Findings[0].Path.String() != path || len(r.Limits) > 0 {
			t.Errorf("%s: %d findings, limits %v, first at %v, want one at %s", name, len(r.Findings), r.Limits, first(r.Findings), path)
		}
	}
	for _, at := range []int{0, 1, 198, 199, 200, 201, 202, 398, 399, 400, 401, 999, 1000, 1001} {
		list := make([]string, 1200)
		for i := range list {
			list[i] = fmt.Sprintf("item %d", i)
		}
		list[at] = attack
		found(fmt.Sprintf("leaf %d", at), map[string]any{"items": list}, fmt.Sprintf("items[%d]", at))
	}
	const chunk = 128 << 10
	for off := -64; off <= 64; off += 4 {
		filler := strings.Repeat("a", chunk+off)
		found(fmt.Sprintf("behind %d bytes", len(filler)), []any{filler, attack}, "[1]")
		found(fmt.Sprintf("inside, behind %d bytes", len(filler)), []any{filler + " " + attack}, "[0]")
	}
}

func first[T any](s []T) any {
	if len(s) == 0 {
		return nil
	}
	return s[0]
}

// TestD2AttackBehindManyLeaves looks for an attack behind a hundred thousand.
func TestD2AttackBehindManyLeaves(t *testing.T) {
	e, err := waf.New(waf.Options{Rules: rules.Options{Paranoia: 1, Threshold: 5}})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(`{"rows":[`)
	for i := range 100_000 {
		fmt.Fprintf(&b, `{"id":%d,"name":"row %d"},`, i, i)
	}
	b.WriteString(`{"name":"<script>alert(1)</script>"}]}`)
	ev := event.Decode([]byte(b.String()), nil, event.DefaultLimits())
	r, err := e.Inspect(t.Context(), ev)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Findings) == 0 || r.Findings[0].Path.String() != "rows[100000].name" || len(ev.Limits)+len(r.Limits) > 0 {
		t.Errorf("findings %d, limits %v %v", len(r.Findings), ev.Limits, r.Limits)
	}
}

// TestD1QuotesAreInspected sends what keeps libinjection busy for minutes:
// here it takes a moment, and nothing is left out.
func TestD1QuotesAreInspected(t *testing.T) {
	e, err := waf.New(waf.Options{Rules: rules.Options{Paranoia: 1, Threshold: 5}})
	if err != nil {
		t.Fatal(err)
	}
	for name, hostile := range map[string]string{
		"doubled quotes":       "x='" + strings.Repeat("''", 1<<20),
		"escaped quotes":       strings.Repeat(`\'`, 1<<20) + "z",
		"words joined by dots": strings.Repeat("and.", 1<<19),
	} {
		raw, err := json.Marshal(map[string]string{"a": hostile, "b": "<script>alert(1)</script>"})
		if err != nil {
			t.Fatal(err)
		}
		r, err := e.Inspect(t.Context(), event.Decode(raw, nil, event.DefaultLimits()))
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Limits) > 0 || r.Scores[0] < 5 {
			t.Errorf("%s: limits %v, score %v, want the script found and no limit", name, r.Limits, r.Scores)
		}
	}
}
