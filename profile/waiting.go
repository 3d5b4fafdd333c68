package profile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Waits is a place with pending elements.
type Waits struct {
	Place   Place
	Marks   int
	Sources int // the most that any of them has
	Days    int
	First   Day
	Last    Day
	// Person is set where no amount of traffic settles it: its events have no
	// source address.
	Person bool
	rare   bool
}

// String says what waits, and for what.
func (w Waits) String() string {
	what := "another source or day"
	switch {
	case w.Person:
		what = "a person: its events have no source address"
	case w.rare:
		what = "a person: few of the sources at its route have it"
	}
	return fmt.Sprintf("%s: %d new, %d sources, %d days, %s to %s: waits for %s", ShowPlace(w.Place), w.Marks, w.Sources, w.Days, date(w.First), date(w.Last), what)
}

// Waiting sums up what is pending by place; what has most proof first.
func Waiting(pending []Pending, s Settled) []Waits {
	byPlace := map[string]*Waits{}
	for _, p := range pending {
		key := strings.Join(p.Place, "\x00")
		w := byPlace[key]
		if w == nil {
			w = &Waits{Place: p.Place, First: p.Proof.First, Person: true}
			byPlace[key] = w
		}
		w.Marks++
		w.Sources, w.Days = max(w.Sources, len(p.Proof.Sources)), max(w.Days, len(p.Proof.Days))
		w.First, w.Last = min(w.First, p.Proof.First), max(w.Last, p.Proof.Last)
		w.Person = w.Person && len(p.Proof.Sources) == 0
		w.rare = w.rare || len(p.Proof.Sources) >= s.Sources && len(p.Proof.Days) >= s.Days
	}
	var out []Waits
	for _, key := range sortedKeys(byPlace) {
		out = append(out, *byPlace[key])
	}
	slices.SortStableFunc(out, func(a, b Waits) int { return cmp.Or(cmp.Compare(b.Sources, a.Sources), cmp.Compare(b.Days, a.Days)) })
	return out
}

// ShowPlace writes a place as a person reads it: "function-url POST /orders body
// customer.email".
func ShowPlace(at Place) string {
	var parts []string
	i := 0
	for ; i < len(at) && at[i][0] != '#' && at[i][0] != '/'; i++ {
		parts = append(parts, at[i])
	}
	if i < len(at) && at[i][0] == '/' {
		path := ""
		for ; i < len(at) && at[i][0] == '/'; i++ {
			if step := at[i]; step == "/*" {
				path += "/{any}"
			} else {
				path += step
			}
		}
		parts = append(parts, path)
	}
	if i < len(at) {
		parts = append(parts, at[i][1:])
		if i+1 < len(at) {
			parts = append(parts, formatPath(at[i+1:]))
		}
	}
	return strings.Join(parts, " ")
}

// ParsePlace reads a trigger, or a trigger and a route: "sqs", "function-url GET
// /status".
func ParsePlace(s string) (Place, error) {
	trigger, route, ok := strings.Cut(strings.TrimSpace(s), " ")
	if trigger == "" {
		return nil, errors.New("empty: want a trigger, or a trigger, a method and a path")
	}
	if !ok {
		return Place{trigger}, nil
	}
	at, err := parseRoute(route)
	return append(Place{trigger}, at...), err
}
