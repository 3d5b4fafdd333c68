package guard_test

import (
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/guard"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
	"github.com/merlon-security/merlon/proxy"
)

const ownPolicy = `apiVersion: merlon.dev/v1
kind: Policy
mode: block
rules:
  - {id: 1, when: 'at(["body", "password"]).exists(p, p == "hunter2")', action: block, message: a known password, tags: [attack-leak, cwe/521, attack/T1110]}
  - {id: 2, when: 'at(["body", "coupon"]).size() > 0', action: monitor, message: a coupon}
  - {id: 3, when: 'leaves.all(a, leaves.all(b, leaves.all(c, a.value != b.value || b.value != c.value || a.name == c.name)))', action: monitor, message: slow}
`

func withPolicy(t *testing.T, engine guard.Engine, r *records) *guard.Guard {
	t.Helper()
	f, err := policy.Parse([]byte(ownPolicy))
	if err != nil {
		t.Fatal(err)
	}
	g := blocking(engine, r)
	if err := f.Apply(g.Policy); err != nil {
		t.Fatal(err)
	}
	return g
}

// TestOwnRulesReachTheVerdict: what a rule of the user finds is decided about
// and explained like everything else, redacted, and whatever becomes of the engine.
func TestOwnRulesReachTheVerdict(t *testing.T) {
	t.Parallel()
	const request = `{"rawPath":"/","requestContext":{"http":{"method":"POST"}},"body":"{\"password\":\"PASSWORD\",\"coupon\":\"x\"}"}`
	bad, good := strings.Replace(request, "PASSWORD", "hunter2", 1), strings.Replace(request, "PASSWORD", "s3cret", 1)
	for _, tt := range []struct {
		name, event string
		engine      guard.Engine
		blocked     bool
		action      verdict.Action
		reason      verdict.Reason
		matches     int
	}{
		{"clean otherwise", bad, clean, true, verdict.ActionBlock, verdict.RuleMatch, 2},
		{"beside an attack", bad, attack, true, verdict.ActionBlock, verdict.RuleMatch, 3},
		{"the engine panics", bad, panics, true, verdict.ActionBlock, verdict.EngineFault, 2},
		{"monitor", good, clean, false, verdict.ActionMonitor, verdict.Reported, 1},
		{"monitor, the engine panics", good, panics, false, verdict.ActionAllow, verdict.EngineFault, 1},
	} {
		r := &records{}
		out := withPolicy(t, tt.engine, r).Inspect(t.Context(), &proxy.Invocation{ID: "r", Body: []byte(tt.event)})
		if (out.Answer != nil) != tt.blocked || len(r.all) != 1 {
			t.Errorf("%s: answer %v, %d lines, want blocked %v and a line", tt.name, out.Answer, len(r.all), tt.blocked)
			continue
		}
		rec := r.all[0]
		if rec.Action != tt.action || rec.Reason != tt.reason || len(rec.Matches) != tt.matches {
			t.Errorf("%s: %v, %v, %d matches, want %v, %v, %d", tt.name, rec.Action, rec.Reason, len(rec.Matches), tt.action, tt.reason, tt.matches)
		}
		for _, m := range rec.Matches {
			if m.RuleID != 1 {
				continue
			}
			if m.Engine != "policy" || m.Msg != "a known password" || m.Field != "body.password" || m.Place != "body" || m.Op != "when" || m.Action != "block" ||
				m.Tags.Class != "leak" || m.Tags.CWE[0] != "521" || m.Tags.ATTACK[0] != "T1110" || m.Evidence.Bytes != 7 || m.Evidence.Excerpt != "" {
				t.Errorf("%s: match %+v", tt.name, m)
			}
		}
		if rec.Action == verdict.ActionMonitor && rec.Level != "INFO" {
			t.Errorf("%s: level %s, want INFO", tt.name, rec.Level)
		}
	}
}

// TestOwnRulesOverTheirBudgetAreReported: a condition that was not evaluated to
// its end is a limit in the verdict, and refuses as limits do.
func TestOwnRulesOverTheirBudgetAreReported(t *testing.T) {
	t.Parallel()
	r := &records{}
	event := `{"rawPath":"/","requestContext":{"http":{"method":"POST"}},"body":"[` + strings.Repeat("1,2,3,4,5,", 800) + `6]"}`
	out := withPolicy(t, clean, r).Inspect(t.Context(), &proxy.Invocation{ID: "r", Body: []byte(event)})
	if out.Answer == nil || len(r.all) != 1 || r.all[0].Reason != verdict.LimitReached || len(r.all[0].Limits) != 1 || r.all[0].Limits[0] != "when" {
		t.Errorf("answer %v, lines %+v, want a refusal for the limit when", out.Answer, r.all)
	}
}
