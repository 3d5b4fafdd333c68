package profile

import (
	"slices"

	"github.com/merlon-security/merlon/internal/event"
)

// shape is a place as events are compared with it: by keys as they stand in the
// event, so that looking one up costs no allocation.
type shape struct {
	steps    map[string]*shape // segments and groups
	members  map[string]*shape
	element  *shape
	anything *shape // for any segment or any member
	known    look
	words    map[string]bool
	partial  bool   // what is below a route, or a trigger, is not compared
	field    *Field // of a compiled profile; nil for what is no field
}

// step returns what is below a step of a Place; nil if nothing is.
func (s *shape) step(step string) *shape {
	if s == nil {
		return nil
	}
	switch step[0] {
	case '.':
		if step == ".*" {
			return s.anything
		}
		return s.member(step[1:])
	case '[':
		return s.element
	}
	if k := s.steps[step]; k != nil {
		return k
	}
	if step[0] == '/' {
		return s.anything
	}
	return nil
}

func (s *shape) member(key string) *shape {
	if k := s.members[key]; k != nil {
		return k
	}
	if k := s.members[otherName]; k != nil && !named(key) {
		return k
	}
	return s.anything
}

// find returns what is at a place; nil if nothing is.
func (s *shape) find(at Place) *shape {
	for _, step := range at {
		s = s.step(step)
	}
	return s
}

// grow returns what is at a place, and makes it where nothing stands for it.
func (s *shape) grow(at Place) *shape { return s.growBy(at, (*shape).step) }

// growOwn makes a place of its own even where another stands for any: what a
// profile says of one member is not said of all.
func (s *shape) growOwn(at Place) *shape { return s.growBy(at, (*shape).own) }

// own returns what is below a step and stands for nothing else.
func (s *shape) own(step string) *shape {
	switch {
	case isAny(step):
		return s.anything
	case step[0] == '.':
		return s.members[step[1:]]
	case step[0] == '[':
		return s.element
	}
	return s.steps[step]
}

func (s *shape) growBy(at Place, have func(*shape, string) *shape) *shape {
	for _, step := range at {
		k := have(s, step)
		if k == nil {
			k = &shape{}
			switch {
			case isAny(step):
				s.anything = k
			case step[0] == '.':
				if s.members == nil {
					s.members = map[string]*shape{}
				}
				s.members[step[1:]] = k
			case step[0] == '[':
				s.element = k
			default:
				if s.steps == nil {
					s.steps = map[string]*shape{}
				}
				s.steps[step] = k
			}
		}
		s = k
	}
	return s
}

// walker compares the values of one event with the shape of a route.
type walker struct {
	ev    *event.Event
	tree  event.Tree
	route *shape
	memo  []found // by value
}

type found struct {
	at   *shape
	done bool
}

func newWalker(ev *event.Event, route *shape) *walker {
	w := &walker{ev: ev, tree: ev.Tree(), route: route}
	w.memo = make([]found, w.tree.Len())
	return w
}

// fields calls fn for every leaf that is part of the function's interface, with
// what it looks like and what is known of its place; nil for nothing.
func (w *walker) fields(fn func(l *event.Leaf, group string, at *shape, lk look) bool) {
	for i := range w.ev.Leaves {
		l := &w.ev.Leaves[i]
		g, byName := group(w.ev, l)
		if g == "" {
			continue
		}
		at := w.route.step(g)
		id, sub := w.tree.Of(l)
		kind, size := event.String, 0
		switch {
		case byName:
			at = memberOf(at, l.Name)
		case sub != "" && !l.NameOnly:
			at = memberOf(w.resolve(id, g), sub)
		default:
			at = w.resolve(id, g)
			kind, size = w.kind(l, id)
		}
		if !fn(l, g, at, lookAt(kind, l.Value, size)) {
			return
		}
	}
}

func memberOf(s *shape, key string) *shape {
	if s == nil {
		return nil
	}
	return s.member(key)
}

// kind is what a leaf is; a text that holds a document counts as an object.
func (w *walker) kind(l *event.Leaf, id int) (event.Type, int) {
	kind := w.tree.Type(id)
	switch {
	case kind == event.Array && l.NameOnly:
		return kind, w.tree.Size(id)
	case kind == event.String && l.NameOnly:
		return event.Object, 0
	case kind == event.Object || kind == event.Array:
		if !l.NameOnly {
			return event.String, 0 // a list of bytes that was a text, an attribute with its type
		}
	}
	return kind, 0
}

// resolve finds the place of a value.
func (w *walker) resolve(id int, group string) *shape {
	if id < 0 {
		return w.route.step(group)
	}
	if m := &w.memo[id]; m.done {
		return m.at
	}
	parent, key, element := w.tree.Above(id)
	var at *shape
	switch {
	case parent < 0, group == groupBody && w.isRoot(parent):
		at = w.route.step(group)
	default:
		at = w.resolve(parent, group)
		switch {
		case at == nil:
		case element:
			at = at.element
		case key != "":
			at = at.member(key)
		}
	}
	w.memo[id] = found{at, true}
	return at
}

// isRoot tells the event's own outermost value.
func (w *walker) isRoot(id int) bool {
	parent, key, _ := w.tree.Above(id)
	return parent < 0 && key == ""
}

// place is where a leaf is, below its route.
func (w *walker) place(l *event.Leaf, group string, byName bool) Place {
	var rev Place
	id, sub := w.tree.Of(l)
	switch {
	case byName:
		return Place{group, member(l.Name)}
	case sub != "" && !l.NameOnly:
		rev = append(rev, member(sub))
	}
	for id >= 0 {
		parent, key, element := w.tree.Above(id)
		if parent < 0 || group == groupBody && w.isRoot(parent) {
			break
		}
		if element {
			rev = append(rev, "[]")
		} else if key != "" {
			rev = append(rev, member(key))
		}
		id = parent
	}
	rev = append(rev, group)
	slices.Reverse(rev)
	return rev
}
