package waf_test

import (
	"fmt"
	"testing"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/policy/waf"
)

// Values without a name share none in Coraza's cache either: with one, an attack
// in one of them was missed on some runs.
func TestNamelessValuesAreToldApart(t *testing.T) {
	e := build(t, screened)
	ev := decode(t, []any{"plain; text", "; cat /etc/passwd", xss, object{"a": "; cat /etc/passwd"}, object{"": sqli, "b": xss}})
	first := ""
	for range 60 {
		if all := found(t, e, ev); first == "" {
			first = all
		} else if all != first {
			t.Fatalf("Inspect finds %s, and then %s", first, all)
		}
	}
}

// Cookies of one name, and arguments of a query without one, are told apart too:
// Coraza makes those names.
func TestNamesThatCorazaMakesAreToldApart(t *testing.T) {
	e := build(t, screened)
	for _, members := range []object{
		{"headers": object{"host": "h.example", "cookie": "a=x; a=; b=y; c=z; a=$(cat /etc/passwd); a=<script>alert(1)</script>; d=<svg/onload=alert(1)>"}},
		{"rawQueryString": "=plain%3B+text&=%3B+cat+/etc/passwd&=%3Cscript%3Ealert(1)%3C/script%3E&a=1&b=2&c=it's+;"},
	} {
		ev := decode(t, request(members))
		all := map[string]int{}
		for range 100 {
			all[found(t, e, ev)]++
		}
		if len(all) != 1 {
			t.Errorf("%v: Inspect finds now this, now that: %v", members, all)
		}
	}
}

// found tells the scores and how often each rule finds something.
func found(t *testing.T, e *waf.Engine, ev *event.Event) string {
	t.Helper()
	res, err := e.Inspect(t.Context(), ev)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[int]int{}
	for _, f := range res.Findings {
		ids[f.RuleID]++
	}
	return fmt.Sprint(res.Scores, ids)
}
