package profile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
)

// Dimension is what an event can depart from its profile in. The set is closed.
type Dimension string

// The dimensions of an event.
const (
	Triggers    Dimension = "trigger"
	Sources     Dimension = "source"
	Routes      Dimension = "route"
	ContentType Dimension = "contentType"
	Fields      Dimension = "field" // a member nobody sends
	Types       Dimension = "type"
	Lengths     Dimension = "length"
	Chars       Dimension = "chars"
	Formats     Dimension = "format"
	Numbers     Dimension = "number"
	Sizes       Dimension = "size"
	Values      Dimension = "values"
)

// Dimensions are all of them.
func Dimensions() []Dimension {
	return []Dimension{Triggers, Sources, Routes, ContentType, Fields, Types, Lengths, Chars, Formats, Numbers, Sizes, Values}
}

// Departure is one thing that an event has and its profile does not. Seen tells
// type, length or class and never the value.
type Departure struct {
	Dimension Dimension
	Path      verdict.Path // of the value; the trigger's or route's own is empty
	Place     verdict.Place
	Record    int // -1 for the event as a whole
	Expected  string
	Seen      string
}

// maxDepartures bounds what one event is told of.
const maxDepartures = 16

// Checker compares events with a profile. It is safe for concurrent use.
type Checker struct{ top *shape }

// NewChecker compiles a profile that Parse or Build returned.
func NewChecker(d *Document) (*Checker, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	return &Checker{compile(d)}, nil
}

// Check returns the departures of an event, at most sixteen.
func (c *Checker) Check(ev *event.Event) []Departure {
	at := routeOf(ev)
	trigger := c.top.find(at[:1])
	if trigger == nil {
		return []Departure{{Dimension: Triggers, Record: -1, Expected: strings.Join(sortedKeys(c.top.steps), ", "), Seen: at[0]}}
	}
	var out []Departure
	if arn := ev.Caller.SourceARN; arn != "" && !trigger.words["@*"] && !trigger.words["@"+arn] {
		out = append(out, Departure{Dimension: Sources, Record: -1, Expected: fmt.Sprintf("one of %d sources", len(trigger.words)-1), Seen: "another source"})
	}
	if trigger.partial {
		return out
	}
	route := trigger.find(at[1:])
	if route == nil || len(at) > 1 && !route.words["."] {
		return append(out, Departure{Dimension: Routes, Record: -1, Expected: "a known route", Seen: trigger.shown(at[1:])})
	}
	if route.partial {
		return out
	}
	if words := bodyWords(ev); len(words) > 0 {
		if b := route.step(groupBody); b == nil || !b.words["c*"] && !b.words[words[0]] {
			out = append(out, Departure{Dimension: ContentType, Record: -1, Expected: strings.Join(contentTypes(b), ", "), Seen: shownType(words[0][1:])})
		}
	}
	w := newWalker(ev, route)
	w.fields(func(l *event.Leaf, g string, have *shape, lk look) bool {
		if d := have.compare(l, &lk); d.Dimension != "" && !w.below(out, l) {
			d.Path, d.Place, d.Record = ev.Path(l), l.Place, int(l.Record)
			out = append(out, d)
		}
		return len(out) < maxDepartures
	})
	return out
}

func contentTypes(s *shape) (kinds []string) {
	if s == nil {
		return []string{"no body"}
	}
	for _, m := range sortedKeys(s.words) {
		if m[0] == 'c' {
			kinds = append(kinds, m[1:])
		}
	}
	return kinds
}

// shown is a route as it may be shown: segments that no known route has by their
// length, for they are the sender's text.
func (s *shape) shown(at Place) string {
	if len(at) == 0 {
		return "no route"
	}
	out, here := Place{}, s
	for i, step := range at {
		if here = here.step(step); here == nil && i == 0 {
			step = strings.Trim(step, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-")
			if step != "" {
				return "another method"
			}
			step = at[0]
		} else if here == nil && !strings.HasPrefix(step, "/{") {
			step = fmt.Sprintf("/…%d", len(step)-1)
		}
		out = append(out, step)
	}
	if len(out) == 1 {
		return out[0]
	}
	return formatRoute(out)
}

// shownType is a media type as it may be shown.
func shownType(kind string) string {
	switch kind {
	case "application/json", "application/xml", "text/xml", "text/plain", "text/html", "application/x-www-form-urlencoded",
		"multipart/form-data", "application/octet-stream":
		return kind
	}
	return "another type"
}

// below reports whether a leaf stands in a field that is a departure already.
func (w *walker) below(out []Departure, l *event.Leaf) bool {
	if len(out) == 0 {
		return false
	}
	path := w.ev.Path(l)
	return slices.ContainsFunc(out, func(d Departure) bool {
		return d.Dimension == Fields && len(d.Path) > 0 && len(d.Path) < len(path) && slices.Equal(d.Path, path[:len(d.Path)])
	})
}

// compare tells in what a value departs from its field.
func (s *shape) compare(l *event.Leaf, lk *look) (d Departure) {
	switch {
	case s == nil, s.field == nil && s.known.types == 0 && len(s.members) == 0 && s.anything == nil && s.element == nil:
		return Departure{Dimension: Fields, Expected: "no such field", Seen: bitNames(lk.types, typeNames())[0]}
	case s.field == nil:
		return d // a place on the way to fields
	}
	f := s.field
	if len(f.Values) > 0 && !slices.Contains(f.Values, l.Value) {
		return Departure{Dimension: Values, Expected: fmt.Sprintf("one of %d values", len(f.Values)), Seen: f.seen(l, lk)}
	}
	if s.known.has(lk) {
		return d
	}
	k := &s.known
	switch {
	case lk.types&^k.types != 0:
		return Departure{Dimension: Types, Expected: strings.Join(f.Type, " or "), Seen: bitNames(lk.types, typeNames())[0]}
	case lk.classes&^k.classes != 0:
		return Departure{Dimension: Chars, Expected: strings.Join(f.Chars, " "), Seen: strings.Join(bitNames(lk.classes&^k.classes, classNames[:]), " ")}
	case lk.formats&^k.formats != 0:
		return Departure{Dimension: Formats, Expected: f.Format, Seen: bitNames(lk.formats, formatNames[:])[0]}
	case (lk.low&^k.low|lk.high&^k.high) != 0 && !f.inNumbers(l.Value), f.Whole && lk.whole&^1 != 0:
		expected := f.Number
		if f.Whole {
			expected = strings.TrimSpace("whole " + expected)
		}
		return Departure{Dimension: Numbers, Expected: expected, Seen: f.seen(l, lk)}
	case lk.length&^k.length != 0 && !within(f.length, len(l.Value)):
		return Departure{Dimension: Lengths, Expected: f.Length, Seen: fmt.Sprint(len(l.Value))}
	case lk.size&^k.size != 0 && !within(f.size, lk.count):
		return Departure{Dimension: Sizes, Expected: f.Size, Seen: fmt.Sprint(lk.count)}
	}
	return d
}

func within(r [2]int, n int) bool { return r == noRange || n >= r[0] && n <= r[1] }

// seen tells of a value what may leave the environment.
func (f *Field) seen(l *event.Leaf, lk *look) string {
	switch {
	case lk.low != 0:
		low, high := numberRange(lk.low, 0)
		return "a number in " + low + ".." + high
	case lk.high != 0:
		low, high := numberRange(0, lk.high)
		return "a number in " + low + ".." + high
	}
	return fmt.Sprintf("%s of %d bytes", bitNames(lk.types, typeNames())[0], len(l.Value))
}
