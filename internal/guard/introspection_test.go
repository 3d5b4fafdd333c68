package guard_test

import (
	"testing"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
	"github.com/merlon-security/merlon/policy/rules"
	"github.com/merlon-security/merlon/policy/waf"
	"github.com/merlon-security/merlon/proxy"
)

// TestIntrospection: a question about a GraphQL schema is refused where the
// policy says so, in every place a document is read, and nowhere else.
func TestIntrospection(t *testing.T) {
	t.Parallel()
	e, err := waf.New(waf.Options{Rules: rules.Options{Paranoia: 1, Threshold: 5}})
	if err != nil {
		t.Fatal(err)
	}
	const (
		post     = `{"rawPath":"/graphql","requestContext":{"http":{"method":"POST"}},"headers":{"content-type":"application/json"},"body":"{\"query\":\"{ __schema { types { name } } }\"}"}`
		get      = `{"rawPath":"/graphql","rawQueryString":"query=%7B__type(name%3A%22User%22)%7Bname%7D%7D","requestContext":{"http":{"method":"GET"}},"headers":{}}`
		batched  = `{"rawPath":"/graphql","requestContext":{"http":{"method":"POST"}},"headers":{"content-type":"application/json"},"body":"[{\"query\":\"{a}\"},{\"query\":\"{b: __schema{types{name}}}\"}]"}`
		typename = `{"rawPath":"/graphql","requestContext":{"http":{"method":"POST"}},"headers":{"content-type":"application/json"},"body":"{\"query\":\"{ user { __typename name } }\"}"}`
	)
	for _, tt := range []struct {
		name, setting, event string
		blocked              bool
	}{
		{"POST, block", "introspection: block\n", post, true},
		{"GET, block", "introspection: block\n", get, true},
		{"batch, block", "introspection: block\n", batched, true},
		{"__typename, block", "introspection: block\n", typename, false},
		{"POST, allow", "introspection: allow\n", post, false},
		{"GET, silent", "", get, false},
		{"watched by its class", "introspection: block\nmodes:\n  - {rules: [graphql], mode: monitor, reason: tools}\n", post, false},
	} {
		f, err := policy.Parse([]byte("apiVersion: merlon.dev/v1\nkind: Policy\nmode: block\n" + tt.setting))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		r := &records{}
		g := blocking(e, r)
		g.Limits = event.DefaultLimits()
		if err := f.Apply(g.Policy); err != nil {
			t.Fatal(err)
		}
		out := g.Inspect(t.Context(), &proxy.Invocation{ID: "r", Body: []byte(tt.event)})
		if (out.Answer != nil) != tt.blocked {
			t.Errorf("%s: answer %v, want blocked %v", tt.name, out.Answer, tt.blocked)
		}
		if tt.blocked && (len(r.all) != 1 || len(r.all[0].Matches) == 0 || r.all[0].Matches[0].RuleID != 9101221 || r.all[0].Reason != verdict.RuleMatch) {
			t.Errorf("%s: records %+v, want one that names 9101221", tt.name, r.all)
		}
	}
}
