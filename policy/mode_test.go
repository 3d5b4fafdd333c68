package policy_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
)

func modesOf(t *testing.T, text string) *policy.Policy {
	t.Helper()
	f, err := policy.Parse([]byte(head + "mode: block\nmodes:\n" + text))
	if err != nil {
		t.Fatal(err)
	}
	p := policy.Default()
	if err := f.Apply(p); err != nil {
		t.Fatal(err)
	}
	return p
}

// tagged is a finding of a rule of a class.
func tagged(rule int, class string, score, record int) verdict.Finding {
	return verdict.Finding{RuleID: rule, Score: score, Record: record, Tags: []string{"OWASP_CRS", "attack-" + class}}
}

func TestB23ModeByTriggerRouteAndRules(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	const modes = `
  - {triggers: [kinesis, dynamodb], mode: monitor, reason: not on the first day}
  - {triggers: [sqs], rules: [sqli], mode: monitor, reason: the queue carries reports}
  - {route: POST /notes, rules: [xss, 932000-932999], mode: monitor, reason: free text}
  - {route: POST /notes, rules: [rfi], mode: monitor, reason: was for a trial, expires: 2026-11-24}
  - {triggers: [http], rules: [920420, 920000-920001], mode: monitor, reason: odd clients}
  - {triggers: [http], mode: block}
  - {triggers: [cloudformation], mode: block}
  - {mode: monitor, reason: everything else later}
`
	sqli, xss, rce, rfi := tagged(942100, "sqli", 5, -1), tagged(941100, "xss", 5, -1), tagged(932100, "rce", 5, -1), tagged(931100, "rfi", 5, -1)
	odd := tagged(920420, "protocol", 5, -1)
	tests := []struct {
		name    string
		source  event.Source
		route   string
		found   []verdict.Finding
		limit   bool
		blocked bool
		setBy   string
		reason  verdict.Reason
	}{
		{name: "a trigger", source: event.Kinesis, found: []verdict.Finding{sqli}, setBy: "modes[0]"},
		{name: "another of the entry", source: event.DynamoDB, found: []verdict.Finding{xss}, setBy: "modes[0]"},
		{name: "a class of a trigger", source: event.SQS, found: []verdict.Finding{sqli}, setBy: "modes[1]"},
		{name: "another class of it", source: event.SQS, found: []verdict.Finding{xss}, setBy: "modes[7]"},
		{name: "the class elsewhere", source: event.ALB, found: []verdict.Finding{sqli}, blocked: true, setBy: "modes[5]"},
		{name: "a route and class", source: event.HTTPAPI, route: "POST /notes", found: []verdict.Finding{xss}, setBy: "modes[2]"},
		{name: "a route and range", source: event.HTTPAPI, route: "POST /notes", found: []verdict.Finding{rce}, setBy: "modes[2]"},
		{name: "another class there", source: event.HTTPAPI, route: "POST /notes", found: []verdict.Finding{sqli}, blocked: true, setBy: "modes[5]"},
		{name: "both classes there", source: event.HTTPAPI, route: "POST /notes", found: []verdict.Finding{xss, sqli}, blocked: true, setBy: "modes[5]"},
		{name: "another route", source: event.HTTPAPI, route: "POST /note", found: []verdict.Finding{xss}, blocked: true, setBy: "modes[5]"},
		{name: "an entry that has ended", source: event.HTTPAPI, route: "POST /notes", found: []verdict.Finding{rfi}, blocked: true, setBy: "modes[5]"},
		{name: "a single rule", source: event.RESTAPI, found: []verdict.Finding{odd}, setBy: "modes[4]"},
		{name: "a limit beside a rule that is watched", source: event.RESTAPI, found: []verdict.Finding{odd}, limit: true, blocked: true, setBy: "modes[5]", reason: verdict.LimitReached},
		{name: "a limit of a trigger that is watched", source: event.Kinesis, limit: true, setBy: "modes[0]", reason: verdict.LimitReached},
		{name: "a limit of one that is not", source: event.FunctionURL, limit: true, blocked: true, setBy: "modes[5]", reason: verdict.LimitReached},
		{name: "the last entry", source: event.Direct, found: []verdict.Finding{sqli}, setBy: "modes[7]"},
		{name: "nothing found", source: event.Direct, setBy: "modes[7]", reason: verdict.Clean},
	}
	for _, tt := range tests {
		p := modesOf(t, modes)
		e := policy.Evidence{Source: tt.source, Path: tt.route, Findings: tt.found, Scores: []int{5 * len(tt.found)}, Refusable: true, Now: now}
		if tt.limit {
			e.Limits = []string{"bytes"}
		}
		if tt.reason == "" {
			tt.reason = verdict.RuleMatch
		}
		v := p.Decide(e)
		if v.Action.Blocked() != tt.blocked || v.ModeSetBy != tt.setBy || v.Reason != tt.reason {
			t.Errorf("Decide(%s) = %s by %s, %s, want blocked %t by %s, %s", tt.name, v.Action, v.ModeSetBy, v.Reason, tt.blocked, tt.setBy, tt.reason)
		}
		if watched := v.WouldAction.Blocked() && !tt.blocked; watched && !strings.Contains(v.Message, "; in monitor by "+tt.setBy+" of the policy: ") {
			t.Errorf("Decide(%s): message %q does not say why", tt.name, v.Message)
		}
		p.Mode = verdict.Monitor
		if v := p.Decide(e); v.Action.Blocked() || v.ModeSetBy != "mode" {
			t.Errorf("Decide(%s, monitor) = %s by %s", tt.name, v.Action, v.ModeSetBy)
		}
	}
	p := modesOf(t, modes)
	if p.Named(event.CodePipeline) || !p.Named(event.CloudFormation) || p.Named(event.Kinesis) {
		t.Error("Named: want what an entry names to block")
	}
}

// What BlockTriggers leaves out no entry brings in.
func TestB23BlockTriggersComeFirst(t *testing.T) {
	t.Parallel()
	p := modesOf(t, "  - {triggers: [sqs, alb], mode: block}\n")
	p.BlockTriggers = map[event.Source]bool{event.ALB: true}
	for source, want := range map[event.Source]string{event.SQS: "monitor by blockTriggers", event.ALB: "block by modes[0]", event.SNS: "monitor by blockTriggers"} {
		v := p.Decide(policy.Evidence{Source: source, Findings: []verdict.Finding{tagged(942100, "sqli", 5, -1)}, Scores: []int{5}, Refusable: true})
		if got := v.Action.String() + " by " + v.ModeSetBy; got != want {
			t.Errorf("Decide(%s) = %s, want %s", source, got, want)
		}
	}
}

// Findings of watched rules neither take their own record out nor help others
// over the threshold.
func TestB23OnlyRecordsOfEnforcedRulesGo(t *testing.T) {
	t.Parallel()
	p := modesOf(t, "  - {rules: [sqli], mode: monitor, reason: reports}\n")
	fault := errors.New("x")
	for _, tt := range []struct {
		name    string
		found   []verdict.Finding
		scores  []int
		limits  []string
		fault   error
		closed  bool
		action  verdict.Action
		records []int
	}{
		{name: "both kinds", found: []verdict.Finding{tagged(942100, "sqli", 5, 0), tagged(941100, "xss", 5, 1)}, scores: []int{5, 5, 0}, action: verdict.ActionStrip, records: []int{1}},
		{name: "watched alone", found: []verdict.Finding{tagged(942100, "sqli", 5, 0)}, scores: []int{5, 0, 0}, action: verdict.ActionMonitor, records: []int{0}},
		{name: "watched beside the records", found: []verdict.Finding{tagged(942100, "sqli", 5, -1), tagged(941100, "xss", 5, 1)}, scores: []int{5, 5, 0}, action: verdict.ActionStrip, records: []int{1}},
		{name: "3 and 3 are not 6", found: []verdict.Finding{tagged(942100, "sqli", 3, 0), tagged(941100, "xss", 3, 0)}, scores: []int{6, 0, 0}, action: verdict.ActionMonitor, records: []int{0}},
		{name: "3 and 5", found: []verdict.Finding{tagged(942100, "sqli", 3, 0), tagged(941100, "xss", 5, 0)}, scores: []int{8, 0, 0}, action: verdict.ActionStrip, records: []int{0}},
		{name: "with a limit", found: []verdict.Finding{tagged(942100, "sqli", 5, 0)}, scores: []int{5, 0, 0}, limits: []string{"time"}, action: verdict.ActionBlock, records: []int{0, 1, 2}},
		{name: "with a fault, open", found: []verdict.Finding{tagged(942100, "sqli", 5, 0)}, scores: []int{5, 0, 0}, fault: fault, action: verdict.ActionMonitor, records: []int{0}},
		{name: "with a fault, closed", found: []verdict.Finding{tagged(942100, "sqli", 5, 0)}, scores: []int{5, 0, 0}, fault: fault, closed: true, action: verdict.ActionBlock},
	} {
		p.FailClosed = tt.closed
		v := p.Decide(policy.Evidence{Source: event.SQS, Findings: tt.found, Scores: tt.scores, Limits: tt.limits, Fault: tt.fault, Removable: 3, Retried: true})
		if v.Action != tt.action || !slices.Equal(v.Records, tt.records) {
			t.Errorf("Decide(%s) = %s, records %v, want %s, %v", tt.name, v.Action, v.Records, tt.action, tt.records)
		}
	}
	// The mirror image: all is watched but one class.
	p = modesOf(t, "  - {rules: [sqli], mode: block}\n  - {mode: monitor, reason: later}\n")
	v := p.Decide(policy.Evidence{Source: event.SQS, Findings: []verdict.Finding{tagged(942100, "sqli", 5, 0), tagged(941100, "xss", 5, 1)}, Scores: []int{5, 5, 0},
		Limits: []string{"time"}, Removable: 3})
	if v.Action != verdict.ActionStrip || !slices.Equal(v.Records, []int{0}) || v.ModeSetBy != "modes[0]" {
		t.Errorf("Decide = %s, records %v by %s, want record 0 to go", v.Action, v.Records, v.ModeSetBy)
	}
	// A score that no finding explains has the mode of the event.
	for _, found := range [][]verdict.Finding{nil, {tagged(941100, "xss", 0, 0)}} {
		v = p.Decide(policy.Evidence{Source: event.ALB, Findings: found, Scores: []int{5}, Refusable: true})
		if v.Action != verdict.ActionMonitor || v.ModeSetBy != "modes[1]" {
			t.Errorf("Decide(%d findings) = %s by %s, want monitor by modes[1]", len(found), v.Action, v.ModeSetBy)
		}
	}
}

func TestB23ParseRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{mode: monitor}":                                         "modes[0]: [@] reason: missing",
		"{mode: off, reason: x}":                                  `modes[0]: [@] mode: "off": want monitor or block`,
		"{reason: x}":                                             `modes[0]: [@] mode: ""`,
		"{mode: block, triggers: [ftp]}":                          `modes[0]: [@] triggers: "ftp" is no trigger`,
		"{mode: block, triggers: []}":                             "modes[0]: [@] an empty list",
		"{mode: block, rules: []}":                                "modes[0]: [@] an empty list",
		"{mode: block, rules: [sql]}":                             `modes[0]: [@] rules: "sql": want an id`,
		"{mode: block, rules: [942199-942100]}":                   `modes[0]: [@] rules: "942199-942100"`,
		"{mode: monitor, reason: x, expires: soon}":               "modes[0]: [@] expires",
		"{mode: block}\n  - {mode: block, trigger: [sqs]}":        `[6:19] unknown field "trigger"`,
		"{mode: block}\n  - {mode: monitor, triggers: [http, x]}": "modes[1]: [@] reason: missing",
	} {
		before, after, entry := strings.Cut(want, "[@]")
		f, err := policy.Parse([]byte(head + "mode: block\nmodes:\n  - " + text + "\n"))
		if err == nil || f != nil || !strings.Contains(err.Error(), before) || !strings.Contains(err.Error(), after) {
			t.Errorf("Parse(%s) = %v, want %q", text, err, want)
		}
		if at := regexp.MustCompile(regexp.QuoteMeta(before) + `\[[56]:\d+\]`); entry && !at.MatchString(fmt.Sprint(err)) {
			t.Errorf("Parse(%s) = %v: not said where", text, err)
		}
	}
}

// A file that Parse refuses keeps what it says of modes, if that can be read by
// itself, and never refuses more than it would have.
func TestB23BrokenFileWidensNothing(t *testing.T) {
	t.Parallel()
	const modes = "modes:\n- triggers: [sqs]\n  mode: monitor\n  reason: later\n"
	for name, tt := range map[string]struct {
		text    string
		mode    verdict.Mode
		modes   int
		sources int
		closed  bool
	}{
		"a broken exception":          {head + "mode: block # since May\n" + modes + "exceptions:\n- {rule: x}\n", verdict.Block, 1, 0, false},
		"an unknown key":              {head + "modus: x\nblockTriggers: [http]\nonFault: closed\nmode: block\n", verdict.Block, 0, 4, true},
		"no YAML behind":              {"mode: block\n" + modes + "x: [\n", verdict.Block, 1, 0, false},
		"broken modes":                {head + "mode: block\nonFault: closed\nmodes:\n- {trigger: sqs}\n", verdict.Monitor, 0, 0, true},
		"broken triggers":             {head + "mode: block\nblockTriggers: [ftp]\n", verdict.Monitor, 0, 0, false},
		"two modes":                   {head + "mode: block\nmode: block\n" + modes, verdict.Monitor, 0, 0, false},
		"only the mode, another word": {head + "mode: blocked\n", verdict.Monitor, 0, 0, false},
		"nothing but an exception":    {head + "mode: block\nexceptions: [\n", verdict.Block, 0, 0, false},
	} {
		if _, err := policy.Parse([]byte(tt.text)); err == nil {
			t.Errorf("%s: Parse takes it", name)
		}
		p := policy.Default()
		if err := policy.Salvage([]byte(tt.text)).Apply(p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if p.Mode != tt.mode || len(p.Modes) != tt.modes || len(p.BlockTriggers) != tt.sources || p.FailClosed != tt.closed {
			t.Errorf("%s: mode %s, %d modes, %d sources, closed %t, want %s, %d, %d, %t", name, p.Mode, len(p.Modes), len(p.BlockTriggers), p.FailClosed,
				tt.mode, tt.modes, tt.sources, tt.closed)
		}
	}
}
