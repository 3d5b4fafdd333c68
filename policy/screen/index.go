package screen

import (
	"math/bits"
	"slices"

	"github.com/merlon-security/merlon/policy/screen/automaton"
	"github.com/merlon-security/merlon/policy/screen/necessary"
	"github.com/merlon-security/merlon/policy/screen/transform"
)

// index holds what follows from the rules and makes the scan quick. It is
// computed when a program is compiled or loaded, never written to a file.
// Sets of rules are bit sets of width words over Program.rules.
type index struct {
	width int

	base     [slotCount][]uint64   // rules that look at every element of the slot
	keyed    [slotCount][]namedSet // rules that look at elements of a name besides
	excepted [slotCount][]namedSet // rules of base that do not look at elements of a name
	heads    []uint64              // rules without an object if there is no HTTP head
	loose    []int32               // rules evaluated apart from the values: constants, counts, counters
	batches  []*batch
	machines []machine // compiled patterns
	metaHead []bool    // by meta: a head rule
	byID     []int32   // metas by ascending id
	budget   *automaton.Budget
	unknown  bool // a rule is of class Unknown
	// responses: a rule looks at the body of a response.
	responses bool
	whole     bool     // a rule that always runs looks at all arguments
	kept      []uint64 // rules never narrowed away
	captive   []uint64 // rules with a link that tests what the starter captured

	triggers []transform.Bytes // by node
	own      [][]uint64        // rules applied to the text of a node
	moved    [][]uint64        // the same without multiMatch rules, which keep looking at the value itself
	below    [][]uint64        // rules applied to the text of a node or of one behind it
	subtree  [][]int32         // a node and those behind it, in their order

	all    []uint64        // rules with slots
	always []uint64        // rules without a condition
	byByte []uint64        // rules to consider for a byte: 256 sets, one behind the other
	bytes  transform.Bytes // bytes with a set that is not empty
	byBit  [][]uint64      // rules to consider for the bit of a literal clause
	bits   []uint64        // bits with a set
	junk   transform.Bytes

	byHint  []uint64        // rules a byte keeps alive: 256 sets, one behind the other
	hints   transform.Bytes // bytes with a set that is not empty
	finders []finder
}

// namedSet is a set of rules that concerns elements of a name.
type namedSet struct {
	key key
	set []uint64
}

// finish computes the index.
func (p *Program) finish() {
	p.index = index{width: (len(p.rules) + 63) / 64}
	p.machines = make([]machine, len(p.patterns))
	p.budget = automaton.NewBudget(automata)
	p.junk.Add(necessary.Junk)
	for s := range p.base {
		p.base[s] = p.newSet()
	}
	p.heads, p.all, p.always = p.newSet(), p.newSet(), p.newSet()
	p.kept, p.captive = p.newSet(), p.newSet()
	p.byByte, p.byHint = make([]uint64, 256*p.width), make([]uint64, 256*p.width)
	p.nodeSets()
	p.finders = make([]finder, len(p.nodes)+moreFinders)
	p.metaHead = make([]bool, len(p.metas))
	for i, m := range p.metas {
		p.byID = append(p.byID, int32(i))
		p.unknown = p.unknown || m.class == Unknown
		p.whole = p.whole || m.whole && m.class == Bookkeeping
	}
	slices.SortFunc(p.byID, func(a, b int32) int { return int(p.metas[a].id - p.metas[b].id) })
	p.indexBatches()
	bits := p.literals.Marks()
	for i := range p.rules {
		for _, c := range p.rules[i].clauses {
			bits = max(bits, int(c.literal)+1)
		}
	}
	p.byBit = make([][]uint64, bits)
	p.bits = make([]uint64, (bits+63)/64)
	for i := range p.rules {
		r := &p.rules[i]
		if r.head {
			p.metaHead[r.meta] = true
			put(p.heads, i)
		}
		if p.metas[r.meta].keep {
			put(p.kept, i)
		}
		if slices.ContainsFunc(r.members, func(m member) bool { return m.captured }) {
			put(p.captive, i)
		}
		if r.constant || r.dup > 0 || len(r.counts) > 0 {
			p.loose = append(p.loose, int32(i))
		}
		if r.slots == 0 {
			continue
		}
		p.responses = p.responses || r.slots.has(slotReplyBody)
		put(p.all, i)
		p.indexTargets(i)
		p.indexCondition(i)
		for _, at := range r.nodes {
			put(p.own[at], i)
			if len(r.nodes) == 1 {
				put(p.moved[at], i)
			}
			for up := int32(at); up >= 0; up = p.nodes[up].parent {
				put(p.below[up], i)
			}
		}
	}
}

func (p *Program) newSet() []uint64 { return make([]uint64, p.width) }

func put(set []uint64, i int) { set[i>>6] |= 1 << (i & 63) }

func (p *Program) nodeSets() {
	for i := range p.nodes {
		p.own = append(p.own, p.newSet())
		p.moved = append(p.moved, p.newSet())
		p.below = append(p.below, p.newSet())
		var m transform.Bytes
		if i > 0 {
			m = p.nodes[i].kind.Trigger()
		}
		p.triggers = append(p.triggers, m)
		p.subtree = append(p.subtree, nil)
		for up := int32(i); up > 0; up = p.nodes[up].parent {
			p.subtree[up] = append(p.subtree[up], int32(i))
		}
	}
}

// indexTargets enters a rule where its values come from. Exclusions count only
// if one selection alone covers the slot.
func (p *Program) indexTargets(i int) {
	r := &p.rules[i]
	for s := slot(0); s < slotCount; s++ {
		var broad []*selection
		for j := range r.selections {
			sel := &r.selections[j]
			switch {
			case !sel.slots.has(s):
			case sel.any:
				broad = append(broad, sel)
			default:
				p.keyed[s] = p.addNamed(p.keyed[s], sel.key, i)
			}
		}
		if len(broad) > 0 {
			put(p.base[s], i)
		}
		if len(broad) == 1 {
			for _, k := range broad[0].except {
				p.excepted[s] = p.addNamed(p.excepted[s], k, i)
			}
		}
	}
}

func (p *Program) addNamed(list []namedSet, k key, rule int) []namedSet {
	for j := range list {
		if list[j].key == k {
			put(list[j].set, rule)
			return list
		}
	}
	n := namedSet{key: k, set: p.newSet()}
	put(n.set, rule)
	return append(list, n)
}

// indexCondition enters a rule under its rarest clause, and under the bytes of its rarest hint.
func (p *Program) indexCondition(i int) {
	clauses := p.rules[i].clauses
	if len(clauses) == 0 {
		put(p.always, i)
		return
	}
	best, hint := &clauses[0], &clauses[0]
	for j := range clauses {
		c := &clauses[j]
		if c.weight < best.weight {
			best = c
		}
		if c.rarity < hint.rarity {
			hint = c
		}
	}
	p.enter(p.byByte, &p.bytes, &best.bytes, i)
	p.enter(p.byHint, &p.hints, &hint.hints[0], i)
	if best.literal >= 0 {
		if p.byBit[best.literal] == nil {
			p.byBit[best.literal] = p.newSet()
		}
		put(p.byBit[best.literal], i)
		put(p.bits, int(best.literal))
	}
}

// enter puts a rule into the sets of the bytes, and these into all that have a set.
func (p *Program) enter(sets []uint64, all, bytes *transform.Bytes, rule int) {
	for i, word := range bytes {
		for ; word != 0; word &= word - 1 {
			b := i<<6 + bits.TrailingZeros64(word)
			put(sets[b*p.width:(b+1)*p.width], rule)
		}
	}
	all.Join(bytes)
}
