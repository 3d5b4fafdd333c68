package waf

import (
	"context"
	"slices"
	"strings"

	"github.com/corazawaf/coraza/v3/types"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy/screen"
)

// mostCandidates bounds the leaves of one name that are tried one by one, and
// mostTries the transactions spent on one chunk for it: an attacker chooses how
// many leaves share a name, and each try costs as much as a small request.
const (
	mostCandidates = 32
	mostTries      = 64
)

// search finds the leaves that the matches of one chunk are about.
type search struct {
	e     *Engine
	ctx   context.Context //nolint:containedctx // lives as long as one call
	ev    *event.Event
	c     *chunk
	tries int
	known map[tried][]types.MatchedRule
	hits  map[*event.Leaf][]int // rules that the screen finds possible on a leaf alone
}

// tried is one leaf put to one rule.
type tried struct {
	rule int
	leaf *event.Leaf
}

// argument returns the leaves that a match on an argument may be about. Coraza
// reports the argument's name and its transformed value; where several leaves
// share the name, each is put to the same rule alone. An exception for
// orders[0].comment must not excuse customer.comment.
func (s *search) argument(md types.MatchData, rule int, name bool) []*event.Leaf {
	key := md.Key()
	var found []*event.Leaf
	consider := func(l *event.Leaf) {
		if strings.EqualFold(l.Name, key) && (name || !l.NameOnly) {
			found = append(found, l)
		}
	}
	for _, i := range s.c.args {
		consider(&s.ev.Leaves[i])
	}
	if s.c.in.HasHead {
		for i := range s.ev.Leaves {
			if l := &s.ev.Leaves[i]; l.InTarget && l.Place == verdict.PlaceQuery {
				consider(l)
			}
		}
	}
	if name {
		return s.keys(found)
	}
	if len(found) <= 1 {
		return found
	}
	return s.tryEach(found, md, rule)
}

// keys keeps one leaf of each key: the elements of an array share theirs, which
// is the array's.
func (s *search) keys(found []*event.Leaf) []*event.Leaf {
	if len(found) > mostCandidates {
		return found
	}
	var kept []*event.Leaf
	var paths []verdict.Path
	for _, l := range found {
		p := s.ev.KeyPath(l)
		if !slices.ContainsFunc(paths, func(q verdict.Path) bool { return slices.Equal(p, q) }) {
			kept, paths = append(kept, l), append(paths, p)
		}
	}
	return kept
}

// tryEach keeps the leaves that the rule matches on their own with the same
// transformed value. A chain that needs several arguments matches none alone;
// then all stay.
func (s *search) tryEach(all []*event.Leaf, md types.MatchData, rule int) []*event.Leaf {
	if all = s.sift(all, rule); len(all) == 1 || len(all) > mostCandidates {
		return all
	}
	var kept []*event.Leaf
	for _, l := range all {
		matched, ok := s.try(l, rule)
		if !ok {
			return all
		}
		for _, mr := range matched {
			if mr.Rule().ID() == rule && hasValue(mr, md.Value()) {
				kept = append(kept, l)
				break
			}
		}
	}
	if len(kept) == 0 {
		return all
	}
	return kept
}

// sift drops the leaves on which the rule cannot match, by the screen, which
// asks for a hundredth of what a transaction costs. Where that leaves none, the
// rule needs several arguments, and all stay.
func (s *search) sift(all []*event.Leaf, rule int) []*event.Leaf {
	if s.e.program == nil {
		return all
	}
	var kept []*event.Leaf
	for _, l := range all {
		if slices.Contains(s.possible(l), rule) {
			kept = append(kept, l)
		}
	}
	if len(kept) == 0 {
		return all
	}
	return kept
}

// possible returns the rules that can match a leaf on its own.
func (s *search) possible(l *event.Leaf) []int {
	if rules, done := s.hits[l]; done {
		return rules
	}
	scratch := s.e.scratch.Get().(*screen.Scratch)
	defer s.e.scratch.Put(scratch)
	in := alone(l)
	var rules []int
	for _, h := range s.e.program.Scan(scratch, &in).Hits {
		rules = append(rules, h.RuleID)
	}
	if s.hits == nil {
		s.hits = map[*event.Leaf][]int{}
	}
	s.hits[l] = rules
	return rules
}

// alone is the input that holds nothing but one leaf.
func alone(l *event.Leaf) screen.Input {
	return plainHead(screen.Input{Args: []screen.Arg{argument(l)}})
}

// try puts one leaf alone to one rule; ok is false if that cannot be had.
func (s *search) try(l *event.Leaf, rule int) (matched []types.MatchedRule, ok bool) {
	t := tried{rule, l}
	if m, done := s.known[t]; done {
		return m, true
	}
	if s.tries++; s.tries > mostTries || s.ctx.Err() != nil {
		return nil, false
	}
	in := alone(l)
	m, err := s.e.run(&in, s.e.allBut(rule, &in))
	if err != nil {
		return nil, false
	}
	if s.known == nil {
		s.known = map[tried][]types.MatchedRule{}
	}
	s.known[t] = m.rules
	return m.rules, true
}

// allBut is what to leave out to try one rule.
func (e *Engine) allBut(rule int, in *screen.Input) [][2]int {
	if e.mine {
		return e.program.Narrow(nil, in, screen.Result{Hits: []screen.Hit{{RuleID: rule}}})
	}
	ranges := make([][2]int, 0, 3)
	for _, r := range [...][2]int{{910000, 948999}, {firstOwn, 9_999_999}} {
		if rule > r[0] {
			ranges = append(ranges, [2]int{r[0], min(rule-1, r[1])})
		}
		if rule < r[1] {
			ranges = append(ranges, [2]int{max(rule+1, r[0]), r[1]})
		}
	}
	return ranges
}

func hasValue(mr types.MatchedRule, value string) bool {
	for _, md := range mr.MatchedDatas() {
		if md.Value() == value {
			return true
		}
	}
	return false
}
