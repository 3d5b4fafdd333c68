package guard_test

import (
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
	"github.com/merlon-security/merlon/profile"
	"github.com/merlon-security/merlon/proxy"
)

const shopProfile = `apiVersion: merlon.dev/v1
kind: Profile
metadata:
  function: shop
  notAfter: "2027-01-01"
  version: 1
mode: enforce
modes:
  chars: alert
  values: "off"
ingress:
  - trigger: function-url
    routes:
      - route: "POST /orders"
        body:
          - {path: id, type: [string], length: 1-8, chars: [lower, digit]}
          - {path: state, type: [string], values: [open]}
  - trigger: sqs
    event:
      - {path: Records, type: [array], size: 1-10}
      - {path: "Records[].eventSource", type: [string]}
      - {path: "Records[].messageId", type: [string]}
      - {path: "Records[].body", type: [object]}
      - {path: "Records[].body.id", type: [string], length: 1-8}
`

// TestDepartures: what departs from the profile is decided about like what rules
// find: refused or reported by the mode of its dimension, excepted, cut out of a
// batch, and reported only once the profile has expired.
func TestDepartures(t *testing.T) {
	t.Parallel()
	d, err := profile.Parse([]byte(shopProfile))
	if err != nil {
		t.Fatal(err)
	}
	c, err := profile.NewChecker(d)
	if err != nil {
		t.Fatal(err)
	}
	order := func(body string) string {
		return `{"version":"2.0","rawPath":"/orders","requestContext":{"domainName":"x.lambda-url.eu-central-1.on.aws","http":{"method":"POST"}},"body":"` +
			strings.ReplaceAll(body, `"`, `\"`) + `"}`
	}
	queue := func(bodies ...string) string {
		var records []string
		for i, b := range bodies {
			records = append(records, `{"messageId":"`+string(rune('a'+i))+`","eventSource":"aws:sqs","body":"`+strings.ReplaceAll(b, `"`, `\"`)+`"}`)
		}
		return `{"Records":[` + strings.Join(records, ",") + `]}`
	}
	before, after := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	const excuse = "exceptions:\n  - {rule: 9200005, path: [body, more], reason: new client}\n"
	for _, tt := range []struct {
		name, event, policy string
		now                 time.Time
		action              verdict.Action
		reason              verdict.Reason
		rule                int
	}{
		{"as usual", order(`{"id":"a1","state":"open"}`), "", before, verdict.ActionAllow, "", 0},
		{"another field", order(`{"id":"a1","more":1}`), "", before, verdict.ActionBlock, verdict.RuleMatch, 9200005},
		{"another field, expired", order(`{"id":"a1","more":1}`), "", after, verdict.ActionMonitor, verdict.Reported, 9200005},
		{"another field, excepted", order(`{"id":"a1","more":1}`), excuse, before, verdict.ActionAllow, "", 0},
		{"another field, class in monitor", order(`{"id":"a1","more":1}`), "modes:\n  - {rules: [behaviour], mode: monitor, reason: new}\n", before, verdict.ActionMonitor, verdict.RuleMatch, 9200005},
		{"characters, in alert", order(`{"id":"A1"}`), "", before, verdict.ActionMonitor, verdict.Reported, 9200008},
		{"values, off", order(`{"id":"a1","state":"shut"}`), "", before, verdict.ActionAllow, "", 0},
		{"foreign trigger", `{"Records":[{"eventSource":"aws:kinesis","kinesis":{"data":"YQ=="}}]}`, "", before, verdict.ActionBlock, "", 9200001},
		{"a record", queue(`{"id":"a"}`, `{"id":"far too long"}`), "", before, verdict.ActionStrip, verdict.RuleMatch, 9200007},
	} {
		r := &records{}
		g := blocking(cleanRecords, r)
		f, err := policy.Parse([]byte("apiVersion: merlon.dev/v1\nkind: Policy\nmode: block\n" + tt.policy))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if err := f.Apply(g.Policy); err != nil {
			t.Fatal(err)
		}
		g.Limits, g.Keeper = event.DefaultLimits(), keepsAll{}
		g.Now = func() time.Time { return tt.now }
		g.SetProfile(c, "7", policy.BehaviourOf(d))
		out := g.Inspect(t.Context(), &proxy.Invocation{ID: "r", Body: []byte(tt.event)})
		if tt.action == verdict.ActionAllow {
			if out.Answer != nil || out.Replace != nil || len(r.all) > 0 {
				t.Errorf("%s: %+v, %d lines, want it to pass", tt.name, out, len(r.all))
			}
			continue
		}
		if len(r.all) != 1 || r.all[0].Action != tt.action || tt.reason != "" && r.all[0].Reason != tt.reason {
			t.Errorf("%s: %+v, want one line with action %v, reason %s", tt.name, r.all, tt.action, tt.reason)
			continue
		}
		if p := r.all[0].Profile; p == nil || p.Version != "7" {
			t.Errorf("%s: profile %v, want version 7", tt.name, p)
		}
		if m := r.all[0].Matches[0]; m.RuleID != tt.rule || m.Engine != "profile" || !strings.Contains(m.Msg, "expected ") {
			t.Errorf("%s: match %+v, want rule %d", tt.name, m, tt.rule)
		}
	}
}
