// Package lint finds what a policy file says in vain: exceptions and modes that
// can never apply, rules that are not there, and rules of the user's own that
// cost every event something. The loader takes all of that, since a running
// function has nothing to gain from refusing it; a reviewer has.
package lint

import (
	"fmt"
	"slices"
	"time"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
)

// Remark is something to mend, or worth knowing.
type Remark struct {
	Where string // exceptions[2]
	Text  string
	// Note is set for what may be meant so.
	Note bool
}

// String implements fmt.Stringer.
func (r Remark) String() string {
	if r.Note {
		return fmt.Sprintf("%s: note: %s", r.Where, r.Text)
	}
	return r.Where + ": " + r.Text
}

// Check looks through a policy and the file it was read from. paranoia is the
// level that the rules are loaded for. Entries in which Read found a fault are left
// out: half of an entry may seem to be about everything.
func Check(f *policy.File, p *policy.Policy, paranoia int, now time.Time) ([]Remark, error) {
	known, err := loaded(p)
	if err != nil {
		return nil, err
	}
	switched, err := switchedOff()
	if err != nil {
		return nil, err
	}
	c := checker{f: f, p: p, known: known, switched: switched, paranoia: paranoia, now: now}
	for i := range p.Exceptions {
		if f.Exceptions[i].Faulty() {
			continue
		}
		c.where = fmt.Sprintf("exceptions[%d]", i)
		c.exception(i)
	}
	for i := range p.Modes {
		if f.Modes[i].Faulty() {
			continue
		}
		c.where = fmt.Sprintf("modes[%d]", i)
		c.mode(i)
	}
	c.rules()
	return c.out, nil
}

type checker struct {
	f        *policy.File
	p        *policy.Policy // as f sets it, entry by entry
	known    map[int]rule
	switched map[int][]string // see switchedOff
	paranoia int
	now      time.Time
	where    string
	out      []Remark
}

func (c *checker) bad(format string, args ...any) {
	c.out = append(c.out, Remark{Where: c.where, Text: fmt.Sprintf(format, args...)})
}

func (c *checker) note(format string, args ...any) {
	c.out = append(c.out, Remark{Where: c.where, Text: fmt.Sprintf(format, args...), Note: true})
}

// exception checks the exception at i: that it is in force, that there are
// rules for it, that these look where it says, and that no other says it already.
func (c *checker) exception(i int) {
	x := &c.p.Exceptions[i]
	if policy.Expired(x.Expires, c.now) {
		c.bad("expired on %s: remove it, or give it a later end", x.Expires.Format(time.DateOnly))
	}
	places, ok := c.rangeOf(x.FirstRule, x.LastRule)
	if ok {
		c.placed(x, places)
	}
	for j := range c.p.Exceptions[:i] {
		y := &c.p.Exceptions[j]
		if includes(y, x) && !policy.Expired(y.Expires, c.now) && !c.f.Exceptions[j].Faulty() {
			c.note("exceptions[%d] excuses everything that this one does", j)
			return
		}
	}
}

// rangeOf checks that a range holds rules that are evaluated, and returns where
// they look.
func (c *checker) rangeOf(first, last int) (places placeSet, ok bool) {
	name := fmt.Sprintf("rule %d", first)
	if first != last {
		name = fmt.Sprintf("rules %d-%d", first, last)
	}
	there, finds, lowest := 0, 0, 5
	for id, r := range c.known {
		if id < first || id > last {
			continue
		}
		there++
		if !r.finds {
			continue
		}
		finds++
		lowest = min(lowest, r.level)
		if r.level <= c.paranoia {
			places |= r.places
		}
	}
	none := finds == 0 || lowest > c.paranoia
	switch off, ok := c.off(first, last); {
	case none && ok:
		c.note("%s: %s", name, off)
	case there == 0 && first == last:
		c.bad("%s: there is no such rule%s", name, c.near(first))
	case there == 0:
		c.bad("%s: there are no such rules", name)
	case finds == 0:
		c.bad("%s never finds anything: it sets variables for other rules", name)
	case lowest > c.paranoia:
		c.bad("%s: evaluated from paranoia level %d; this policy runs level %d", name, lowest, c.paranoia)
	default:
		return places, true
	}
	return 0, false
}

// near suggests the rule whose id is closest, if one of the same family is.
func (c *checker) near(id int) string {
	best := 0
	for k, r := range c.known {
		if r.finds && k/1000 == id/1000 && (best == 0 || abs(k-id) < abs(best-id) || abs(k-id) == abs(best-id) && k < best) {
			best = k
		}
	}
	if best == 0 {
		return ""
	}
	return fmt.Sprintf("; the nearest is %d", best)
}

func abs(n int) int { return max(n, -n) }

// placed checks that rules which look at places can find something at the place
// and path of an exception.
func (c *checker) placed(x *policy.Exception, places placeSet) {
	if x.Place != verdict.PlaceUnknown && !places.has(x.Place) {
		c.bad("place: what it names looks at %s, and finds nothing in a %s", places, x.Place)
		return
	}
	if len(x.Path) == 0 || x.Path[0].Any {
		return
	}
	top := x.Path[0].Segment.Key
	under, ok := tops[top]
	switch {
	case !ok:
	case x.Place != verdict.PlaceUnknown && !under.has(x.Place):
		c.bad("path: what stands in %s is no %s, but one of: %s", top, x.Place, under)
	case places&under == 0:
		c.bad("path: what it names looks at %s, and finds nothing in %s", places, top)
	}
}

// includes reports whether exception x excuses everything that y does.
func includes(x, y *policy.Exception) bool {
	switch {
	case x.FirstRule > y.FirstRule || x.LastRule < y.LastRule,
		x.Place != verdict.PlaceUnknown && x.Place != y.Place,
		x.Route != "" && x.Route != y.Route,
		!x.Expires.IsZero() && (y.Expires.IsZero() || x.Expires.Before(y.Expires)):
		return false
	case len(x.Path) == 0:
		return true
	case len(x.Path) != len(y.Path):
		return false
	}
	for i := range x.Path {
		if !x.Path[i].Any && x.Path[i] != y.Path[i] {
			return false
		}
	}
	return true
}

// mode checks the entry at i: that it is in force, that there are rules for it,
// and that no entry before it decides about everything it is for.
func (c *checker) mode(i int) {
	m := &c.p.Modes[i]
	if policy.Expired(m.Expires, c.now) {
		c.bad("expired on %s: remove it, or give it a later end", m.Expires.Format(time.DateOnly))
	}
	if c.p.Mode != verdict.Block && i == 0 {
		c.note("mode is %s, where modes say nothing; they do if MERLON_MODE is block", c.p.Mode)
	}
	for _, s := range m.Rules {
		if s.Class == "" {
			c.rangeOf(s.First, s.Last)
		} else if !c.class(s.Class) {
			c.bad("rules: no rule of the class %s is loaded at paranoia level %d", s.Class, c.paranoia)
		}
	}
	if len(c.p.BlockTriggers) > 0 && m.Sources != nil && !overlap(m.Sources, c.p.BlockTriggers) {
		c.bad("triggers: blockTriggers leaves all of them out, so they are in monitor whatever modes say")
	}
	if m.Route != "" && m.Sources != nil && !routed(m.Sources) {
		c.bad("route: events of these triggers have no route")
	}
	for j := range c.p.Modes[:i] {
		if n := &c.p.Modes[j]; n.Expires.IsZero() && decidesFor(n, m) && !c.f.Modes[j].Faulty() {
			c.bad("never reached: modes[%d] decides about everything that this one is for", j)
			return
		}
	}
	if last := i == len(c.p.Modes)-1; last && m.Mode == verdict.Block && m.Sources == nil && m.Route == "" && m.Rules == nil {
		c.note("says what holds without it: what no entry is about is refused")
	}
}

func (c *checker) class(name string) bool {
	for _, r := range c.known {
		if r.finds && r.level <= c.paranoia && slices.Contains(r.classes, name) {
			return true
		}
	}
	return false
}

func overlap(a, b map[event.Source]bool) bool {
	for s := range a {
		if b[s] {
			return true
		}
	}
	return false
}

// routed reports whether one of the sources delivers requests.
func routed(sources map[event.Source]bool) bool {
	for s := range sources {
		if s.IsHTTP() || s == event.WebSocket || s == event.Authorizer || s == event.Bedrock || s == event.CloudFront || s == event.Direct {
			return true
		}
	}
	return false
}

// decidesFor reports whether mode rule x comes before y for everything y is for.
func decidesFor(x, y *policy.ModeRule) bool {
	if x.Route != "" && x.Route != y.Route {
		return false
	}
	if x.Sources != nil {
		if y.Sources == nil {
			return false
		}
		for s := range y.Sources {
			if !x.Sources[s] {
				return false
			}
		}
	}
	if x.Rules == nil {
		return true
	}
	if y.Rules == nil {
		return false
	}
	for _, s := range y.Rules {
		if !slices.ContainsFunc(x.Rules, func(r policy.RuleSet) bool {
			return r == s || r.Class == "" && s.Class == "" && r.First <= s.First && r.Last >= s.Last
		}) {
			return false
		}
	}
	return true
}
