package review

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Chain is what one sender did within a stretch of time, where it touched
// several families of rules or several functions: somebody who looks for a way
// in, rather than a text that reads like an attack.
type Chain struct {
	Sender    string    `json:"source"`
	Asserted  bool      `json:"asserted"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
	Functions []string  `json:"functions"`
	Classes   []string  `json:"classes"`
	Totals    Totals    `json:"totals"`
	Steps     []Step    `json:"steps"`          // in the order of time, at most maxSteps
	More      int       `json:"more,omitempty"` // steps that were left out
}

// Step is equal events in a row.
type Step struct {
	At       time.Time `json:"at"`
	Last     time.Time `json:"last"`
	Function string    `json:"function"`
	Trigger  string    `json:"trigger"`
	Route    string    `json:"route,omitempty"`
	Classes  []string  `json:"classes,omitempty"`
	Outcome  Outcome   `json:"outcome"`
	Count    int       `json:"count"`
	ID       string    `json:"id"` // of the first
}

const (
	// quiet ends a chain: after so long it is another visit.
	quiet     = time.Hour
	maxSteps  = 30
	maxChains = 50
)

// chains finds them in entries that are in the order of time.
func chains(entries []Entry) []Chain {
	open := map[string]*Chain{}
	var all []Chain
	end := func(c *Chain) {
		if len(c.Classes) > 1 || len(c.Functions) > 1 {
			all = append(all, *c)
		}
	}
	for i := range entries {
		e := &entries[i]
		who := e.Sender()
		if who == "" || len(e.Matches) == 0 {
			continue
		}
		c := open[who]
		if c != nil && e.When().Sub(c.Last) > quiet {
			end(c)
			c = nil
		}
		if c == nil {
			c = &Chain{Sender: who, First: e.When()}
			open[who] = c
		}
		c.add(e)
	}
	for _, c := range open {
		end(c)
	}
	slices.SortFunc(all, func(a, b Chain) int {
		breadth := func(c Chain) int { return len(c.Classes) * len(c.Functions) }
		return cmp.Or(cmp.Compare(breadth(b), breadth(a)), cmp.Compare(b.Totals.Events, a.Totals.Events),
			a.First.Compare(b.First), cmp.Compare(a.Sender, b.Sender))
	})
	return all[:min(len(all), maxChains)]
}

func (c *Chain) add(e *Entry) {
	c.Last = e.When()
	c.Asserted = c.Asserted || e.Trigger.Asserted
	c.Totals.add(e)
	c.Functions = bounded(c.Functions, e.Function.Name)
	s := Step{
		At: e.When(), Last: e.When(), Function: e.Function.Name, Trigger: e.Trigger.Type, Route: e.Route(), Classes: e.Classes(),
		Outcome: e.Outcome(), Count: e.Count(), ID: e.ID,
	}
	for _, class := range s.Classes {
		c.Classes = bounded(c.Classes, class)
	}
	if n := len(c.Steps); n > 0 && c.More == 0 && c.Steps[n-1].same(&s) {
		c.Steps[n-1].Count += s.Count
		c.Steps[n-1].Last = s.Last
		return
	}
	if len(c.Steps) == maxSteps {
		c.More++
		return
	}
	c.Steps = append(c.Steps, s)
}

func (s *Step) same(o *Step) bool {
	return s.Function == o.Function && s.Trigger == o.Trigger && s.Route == o.Route && s.Outcome == o.Outcome &&
		strings.Join(s.Classes, ",") == strings.Join(o.Classes, ",")
}
