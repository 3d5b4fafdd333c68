// Package verdict is the vocabulary that every other package speaks: modes,
// actions, reasons, findings and the record written for each decision. It
// knows nothing of networks, rules engines or event formats, and imports none
// of them.
package verdict

import "fmt"

// Mode says what Merlon does with a finding.
type Mode uint8

// The modes of operation. The zero Mode is Monitor: forgetting to set it must
// neither refuse traffic nor switch the inspection off.
const (
	Monitor Mode = iota // inspect and report, never interfere
	Block               // refuse what reaches the threshold
	Off                 // do not inspect
)

var modeNames = [...]string{Monitor: "monitor", Block: "block", Off: "off"}

// String returns the mode as it is written in configuration and verdicts.
func (m Mode) String() string { return name(modeNames[:], int(m), "mode") }

// Action is what was done, or would have been done, with an event.
type Action uint8

// The actions. The zero Action is Undecided, never Allow.
const (
	Undecided Action = iota
	ActionAllow
	ActionMonitor // delivered, with a finding at or over the threshold
	ActionBlock   // answered in the function's place
	ActionStrip   // records removed, the rest delivered
)

var actionNames = [...]string{
	Undecided: "undecided", ActionAllow: "allow", ActionMonitor: "monitor",
	ActionBlock: "block", ActionStrip: "strip",
}

// String returns the action as it is written in verdicts.
func (a Action) String() string { return name(actionNames[:], int(a), "action") }

// MarshalText lets an Action be a JSON string.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// Blocked reports whether the event, or a record of it, was withheld.
func (a Action) Blocked() bool { return a == ActionBlock || a == ActionStrip }

// Reason is why a verdict came out as it did, from a closed set, so that log
// queries can rely on it.
type Reason string

// The reasons.
const (
	Clean        Reason = "clean"         // inspected within limits, nothing at or over the threshold
	RuleMatch    Reason = "rule-match"    // the anomaly score reached the threshold
	LimitReached Reason = "limit"         // part of the event was not inspected
	EngineFault  Reason = "engine-fault"  // our own fault; ON_FAULT decided
	Reported     Reason = "reported"      // below the threshold; a rule of the user's asks for a line about it
	NotEnforced  Reason = "not-enforced"  // would have been refused, but this trigger is in monitor
	Excepted     Reason = "excepted"      // every finding fell under an exception
	NotInspected Reason = "not-inspected" // mode off, or no inspection set up

	// About the function's response and not the event.
	ResponseMatch Reason = "response-match" // its anomaly score reached the threshold
	ResponseLimit Reason = "response-limit" // a part of it was not inspected
	ResponseFault Reason = "response-fault" // our own fault; ON_FAULT decided
)

// Severity grades a verdict for people and for alarms.
type Severity string

// The severities, by anomaly score.
const (
	SeverityNone     Severity = ""
	SeverityLow      Severity = "low"      // below the threshold
	SeverityMedium   Severity = "medium"   // limits, faults
	SeverityHigh     Severity = "high"     // at or over the threshold
	SeverityCritical Severity = "critical" // twice the threshold and more
)

func name(names []string, i int, what string) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%s(%d)", what, i)
}

// UnmarshalText is the inverse of MarshalText.
func (a *Action) UnmarshalText(b []byte) error {
	for i, n := range actionNames {
		if n == string(b) {
			*a = Action(i)
			return nil
		}
	}
	return fmt.Errorf("action %q: want allow, monitor, block or strip", b)
}

// Verdict is the outcome of a decision about one event.
type Verdict struct {
	Action      Action
	WouldAction Action // what block mode would have done
	Reason      Reason
	Message     string
	Mode        Mode   // the mode that applied to this event
	ModeSetBy   string // the setting of the policy that made it so: mode, blockTriggers, modes[0]
	Score       int    // the highest over the request or its records
	Threshold   int
	Severity    Severity
	Findings    []Finding // those that counted, heaviest first
	Limits      []string
	Skipped     int   // bytes that were not inspected
	Records     []int // indices of the records to remove, ascending
	Fault       error
	FailOpen    bool
}
