package screen

import (
	"strings"

	"github.com/merlon-security/merlon/policy/screen/automaton"
)

// batch is a handful of patterns that are tried on a long text as one.
type batch struct {
	set  []uint64 // the rules
	rule []int32
	machine
}

// batchSize is the number of rules in a batch. Rules of one family stand
// together and tend to be in question together.
const batchSize = 6

// indexBatches groups the rules that look for a pattern on runes.
func (p *Program) indexBatches() {
	for i := range p.rules {
		o := &p.rules[i].op
		if p.rules[i].slots == 0 || o.code != opRx || o.negated || strings.Contains(p.patterns[o.pattern].text, `\Q`) {
			continue // a quotation left open would take in the patterns behind it
		}
		if n := len(p.batches); n == 0 || len(p.batches[n-1].rule) == batchSize {
			p.batches = append(p.batches, &batch{set: p.newSet()})
		}
		b := p.batches[len(p.batches)-1]
		put(b.set, i)
		b.rule = append(b.rule, int32(i))
	}
}

// misses reports that no pattern of the batch matches the text. False says nothing.
func (b *batch) misses(p *Program, text string) bool {
	const spilling = 3 // an automaton that keeps growing too large is no help
	auto := b.get(func() (*automaton.Machine, error) {
		var all []string
		for _, i := range b.rule {
			all = append(all, "(?:"+p.patterns[p.rules[i].op.pattern].text+")")
		}
		if auto, err := automaton.New(strings.Join(all, "|"), false, p.budget); err == nil {
			return auto, nil
		}
		// What each may have, such as a group of a name, not all may have together.
		return automaton.New("", false, p.budget) // which matches, so that each is tried
	})
	return auto.Spills() < spilling && !auto.Match(text)
}
