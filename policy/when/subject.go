package when

import (
	"strings"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
)

// Subject is what an expression is evaluated over: an event, or one record of
// a batch.
type Subject struct {
	event  *event.Event
	Record int // -1 for an event without records
	leaves []*event.Leaf
	bytes  int  // of names and values
	beside bool // what stands beside the records of a batch
}

// Subjects returns what there is to evaluate in an event. The records of a
// batch are judged one by one, each with its own leaves, so that one can be
// removed without the others. What stands beside the records is a subject of
// its own, which matches only by something that was found in it: that it lacks
// what a record should have says nothing.
func Subjects(ev *event.Event) []*Subject {
	if ev.Records == 0 {
		s := &Subject{event: ev, Record: -1, leaves: make([]*event.Leaf, len(ev.Leaves))}
		for i := range ev.Leaves {
			s.leaves[i] = &ev.Leaves[i]
			s.bytes += len(ev.Leaves[i].Name) + len(ev.Leaves[i].Value)
		}
		return []*Subject{s}
	}
	subjects := make([]*Subject, ev.Records+1)
	for i := range subjects {
		subjects[i] = &Subject{event: ev, Record: i}
	}
	envelope := subjects[ev.Records]
	envelope.Record, envelope.beside = -1, true
	for i := range ev.Leaves {
		l := &ev.Leaves[i]
		s := envelope
		if r := int(l.Record); r >= 0 && r < ev.Records {
			s = subjects[r]
		}
		s.leaves = append(s.leaves, l)
		s.bytes += len(l.Name) + len(l.Value)
	}
	if len(envelope.leaves) == 0 {
		return subjects[:ev.Records]
	}
	return subjects
}

// text returns a variable of the event.
func (s *Subject) text(name string) string {
	ev := s.event
	switch name {
	case "trigger":
		return string(ev.Source)
	case "source":
		return ev.Caller.SourceARN
	case "address":
		return ev.Caller.IP
	case "principal":
		return ev.Caller.PrincipalID
	case "principalType":
		return ev.Caller.PrincipalType
	}
	if ev.HTTP == nil {
		return ""
	}
	switch name {
	case "method":
		return ev.HTTP.Method
	case "path":
		return ev.HTTP.Path
	}
	return ev.HTTP.Route
}

// texts are the variables of type string.
var texts = map[string]bool{
	"trigger": true, "source": true, "address": true, "principal": true, "principalType": true,
	"method": true, "path": true, "route": true,
}

// named returns the leaves of a place with a name; of headers in any case.
func (s *Subject) named(place verdict.Place, name string) (out []*event.Leaf) {
	for _, l := range s.leaves {
		if l.Place != place || l.NameOnly {
			continue
		}
		if l.Name == name || place == verdict.PlaceHeader && strings.EqualFold(l.Name, name) {
			out = append(out, l)
		}
	}
	return out
}

// step is one segment of a path: a key, an index, or any.
type step struct {
	any     bool
	segment verdict.Segment
}

// at returns the leaves whose path is exactly these steps.
func (s *Subject) at(steps []step) (out []*event.Leaf) {
	last := steps[len(steps)-1]
	for _, l := range s.leaves {
		// The path is put together only for a leaf of that name.
		if l.NameOnly || !last.any && !last.segment.Array && !strings.EqualFold(l.Name, last.segment.Key) {
			continue
		}
		if along(s.event.Path(l), steps) {
			out = append(out, l)
		}
	}
	return out
}

func along(path verdict.Path, steps []step) bool {
	if len(path) != len(steps) {
		return false
	}
	for i, s := range steps {
		if !s.any && !path.Same(i, s.segment) {
			return false
		}
	}
	return true
}
