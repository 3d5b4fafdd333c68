package screen

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/merlon-security/merlon/policy/screen/transform"
)

// decoder reads what encoder writes. After a fault it returns zeros.
type decoder struct {
	in     string
	failed bool
}

func (d *decoder) take(n int) string {
	if n < 0 || n > len(d.in) {
		d.failed = true
		n = 0
	}
	s := d.in[:n]
	d.in = d.in[n:]
	return s
}

func (d *decoder) byte() byte {
	if s := d.take(1); s != "" {
		return s[0]
	}
	return 0
}

func (d *decoder) bool() bool { return d.byte() != 0 }

// int reads a signed varint.
func (d *decoder) int() int {
	var u uint64
	for shift := 0; shift < 64; shift += 7 {
		b := d.byte()
		u |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return int(int64(u>>1) ^ -int64(u&1))
		}
	}
	d.failed = true
	return 0
}

func (d *decoder) string() string { return d.take(d.int()) }

func (d *decoder) set() (m transform.Bytes) {
	for i := range m {
		if s := d.take(8); len(s) == 8 {
			m[i] = binary.LittleEndian.Uint64([]byte(s))
		}
	}
	return m
}

func (d *decoder) float() float32 {
	if s := d.take(4); len(s) == 4 {
		return math.Float32frombits(binary.LittleEndian.Uint32([]byte(s)))
	}
	return 0
}

// decodeList reads a list. Every element takes at least a byte, so that a
// damaged length cannot ask for more memory than there is data.
func decodeList[T any](d *decoder, one func(*T)) []T {
	n := d.int()
	if n < 0 || n > len(d.in) {
		d.failed = true
		return nil
	}
	list := make([]T, n)
	for i := range list {
		one(&list[i])
	}
	return list
}

func (d *decoder) meta(m *meta) {
	m.id, m.class, m.keep, m.whole = int32(d.int()), Class(d.byte()), d.bool(), d.bool()
}

func (d *decoder) node(n *node) {
	n.parent, n.kind, n.multi = int32(d.int()), transform.Kind(d.byte()), d.bool()
}

func (d *decoder) rule(r *rule) {
	r.meta, r.head, r.constant = int32(d.int()), d.bool(), d.bool()
	r.dup, r.slots = int32(d.int()), slotSet(d.int())
	d.operator(&r.op)
	r.nodes = decodeList(d, func(n *uint16) { *n = uint16(d.int()) })
	r.clauses = decodeList(d, d.clause)
	r.members = decodeList(d, d.member)
	r.selections = decodeList(d, d.selection)
	r.counts = decodeList(d, d.selection)
}

func (d *decoder) operator(o *operator) {
	o.code, o.negated, o.text = opcode(d.byte()), d.bool(), d.string()
	o.number, o.pattern = d.int(), int32(d.int())
	o.outside, o.whole = d.set(), d.bool()
	o.words = decodeList(d, func(s *string) { *s = d.string() })
}

func (d *decoder) clause(c *clause) {
	c.bytes, c.hints[0], c.hints[1] = d.set(), d.set(), d.set()
	c.literal, c.stripped, c.common = int32(d.int()), d.bool(), d.bool()
	c.weight, c.rarity = d.float(), d.float()
}

func (d *decoder) member(m *member) {
	m.selections = decodeList(d, d.selection)
	m.counts = decodeList(d, d.selection)
	d.operator(&m.op)
	m.steps = decodeList(d, func(k *transform.Kind) { *k = transform.Kind(d.byte()) })
	m.captured, m.before, m.after, m.group = d.bool(), d.string(), d.string(), int32(d.int())
}

func (d *decoder) selection(s *selection) {
	s.slots, s.any = slotSet(d.int()), d.bool()
	d.key(&s.key)
	s.except = decodeList(d, d.key)
}

func (d *decoder) key(k *key) {
	k.text, k.pattern, k.needs = d.string(), int32(d.int()), d.byte()
}

var errInconsistent = errors.New("the program contradicts itself: generate it again")

// consistent checks every number that is used as an index.
func (p *Program) consistent() error {
	if len(p.nodes) == 0 || p.nodes[0].parent != -1 {
		return errInconsistent
	}
	for i, n := range p.nodes[1:] {
		if n.parent < 0 || int(n.parent) > i {
			return errInconsistent
		}
	}
	for i := range p.rules {
		r := &p.rules[i]
		ok := r.meta >= 0 && int(r.meta) < len(p.metas) && p.operatorConsistent(&r.op) && (r.slots == 0 || len(r.nodes) > 0)
		for _, n := range r.nodes {
			ok = ok && int(n) < len(p.nodes)
		}
		for _, c := range r.clauses {
			ok = ok && c.literal >= -1 && c.literal < 1<<16
		}
		for j := range r.members {
			m := &r.members[j]
			ok = ok && p.operatorConsistent(&m.op) && m.group >= 0 && (!m.captured || r.op.pattern >= 0)
			ok = ok && p.keysConsistent(m.selections) && p.keysConsistent(m.counts)
		}
		if !ok || !p.keysConsistent(r.selections) || !p.keysConsistent(r.counts) {
			return errInconsistent
		}
	}
	return nil
}

func (p *Program) operatorConsistent(o *operator) bool {
	isPattern := o.code == opRx || o.code == opRxBytes
	return isPattern == (o.pattern >= 0) && int(o.pattern) < len(p.patterns)
}

func (p *Program) keysConsistent(list []selection) bool {
	for i := range list {
		if int(list[i].key.pattern) >= len(p.patterns) {
			return false
		}
		for _, k := range list[i].except {
			if int(k.pattern) >= len(p.patterns) {
				return false
			}
		}
	}
	return true
}
