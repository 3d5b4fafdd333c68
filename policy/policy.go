// Package policy decides: evidence in, verdict out. It is pure. It opens no
// file, reads no clock but the one it is given, and knows no rule engine; a
// fault of ours is evidence like any other, so a decision is always reached.
package policy

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy/seclang"
)

// Policy is everything a decision depends on besides the evidence. The zero
// Policy monitors with a threshold of 0, which nobody wants; use Default.
type Policy struct {
	Version    string
	Mode       verdict.Mode
	Threshold  int
	FailClosed bool // our own fault: refuse, instead of letting pass
	PassLimits bool // a limit reached: let pass, instead of refusing
	// Introspection counts questions about a GraphQL schema as findings.
	Introspection bool
	// BlockTriggers, when not empty, are the only sources that are refused in
	// block mode; the others stay in monitor.
	BlockTriggers map[event.Source]bool
	Modes         []ModeRule // the first that applies decides
	Exceptions    []Exception
	// Rules and SecRules are the user's own: conditions, which Own evaluates, and
	// rule text, which is for the engine.
	Rules    []Rule
	SecRules []seclang.Rule
}

// Default is the policy of an unconfigured function.
func Default() *Policy { return &Policy{Version: "default", Threshold: 5} }

// Evidence is all that is known about one event when the decision is taken.
type Evidence struct {
	Source   event.Source
	Route    string // the route key or template, as the front end matched it
	Path     string // method and canonical path, as "GET /orders"
	Findings []verdict.Finding
	Scores   []int    // anomaly score of each record, or one for the whole event
	Limits   []string // limits that kept part of the event from being inspected
	Skipped  int
	Fault    error // our own fault
	// Refusable is false where a refusal cannot be made without losing data or
	// stalling the source; such an event is reported and delivered.
	Refusable bool
	// Removable is how many records the event has, if each can be removed without
	// the others and without losing it; else 0. Removal comes before refusal.
	Removable int
	// DeliveredEmpty is set where an event is delivered even without its records.
	DeliveredEmpty bool
	// Remedy tells people what would let the event be refused; empty for nothing.
	Remedy string
	// Retried is true where the source delivers an event again that failed. For
	// our own fault that is a refusal without loss, even of a batch.
	Retried bool
	Now     time.Time
}

// Decide establishes: v.Action != Undecided; v.Reason == EngineFault iff the
// evidence holds a fault; v.Action == ActionBlock only if v.Mode == Block and the
// event can be refused, loses all its records or, for a fault, will be retried;
// v.Action == ActionStrip only if v.Mode == Block and v.Records names what goes,
// and something is left to deliver; in mode off nothing is decided but the fault.
// A fault never excuses what was found in spite of it, and never removes a
// record in which nothing was found.
func (p *Policy) Decide(e Evidence) verdict.Verdict {
	v := verdict.Verdict{
		Threshold: p.Threshold, Limits: e.Limits, Skipped: e.Skipped, Fault: e.Fault,
		Action: verdict.ActionAllow, WouldAction: verdict.ActionAllow, Reason: verdict.Clean,
	}
	matched, excepted, bad := p.weigh(&v, e)
	switch {
	case e.Fault != nil:
		p.fault(&v, e)
	case v.Mode == verdict.Off:
		v.Reason, v.Message = verdict.NotInspected, "mode is off"
	case matched:
		v.Reason, v.WouldAction = verdict.RuleMatch, verdict.ActionBlock
		v.Message = fmt.Sprintf("anomaly score %d reached the threshold %d: %s", v.Score, p.Threshold, heaviest(v.Findings))
		v.Severity = verdict.SeverityHigh
		if v.Score >= 2*p.Threshold {
			v.Severity = verdict.SeverityCritical
		}
	case len(e.Limits) > 0:
		v.Reason = verdict.LimitReached
		v.Message = fmt.Sprintf("not all of the event could be inspected: %v", e.Limits)
		v.Severity = verdict.SeverityMedium
		if !p.PassLimits {
			v.WouldAction = verdict.ActionBlock
		}
	case slices.ContainsFunc(v.Findings, reported):
		v.Reason, v.Action = verdict.Reported, verdict.ActionMonitor
		f := v.Findings[slices.IndexFunc(v.Findings, reported)]
		v.Message = fmt.Sprintf("rule %d reports: %s", f.RuleID, f.Message)
		v.Severity = verdict.SeverityLow
	case len(v.Findings) > 0:
		v.Message = fmt.Sprintf("anomaly score %d stays below the threshold %d", v.Score, p.Threshold)
		v.Severity = verdict.SeverityLow
	case excepted:
		v.Reason, v.Message = verdict.Excepted, "every finding is covered by an exception"
	default:
		v.Message = "no finding"
	}
	p.remove(&v, e, bad)
	p.act(&v, e)
	return v
}

// remove turns the refusal of an event into that of its bad records, where they
// can be taken out. Where not all of the event was inspected and that is no
// reason to let it pass, there is no saying which records are good, and where
// something was found beside the records, their envelope is not to be trusted:
// all of them go.
func (p *Policy) remove(v *verdict.Verdict, e Evidence, bad []int) {
	switch {
	case v.WouldAction != verdict.ActionBlock || e.Removable == 0:
		return
	case e.Fault != nil && p.FailClosed:
		return // the source delivers all of it again
	case len(bad) == 0 || p.unseen(v, e):
		bad = upTo(e.Removable)
	}
	v.Records = bad
	if len(bad) < e.Removable || e.DeliveredEmpty {
		v.WouldAction = verdict.ActionStrip
	}
	v.Message += fmt.Sprintf("; %d of %d records", len(bad), e.Removable)
}

// unseen reports whether a limit takes all records along. It does not where it
// would be let pass, and only rules that have a mode of their own refuse.
func (p *Policy) unseen(v *verdict.Verdict, e Evidence) bool {
	m, _ := p.mode(nil, e)
	return len(e.Limits) > 0 && !p.PassLimits && (m == verdict.Block || v.Mode != verdict.Block)
}

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// fault decides about an inspection that failed. It may have found enough, or
// met a limit, before it did: neither may be excused by whatever made us fail.
func (p *Policy) fault(v *verdict.Verdict, e Evidence) {
	v.Reason, v.Message = verdict.EngineFault, "inspection failed: "+e.Fault.Error()
	v.Severity = verdict.SeverityMedium
	if v.Mode == verdict.Off {
		v.FailOpen = true
		return
	}
	found := v.Score >= p.Threshold
	if found {
		v.Severity = verdict.SeverityHigh
		v.Message += fmt.Sprintf("; before that, anomaly score %d reached the threshold %d", v.Score, p.Threshold)
	}
	v.FailOpen = !p.FailClosed && !found && (len(e.Limits) == 0 || p.PassLimits)
	if !v.FailOpen {
		v.WouldAction = verdict.ActionBlock
	}
}

// act turns what block mode would do into what this mode does.
func (p *Policy) act(v *verdict.Verdict, e Evidence) {
	if !v.WouldAction.Blocked() {
		return
	}
	v.Action = verdict.ActionMonitor
	if v.Mode != verdict.Block {
		if p.Mode == verdict.Block {
			v.Message += "; in monitor by " + p.kept(v.ModeSetBy)
		}
		return
	}
	if len(v.Records) > 0 || e.Refusable || e.Retried && e.Fault != nil && p.FailClosed {
		v.Action = v.WouldAction
		return
	}
	if v.Reason == verdict.RuleMatch {
		v.Reason = verdict.NotEnforced
	}
	v.Message += "; delivered, because a refusal of this event source would lose data or stall it"
	if e.Remedy != "" {
		v.Message += ": " + e.Remedy
	}
}

// weigh sets the findings that count, the score, and the mode in which they
// count. matched is set if the findings are the reason for what is decided; bad
// are the records at or over the threshold; none, if something counts that
// stands in no record.
func (p *Policy) weigh(v *verdict.Verdict, e Evidence) (matched, excepted bool, bad []int) {
	out := make([]bool, len(e.Findings))
	for i := range e.Findings {
		if out[i] = p.excepted(&e.Findings[i], e); out[i] {
			excepted = true
		} else {
			v.Findings = append(v.Findings, e.Findings[i])
		}
	}
	sort.SliceStable(v.Findings, func(i, j int) bool { return v.Findings[i].Score > v.Findings[j].Score })
	v.Score, bad = p.tally(e, out)
	v.Mode, v.ModeSetBy = p.mode(nil, e)
	matched = v.Score >= p.Threshold
	if matched && p.byRule() {
		matched, bad = p.enforce(v, e, out, bad)
	}
	return matched, excepted, bad
}

// tally is the score without the findings that are left out: the highest over
// the request or its records. The score of a record never falls below what its
// remaining findings weigh, however the weights of the others were counted.
func (p *Policy) tally(e Evidence, out []bool) (highest int, bad []int) {
	scores := slices.Clone(e.Scores)
	remaining := make([]int, len(scores))
	outside := false
	for i := range e.Findings {
		f := &e.Findings[i]
		outside = outside || !out[i] && f.Record < 0 && !reported(*f)
		if r := min(max(0, f.Record), len(scores)-1); r >= 0 && out[i] {
			scores[r] -= f.Score
		} else if r >= 0 {
			remaining[r] += f.Score
		}
	}
	for i := range scores {
		score := min(e.Scores[i], max(scores[i], remaining[i]))
		highest = max(highest, score)
		if score >= p.Threshold && i < e.Removable {
			bad = append(bad, i)
		}
	}
	if outside {
		bad = nil
	}
	return highest, bad
}

// reported tells a finding of a rule that is to be reported and nothing else.
func reported(f verdict.Finding) bool { return f.Action == verdict.ActionMonitor }

func heaviest(fs []verdict.Finding) string {
	if len(fs) == 0 {
		return "no single finding"
	}
	return fmt.Sprintf("rule %d, %s", fs[0].RuleID, fs[0].Message)
}
