package policy

import (
	"slices"
	"time"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/profile"
)

// FirstProfileRule is the id under which departures from the profile are found:
// that of the first dimension, the others follow in the order of
// profile.Dimensions. Exceptions and modes name them like rules.
const FirstProfileRule = 9_200_001

// LastProfileRule is the id of the last dimension.
func LastProfileRule() int { return FirstProfileRule + len(profile.Dimensions()) - 1 }

// Behaviour says what departures from the profile lead to.
type Behaviour struct {
	// Default is for dimensions that By does not name: ActionMonitor reports,
	// ActionBlock weighs as much as the threshold, Undecided passes them over.
	Default verdict.Action
	By      map[profile.Dimension]verdict.Action
	// Expires is when the profile is to have been looked at again: from then on
	// departures are reported and refuse nothing. Zero: never.
	Expires time.Time
	// Grace is until when they refuse nothing because the code is new: what it does
	// otherwise than the old may be what it was written for. Zero: never.
	Grace time.Time
}

// Most caps what the departures lead to: enforce in the profile is alert where the
// environment says so.
func (b Behaviour) Most(most verdict.Action) Behaviour {
	limit := func(a verdict.Action) verdict.Action {
		if a == verdict.ActionBlock {
			return most
		}
		return a
	}
	out := Behaviour{Default: limit(b.Default), Expires: b.Expires, Grace: b.Grace, By: map[profile.Dimension]verdict.Action{}}
	for d, a := range b.By {
		out.By[d] = limit(a)
	}
	return out
}

// BehaviourOf reads the modes that a profile asks for.
func BehaviourOf(d *profile.Document) Behaviour {
	action := func(mode string) verdict.Action {
		switch mode {
		case "enforce":
			return verdict.ActionBlock
		case "off":
			return verdict.Undecided
		}
		return verdict.ActionMonitor
	}
	b := Behaviour{Default: action(d.Mode), By: map[profile.Dimension]verdict.Action{}}
	for name, mode := range d.Modes {
		b.By[profile.Dimension(name)] = action(mode)
	}
	b.Expires, _ = time.Parse(time.DateOnly, d.Metadata.NotAfter) // Parse has checked it
	return b
}

func (b Behaviour) of(d profile.Dimension) verdict.Action {
	if a, ok := b.By[d]; ok {
		return a
	}
	return b.Default
}

// departures are the messages of findings; what was expected and seen follows.
var departures = map[profile.Dimension]string{
	profile.Triggers: "Trigger that never invokes this function", profile.Sources: "Source that never invokes this function",
	profile.Routes: "Route that nobody uses", profile.ContentType: "Content type that nobody sends here",
	profile.Fields: "Field that nobody sends here", profile.Types: "Value of another type than usual",
	profile.Lengths: "Text of another length than usual", profile.Chars: "Text with characters it never has",
	profile.Formats: "Text in another format than usual", profile.Numbers: "Number outside the usual range",
	profile.Sizes: "List of another size than usual", profile.Values: "Value that is none of the usual ones",
}

// Departures makes an inspection of what departs from the profile. Values do not
// get into it: what is shown of them is their type, length or class.
func (p *Policy) Departures(ev *event.Event, found []profile.Departure, behaviour Behaviour, now time.Time) (res verdict.Inspection) {
	if len(found) == 0 {
		return res
	}
	if Expired(behaviour.Expires, now) || now.Before(behaviour.Grace) {
		behaviour = behaviour.Most(verdict.ActionMonitor)
	}
	res.Scores = make([]int, max(1, ev.Records))
	for _, d := range found {
		action := behaviour.of(d.Dimension)
		if action == verdict.Undecided {
			continue
		}
		f := verdict.Finding{
			RuleID: FirstProfileRule + slices.Index(profile.Dimensions(), d.Dimension), Engine: "profile",
			Message:  departures[d.Dimension] + ": expected " + d.Expected + ", seen " + d.Seen,
			Severity: "warning", Tags: []string{"attack-behaviour", "OWASP_TOP_10/A04"}, Operator: string(d.Dimension), Action: action,
			Record: d.Record, Path: d.Path, Place: d.Place,
		}
		if action == verdict.ActionBlock {
			f.Score = p.Threshold
			res.Scores[max(0, d.Record)] += f.Score
		}
		res.Findings = append(res.Findings, f)
	}
	return res
}
