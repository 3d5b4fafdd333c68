package review

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/merlon-security/merlon/internal/verdict"
)

// RuleText is what is known of a rule besides its message.
type RuleText struct {
	Text    string // as it is written, or empty
	Comment string // what stands above it
	Link    string // where its documentation is
}

// Find returns the verdicts whose id begins with a text, or that stand
// for it, or that belong to the request of that id.
func (l *Log) Find(id string) []*Entry {
	var found []*Entry
	for i := range l.Verdicts {
		e := &l.Verdicts[i]
		if strings.HasPrefix(e.ID, id) || e.RequestID == id || e.Repeat != nil && slices.Contains(e.Repeat.IDs, id) {
			found = append(found, e)
		}
	}
	return found
}

// Explain writes everything about one verdict.
func Explain(w io.Writer, e *Entry, rule func(id int) RuleText) error {
	p := &printer{w: w}
	p.line("%s: %s", e.ID, e.Message)
	var facts [][]string
	for _, f := range append(e.facts(), [2]string{"line", e.At.String()}) {
		facts = append(facts, f[:])
	}
	p.table(facts)
	for i := range e.Matches {
		m := &e.Matches[i]
		p.line("\nrule %d, %s: %s (score %d)", m.RuleID, className(m), m.Msg, m.Score)
		p.line("  at %s in the %s", where(m), m.Place)
		p.line("  shown as %q, %s", m.Evidence.Excerpt, plural(m.Evidence.Bytes, "byte"))
		r := rule(m.RuleID)
		for _, text := range []string{r.Comment, r.Text} {
			for l := range strings.Lines(text) {
				p.line("    %s", strings.TrimRight(l, "\n"))
			}
		}
		if r.Link != "" {
			p.line("  %s", r.Link)
		}
	}
	yaml, notes := Allow(e)
	if yaml != "" {
		p.line("\nWhat would let it pass, in the policy file:\n\n%s", strings.TrimRight(yaml, "\n"))
	}
	for _, n := range notes {
		p.line("\n%s", n)
	}
	return p.err
}

// setBy says which mode applied, and what made it so.
func (e *Entry) setBy() string {
	if e.ModeSetBy == "" {
		return "mode " + e.Mode
	}
	return "mode " + e.Mode + " by " + e.ModeSetBy
}

// where is the place in the event that a match is about.
func where(m *verdict.Match) string {
	at := m.Field
	if m.OnName {
		at = "a name in " + at
	}
	if at == "" {
		at = "the event"
	}
	return at
}

// facts are the members of a verdict that people ask for, by name.
func (e *Entry) facts() [][2]string {
	var facts [][2]string
	fact := func(name, value string) {
		if value = strings.TrimSpace(value); value != "" {
			facts = append(facts, [2]string{name, value})
		}
	}
	fact("outcome", e.Outcome().String()+", "+e.setBy())
	fact("reason", string(e.Reason))
	fact("id", e.ID)
	fact("time", e.When().UTC().Format(clock)+" UTC")
	fact("function", e.Function.Name+" "+e.Function.Version+" "+e.Function.Alias)
	fact("request", e.RequestID)
	fact("trace", e.TraceID)
	fact("trigger", e.Trigger.Type+" "+e.Trigger.SourceARN)
	fact("route", e.Route())
	if who := e.Sender(); who != "" {
		fact("source", who+asserted(e.Trigger.Asserted))
	}
	if s := e.Source; s != nil && s.IPClaimed != "" && s.IPClaimed != s.IP {
		fact("forwarded for", s.IPClaimed+" (claimed by the client)")
	}
	fact("score", fmt.Sprintf("%d, threshold %d", e.Score, e.Threshold))
	fact("limits", strings.Join(e.Limits, ", "))
	fact("fault", e.Error)
	fact("without effect", strings.Join(e.ConfigFaults, ", "))
	if e.Repeat != nil {
		fact("stands for", plural(e.Count(), "equal event")+" within "+e.Repeat.Window)
	}
	for _, r := range e.Removed {
		fact("removed", fmt.Sprintf("record %d %s %s", r.Record, r.ID, r.Pointer))
	}
	if e.Profile != nil {
		fact("profile", e.Profile.Version)
	}
	fact("rules", e.Ruleset+", policy "+e.Policy.Version+", Merlon "+e.Agent.Version)
	return facts
}
