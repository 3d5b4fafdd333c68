package contract

import (
	"fmt"
	"slices"
	"strings"

	"github.com/merlon-security/merlon/profile"
)

// fields are what a profile says of a value and of all in it. at is where the
// value stands below its route.
func (r *reader) fields(at profile.Place, n *node) (out []profile.Field) {
	f := profile.Field{Path: profile.PathOf(at), Type: n.kinds.names()}
	free := n.takes(text) && n.writeText(&f)
	if n.takes(numeric) {
		if n.low != nil || n.high != nil {
			f.Number = textOfBound(n.low) + ".." + textOfBound(n.high)
		}
		f.Whole = n.whole
	}
	if n.takes(array) && n.maxItems >= 0 {
		f.Size = fmt.Sprintf("%d-%d", min(n.fewest, n.maxItems), n.maxItems)
	}
	if free { // a text may hold a document, which is read like the event itself
		if f.Open = true; n.kinds != 0 && n.kinds&members == 0 {
			f.Type = append(f.Type, "object")
		}
		return append(out, f)
	}
	below := func(step string, n *node) {
		out = append(out, r.fields(append(at[:len(at):len(at)], step), n)...)
	}
	if n.takes(array) {
		if n.items == nil {
			f.Open = true
		} else {
			below("[]", n.items)
		}
	}
	if n.takes(members) {
		for _, name := range keys(n.props) {
			below("."+name, n.props[name])
		}
		switch {
		case n.others == described && !r.free(n.rest):
			below(".*", n.rest)
		case n.others == allowed, n.others == described, n.others == unsaid && !(r.closed && len(n.props) > 0):
			f.Open = true
		}
	}
	return append(out, f)
}

// free reports whether nothing is said of a value: then one line is enough.
func (r *reader) free(n *node) bool {
	one := r.fields(nil, n)
	return len(one) == 1 && one[0].Open && len(one[0].Type) == 0 && one[0].Length == "" && one[0].Number == "" && one[0].Size == ""
}

// writeText says what a text may be. It reports whether the text may hold a
// document, or anything else that hides another text.
func (n *node) writeText(f *profile.Field) (free bool) {
	if n.values != nil && n.kinds&^(text|null) == 0 && n.kinds != 0 {
		f.Values = slices.Compact(slices.Sorted(slices.Values(n.values)))
		return false
	}
	if format := formats[n.format]; format != "" {
		f.Format = format
		return false
	}
	if n.most >= 0 && n.most < 1<<26 {
		// A profile counts bytes, of which a character has four at most. Of a text
		// that is decoded the outcome is compared as well, and that may be shorter.
		f.Length = fmt.Sprintf("%d-%d", min(n.least, 1, n.most), 4*n.most)
	}
	return true
}

// formats are those of JSON Schema that have no spelling which a profile takes for
// another one. An e-mail address with a quoted name, or a date in lower case, has.
var formats = map[string]string{"uuid": "uuid", "date": "date", "ipv4": "ipv4"}

func textOfBound(b *bound) string {
	if b == nil {
		return ""
	}
	return b.text
}

// parameter is what a profile says of a value that comes as text, as parameters do.
func parameter(path string, n *node) profile.Field {
	f := profile.Field{Path: path, Type: []string{"string"}}
	switch {
	case n.kinds == text:
		n.writeText(&f)
	case n.kinds == numeric && n.whole:
		f.Chars = []string{"digit", "hyphen"}
	case n.kinds == numeric:
		f.Chars = []string{"digit", "hyphen", "plus", "dot", "lower", "upper"} // 1e+5
	case n.kinds == boolean:
		f.Values = []string{"false", "true"}
	}
	return f
}

// form is the schema of a form as its fields come: texts, lists as several of
// them, and documents as text.
func form(n *node) *node {
	out := anything()
	out.kinds, out.others, out.props = members, allowed, map[string]*node{}
	if n.others == refused {
		out.others = refused
	}
	for name, p := range n.props {
		q := anything()
		switch p.kinds {
		case text:
			q.kinds, q.least, q.most, q.format, q.values = text, p.least, p.most, p.format, p.values
		case boolean:
			q.kinds, q.values = text, []string{"false", "true"}
		case numeric:
			q.kinds, q.most = text, 64
		default:
			if out.others == refused && p.takes(members) {
				out.others = allowed // it may come as name[member]
			}
		}
		out.props[name] = q
	}
	return out
}

// mediaType is a content type without parameters, as a profile has it.
func mediaType(s string) string {
	s, _, _ = strings.Cut(s, ";")
	return strings.ToLower(strings.TrimSpace(s))
}
