package automaton

import (
	"regexp/syntax"
	"slices"
	"sort"
	"unicode"
)

// alphabet divides the runes into classes no instruction of a program tells apart.
type alphabet struct {
	low      [256]uint16 // class of each rune below 256
	starts   []rune      // intervals of runes, by their first
	class    []uint16    // class of each interval
	runes    []rune      // one rune of each class
	contexts []context   // by class; the last is the end of the text
	end      int         // number of classes: stands for the end of the text
}

func newAlphabet(prog *syntax.Prog) alphabet {
	a := alphabet{starts: boundaries(prog)}
	consuming := consumers(prog)
	byKey := map[string]uint16{}
	key := make([]byte, 0, len(consuming)/8+2)
	for _, r := range a.starts {
		ctx := contextOf(r)
		key = append(key[:0], byte(ctx))
		var bits byte
		for i, inst := range consuming {
			bits <<= 1
			if inst.MatchRune(r) {
				bits |= 1
			}
			if i%8 == 7 {
				key = append(key, bits)
				bits = 0
			}
		}
		key = append(key, bits)
		class, ok := byKey[string(key)]
		if !ok {
			class = uint16(len(a.runes))
			byKey[string(key)] = class
			a.runes = append(a.runes, r)
			a.contexts = append(a.contexts, ctx)
		}
		a.class = append(a.class, class)
	}
	a.end = len(a.runes)
	a.contexts = append(a.contexts, atEdge)
	for r := range a.low {
		a.low[r] = uint16(a.classOf(rune(r)))
	}
	return a
}

// classOf finds the class of any rune.
func (a *alphabet) classOf(r rune) int {
	i := sort.Search(len(a.starts), func(i int) bool { return a.starts[i] > r })
	return int(a.class[i-1])
}

func contextOf(r rune) (c context) {
	if r == '\n' {
		c |= atNewline
	}
	if syntax.IsWordChar(r) {
		c |= atWord
	}
	return c
}

// consumers returns the instructions that read a rune, equal ones once.
func consumers(prog *syntax.Prog) (out []*syntax.Inst) {
	seen := map[string]bool{}
	var key []byte
	for i := range prog.Inst {
		inst := &prog.Inst[i]
		if !consumes(inst) {
			continue
		}
		key = append(key[:0], byte(inst.Op), byte(inst.Arg))
		for _, r := range inst.Rune {
			key = append(key, byte(r), byte(r>>8), byte(r>>16))
		}
		if !seen[string(key)] {
			seen[string(key)] = true
			out = append(out, inst)
		}
	}
	return out
}

// boundaries returns the first runes of the intervals between which no
// instruction, and no assertion, changes its mind.
func boundaries(prog *syntax.Prog) []rune {
	out := []rune{0, '\n', '\n' + 1, '0', '9' + 1, 'A', 'Z' + 1, '_', '_' + 1, 'a', 'z' + 1}
	for i := range prog.Inst {
		inst := &prog.Inst[i]
		if !consumes(inst) {
			continue
		}
		if len(inst.Rune) == 1 {
			r := inst.Rune[0]
			out = append(out, r, r+1)
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				out = append(out, f, f+1)
			}
			continue
		}
		for j := 0; j+1 < len(inst.Rune); j += 2 {
			out = append(out, inst.Rune[j], inst.Rune[j+1]+1)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
