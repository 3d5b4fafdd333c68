package waf

import (
	"strings"

	"github.com/corazawaf/coraza/v3/types"
)

// ruleInfo is what a finding tells about its rule that Coraza's match does not.
type ruleInfo struct {
	operator string
	message  string
}

// collect returns a rule observer that fills into. Coraza reports no operator,
// so it is read off the rule's text.
func collect(into map[int]ruleInfo) func(types.RuleMetadata) {
	return func(r types.RuleMetadata) {
		into[r.ID()] = ruleInfo{operator: operatorOf(r.Raw()), message: messageOf(r.Raw())}
	}
}

// operatorOf finds "@name" in the text of a rule; a pattern without one is @rx.
// Our twins of Coraza's operators go by the names that people know.
func operatorOf(raw string) string {
	_, rest, ok := strings.Cut(raw, `"`)
	if !ok {
		return ""
	}
	rest = strings.TrimPrefix(strings.TrimSpace(rest), "!")
	if !strings.HasPrefix(rest, "@") {
		return "rx"
	}
	name, _, _ := strings.Cut(rest[1:], `"`)
	name, _, _ = strings.Cut(name, " ")
	if twin, ok := strings.CutPrefix(name, "merlon"); ok {
		return strings.ToLower(twin[:1]) + twin[1:]
	}
	return name
}

// messageOf finds the message in the text of a rule. Macros are not expanded:
// some messages quote the matched value, which has no business in a log.
func messageOf(raw string) string {
	_, rest, ok := strings.Cut(raw, "msg:'")
	if !ok {
		return ""
	}
	msg, _, _ := strings.Cut(rest, "',")
	msg, _, _ = strings.Cut(msg, "%{")
	return strings.TrimRight(msg, " (:'\"")
}

// severityScores are CRS's default scores (crs-setup, "Anomaly Scoring Severity
// Levels").
var severityScores = map[types.RuleSeverity]int{
	types.RuleSeverityCritical: 5, types.RuleSeverityError: 4, types.RuleSeverityWarning: 3, types.RuleSeverityNotice: 2,
}
