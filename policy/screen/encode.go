package screen

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"unsafe"

	"github.com/merlon-security/merlon/policy/screen/literal"
	"github.com/merlon-security/merlon/policy/screen/transform"
)

// magic begins a written program. The number counts forms: a reader takes its own only.
const magic = "merlon screen 4\n"

// MarshalBinary returns the flat form that Load reads: no pattern is analysed
// and no SecLang read when a program starts from it.
func (p *Program) MarshalBinary() ([]byte, error) {
	e := &encoder{out: []byte(magic)}
	e.out = append(e.out, 0, 0, 0, 0)
	e.byte(p.paranoia)
	encodeList(e, p.metas, e.meta)
	encodeList(e, p.nodes, e.node)
	encodeList(e, p.patterns, func(t *pattern) { e.string(t.text); e.bool(t.bytes); e.string(t.code) })
	encodeList(e, p.reasons, func(s *string) { e.string(*s) })
	encodeList(e, p.rules, e.rule)
	e.out = p.literals.Append(e.out)
	body := e.out[len(magic)+4:]
	binary.LittleEndian.PutUint32(e.out[len(magic):], crc32.ChecksumIEEE(body))
	return e.out, nil
}

// encoder writes numbers as varints and strings behind their length.
type encoder struct{ out []byte }

func (e *encoder) byte(b byte)     { e.out = append(e.out, b) }
func (e *encoder) int(n int)       { e.out = binary.AppendVarint(e.out, int64(n)) }
func (e *encoder) string(s string) { e.int(len(s)); e.out = append(e.out, s...) }

func (e *encoder) bool(b bool) {
	if b {
		e.byte(1)
	} else {
		e.byte(0)
	}
}

func (e *encoder) float(f float32) {
	e.out = binary.LittleEndian.AppendUint32(e.out, math.Float32bits(f))
}

func (e *encoder) set(m *transform.Bytes) {
	for _, w := range m {
		e.out = binary.LittleEndian.AppendUint64(e.out, w)
	}
}

func encodeList[T any](e *encoder, list []T, one func(*T)) {
	e.int(len(list))
	for i := range list {
		one(&list[i])
	}
}

func (e *encoder) meta(m *meta) {
	e.int(int(m.id))
	e.byte(byte(m.class))
	e.bool(m.keep)
	e.bool(m.whole)
}

func (e *encoder) node(n *node) {
	e.int(int(n.parent))
	e.byte(byte(n.kind))
	e.bool(n.multi)
}

func (e *encoder) rule(r *rule) {
	e.int(int(r.meta))
	e.bool(r.head)
	e.bool(r.constant)
	e.int(int(r.dup))
	e.int(int(r.slots))
	e.operator(&r.op)
	encodeList(e, r.nodes, func(n *uint16) { e.int(int(*n)) })
	encodeList(e, r.clauses, e.clause)
	encodeList(e, r.members, e.member)
	encodeList(e, r.selections, e.selection)
	encodeList(e, r.counts, e.selection)
}

func (e *encoder) operator(o *operator) {
	e.byte(byte(o.code))
	e.bool(o.negated)
	e.string(o.text)
	e.int(o.number)
	e.int(int(o.pattern))
	e.set(&o.outside)
	e.bool(o.whole)
	encodeList(e, o.words, func(s *string) { e.string(*s) })
}

func (e *encoder) clause(c *clause) {
	e.set(&c.bytes)
	e.set(&c.hints[0])
	e.set(&c.hints[1])
	e.int(int(c.literal))
	e.bool(c.stripped)
	e.bool(c.common)
	e.float(c.weight)
	e.float(c.rarity)
}

func (e *encoder) member(m *member) {
	encodeList(e, m.selections, e.selection)
	encodeList(e, m.counts, e.selection)
	e.operator(&m.op)
	encodeList(e, m.steps, func(k *transform.Kind) { e.byte(byte(*k)) })
	e.bool(m.captured)
	e.string(m.before)
	e.string(m.after)
	e.int(int(m.group))
}

func (e *encoder) selection(s *selection) {
	e.int(int(s.slots))
	e.bool(s.any)
	e.key(&s.key)
	encodeList(e, s.except, e.key)
}

func (e *encoder) key(k *key) {
	e.string(k.text)
	e.int(int(k.pattern))
	e.byte(k.needs)
}

// Load reads a program written by MarshalBinary. The program keeps data, which
// must not change afterwards. Data that was cut, changed or written by another
// version is refused.
func Load(data []byte) (*Program, error) {
	const head = len(magic) + 4
	if len(data) < head || string(data[:len(magic)]) != magic {
		return nil, errors.New("load screen: not a program of this version: generate it again")
	}
	if crc32.ChecksumIEEE(data[head:]) != binary.LittleEndian.Uint32(data[len(magic):]) {
		return nil, errors.New("load screen: the program is damaged: generate it again")
	}
	d := &decoder{in: unsafe.String(unsafe.SliceData(data), len(data))[head:]}
	p := &Program{paranoia: d.byte()}
	p.metas = decodeList(d, d.meta)
	p.nodes = decodeList(d, d.node)
	p.patterns = decodeList(d, func(t *pattern) { t.text, t.bytes, t.code = d.string(), d.bool(), d.string() })
	p.reasons = decodeList(d, func(s *string) { *s = d.string() })
	p.rules = decodeList(d, d.rule)
	if d.failed {
		return nil, errors.New("load screen: the program ends too early: generate it again")
	}
	var err error
	if p.literals, err = literal.Read(d.in); err != nil {
		return nil, fmt.Errorf("load screen: %w", err)
	}
	if err := p.consistent(); err != nil {
		return nil, fmt.Errorf("load screen: %w", err)
	}
	p.finish()
	return p, nil
}
