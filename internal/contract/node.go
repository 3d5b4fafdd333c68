package contract

import (
	"encoding/json"
	"math/big"
	"slices"
)

// kinds is a set of the types of JSON; none for any.
type kinds uint8

const (
	text kinds = 1 << iota
	numeric
	boolean
	null
	members
	array
)

var kindNames = [...]string{"string", "number", "boolean", "null", "object", "array"}

func kindOf(name string) kinds {
	if name == "integer" {
		return numeric
	}
	if i := slices.Index(kindNames[:], name); i >= 0 {
		return 1 << i
	}
	return 0
}

// names are those of the types; none for any.
func (k kinds) names() (out []string) {
	for i, name := range kindNames {
		if k&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return out
}

// others is what a schema says of members that it does not name.
type others uint8

const (
	unsaid others = iota // nothing, which allows them
	allowed
	refused
	described // as rest says
)

// node is what a schema allows, as far as a profile can say it: it never allows
// less than the schema.
type node struct {
	kinds     kinds
	whole     bool
	low, high *bound
	least     int // characters of a text
	most      int // -1: any number
	format    string
	values    []string // nil: any
	fewest    int      // elements
	maxItems  int      // -1: any number
	items     *node    // nil: any
	props     map[string]*node
	others    others
	rest      *node
}

func anything() *node { return &node{most: -1, maxItems: -1} }

func (n *node) takes(k kinds) bool { return n.kinds == 0 || n.kinds&k != 0 }

// bound is one end of a range, as it was written.
type bound struct {
	text string
	at   *big.Rat
}

// boundOf reads a number. A text so long, or with such an exponent, that
// computing with it would take time is no bound.
func boundOf(v any) *bound {
	n, ok := v.(json.Number)
	if !ok || len(n) > 64 {
		return nil
	}
	f, err := n.Float64()
	if err != nil || f > 1e40 || f < -1e40 || f != 0 && f < 1e-40 && f > -1e-40 {
		return nil
	}
	at, ok := new(big.Rat).SetString(string(n))
	if !ok {
		return nil
	}
	return &bound{string(n), at}
}

// further is the one of two bounds that lies on a side: -1 the lower, 1 the higher.
func further(a, b *bound, side int) *bound {
	if a.at.Cmp(b.at) == side {
		return a
	}
	return b
}

// either allows what one of two schemas allows. closed takes members of which a
// schema says nothing for refused.
func either(a, b *node, closed bool) *node {
	out := anything()
	if a.kinds != 0 && b.kinds != 0 {
		out.kinds = a.kinds | b.kinds
	}
	one := func(k kinds) *node { // the only one that allows a type at all
		switch {
		case !a.takes(k):
			return b
		case !b.takes(k):
			return a
		}
		return nil
	}
	if n := one(numeric); n != nil {
		out.low, out.high, out.whole = n.low, n.high, n.whole
	} else {
		if a.low != nil && b.low != nil {
			out.low = further(a.low, b.low, -1)
		}
		if a.high != nil && b.high != nil {
			out.high = further(a.high, b.high, 1)
		}
		out.whole = a.whole && b.whole
	}
	if n := one(text); n != nil {
		out.least, out.most, out.format = n.least, n.most, n.format
	} else {
		out.least = min(a.least, b.least)
		if a.most >= 0 && b.most >= 0 {
			out.most = max(a.most, b.most)
		}
		if a.format == b.format {
			out.format = a.format
		}
	}
	switch scalars := text | null; {
	case a.values != nil && b.values != nil:
		out.values = append(slices.Clone(a.values), b.values...)
	case a.values != nil && b.kinds == null, b.values != nil && a.kinds == null:
		if out.kinds&^scalars == 0 {
			out.values = append(append([]string{""}, a.values...), b.values...) // what null is written as
		}
	}
	if n := one(array); n != nil {
		out.fewest, out.maxItems, out.items = n.fewest, n.maxItems, n.items
	} else {
		out.fewest = min(a.fewest, b.fewest)
		if a.maxItems >= 0 && b.maxItems >= 0 {
			out.maxItems = max(a.maxItems, b.maxItems)
		}
		if a.items != nil && b.items != nil {
			out.items = either(a.items, b.items, closed)
		}
	}
	if n := one(members); n != nil {
		out.props, out.others, out.rest = n.props, n.others, n.rest
		return out
	}
	out.props = map[string]*node{}
	for _, side := range [2][2]*node{{a, b}, {b, a}} {
		for name, p := range side[0].props {
			q := side[1].member(name, closed)
			if q == nil {
				out.props[name] = p
			} else {
				out.props[name] = either(p, q, closed)
			}
		}
	}
	switch {
	case a.others == refused:
		out.others, out.rest = b.others, b.rest
	case b.others == refused:
		out.others, out.rest = a.others, a.rest
	case a.others == described && b.others == described:
		out.others, out.rest = described, either(a.rest, b.rest, closed)
	case a.others == unsaid && b.others == unsaid:
		out.others = unsaid
	default:
		out.others = allowed
	}
	return out
}

// member is what may stand under a name; nil for nothing.
func (n *node) member(name string, closed bool) *node {
	if p := n.props[name]; p != nil {
		return p
	}
	switch {
	case n.others == refused, n.others == unsaid && closed && len(n.props) > 0:
		return nil
	case n.others == described:
		return n.rest
	}
	return anything()
}

// both allows what two schemas allow. Where they allow nothing in common it keeps
// to the first.
func both(a, b *node) *node {
	out := anything()
	if out.kinds = a.kinds & b.kinds; a.kinds == 0 || b.kinds == 0 || out.kinds == 0 {
		if out.kinds = a.kinds; out.kinds == 0 {
			out.kinds = b.kinds
		}
	}
	out.whole = a.whole || b.whole
	if out.low = a.low; out.low == nil {
		out.low = b.low
	} else if b.low != nil {
		out.low = further(a.low, b.low, 1)
	}
	if out.high = a.high; out.high == nil {
		out.high = b.high
	} else if b.high != nil {
		out.high = further(a.high, b.high, -1)
	}
	if out.low != nil && out.high != nil && out.low.at.Cmp(out.high.at) > 0 {
		out.low, out.high = a.low, a.high
	}
	out.least, out.most = max(a.least, b.least), lesser(a.most, b.most)
	if out.format = a.format; out.format == "" {
		out.format = b.format
	}
	switch {
	case a.values == nil:
		out.values = b.values
	case b.values == nil:
		out.values = a.values
	default:
		for _, v := range a.values {
			if slices.Contains(b.values, v) {
				out.values = append(out.values, v)
			}
		}
		if out.values == nil {
			out.values = a.values
		}
	}
	out.fewest, out.maxItems = max(a.fewest, b.fewest), lesser(a.maxItems, b.maxItems)
	if out.items = a.items; out.items == nil {
		out.items = b.items
	} else if b.items != nil {
		out.items = both(a.items, b.items)
	}
	out.props = map[string]*node{}
	for _, side := range [2][2]*node{{a, b}, {b, a}} {
		for name, p := range side[0].props {
			if q := side[1].member(name, false); q != nil {
				out.props[name] = both(p, q)
			}
		}
	}
	switch {
	case a.others == refused || b.others == refused:
		out.others = refused
	case a.others == described && b.others == described:
		out.others, out.rest = described, both(a.rest, b.rest)
	case a.others == described:
		out.others, out.rest = described, a.rest
	case b.others == described:
		out.others, out.rest = described, b.rest
	default:
		out.others = max(a.others, b.others)
	}
	return out
}

// lesser is the smaller of two limits, of which -1 is none.
func lesser(a, b int) int {
	if a < 0 || b >= 0 && b < a {
		return b
	}
	return a
}
