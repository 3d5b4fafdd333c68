package contract

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// The bounds of what one schema becomes. What lies beyond is left open.
const (
	maxDepth  = 10
	maxFields = 2000 // of one body
	maxRefs   = 2    // times a schema may stand in itself
)

// reader reads the schemas of one file.
type reader struct {
	top    any
	closed bool // members that no schema names are refused where it does not allow them
	left   int
	stack  []string
}

// schema reads one. where is for errors.
func (r *reader) schema(v any, where string, depth int) (*node, error) {
	o, is := v.(object)
	if _, isBool := v.(bool); !is && !isBool {
		return nil, fmt.Errorf("%s: want a schema, which is an object", where)
	}
	if r.left--; !is || depth > maxDepth || r.left < 0 {
		return anything(), nil
	}
	if ref, ok := o["$ref"].(string); ok {
		if n := len(slices.DeleteFunc(slices.Clone(r.stack), func(s string) bool { return s != ref })); n >= maxRefs || len(r.stack) > 64 {
			return anything(), nil
		}
		to, err := at(r.top, ref)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", where, err)
		}
		r.stack = append(r.stack, ref)
		defer func() { r.stack = r.stack[:len(r.stack)-1] }()
		return r.schema(to, ref, depth) // what stands beside a reference only narrows it
	}
	n := anything()
	if err := n.types(o, where); err != nil {
		return nil, err
	}
	n.scalars(o)
	if err := r.inside(n, o, where, depth); err != nil {
		return nil, err
	}
	return r.combined(n, o, where, depth)
}

// types reads type, nullable, enum and const.
func (n *node) types(o object, where string) error {
	switch t := o["type"].(type) {
	case string:
		n.kinds, n.whole = kindOf(t), t == "integer"
	case []any:
		n.whole = true
		for _, v := range t {
			n.kinds |= kindOf(textOf(v))
			n.whole = n.whole && textOf(v) != "number"
		}
		n.whole = n.whole && slices.Contains(t, any("integer"))
	case nil:
	default:
		return fmt.Errorf("%s: type: want a name or a list of names", where)
	}
	if o["type"] != nil && n.kinds == 0 {
		return fmt.Errorf("%s: type %v: want some of %s", where, o["type"], strings.Join(kindNames[:], ", "))
	}
	if o["nullable"] == true && n.kinds != 0 {
		n.kinds |= null
	}
	list := listOf(o["enum"])
	if c, ok := o["const"]; ok {
		list = []any{c}
	}
	if len(list) == 0 {
		return nil
	}
	var found kinds
	var words []string
	plain := true
	for _, v := range list {
		switch v := v.(type) {
		case string:
			found |= text
			words = append(words, v)
			plain = plain && isPlain(v)
		case nil:
			found |= null
			words = append(words, "") // what null is written as
		case json.Number:
			found |= numeric
			plain = false // 1 is 1.0 as well
		case bool:
			found |= boolean
			plain = false
		case []any:
			found |= array
			plain = false
		default:
			found |= members
			plain = false
		}
	}
	if n.kinds == 0 || n.kinds&found != 0 {
		if n.kinds == 0 {
			n.kinds = found
		}
		n.kinds &= found | n.kinds&null
	}
	if n.kinds&null != 0 && !slices.Contains(words, "") {
		words = append(words, "")
	}
	if plain && len(words) <= 256 {
		n.values = words
	}
	return nil
}

// isPlain reports whether a word is one to every reader: no text that hides
// another one, such as base64, and short enough not to be taken for such.
func isPlain(s string) bool {
	return s == "" || len(s) < 12 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.- ") == ""
}

// scalars reads what is said of texts and numbers.
func (n *node) scalars(o object) {
	n.low, n.high = boundOf(o["minimum"]), boundOf(o["maximum"])
	if b := boundOf(o["exclusiveMinimum"]); b != nil && n.low == nil {
		n.low = b
	}
	if b := boundOf(o["exclusiveMaximum"]); b != nil && n.high == nil {
		n.high = b
	}
	n.least, n.most = countOf(o["minLength"], 0), countOf(o["maxLength"], -1)
	if n.least > n.most && n.most >= 0 {
		n.least = 0
	}
	n.fewest, n.maxItems = countOf(o["minItems"], 0), countOf(o["maxItems"], -1)
	if n.fewest > n.maxItems && n.maxItems >= 0 {
		n.fewest = 0
	}
	n.format = textOf(o["format"])
	switch {
	case !n.whole:
	case n.format == "int32":
		n.within("-2147483648", "2147483647")
	case n.format == "int64":
		n.within("-9223372036854775808", "9223372036854775807")
	}
}

func (n *node) within(low, high string) {
	if n.low == nil {
		n.low = boundOf(json.Number(low))
	}
	if n.high == nil {
		n.high = boundOf(json.Number(high))
	}
	if n.low.at.Cmp(n.high.at) > 0 {
		n.low, n.high = nil, nil
	}
}

// countOf reads a number of things; 10.0 is 10.
func countOf(v any, otherwise int) int {
	n, ok := v.(json.Number)
	if !ok {
		return otherwise
	}
	f, err := n.Float64()
	if err != nil || f < 0 || f > 1<<28 || f != float64(int(f)) {
		return otherwise
	}
	return int(f)
}

// inside reads what is said of members and elements.
func (r *reader) inside(n *node, o object, where string, depth int) error {
	props := objectOf(o["properties"])
	n.props = map[string]*node{}
	for _, name := range keys(props) {
		p, err := r.schema(props[name], where+"/properties/"+name, depth+1)
		if err != nil {
			return err
		}
		n.props[name] = p
	}
	switch more := o["additionalProperties"].(type) {
	case nil:
	case bool:
		if n.others = allowed; !more {
			n.others = refused
		}
	default:
		p, err := r.schema(more, where+"/additionalProperties", depth+1)
		if err != nil {
			return err
		}
		n.others, n.rest = described, p
	}
	if len(objectOf(o["patternProperties"])) > 0 {
		n.others, n.rest = allowed, nil
	}
	if items, ok := o["items"]; ok && o["prefixItems"] == nil {
		if _, isList := items.([]any); isList { // one schema for each position
			return nil
		}
		p, err := r.schema(items, where+"/items", depth+1)
		if err != nil {
			return err
		}
		n.items = p
	}
	return nil
}

// combined reads allOf, anyOf and oneOf.
func (r *reader) combined(n *node, o object, where string, depth int) (*node, error) {
	for i, v := range listOf(o["allOf"]) {
		p, err := r.schema(v, fmt.Sprintf("%s/allOf/%d", where, i), depth)
		if err != nil {
			return nil, err
		}
		n = both(n, p)
	}
	for _, word := range []string{"anyOf", "oneOf"} {
		var all *node
		for i, v := range listOf(o[word]) {
			p, err := r.schema(v, fmt.Sprintf("%s/%s/%d", where, word, i), depth)
			if err != nil {
				return nil, err
			}
			if all == nil {
				all = p
			} else {
				all = either(all, p, r.closed)
			}
		}
		if all != nil {
			n = both(n, all)
		}
	}
	return n, nil
}
