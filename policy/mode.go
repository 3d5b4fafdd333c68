package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
)

// ModeRule sets the mode of a part of what block mode would refuse: of some
// triggers, of one route, of some rules, or of what all three describe. It can
// only take away: nothing is refused that Policy.Mode or BlockTriggers let pass.
type ModeRule struct {
	Sources map[event.Source]bool // nil: every one
	Route   string                // as Exception.Route
	Rules   []RuleSet             // nil: every finding, and limits and faults as well
	Mode    verdict.Mode          // Block or Monitor
	Reason  string
	Expires time.Time // zero: never
}

// RuleSet is a class of rules, or a range of their ids.
type RuleSet struct {
	Class       string // as verdict.Classes names it; empty for a range
	First, Last int
}

// What set the mode of a verdict, as Verdict.ModeSetBy names it. The entries of
// a policy file's list are modes[0], modes[1] and so on.
const (
	setByMode     = "mode"
	setByTriggers = "blockTriggers"
)

// has reports whether a finding is of the set.
func (s RuleSet) has(f *verdict.Finding) bool {
	if s.Class == "" {
		return f.RuleID >= s.First && f.RuleID <= s.Last
	}
	return slices.ContainsFunc(f.Tags, func(tag string) bool {
		class, ok := verdict.Class(tag)
		return ok && class == s.Class
	})
}

// applies reports whether the rule is about a finding of an event; without one,
// whether it is about the event as a whole.
func (r *ModeRule) applies(f *verdict.Finding, e Evidence) bool {
	switch {
	case r.Sources != nil && !r.Sources[e.Source],
		r.Route != "" && !onRoute(r.Route, e),
		Expired(r.Expires, e.Now):
		return false
	case r.Rules == nil:
		return true
	}
	return f != nil && slices.ContainsFunc(r.Rules, func(s RuleSet) bool { return s.has(f) })
}

// onRoute reports whether an event is for a route, by the name its front end
// gives it or by method and canonical path.
func onRoute(route string, e Evidence) bool { return route == e.Route || route == e.Path }

// mode is that of a finding, or without one of the event as a whole, and what
// set it. The first rule that applies decides.
func (p *Policy) mode(f *verdict.Finding, e Evidence) (m verdict.Mode, setBy string) {
	switch {
	case p.Mode != verdict.Block:
		return p.Mode, setByMode
	case len(p.BlockTriggers) > 0 && !p.BlockTriggers[e.Source]:
		return verdict.Monitor, setByTriggers
	}
	for i := range p.Modes {
		if r := &p.Modes[i]; r.applies(f, e) {
			return r.Mode, fmt.Sprintf("modes[%d]", i)
		}
	}
	if len(p.BlockTriggers) > 0 {
		return verdict.Block, setByTriggers
	}
	return verdict.Block, setByMode
}

// Named reports whether the policy names a source as one to block. Sources that
// are otherwise never refused are where it does.
func (p *Policy) Named(s event.Source) bool {
	return p.BlockTriggers[s] || slices.ContainsFunc(p.Modes, func(r ModeRule) bool {
		return r.Mode == verdict.Block && r.Sources[s]
	})
}

// byRule reports whether findings of one event can have different modes.
func (p *Policy) byRule() bool {
	return p.Mode == verdict.Block && slices.ContainsFunc(p.Modes, func(r ModeRule) bool { return r.Rules != nil })
}

// enforce sets the mode of an event over the threshold whose findings may have
// different modes. Those in block mode decide if they reach the threshold by
// themselves; then only their records are bad. If they do not, a limit or a fault
// may still refuse the event, whatever was found beside it: matched is then not
// set. out marks the findings that exceptions cover.
func (p *Policy) enforce(v *verdict.Verdict, e Evidence, out []bool, bad []int) (matched bool, _ []int) {
	out = slices.Clone(out)
	setBy := [...]string{verdict.Monitor: v.ModeSetBy, verdict.Block: v.ModeSetBy} // by the heaviest of each mode
	most := [...]int{verdict.Monitor: -1, verdict.Block: -1}
	for i := range e.Findings {
		if out[i] {
			continue
		}
		f := &e.Findings[i]
		m, by := p.mode(f, e)
		if out[i] = m != verdict.Block; f.Score > most[m] {
			setBy[m], most[m] = by, f.Score
		}
	}
	if v.Mode != verdict.Block {
		e.Scores = weights(e, out) // what no finding explains has the mode of the event
	}
	score, refused := p.tally(e, out)
	switch {
	case score >= p.Threshold:
		v.Mode, v.ModeSetBy = verdict.Block, setBy[verdict.Block]
		return true, refused
	case v.Mode == verdict.Block && p.refusesUnseen(e):
		return false, bad
	}
	v.Mode, v.ModeSetBy = verdict.Monitor, setBy[verdict.Monitor]
	return true, bad
}

// weights is what the findings that are not left out weigh, for each record.
func weights(e Evidence, out []bool) []int {
	sums := make([]int, len(e.Scores))
	for i := range e.Findings {
		if r := min(max(0, e.Findings[i].Record), len(sums)-1); r >= 0 && !out[i] {
			sums[r] += e.Findings[i].Score
		}
	}
	for i := range sums {
		sums[i] = min(sums[i], e.Scores[i])
	}
	return sums
}

// refusesUnseen reports whether an event is to be refused for what was not seen
// of it, whatever was.
func (p *Policy) refusesUnseen(e Evidence) bool {
	return len(e.Limits) > 0 && !p.PassLimits || e.Fault != nil && p.FailClosed
}

// kept says for people why what block mode would refuse is delivered.
func (p *Policy) kept(setBy string) string {
	for i := range p.Modes {
		if setBy == fmt.Sprintf("modes[%d]", i) && p.Modes[i].Reason != "" {
			return setBy + " of the policy: " + strings.TrimSpace(p.Modes[i].Reason)
		}
	}
	return setBy
}

// FileMode is a rule for the mode as it is written. rules holds classes such as
// sqli, ids, and ranges such as 942100-942199.
type FileMode struct {
	Triggers []string `yaml:"triggers"`
	Route    string   `yaml:"route"`
	Rules    []string `yaml:"rules"`
	Mode     string   `yaml:"mode"`
	Reason   string   `yaml:"reason"`
	Expires  string   `yaml:"expires"`
}

// Faulty reports whether Read found a fault in the entry.
func (fm FileMode) Faulty() bool {
	_, err := fm.compile()
	return err != nil
}

func (fm FileMode) compile() (r ModeRule, err error) {
	r = ModeRule{Route: fm.Route, Reason: fm.Reason}
	switch fm.Mode {
	case "block":
		r.Mode = verdict.Block
	case "monitor":
		if fm.Reason == "" {
			return r, errors.New("reason: missing: say why this is only watched")
		}
	default:
		return r, fmt.Errorf("mode: %q: want monitor or block; what is not to count at all is an exception", fm.Mode)
	}
	if fm.Triggers != nil && len(fm.Triggers) == 0 || fm.Rules != nil && len(fm.Rules) == 0 {
		return r, errors.New("an empty list: leave the key out to mean everything")
	}
	if r.Sources, err = sources(fm.Triggers); err != nil {
		return r, fmt.Errorf("triggers: %w", err)
	}
	for _, s := range fm.Rules {
		set := RuleSet{Class: s}
		if !slices.Contains(verdict.Classes(), s) {
			ok := false
			if set.First, set.Last, ok = ruleRange(s); !ok {
				return r, fmt.Errorf("rules: %q: want an id, a range such as 942100-942199, or a class: %s", s, strings.Join(verdict.Classes(), ", "))
			}
			set.Class = ""
		}
		r.Rules = append(r.Rules, set)
	}
	r.Expires, err = expiry(fm.Expires)
	return r, err
}
