package policy_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
)

func TestDecideRemovesRecords(t *testing.T) {
	t.Parallel()
	in := func(record, score int) verdict.Finding {
		return verdict.Finding{RuleID: 942100, Score: score, Record: record, Path: verdict.Path{verdict.Key("Records"), verdict.At(max(0, record)), verdict.Key("body")}}
	}
	tests := []struct {
		name    string
		policy  policy.Policy
		e       policy.Evidence
		action  verdict.Action
		records []int
		reason  verdict.Reason
	}{
		{name: "one of three", e: policy.Evidence{Findings: []verdict.Finding{in(1, 5)}, Scores: []int{0, 5, 3}, Removable: 3},
			action: verdict.ActionStrip, records: []int{1}, reason: verdict.RuleMatch},
		{name: "all of them", e: policy.Evidence{Findings: []verdict.Finding{in(0, 5), in(1, 5)}, Scores: []int{5, 5}, Removable: 2},
			action: verdict.ActionBlock, records: []int{0, 1}, reason: verdict.RuleMatch},
		{name: "all of a window", e: policy.Evidence{Findings: []verdict.Finding{in(0, 5)}, Scores: []int{5}, Removable: 1, DeliveredEmpty: true},
			action: verdict.ActionStrip, records: []int{0}, reason: verdict.RuleMatch},
		{name: "removal comes before refusal", e: policy.Evidence{Findings: []verdict.Finding{in(1, 5)}, Scores: []int{0, 5}, Removable: 2, Refusable: true},
			action: verdict.ActionStrip, records: []int{1}, reason: verdict.RuleMatch},
		{name: "B7, beside the records", e: policy.Evidence{Findings: []verdict.Finding{in(1, 5), in(-1, 2)}, Scores: []int{2, 5, 0}, Removable: 3},
			action: verdict.ActionBlock, records: []int{0, 1, 2}, reason: verdict.RuleMatch},
		{name: "low scores of several", e: policy.Evidence{Findings: []verdict.Finding{in(0, 3), in(1, 3)}, Scores: []int{3, 3}, Removable: 2},
			action: verdict.ActionAllow, reason: verdict.Clean},
		{name: "an excused record stays", policy: policy.Policy{Exceptions: []policy.Exception{{FirstRule: 942100, LastRule: 942100,
			Path: []policy.Step{{Segment: verdict.Key("Records")}, {Segment: verdict.At(0)}, {Segment: verdict.Key("body")}}}}},
			e:      policy.Evidence{Findings: []verdict.Finding{in(0, 5), in(1, 5)}, Scores: []int{5, 5}, Removable: 2},
			action: verdict.ActionStrip, records: []int{1}, reason: verdict.RuleMatch},
		{name: "a limit: nobody knows which are good", e: policy.Evidence{Scores: []int{0, 0}, Limits: []string{"time"}, Removable: 2},
			action: verdict.ActionBlock, records: []int{0, 1}, reason: verdict.LimitReached},
		{name: "an attack and a limit", e: policy.Evidence{Findings: []verdict.Finding{in(1, 5)}, Scores: []int{0, 5}, Limits: []string{"time"}, Removable: 2},
			action: verdict.ActionBlock, records: []int{0, 1}, reason: verdict.RuleMatch},
		{name: "an attack and a limit that passes", policy: policy.Policy{PassLimits: true},
			e:      policy.Evidence{Findings: []verdict.Finding{in(1, 5)}, Scores: []int{0, 5}, Limits: []string{"time"}, Removable: 2},
			action: verdict.ActionStrip, records: []int{1}, reason: verdict.RuleMatch},
		{name: "B14, a fault, closed", policy: policy.Policy{FailClosed: true},
			e:      policy.Evidence{Findings: []verdict.Finding{in(1, 5)}, Scores: []int{0, 5}, Fault: errors.New("x"), Retried: true, Removable: 2},
			action: verdict.ActionBlock, reason: verdict.EngineFault},
		{name: "B14, a fault, open, after a finding",
			e:      policy.Evidence{Findings: []verdict.Finding{in(1, 5)}, Scores: []int{0, 5}, Fault: errors.New("x"), Retried: true, Removable: 2},
			action: verdict.ActionStrip, records: []int{1}, reason: verdict.EngineFault},
		{name: "a fault, open", e: policy.Evidence{Scores: []int{0, 0}, Fault: errors.New("x"), Retried: true, Removable: 2},
			action: verdict.ActionAllow, reason: verdict.EngineFault},
	}
	for _, tt := range tests {
		for _, mode := range []verdict.Mode{verdict.Block, verdict.Monitor} {
			tt.policy.Threshold, tt.policy.Mode = 5, mode
			v := tt.policy.Decide(tt.e)
			action := tt.action
			if mode == verdict.Monitor && action.Blocked() {
				action = verdict.ActionMonitor
			}
			if v.Action != action || v.WouldAction != tt.action || v.Reason != tt.reason || !slices.Equal(v.Records, tt.records) {
				t.Errorf("Decide(%s, %s) = %s (would %s), records %v, %s, want %s (%s), %v, %s", tt.name, mode, v.Action, v.WouldAction, v.Records, v.Reason,
					action, tt.action, tt.records, tt.reason)
			}
		}
	}
}

func TestDecideNamesTheRemedy(t *testing.T) {
	t.Parallel()
	p := policy.Policy{Mode: verdict.Block, Threshold: 5}
	v := p.Decide(policy.Evidence{Scores: []int{5, 0}, Retried: true, Remedy: "keep the records somewhere"})
	if v.Action != verdict.ActionMonitor || v.Reason != verdict.NotEnforced || !strings.HasSuffix(v.Message, ": keep the records somewhere") {
		t.Errorf("Decide = %s, %s, %q", v.Action, v.Reason, v.Message)
	}
}
