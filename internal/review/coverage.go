package review

import (
	"cmp"
	"maps"
	"slices"
)

// Coverage is how well one function was watched. What comes of summary lines and
// metrics is zero where the log has none.
type Coverage struct {
	Function string   `json:"function"`
	Triggers []string `json:"triggers"` // in verdicts and in summaries
	Modes    []string `json:"modes"`    // in verdicts
	Versions []string `json:"versions"` // of Merlon
	Policies []string `json:"policies"`
	Verdicts int      `json:"verdicts"`

	Inspected   int `json:"inspected"`
	FailedOpen  int `json:"failedOpen"`
	OverLimit   int `json:"overLimit"`
	Unprotected int `json:"unprotected"` // environments in which nothing was inspected
	Dropped     int `json:"telemetryDropped"`
	Unwritten   int `json:"withoutLine"` // verdicts beyond the limit per minute

	ConfigFaults []string `json:"configFaults"` // variables
	Limits       []string `json:"limits"`
}

// coverage sums up by function. A figure that verdicts and counters both give is
// the larger of the two: either may be incomplete.
func coverage(l *Log) []Coverage {
	by := map[string]*Coverage{}
	of := func(name string) *Coverage {
		c := by[name]
		if c == nil {
			c = &Coverage{Function: name}
			by[name] = c
		}
		return c
	}
	for i := range l.Verdicts {
		e := &l.Verdicts[i]
		c := of(e.Function.Name)
		c.Verdicts += e.Count()
		c.Triggers = bounded(c.Triggers, e.Trigger.Type)
		c.Modes = bounded(c.Modes, e.Mode)
		c.Versions = bounded(c.Versions, e.Agent.Version)
		c.Policies = bounded(c.Policies, e.Policy.Version)
		if e.FailOpen {
			c.FailedOpen += e.Count()
		}
		if len(e.Limits) > 0 {
			c.OverLimit += e.Count()
		}
		for _, v := range e.ConfigFaults {
			c.ConfigFaults = bounded(c.ConfigFaults, v)
		}
		for _, v := range e.Limits {
			c.Limits = bounded(c.Limits, v)
		}
	}
	for i := range l.Windows {
		for _, t := range l.Windows[i].Triggers {
			c := of(l.Windows[i].Function)
			c.Triggers = bounded(c.Triggers, t.Name)
		}
	}
	for name, m := range l.Health {
		c := of(name)
		c.Inspected = int(m["Inspected"])
		c.FailedOpen = max(c.FailedOpen, int(m["FailedOpen"]))
		c.OverLimit = max(c.OverLimit, int(m["OverLimit"]))
		c.Unprotected = int(m["Unprotected"])
		c.Dropped = int(m["TelemetryDropped"])
		c.Unwritten = int(m["Capped"])
	}
	all := slices.Collect(maps.Values(by))
	slices.SortFunc(all, func(a, b *Coverage) int { return cmp.Compare(a.Function, b.Function) })
	out := make([]Coverage, 0, len(all))
	for _, c := range all {
		slices.Sort(c.Triggers)
		out = append(out, *c)
	}
	return out
}
