package waf

import (
	"strings"

	"github.com/corazawaf/coraza/v3/types"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy/screen"
)

// mostCandidates bounds the leaves of one name that are tried one by one.
const mostCandidates = 32

// argument returns the leaves that a match on an argument may be about. Coraza
// reports the argument's name and its transformed value; where several leaves
// share the name, each is put to the same rule alone. An exception for
// orders[0].comment must not excuse customer.comment.
func (e *Engine) argument(ev *event.Event, c *chunk, md types.MatchData, rule int, name bool) []*event.Leaf {
	key := md.Key()
	var found []*event.Leaf
	seen := map[string]bool{}
	consider := func(l *event.Leaf) {
		if !strings.EqualFold(l.Name, key) || !name && (l.NameOnly || seen[l.Value]) || name && seen[""] {
			return
		}
		if name {
			seen[""] = true
		} else {
			seen[l.Value] = true
		}
		found = append(found, l)
	}
	for _, i := range c.args {
		consider(&ev.Leaves[i])
	}
	if c.in.HasHead {
		for i := range ev.Leaves {
			if l := &ev.Leaves[i]; l.InTarget && l.Place == verdict.PlaceQuery {
				consider(l)
			}
		}
	}
	if len(found) <= 1 || name {
		return found
	}
	return e.tryEach(found, md, rule)
}

// tryEach keeps the leaves that the rule matches on their own with the same
// transformed value. A chain that needs several arguments matches none alone;
// then all stay.
func (e *Engine) tryEach(all []*event.Leaf, md types.MatchData, rule int) []*event.Leaf {
	if len(all) > mostCandidates {
		return all
	}
	only := [][2]int{{910000, rule - 1}, {rule + 1, 948999}}
	var kept []*event.Leaf
	for _, l := range all {
		origin := screen.Post
		if l.Place == verdict.PlaceQuery {
			origin = screen.Query
		}
		in := screen.Input{Args: []screen.Arg{{Name: l.Name, Value: l.Value, Origin: origin}}}
		m, err := e.run(&in, only)
		if err != nil {
			return all
		}
		for _, mr := range m.rules {
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

func hasValue(mr types.MatchedRule, value string) bool {
	for _, md := range mr.MatchedDatas() {
		if md.Value() == value {
			return true
		}
	}
	return false
}
