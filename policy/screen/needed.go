package screen

import (
	"math/bits"
	"slices"
	"strings"

	"github.com/merlon-security/merlon/policy/seclang"
)

// whole reports whether a rule, in its links from the given one on, looks at
// arguments apart from one that its starter matches: at all of them, at their number or
// size, or at variables named after them. For a starter that the screen
// evaluates, its own elements are no matter of this.
func (c *compiler) whole(i, from int) bool {
	r := &c.rules[i]
	controls := slices.ContainsFunc(r.Links(), func(l seclang.Rule) bool { return l.Has("ctl") })
	if inert(r) && !controls && c.effectless(i) {
		return false
	}
	for k, l := range r.Links() {
		if k >= from && readsArguments(l) || slices.ContainsFunc(l.Variables, sumsArguments) {
			return true
		}
		if expandsArguments(l.Operator.Argument) || c.readsPattern(i, &l) {
			return true
		}
		for _, a := range l.Actions {
			if a.Name != "logdata" && a.Name != "msg" && expandsArguments(a.Value) {
				return true
			}
		}
	}
	return false
}

func readsArguments(l seclang.Rule) bool { return slices.ContainsFunc(l.Variables, isArgument) }

func isArgument(v seclang.Variable) bool { return strings.HasPrefix(v.Name, "ARGS") }

// sumsArguments reports a variable that is not one element, but a count or a size.
func sumsArguments(v seclang.Variable) bool {
	return isArgument(v) && v.Count || v.Name == "ARGS_COMBINED_SIZE"
}

// readsPattern reports whether a link of the rule at i reads TX by a pattern, or
// all of it, where another rule may have set variables named after arguments.
func (c *compiler) readsPattern(i int, l *seclang.Rule) bool {
	if !slices.ContainsFunc(l.Variables, func(v seclang.Variable) bool { return v.Name == "TX" && (v.Key == "" || v.Regex) }) {
		return false
	}
	for j := range c.rules {
		links := c.rules[j].Links()
		if j == i || c.fate[j] == gated || c.fate[j] == idle || !slices.ContainsFunc(links, readsArguments) {
			continue
		}
		for set := range assignments(&c.rules[j]) {
			prefix, _, dynamic := strings.Cut(strings.ToLower(set.key), "%{")
			if dynamic && c.reads(l, set.key) && !anchoredElsewhere(l, prefix) {
				return true
			}
		}
	}
	return false
}

func expandsArguments(text string) bool { return strings.Contains(strings.ToLower(text), "%{args") }

// needed returns the arguments that a Coraza transaction narrowed to the rules
// of r has to hold: those on which the starter of one of these rules matches.
// Coraza's cost is that of its rules times its arguments, and an attack is in one of them.
func (s *Scratch) needed(r *Result) (args []int32, all bool) {
	p := s.p
	if r.Clean || r.Always || p.whole || len(s.in.Args) < 2 {
		return nil, true
	}
	left := s.failed // whose work is done
	for w := range left {
		left[w] = s.seen[w] | p.kept[w]
		if !s.in.HasHead {
			left[w] &^= p.heads[w]
		}
		for word := left[w]; word != 0; word &= word - 1 {
			if p.metas[p.rules[w<<6+bits.TrailingZeros64(word)].meta].whole {
				return nil, true
			}
		}
	}
	for i := range s.values {
		v := &s.values[i]
		any := uint64(0)
		for w, set := range s.sets[i*p.width : (i+1)*p.width] {
			s.want[w] = set & left[w]
			any |= s.want[w]
		}
		v.starts = v.starts || any != 0 && s.starts(v.text)
	}
	s.args = s.args[:0]
	for i := range s.in.Args {
		if a := &s.in.Args[i]; s.startsOn(a.Value) || s.startsOn(a.Name) {
			s.args = append(s.args, int32(i))
		}
	}
	return s.args, false
}

// starts reports whether the starter of a rule in question matches a value.
func (s *Scratch) starts(text string) bool {
	s.open(text)
	for t := range s.texts {
		s.candidates(t)
		s.sift(t)
		for w, word := range s.cand {
			for ; word != 0; word &= word - 1 {
				if s.decide(&s.p.rules[w<<6+bits.TrailingZeros64(word)], &s.texts[t]) {
					return true
				}
			}
		}
	}
	return false
}

// startsOn tells the same of a value that has been looked at. One that no rule looks at was not entered.
func (s *Scratch) startsOn(text string) bool {
	at := s.lookUp(text)
	return at >= 0 && s.values[at].starts
}
