package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// The bounds of a file. The greatest public API descriptions are some MB; a
// file that aliases make a million values of is no contract.
const (
	maxFile   = 8 << 20
	maxValues = 1_000_000
	maxNested = 200
)

// object is a mapping of a file.
type object = map[string]any

// decode reads JSON or YAML into objects, lists, texts, json.Number, bool and nil.
// A tag of CloudFormation, such as !Ref, becomes an object with its long name.
func decode(data []byte) (any, error) {
	if len(data) > maxFile {
		return nil, fmt.Errorf("%d bytes: at most %d are read", len(data), maxFile)
	}
	var top yaml.Node
	if err := yaml.Unmarshal(data, &top); err != nil {
		return nil, err
	}
	if len(top.Content) == 0 {
		return nil, errors.New("empty")
	}
	b := &builder{left: maxValues}
	return b.value(top.Content[0], 0)
}

type builder struct{ left int }

func (b *builder) value(n *yaml.Node, depth int) (v any, err error) {
	if b.left--; b.left < 0 || depth > maxNested {
		return nil, fmt.Errorf("line %d: more than %d values, or more than %d inside each other", n.Line, maxValues, maxNested)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return b.value(n.Alias, depth+1)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			if v, err = b.value(c, depth+1); err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		v = list
	case yaml.MappingNode:
		o := object{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode {
				return nil, fmt.Errorf("line %d: a key that is no text", key.Line)
			}
			if _, twice := o[key.Value]; twice {
				return nil, fmt.Errorf("line %d: %q stands twice", key.Line, key.Value)
			}
			if o[key.Value], err = b.value(n.Content[i+1], depth+1); err != nil {
				return nil, err
			}
		}
		v = o
	default:
		v = scalar(n)
	}
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		name := strings.TrimPrefix(n.Tag, "!")
		if name != "Ref" && name != "Condition" {
			name = "Fn::" + name
		}
		return object{name: v}, nil
	}
	return v, nil
}

// number is the grammar of JSON: what YAML takes beyond it, such as 0x1f, stays a
// text, and a text is no bound.
var number = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

func scalar(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int", "!!float":
		if number.MatchString(n.Value) {
			return json.Number(n.Value)
		}
	}
	return n.Value
}

// at returns the value at a JSON pointer such as #/components/schemas/Order.
func at(top any, ref string) (any, error) {
	if !strings.HasPrefix(ref, "#") {
		return nil, fmt.Errorf("$ref %q: only references inside the file are read: bundle the files into one first", ref)
	}
	v := top
	for _, step := range strings.Split(strings.TrimPrefix(ref, "#"), "/")[1:] {
		step = strings.NewReplacer("~1", "/", "~0", "~", "%7B", "{", "%7D", "}", "%20", " ").Replace(step)
		o, _ := v.(object)
		next, ok := o[step]
		if list, is := v.([]any); is && len(step) == 1 && step[0] >= '0' && int(step[0]-'0') < len(list) && step[0] <= '9' {
			next, ok = list[step[0]-'0'], true
		}
		if !ok {
			return nil, fmt.Errorf("$ref %q: there is no such place in the file", ref)
		}
		v = next
	}
	if ref != "#" && !strings.HasPrefix(ref, "#/") {
		return nil, fmt.Errorf("$ref %q: want a pointer such as #/$defs/order", ref)
	}
	return v, nil
}

// follow returns what a value refers to, if it refers to something.
func follow(top, v any) (any, error) {
	for range 32 {
		o, _ := v.(object)
		ref, ok := o["$ref"].(string)
		if !ok {
			return v, nil
		}
		var err error
		if v, err = at(top, ref); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("$ref: 32 references lead to nothing but references")
}

func objectOf(v any) object { o, _ := v.(object); return o }
func textOf(v any) string   { s, _ := v.(string); return s }
func listOf(v any) []any    { l, _ := v.([]any); return l }

func keys[K ~string, V any](m map[K]V) []K {
	out := make([]K, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
