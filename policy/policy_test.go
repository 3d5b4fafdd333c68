package policy_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
)

func finding(rule, score int, path ...verdict.Segment) verdict.Finding {
	return verdict.Finding{RuleID: rule, Score: score, Record: -1, Path: path, Place: verdict.PlaceBody}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	fault := errors.New("engine fell over")
	attack := []verdict.Finding{finding(942100, 5)}
	weak := []verdict.Finding{finding(920000, 3)}
	tests := []struct {
		name   string
		policy policy.Policy
		e      policy.Evidence
		action verdict.Action
		would  verdict.Action
		reason verdict.Reason
		open   bool
	}{
		{name: "monitor, clean", action: verdict.ActionAllow, would: verdict.ActionAllow, reason: verdict.Clean},
		{name: "monitor, attack", e: policy.Evidence{Findings: attack, Scores: []int{5}, Refusable: true},
			action: verdict.ActionMonitor, would: verdict.ActionBlock, reason: verdict.RuleMatch},
		{name: "block, attack", policy: policy.Policy{Mode: verdict.Block}, e: policy.Evidence{Findings: attack, Scores: []int{5}, Refusable: true},
			action: verdict.ActionBlock, would: verdict.ActionBlock, reason: verdict.RuleMatch},
		{name: "block, below the threshold", policy: policy.Policy{Mode: verdict.Block}, e: policy.Evidence{Findings: weak, Scores: []int{3}, Refusable: true},
			action: verdict.ActionAllow, would: verdict.ActionAllow, reason: verdict.Clean},
		{name: "block, one record of three", policy: policy.Policy{Mode: verdict.Block}, e: policy.Evidence{Scores: []int{0, 5, 3}, Refusable: true},
			action: verdict.ActionBlock, would: verdict.ActionBlock, reason: verdict.RuleMatch},
		{name: "block, low scores of several records do not add up", policy: policy.Policy{Mode: verdict.Block},
			e: policy.Evidence{Findings: weak, Scores: []int{3, 3, 3}, Refusable: true}, action: verdict.ActionAllow, would: verdict.ActionAllow, reason: verdict.Clean},
		{name: "block, not refusable", policy: policy.Policy{Mode: verdict.Block}, e: policy.Evidence{Findings: attack, Scores: []int{5}},
			action: verdict.ActionMonitor, would: verdict.ActionBlock, reason: verdict.NotEnforced},
		{name: "block, trigger not listed", policy: policy.Policy{Mode: verdict.Block, BlockTriggers: map[event.Source]bool{event.ALB: true}},
			e:      policy.Evidence{Source: event.SQS, Findings: attack, Scores: []int{5}, Refusable: true},
			action: verdict.ActionMonitor, would: verdict.ActionBlock, reason: verdict.RuleMatch},
		{name: "block, trigger listed", policy: policy.Policy{Mode: verdict.Block, BlockTriggers: map[event.Source]bool{event.ALB: true}},
			e:      policy.Evidence{Source: event.ALB, Findings: attack, Scores: []int{5}, Refusable: true},
			action: verdict.ActionBlock, would: verdict.ActionBlock, reason: verdict.RuleMatch},
		{name: "off", policy: policy.Policy{Mode: verdict.Off}, e: policy.Evidence{Findings: attack, Scores: []int{5}, Refusable: true},
			action: verdict.ActionAllow, would: verdict.ActionAllow, reason: verdict.NotInspected},
		{name: "block, limit", policy: policy.Policy{Mode: verdict.Block}, e: policy.Evidence{Limits: []string{"time"}, Refusable: true},
			action: verdict.ActionBlock, would: verdict.ActionBlock, reason: verdict.LimitReached},
		{name: "block, limit that passes", policy: policy.Policy{Mode: verdict.Block, PassLimits: true}, e: policy.Evidence{Limits: []string{"time"}, Refusable: true},
			action: verdict.ActionAllow, would: verdict.ActionAllow, reason: verdict.LimitReached},
		{name: "block, attack within a limit that passes", policy: policy.Policy{Mode: verdict.Block, PassLimits: true},
			e:      policy.Evidence{Findings: attack, Scores: []int{5}, Limits: []string{"time"}, Refusable: true},
			action: verdict.ActionBlock, would: verdict.ActionBlock, reason: verdict.RuleMatch},
		{name: "block, fault, open", policy: policy.Policy{Mode: verdict.Block}, e: policy.Evidence{Fault: fault, Refusable: true},
			action: verdict.ActionAllow, would: verdict.ActionAllow, reason: verdict.EngineFault, open: true},
		{name: "block, fault, closed", policy: policy.Policy{Mode: verdict.Block, FailClosed: true}, e: policy.Evidence{Fault: fault, Refusable: true},
			action: verdict.ActionBlock, would: verdict.ActionBlock, reason: verdict.EngineFault},
		{name: "block, fault, closed, batch that is retried", policy: policy.Policy{Mode: verdict.Block, FailClosed: true}, e: policy.Evidence{Fault: fault, Retried: true},
			action: verdict.ActionBlock, would: verdict.ActionBlock, reason: verdict.EngineFault},
		{name: "block, fault, closed, never refused", policy: policy.Policy{Mode: verdict.Block, FailClosed: true}, e: policy.Evidence{Fault: fault},
			action: verdict.ActionMonitor, would: verdict.ActionBlock, reason: verdict.EngineFault},
		{name: "block, attack in a batch is no fault", policy: policy.Policy{Mode: verdict.Block, FailClosed: true}, e: policy.Evidence{Findings: attack, Scores: []int{5}, Retried: true},
			action: verdict.ActionMonitor, would: verdict.ActionBlock, reason: verdict.NotEnforced},
		{name: "block, fault behind an attack, open", policy: policy.Policy{Mode: verdict.Block},
			e:      policy.Evidence{Findings: attack, Scores: []int{5}, Fault: fault, Refusable: true},
			action: verdict.ActionBlock, would: verdict.ActionBlock, reason: verdict.EngineFault},
		{name: "block, fault beside a limit, open", policy: policy.Policy{Mode: verdict.Block},
			e:      policy.Evidence{Limits: []string{"leaves"}, Fault: fault, Refusable: true},
			action: verdict.ActionBlock, would: verdict.ActionBlock, reason: verdict.EngineFault},
		{name: "monitor, fault, closed", policy: policy.Policy{FailClosed: true}, e: policy.Evidence{Fault: fault, Refusable: true},
			action: verdict.ActionMonitor, would: verdict.ActionBlock, reason: verdict.EngineFault},
	}
	for _, tt := range tests {
		tt.policy.Threshold = 5
		v := tt.policy.Decide(tt.e)
		if v.Action != tt.action || v.WouldAction != tt.would || v.Reason != tt.reason || v.FailOpen != tt.open {
			t.Errorf("Decide(%s) = %s (would %s), %s, open %t, want %s (%s), %s, %t", tt.name, v.Action, v.WouldAction, v.Reason, v.FailOpen,
				tt.action, tt.would, tt.reason, tt.open)
		}
		if v.Message == "" {
			t.Errorf("Decide(%s) says nothing", tt.name)
		}
	}
}

// Whatever the evidence, Decide establishes what it promises.
func TestDecidePostconditions(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	coin := func() bool { return rnd.IntN(2) == 0 }
	for range 20_000 {
		p := policy.Policy{Mode: verdict.Mode(rnd.IntN(3)), Threshold: 1 + rnd.IntN(12), FailClosed: coin(), PassLimits: coin()}
		if coin() {
			p.BlockTriggers = map[event.Source]bool{event.SQS: coin()}
		}
		for range rnd.IntN(3) {
			p.Exceptions = append(p.Exceptions, policy.Exception{FirstRule: 1, LastRule: rnd.IntN(4)})
		}
		for range rnd.IntN(3) {
			m := policy.ModeRule{Mode: verdict.Mode(rnd.IntN(2))}
			if coin() {
				m.Sources = map[event.Source]bool{event.SQS: coin()}
			}
			if coin() {
				m.Rules = []policy.RuleSet{{First: 1, Last: rnd.IntN(4)}}
			}
			p.Modes = append(p.Modes, m)
		}
		e := policy.Evidence{Source: event.SQS, Refusable: coin(), Retried: coin(), DeliveredEmpty: coin()}
		for range rnd.IntN(4) {
			e.Scores = append(e.Scores, 0)
		}
		if coin() {
			e.Removable = len(e.Scores)
		}
		for range rnd.IntN(5) {
			f := verdict.Finding{RuleID: 1 + rnd.IntN(4), Score: 2 + rnd.IntN(4), Record: rnd.IntN(5) - 1}
			if r := max(0, f.Record); r < len(e.Scores) {
				e.Scores[r] += f.Score
			}
			e.Findings = append(e.Findings, f)
		}
		if coin() {
			e.Limits = []string{"time"}
		}
		if rnd.IntN(3) == 0 {
			e.Fault = errors.New("fault")
		}
		before := fmt.Sprint(e)
		v := p.Decide(e)
		name := fmt.Sprintf("%+v, %+v", p, e)
		highest := 0
		for _, s := range e.Scores {
			highest = max(highest, s)
		}
		switch {
		case v.Action == verdict.Undecided || v.WouldAction == verdict.Undecided:
			t.Fatalf("undecided: %s", name)
		case (v.Reason == verdict.EngineFault) != (e.Fault != nil):
			t.Fatalf("reason %s: %s", v.Reason, name)
		case v.Action.Blocked() && (v.Mode != verdict.Block || p.Mode != verdict.Block):
			t.Fatalf("blocked in mode %s: %s", v.Mode, name)
		case v.ModeSetBy == "":
			t.Fatalf("nothing set mode %s: %s", v.Mode, name)
		case v.Action == verdict.ActionBlock && len(v.Records) == 0 && !e.Refusable && !(e.Retried && e.Fault != nil):
			t.Fatalf("blocked: %s", name)
		case v.Action == verdict.ActionBlock && len(v.Records) > 0 && (len(v.Records) != e.Removable || e.DeliveredEmpty):
			t.Fatalf("blocked with records %v left out: %s", v.Records, name)
		case v.Action == verdict.ActionStrip && (len(v.Records) == 0 || len(v.Records) == e.Removable && !e.DeliveredEmpty):
			t.Fatalf("stripped of %v: %s", v.Records, name)
		case e.Fault != nil && p.FailClosed && len(v.Records) > 0:
			t.Fatalf("records removed for a fault: %s", name)
		case v.Action.Blocked() && v.Action != v.WouldAction:
			t.Fatalf("blocked without wanting to: %s", name)
		case v.Mode == verdict.Block && (e.Refusable || e.Removable > 0 && e.Fault == nil) && v.Score >= p.Threshold && !v.Action.Blocked():
			t.Fatalf("finding over the threshold delivered: %s", name)
		case v.FailOpen && (e.Fault == nil || v.Action.Blocked()):
			t.Fatalf("open: %s", name)
		case v.Score > highest || v.Score < 0 || len(p.Exceptions) == 0 && v.Score != highest:
			t.Fatalf("score %d of %v: %s", v.Score, e.Scores, name)
		case fmt.Sprint(e) != before:
			t.Fatalf("evidence was changed: %s", name)
		}
		for i, r := range v.Records {
			if r < 0 || r >= e.Removable || i > 0 && v.Records[i-1] >= r {
				t.Fatalf("records %v: %s", v.Records, name)
			}
		}
		for i := range v.Findings[min(1, len(v.Findings)):] {
			if v.Findings[i].Score < v.Findings[i+1].Score {
				t.Fatalf("findings are not heaviest first: %s", name)
			}
		}
	}
}

func TestExceptions(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	key, at := verdict.Key, verdict.At
	step := func(s verdict.Segment) policy.Step { return policy.Step{Segment: s} }
	all := policy.Step{Any: true}
	comment := finding(942100, 5, key("body"), key("orders"), at(3), key("comment"))
	tests := []struct {
		name    string
		x       policy.Exception
		f       verdict.Finding
		route   string
		excused bool
	}{
		{"same path", policy.Exception{Path: []policy.Step{step(key("body")), step(key("orders")), step(at(3)), step(key("comment"))}}, comment, "", true},
		{"any index", policy.Exception{Path: []policy.Step{step(key("body")), step(key("orders")), all, step(key("comment"))}}, comment, "", true},
		{"another index", policy.Exception{Path: []policy.Step{step(key("body")), step(key("orders")), step(at(2)), step(key("comment"))}}, comment, "", false},
		{"a prefix", policy.Exception{Path: []policy.Step{step(key("body")), step(key("orders"))}}, comment, "", false},
		{"any is one segment", policy.Exception{Path: []policy.Step{step(key("body")), all, step(key("comment"))}}, comment, "", false},
		{"a key with dots is one segment", policy.Exception{Path: []policy.Step{step(key("body")), step(key("orders.comment"))}}, finding(942100, 5, key("body"), key("orders"), key("comment")), "", false},
		{"a key that reads like any", policy.Exception{Path: []policy.Step{step(key("*"))}}, finding(942100, 5, key("x")), "", false},
		{"an index is no key", policy.Exception{Path: []policy.Step{step(at(0))}}, finding(942100, 5, key("0")), "", false},
		{"keys have case", policy.Exception{Path: []policy.Step{step(key("Body"))}}, finding(942100, 5, key("body")), "", false},
		{"header names have none", policy.Exception{Path: []policy.Step{step(key("headers")), step(key("X-Note"))}}, finding(942100, 5, key("headers"), key("x-note")), "", true},
		{"no path", policy.Exception{}, comment, "", true},
		{"another rule", policy.Exception{FirstRule: 942101, LastRule: 942199}, comment, "", false},
		{"range", policy.Exception{FirstRule: 942000, LastRule: 942999}, comment, "", true},
		{"place", policy.Exception{Place: verdict.PlaceBody}, comment, "", true},
		{"another place", policy.Exception{Place: verdict.PlaceHeader}, comment, "", false},
		{"route", policy.Exception{Route: "POST /orders"}, comment, "POST /orders", true},
		{"another route", policy.Exception{Route: "POST /orders"}, comment, "POST /orders/{id}", false},
		{"not yet expired", policy.Exception{Expires: now.Add(time.Second)}, comment, "", true},
		{"expired", policy.Exception{Expires: now}, comment, "", false},
		{"ambiguous, by path", policy.Exception{Path: []policy.Step{all, all, all, all}}, ambiguous(comment), "", false},
		{"ambiguous, without path", policy.Exception{}, ambiguous(comment), "", true},
	}
	for _, tt := range tests {
		if tt.x.FirstRule == 0 {
			tt.x.FirstRule, tt.x.LastRule = 942100, 942100
		}
		p := policy.Policy{Mode: verdict.Block, Threshold: 5, Exceptions: []policy.Exception{tt.x}}
		v := p.Decide(policy.Evidence{Findings: []verdict.Finding{tt.f}, Scores: []int{5}, Refusable: true, Route: tt.route, Now: now})
		if got := v.Reason == verdict.Excepted && v.Action == verdict.ActionAllow; got != tt.excused {
			t.Errorf("Decide(%s) = %s, %s, want excused %t", tt.name, v.Action, v.Reason, tt.excused)
		}
	}
}

func ambiguous(f verdict.Finding) verdict.Finding {
	f.Ambiguous = true
	return f
}

// An exception takes the weight of what it excuses, and of nothing else, even
// where a chain reported more starters than it scored.
func TestExceptionsLeaveTheRest(t *testing.T) {
	t.Parallel()
	p := policy.Policy{Mode: verdict.Block, Threshold: 5, Exceptions: []policy.Exception{{FirstRule: 1, LastRule: 1,
		Path: []policy.Step{{Segment: verdict.Key("a")}}}}}
	two := []verdict.Finding{finding(1, 5, verdict.Key("a")), finding(1, 5, verdict.Key("b"))}
	for name, scores := range map[string][]int{"both scored": {10}, "a chain that scored once": {5}} {
		v := p.Decide(policy.Evidence{Findings: two, Scores: scores, Refusable: true})
		if v.Action != verdict.ActionBlock || v.Score != 5 || len(v.Findings) != 1 {
			t.Errorf("Decide(%s) = %s, score %d, %d findings, want block for what is left", name, v.Action, v.Score, len(v.Findings))
		}
	}
}
