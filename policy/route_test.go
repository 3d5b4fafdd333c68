package policy_test

import (
	"testing"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
)

func TestA10ExceptionsKnowRoutesByKeyOrCanonicalPath(t *testing.T) {
	p := policy.Default()
	p.Mode = verdict.Block
	for _, c := range []struct {
		route    string
		excepted bool
	}{
		{"POST /orders/{id}", true}, {"POST /orders/7", true}, {"GET /orders/7", false},
		{"POST /orders", false}, {"POST /orders/7/", false}, {"", true},
	} {
		p.Exceptions = []policy.Exception{{FirstRule: 942100, LastRule: 942100, Route: c.route}}
		v := p.Decide(policy.Evidence{
			Source: event.FunctionURL, Route: "POST /orders/{id}", Path: "POST /orders/7", Refusable: true,
			Findings: []verdict.Finding{{RuleID: 942100, Score: 5, Record: -1}}, Scores: []int{5},
		})
		if got := !v.Action.Blocked(); got != c.excepted {
			t.Errorf("route %q: excepted %v, want %v", c.route, got, c.excepted)
		}
	}
}
