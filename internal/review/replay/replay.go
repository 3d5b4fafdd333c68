// Package replay compares what two policies make of the same events, and writes
// the difference for people and for pipelines. It judges nothing itself.
package replay

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/merlon-security/merlon/internal/verdict"
)

// Judgement is what one policy makes of an event.
type Judgement struct {
	Action  verdict.Action
	Removed []int // records
	Reason  verdict.Reason
	Message string
	Score   int
	Rules   []Rule // that counted, heaviest first
}

// Rule is a rule that found something.
type Rule struct {
	ID    int      `json:"id"`
	Text  string   `json:"text"`
	Where []string `json:"where"`
}

// Kind is how an event is treated differently.
type Kind uint8

// The kinds of change. The zero Kind is none.
const (
	Same    Kind = iota
	Refused      // delivered before, refused or stripped of records now
	Passed       // the other way round
	Altered      // refused both times, but not in the same way or not the same records
)

var kinds = [...]struct{ word, text string }{
	Same: {"same", "as before"}, Refused: {"refused", "newly refused"}, Passed: {"passed", "no longer refused"}, Altered: {"altered", "refused in another way"},
}

// Word is the name of the kind in JSON and as the rule of a SARIF result.
func (k Kind) Word() string { return kinds[k].word }

// String says it to people.
func (k Kind) String() string { return kinds[k].text }

// MarshalText makes it a JSON string.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.Word()), nil }

// Change is an event with both judgements.
type Change struct {
	File    string
	Line    int // from 1
	ID      string
	Trigger string
	Route   string
	Old     Judgement
	New     Judgement
}

// Kind says how the event is treated differently.
func (c *Change) Kind() Kind {
	switch o, n := c.Old.Action.Blocked(), c.New.Action.Blocked(); {
	case !o && n:
		return Refused
	case o && !n:
		return Passed
	case o && (c.Old.Action != c.New.Action || !slices.Equal(c.Old.Removed, c.New.Removed)):
		return Altered
	}
	return Same
}

// Because are the rules that make the difference: those that only the side counts
// that refuses, or where both do, only one side; if there are none, all of the
// side that refuses. Then it is a mode, a threshold or a setting.
func (c *Change) Because() []Rule {
	one, other := c.New.Rules, c.Old.Rules
	if c.Kind() == Passed {
		one, other = other, one
	}
	out := only(one, other)
	if c.Kind() == Altered && len(out) == 0 {
		out = only(other, one)
	}
	if len(out) == 0 {
		return one
	}
	return out
}

// only lists the rules of one that are not in other.
func only(one, other []Rule) (out []Rule) {
	for _, r := range one {
		if !slices.ContainsFunc(other, func(o Rule) bool { return o.ID == r.ID }) {
			out = append(out, r)
		}
	}
	return out
}

// Message is the difference in a sentence.
func (c *Change) Message() string {
	side := c.New
	if c.Kind() == Passed {
		side = c.Old
	}
	return fmt.Sprintf("%s, %s to %s: %s", c.Kind(), c.Old.Action, c.New.Action, cmp.Or(side.Message, string(side.Reason)))
}

// Result is all that was compared. Changes holds those that are not Same.
type Result struct {
	Old, New string // names of the policies
	Events   int
	Refused  int // by the new policy, all of them
	Changes  []Change
}

// Count is how many events changed in a way.
func (r *Result) Count(k Kind) int {
	n := 0
	for i := range r.Changes {
		if r.Changes[i].Kind() == k {
			n++
		}
	}
	if k == Same {
		n += r.Events - len(r.Changes)
	}
	return n
}

// Add takes an event.
func (r *Result) Add(c Change) {
	r.Events++
	if c.New.Action.Blocked() {
		r.Refused++
	}
	if c.Kind() != Same {
		r.Changes = append(r.Changes, c)
	}
}

// shown bounds what a terminal gets of each list.
const shown = 20

// Print writes the difference for people.
func (r *Result) Print(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "%s -> %s: %d events, %d refused now\n", r.Old, r.New, r.Events, r.Refused)
	for _, k := range []Kind{Refused, Passed, Altered, Same} {
		fmt.Fprintf(out, "  %d\t%s\n", r.Count(k), k)
	}
	for _, k := range []Kind{Refused, Passed, Altered} {
		r.print(out, k)
	}
	return out.Flush()
}

func (r *Result) print(out io.Writer, k Kind) {
	rules, routes := tally{}, tally{}
	var list []*Change
	for i := range r.Changes {
		c := &r.Changes[i]
		if c.Kind() != k {
			continue
		}
		list = append(list, c)
		routes.add(strings.TrimSpace(c.Trigger + " " + c.Route))
		for _, rule := range c.Because() {
			rules.add(strings.TrimSpace(strconv.Itoa(rule.ID) + " " + rule.Text))
		}
	}
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s\n", k)
	rules.print(out, "by rule")
	routes.print(out, "by route")
	fmt.Fprintf(out, "  events\n")
	for _, c := range list[:min(len(list), shown)] {
		var because []string
		for _, rule := range c.Because() {
			because = append(because, fmt.Sprintf("%d at %s", rule.ID, strings.Join(rule.Where, ", ")))
		}
		fmt.Fprintf(out, "    %s:%d\t%s\t%s -> %s\t%s\n", c.File, c.Line, c.ID, c.Old.Action, c.New.Action, strings.Join(because, "; "))
	}
	if more := len(list) - shown; more > 0 {
		fmt.Fprintf(out, "    and %d more\n", more)
	}
}

// tally counts by name.
type tally map[string]int

func (t tally) add(name string) { t[name]++ }

func (t tally) print(out io.Writer, what string) {
	if len(t) == 0 {
		return
	}
	names := make([]string, 0, len(t))
	for n := range t {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(t[b], t[a]), cmp.Compare(a, b)) })
	fmt.Fprintf(out, "  %s\n", what)
	for _, n := range names[:min(len(names), shown)] {
		fmt.Fprintf(out, "    %d\t%s\n", t[n], n)
	}
	if more := len(names) - shown; more > 0 {
		fmt.Fprintf(out, "    and %d more\n", more)
	}
}
