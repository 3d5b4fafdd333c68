package profile

import (
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// Progress is how far learning has come.
type Progress struct {
	Function     string          `json:"function"`
	Samples      uint64          `json:"samples"`
	Environments int             `json:"environments"`
	First        string          `json:"first,omitempty"`
	Last         string          `json:"last,omitempty"`
	Unseen       float64         `json:"unseen"` // see Provenance
	Dimensions   []PartProgress  `json:"dimensions"`
	Routes       []RouteProgress `json:"routes"`
	Wants        []string        `json:"wants"` // what speaks against mode alert; empty for nothing
}

// PartProgress counts the elements of a dimension or a route.
type PartProgress struct {
	Name    string `json:"name"`
	Settled int    `json:"settled"`
	Waiting int    `json:"waiting"`
	// New are the settled ones that the profile in use does not have.
	New int `json:"new"`
}

// RouteProgress is that of a route, or of a trigger as such.
type RouteProgress struct {
	PartProgress
	Sources int `json:"sources"` // networks, about
	Days    int `json:"days"`    // from the first to the last
	// Unseen is the estimated share of what the next network brings here that no
	// other has brought: Good and Turing's estimate with networks for samples (Chao
	// and Jost, "Coverage-based rarefaction and extrapolation", 2012). Environments
	// tell of four networks a day for each element, so it is rather too high than
	// too low. -1 where events have no source address.
	Unseen float64 `json:"unseen"`

	once, seen float64
}

// Progress compares the evidence with what makes elements normal, and with the
// profile in use if there is one, as Parse returned it.
func (e *Evidence) Progress(opt Options, inUse *Document) Progress {
	built, _ := e.Build(opt)
	p := built.Provenance
	out := Progress{Function: opt.Metadata.Function, Samples: p.Samples, Environments: p.Environments, First: p.First, Last: p.Last, Unseen: p.Unseen}
	judged := built
	if inUse != nil {
		judged = inUse
	}
	out.Wants = append([]string{}, ToAlert(judged).Against...)

	b, has := &builder{opt: opt}, compile(inUse)
	routes, dimensions := map[string]*RouteProgress{}, map[Dimension]*PartProgress{}
	e.each(func(el Element, p *Proof) {
		at := routeIn(el.Place)
		of := e.at(at)
		settled := of != nil && b.normal(el.Place, el.Mark, p, nilAt(of, len(el.Place) == len(at) && el.Mark == "."))
		if settled && len(el.Place) > len(at) {
			settled = b.normal(at, ".", of, nil) // below a route that waits all waits
		}
		name := ShowPlace(at)
		r := routes[name]
		if r == nil {
			r = &RouteProgress{PartProgress: PartProgress{Name: name}}
			if of != nil {
				r.Sources, r.Days = int(of.estimate()+0.5), int(of.Last-of.First)+1
			}
			routes[name] = r
		}
		r.seen += p.estimate()
		if len(p.Sources) == 1 {
			r.once++
		}
		kind := dimensionOf(el)
		d := dimensions[kind]
		if d == nil {
			d = &PartProgress{Name: string(kind)}
			dimensions[kind] = d
		}
		isNew := settled && inUse != nil && !has.find(el.Place).has(el.Mark)
		for _, part := range []*PartProgress{&r.PartProgress, d} {
			switch {
			case !settled:
				part.Waiting++
			case isNew:
				part.New++
				part.Settled++
			default:
				part.Settled++
			}
		}
	})
	for _, name := range sortedKeys(routes) {
		r := routes[name]
		r.Unseen = -1
		if r.seen > 0 {
			r.Unseen = float64(int(r.once/r.seen*1e4+0.5)) / 1e4
		}
		out.Routes = append(out.Routes, *r)
	}
	for _, kind := range Dimensions() {
		if d := dimensions[kind]; d != nil {
			out.Dimensions = append(out.Dimensions, *d)
		}
	}
	return out
}

// nilAt is the proof an element is measured against; none for that of the route
// itself.
func nilAt(of *Proof, itself bool) *Proof {
	if itself {
		return nil
	}
	return of
}

// at is the proof that a place was there.
func (e *Evidence) at(at Place) *Proof {
	s := &e.top
	for _, step := range at {
		if s = s.kids[step]; s == nil {
			return nil
		}
	}
	return s.marks["."]
}

// routeIn is the trigger, or trigger, method and path, of a place.
func routeIn(at Place) Place {
	if i := slices.IndexFunc(at, func(step string) bool { return step[0] == '#' }); i >= 0 {
		return at[:i]
	}
	return at
}

// dimensionOf is the dimension in which an event departs that has what no profile
// knows.
func dimensionOf(el Element) Dimension {
	switch el.Mark[0] {
	case '.':
		if len(el.Place) == 1 {
			return Triggers
		}
		return Routes
	case '@':
		return Sources
	case 'c':
		return ContentType
	case 'T':
		return Types
	case 'L':
		return Lengths
	case 'C':
		return Chars
	case 'F':
		return Formats
	case 'S':
		return Sizes
	}
	return Numbers
}

// has reports whether a shape of a profile knows a mark.
func (s *shape) has(mark string) bool {
	switch {
	case s == nil:
		return false
	case strings.IndexByte(aspectNames, mark[0]) >= 0:
		step, err := strconv.Atoi(mark[1:])
		known := s.known
		return err == nil && *known.parts()[strings.IndexByte(aspectNames, mark[0])]&bits.RotateLeft64(1, step) != 0
	}
	return s.words[mark] || s.words[mark[:1]+"*"]
}
