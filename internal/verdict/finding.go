package verdict

import "slices"

// Finding is one rule that matched one value. It still holds the value in the
// clear: it may be used for decisions, and reaches a sink only through Redact.
type Finding struct {
	RuleID   int
	Engine   string // "waf", "policy"; later "profile", "rate"
	Message  string
	Severity string // the rule's own: critical, error, warning, notice
	Score    int    // what the rule adds to the anomaly score
	Phase    int
	Tags     []string // as written in the rule: attack-sqli, OWASP_CRS, capec/1000/…
	Operator string   // "rx", "detectSQLi"; empty if unknown
	// Action is what a rule of the user's own asks for: ActionBlock weighs as much
	// as the threshold, ActionMonitor nothing and is reported all the same.
	// Undecided for all other rules, which have a score.
	Action Action

	Record int    // index of the record in a batch event, -1 for the event as a whole
	Path   Path   // where the value stands in the event
	Place  Place  // what the value is to the application
	Name   string // the argument's, header's or cookie's own name
	Value  string // the matched value, in the clear
	IsName bool   // the rule matched the name, not the value
	// Ambiguous is set where other values of the same name may be the one that
	// matched; no exception for a single path covers such a finding.
	Ambiguous bool
}

// Place is what a value is to the application that receives it.
type Place uint8

// The places of a value.
const (
	PlaceUnknown  Place = iota
	PlaceMethod         // HTTP method
	PlaceTarget         // request target as a whole
	PlacePath           // path or a segment of it
	PlaceQuery          // query parameter
	PlaceHeader         // request header
	PlaceCookie         // request cookie
	PlaceBody           // leaf of a decoded body, or the body itself
	PlaceArgument       // leaf of an event that is not HTTP
	PlaceContext        // Runtime API header that reaches the handler's context
	PlaceResponse       // the function's response
)

var placeNames = [...]string{
	PlaceUnknown: "unknown", PlaceMethod: "method", PlaceTarget: "target", PlacePath: "path",
	PlaceQuery: "query", PlaceHeader: "header", PlaceCookie: "cookie", PlaceBody: "body",
	PlaceArgument: "argument", PlaceContext: "context", PlaceResponse: "response",
}

// String returns the place as it is written in verdicts and policies.
func (p Place) String() string { return name(placeNames[:], int(p), "place") }

// ParsePlace is the inverse of Place.String.
func ParsePlace(s string) (Place, bool) {
	for i, n := range placeNames {
		if n == s {
			return Place(i), true
		}
	}
	return PlaceUnknown, false
}

// Inspection is what an inspection found in one event.
type Inspection struct {
	Findings []Finding
	// Scores holds the anomaly score of each record; an event without records
	// has one entry.
	Scores []int
	// Limits names what kept parts of the event from being inspected.
	Limits []string
}

// Limit notes that a limit was reached, once.
func (i *Inspection) Limit(name string) {
	if !slices.Contains(i.Limits, name) {
		i.Limits = append(i.Limits, name)
	}
}

// And joins what two inspections of the same event found.
func (i Inspection) And(other Inspection) Inspection {
	if i.Scores == nil && i.Limits == nil {
		return other
	}
	other.Findings = slices.Concat(i.Findings, other.Findings)
	if other.Scores == nil {
		other.Scores = make([]int, len(i.Scores))
	}
	for r, score := range i.Scores {
		other.Scores[r] += score
	}
	for _, l := range i.Limits {
		other.Limit(l)
	}
	return other
}
