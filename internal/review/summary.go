package review

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Schema names the format of a Summary as JSON.
const Schema = "merlon.report/1"

// Summary is a log in figures. Lists hold at most maxRows rows, the heaviest
// first; More tells how many were left out.
type Summary struct {
	Schema   string    `json:"schema"`
	Made     time.Time `json:"made"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Verdicts int       `json:"verdicts"` // lines
	Totals   Totals    `json:"totals"`   // events

	Timeline  Timeline   `json:"timeline"`
	Functions List       `json:"functions"`
	Classes   List       `json:"classes"`
	Rules     List       `json:"rules"`
	Sources   List       `json:"sources"`
	Routes    List       `json:"routes"`
	Triggers  List       `json:"triggers"`
	Chains    []Chain    `json:"chains"`
	Coverage  []Coverage `json:"coverage"`

	Lines     int          `json:"lines"`
	Other     int          `json:"otherLines"`
	Outside   int          `json:"outsideTime"`
	Signed    bool         `json:"signed"` // unsigned lines were rejected
	Problems  []Problem    `json:"problems"`
	ByProblem map[Kind]int `json:"problemLines"`
}

// Totals count events, where a line may stand for many.
type Totals struct {
	Events  int `json:"events"`
	Refused int `json:"refused"`
	Removed int `json:"removed"` // events that lost records
	Would   int `json:"would"`
	Faulty  int `json:"fault"`
	Noted   int `json:"noted"`
	Limits  int `json:"overLimit"` // of all these, those that met a limit
}

func (t *Totals) add(e *Entry) {
	n := e.Count()
	t.Events += n
	*t.of(e.Outcome()) += n
	if len(e.Limits) > 0 {
		t.Limits += n
	}
}

func (t *Totals) of(o Outcome) *int {
	return [...]*int{Refused: &t.Refused, Removed: &t.Removed, Would: &t.Would, Faulty: &t.Faulty, Noted: &t.Noted}[o]
}

// Of is the number of events with an outcome.
func (t Totals) Of(o Outcome) int { return *t.of(o) }

// Row counts the events of one function, rule, source …
type Row struct {
	Key       string    `json:"key"`
	Text      string    `json:"text,omitempty"` // the rule's message
	Class     string    `json:"class,omitempty"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
	Totals    Totals    `json:"totals"`
	Functions []string  `json:"functions,omitempty"`
	Classes   []string  `json:"classes,omitempty"`
	// Asserted: the event itself says so, and who may invoke the function
	// directly can write anything there.
	Asserted bool `json:"asserted,omitempty"`
}

// List is the heaviest rows of a kind.
type List struct {
	Rows []Row `json:"rows"`
	More int   `json:"more,omitempty"` // rows that were left out
}

const (
	maxRows  = 50 // of a list
	maxNames = 12 // of names in a row
)

// rows collects the rows of a list.
type rows map[string]*Row

func (m rows) add(key string, e *Entry) *Row {
	if key == "" {
		return &Row{}
	}
	r := m[key]
	if r == nil {
		r = &Row{Key: key, First: e.When()}
		m[key] = r
	}
	r.Last = e.When() // entries come in the order of time
	r.Totals.add(e)
	r.Asserted = r.Asserted || e.Trigger.Asserted
	r.Functions = bounded(r.Functions, e.Function.Name)
	for _, c := range e.Classes() {
		r.Classes = bounded(r.Classes, c)
	}
	return r
}

func bounded(list []string, s string) []string {
	if len(list) >= maxNames {
		return list
	}
	return appendNew(list, s)
}

func (m rows) list() List {
	all := make([]Row, 0, len(m))
	for _, r := range m {
		all = append(all, *r)
	}
	slices.SortFunc(all, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Totals.Events, a.Totals.Events), cmp.Compare(a.Key, b.Key))
	})
	more := max(0, len(all)-maxRows)
	return List{Rows: all[:len(all)-more], More: more}
}

// Summarize makes the summary of a log.
func Summarize(l *Log, now time.Time) *Summary {
	s := &Summary{
		Schema: Schema, Made: now.UTC(), Verdicts: len(l.Verdicts), Lines: l.Lines, Other: l.Other, Outside: l.Outside,
		Signed: l.Keyed, Problems: l.Problems, ByProblem: maps.Clone(l.Counts), Coverage: coverage(l),
	}
	if n := len(l.Verdicts); n > 0 {
		s.From, s.To = l.Verdicts[0].When().UTC(), l.Verdicts[n-1].When().UTC()
	}
	s.Timeline = timeline(l.Verdicts)
	functions, classes, rules, sources, routes, triggers := rows{}, rows{}, rows{}, rows{}, rows{}, rows{}
	for i := range l.Verdicts {
		e := &l.Verdicts[i]
		s.Totals.add(e)
		functions.add(e.Function.Name, e)
		sources.add(e.Sender(), e)
		routes.add(e.Route(), e)
		triggers.add(e.Trigger.Type, e)
		for _, c := range e.Classes() {
			classes.add(c, e)
		}
		seen := map[int]bool{}
		for j := range e.Matches {
			if m := &e.Matches[j]; !seen[m.RuleID] {
				seen[m.RuleID] = true
				r := rules.add(ruleKey(m.RuleID), e)
				r.Text, r.Class = m.Msg, className(m)
			}
		}
	}
	s.Functions, s.Classes, s.Rules = functions.list(), classes.list(), rules.list()
	s.Sources, s.Routes, s.Triggers = sources.list(), routes.list(), triggers.list()
	s.Chains = chains(l.Verdicts)
	return s
}
