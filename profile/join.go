package profile

import (
	"fmt"
	"slices"
	"strconv"
)

// join is the profile that has everything normal in the base d, and what more is
// in next. Learning from a profile tells only what is new to it, so what such
// evidence supports is an addition. What the base does not compare stays so:
// people may have taken it out. Neither is changed.
func (d *Document) join(next *Document) *Document {
	for _, one := range []*Document{d, next} {
		if err := one.check(); err != nil { // reads the fields
			panic("bug: a profile of Parse or Build: " + err.Error())
		}
	}
	out := *d
	out.Metadata, out.Provenance = next.Metadata, next.Provenance
	out.Ingress = slices.Clone(d.Ingress)
	for _, t := range next.Ingress {
		i := slices.IndexFunc(out.Ingress, func(b Trigger) bool { return b.Trigger == t.Trigger })
		if i < 0 {
			out.Ingress = append(out.Ingress, t)
			continue
		}
		out.Ingress[i] = out.Ingress[i].join(t)
	}
	return &out
}

func (t Trigger) join(o Trigger) Trigger {
	if len(t.Routes)+len(t.Event) == 0 {
		return t // nothing below it is compared
	}
	t.Sources = joinWords(t.Sources, o.Sources)
	t.Event = joinFields(t.Event, o.Event)
	t.Routes = slices.Clone(t.Routes)
	for _, r := range o.Routes {
		i := slices.IndexFunc(t.Routes, func(b Route) bool { return b.Route == r.Route })
		if i < 0 {
			t.Routes = append(t.Routes, r)
			continue
		}
		b := &t.Routes[i]
		b.Partial = b.Partial && r.Partial
		b.ContentTypes = joinWords(b.ContentTypes, r.ContentTypes)
		b.Query, b.Cookies, b.Body = joinFields(b.Query, r.Query), joinFields(b.Cookies, r.Cookies), joinFields(b.Body, r.Body)
	}
	return t
}

// joinWords joins lists of which an empty one stands for anything in a base, and
// for nothing in what is added to it.
func joinWords(base, more []string) []string {
	if len(base) == 0 {
		return nil
	}
	all := slices.Concat(base, more)
	slices.Sort(all)
	return slices.Compact(all)
}

func joinFields(base, more []Field) []Field {
	out := slices.Clone(base)
	for _, f := range more {
		i := slices.IndexFunc(out, func(b Field) bool { return b.Path == f.Path })
		if i < 0 {
			out = append(out, f)
			continue
		}
		out[i] = out[i].join(f)
	}
	return out
}

// join widens what a field compares by what was learned of it besides.
func (f Field) join(o Field) Field {
	texts, numbers := o.Length != "", o.Number != ""
	if len(f.Type) > 0 {
		f.Type = bitNames(f.types|o.types, typeNames())
	}
	if texts {
		f.Length = joinRanges(f.Length, f.length, o.length)
		if len(f.Chars) > 0 {
			f.Chars = bitNames(f.chars|o.chars, classNames[:])
		}
		if f.Format != o.Format {
			f.Format = ""
		}
	}
	if numbers {
		f.Number = f.joinNumbers(&o)
		f.Whole = f.Whole && o.Whole
	}
	if o.Size != "" {
		f.Size = joinRanges(f.Size, f.size, o.size)
	}
	f.Open = f.Open || o.Open
	return f
}

// joinRanges spans two ranges; one that is not compared stays so.
func joinRanges(text string, a, b [2]int) string {
	if text == "" || b == noRange {
		return text
	}
	return strconv.Itoa(min(a[0], b[0])) + "-" + strconv.Itoa(max(a[1], b[1]))
}

func (f *Field) joinNumbers(o *Field) string {
	if f.Number == "" {
		return ""
	}
	low, high := f.low, f.hi
	if low != "" && (o.low == "" || compareNumbers(o.low, low) < 0) {
		low = o.low
	}
	if high != "" && (o.hi == "" || compareNumbers(o.hi, high) > 0) {
		high = o.hi
	}
	if low == "" && high == "" {
		return ""
	}
	return fmt.Sprintf("%s..%s", low, high)
}
