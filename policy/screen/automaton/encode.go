package automaton

import (
	"encoding/binary"
	"errors"
	"regexp/syntax"
)

// Append appends a form of the machine from which Read makes it again without
// parsing the pattern. States are not part of it.
func (m *Machine) Append(out []byte) []byte {
	put := func(n int) { out = binary.AppendUvarint(out, uint64(n)) }
	runes := func(list []rune) {
		put(len(list))
		last := rune(0)
		for _, r := range list { // ascending, so that the differences are small
			put(int(r - last))
			last = r
		}
	}
	put(m.prog.Start)
	put(len(m.prog.Inst))
	for i := range m.prog.Inst {
		inst := &m.prog.Inst[i]
		put(int(inst.Op))
		put(int(inst.Out))
		put(int(inst.Arg))
		if consumes(inst) {
			runes(inst.Rune)
		}
	}
	runes(m.starts)
	for _, c := range m.class {
		put(int(c))
	}
	put(m.end)
	for _, r := range m.runes {
		put(int(r))
	}
	return out
}

var errDamaged = errors.New("automaton is damaged")

// Read makes a machine from what Append wrote for the same pattern.
func Read(data, pattern string, bytes bool, budget *Budget) (*Machine, error) {
	d := decoder{in: data}
	prog := &syntax.Prog{Start: d.number()}
	prog.Inst = make([]syntax.Inst, d.length())
	for i := range prog.Inst {
		inst := &prog.Inst[i]
		inst.Op, inst.Out, inst.Arg = syntax.InstOp(d.number()), uint32(d.number()), uint32(d.number())
		if consumes(inst) {
			inst.Rune = d.runes()
		}
		n := len(prog.Inst)
		if int(inst.Out) >= n || (inst.Op == syntax.InstAlt || inst.Op == syntax.InstAltMatch) && int(inst.Arg) >= n {
			d.failed = true
		}
	}
	a := alphabet{starts: d.runes()}
	a.class = make([]uint16, len(a.starts))
	for i := range a.class {
		a.class[i] = uint16(d.number())
	}
	a.runes = make([]rune, d.length())
	a.end = len(a.runes)
	for i := range a.runes {
		a.runes[i] = rune(d.number())
		a.contexts = append(a.contexts, contextOf(a.runes[i]))
	}
	a.contexts = append(a.contexts, atEdge)
	for _, c := range a.class {
		d.failed = d.failed || int(c) >= a.end
	}
	if d.failed || d.in != "" || prog.Start >= len(prog.Inst) || len(a.starts) == 0 || a.starts[0] != 0 {
		return nil, errDamaged
	}
	for r := range a.low {
		a.low[r] = uint16(a.classOf(rune(r)))
	}
	m := &Machine{prog: prog, pattern: pattern, bytes: bytes, budget: budget, alphabet: a}
	m.set.size(len(prog.Inst))
	m.clear()
	return m, nil
}

// decoder reads varints; after a fault it returns zeros.
type decoder struct {
	in     string
	failed bool
}

func (d *decoder) number() int {
	var n uint64
	for shift := 0; shift < 63; shift += 7 {
		if d.in == "" {
			break
		}
		b := d.in[0]
		d.in = d.in[1:]
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return int(n)
		}
	}
	d.failed = true
	return 0
}

// length reads the length of a list, each element of which takes a byte at least.
func (d *decoder) length() int {
	n := d.number()
	if n > len(d.in) {
		d.failed = true
		return 0
	}
	return n
}

func (d *decoder) runes() []rune {
	list := make([]rune, d.length())
	last := 0
	for i := range list {
		last += d.number()
		list[i] = rune(last)
	}
	return list
}
