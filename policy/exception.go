package policy

import (
	"time"

	"github.com/merlon-security/merlon/internal/verdict"
)

// Exception excuses findings of one rule, or of a range of rules, at one place.
type Exception struct {
	FirstRule, LastRule int
	// Path is matched segment by segment. Any matches one segment, whatever it
	// is; an empty Path matches the whole event.
	Path  []Step
	Place verdict.Place // PlaceUnknown matches every place
	// Route is an exact route key or template ("GET /orders/{id}"), or a method
	// and canonical path ("GET /orders/7"); empty matches every route.
	Route   string
	Reason  string
	Expires time.Time // zero: never
}

// Step is one segment of an exception's path.
type Step struct {
	Any     bool
	Segment verdict.Segment
}

func (p *Policy) excepted(f *verdict.Finding, e Evidence) bool {
	for i := range p.Exceptions {
		if p.Exceptions[i].covers(f, e) {
			return true
		}
	}
	return false
}

// covers reports whether the exception excuses a finding. A finding that could
// be about several values of one name is excused only by an exception that
// does not name a path.
func (x *Exception) covers(f *verdict.Finding, e Evidence) bool {
	switch {
	case f.RuleID < x.FirstRule || f.RuleID > x.LastRule,
		x.Place != verdict.PlaceUnknown && x.Place != f.Place,
		x.Route != "" && !onRoute(x.Route, e),
		Expired(x.Expires, e.Now),
		len(x.Path) > 0 && f.Ambiguous:
		return false
	case len(x.Path) == 0:
		return true
	}
	return x.matchPath(f.Path)
}

func (x *Exception) matchPath(path verdict.Path) bool {
	if len(path) != len(x.Path) {
		return false
	}
	for i, s := range x.Path {
		if !s.Any && !path.Same(i, s.Segment) {
			return false
		}
	}
	return true
}
