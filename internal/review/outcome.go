package review

import (
	"github.com/merlon-security/merlon/internal/verdict"
)

// Outcome sorts verdicts by what people want to know first.
type Outcome uint8

// The outcomes.
const (
	Refused Outcome = iota // answered in the function's place
	Removed                // records were taken out, the rest delivered
	Would                  // delivered; block mode would have refused it
	Faulty                 // delivered although the inspection failed
	Noted                  // everything else that leaves a line
)

var outcomes = [...]struct{ word, text string }{
	Refused: {"refused", "refused"},
	Removed: {"removed", "stripped of records"},
	Would:   {"would", "would be refused"},
	Faulty:  {"fault", "delivered uninspected"},
	Noted:   {"noted", "noted"},
}

// Word is a short name, for columns and classes of style sheets.
func (o Outcome) Word() string { return outcomes[o].word }

// String says it to people.
func (o Outcome) String() string { return outcomes[o].text }

// MarshalText makes it a JSON string.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.Word()), nil }

// Outcome is what became of the event.
func (e *Entry) Outcome() Outcome {
	switch {
	case e.Action == verdict.ActionStrip:
		return Removed
	case e.Action.Blocked():
		return Refused
	case e.FailOpen:
		return Faulty
	case e.WouldAction.Blocked():
		return Would
	}
	return Noted
}

// Classes are the families of the rules that matched, heaviest first.
func (e *Entry) Classes() []string {
	var out []string
	for i := range e.Matches {
		out = appendNew(out, className(&e.Matches[i]))
	}
	return out
}

// className names the family of a match.
func className(m *verdict.Match) string {
	switch {
	case m.Tags.Class != "":
		return m.Tags.Class
	case m.Engine == "policy":
		return "own rule"
	}
	return "other"
}

// Sender is who sent the event, as far as the event says; empty if it does not.
func (e *Entry) Sender() string {
	switch s, p := e.Source, e.Principal; {
	case s != nil && s.IP != "":
		return s.IP
	case s != nil && s.ID != "":
		return s.ID
	case p != nil && p.ID != "":
		return p.Type + " " + p.ID
	}
	return ""
}

// Route is the route's template, with the method where the template has none.
func (e *Entry) Route() string {
	h := e.HTTP
	switch {
	case h == nil:
		return ""
	case h.Route == "" || h.Route == "$default" || h.Route == "?":
		return h.Method + " " + h.Route
	case h.Route[0] == '/':
		return h.Method + " " + h.Route
	}
	return h.Route
}

func appendNew(list []string, s string) []string {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}
