package profile

import (
	"fmt"
	"strings"
)

// Change is one difference between two profiles.
type Change struct {
	Where    string // "function-url POST /orders body customer.email"
	Old, New string // what is said of it; empty if it is not there
}

// String writes the change as a line that begins with +, - or ~.
func (c Change) String() string {
	text := func(s string) string {
		if s == "" {
			return ""
		}
		return " " + s
	}
	switch {
	case c.Old == absent:
		return "+ " + c.Where + text(c.New)
	case c.New == absent:
		return "- " + c.Where + text(c.Old)
	}
	return fmt.Sprintf("~ %s%s →%s", c.Where, text(c.Old), text(c.New))
}

// absent is what is said of what is not there.
const absent = "\x00"

// Added reports whether the change makes something normal that was not there.
func (c Change) Added() bool { return c.Old == absent }

// Diff tells in what two profiles differ, in order: triggers, sources, routes,
// fields and what the process does. Provenance and metadata are left out: they
// differ every time.
func Diff(old, new *Document) []Change {
	a, b := flat(old), flat(new)
	both := map[string]bool{}
	for k := range a {
		both[k] = true
	}
	for k := range b {
		both[k] = true
	}
	var out []Change
	for _, where := range sortedKeys(both) {
		x, inA := a[where]
		y, inB := b[where]
		if !inA {
			x = absent
		}
		if !inB {
			y = absent
		}
		if x != y {
			out = append(out, Change{Where: where, Old: x, New: y})
		}
	}
	return out
}

// flat is what a profile says of each of its parts.
func flat(d *Document) map[string]string {
	out := map[string]string{}
	if d == nil {
		return out
	}
	fields := func(at string, fields []Field) {
		for i := range fields {
			f := fields[i]
			text := strings.Join(f.parts()[1:], ", ")
			if text != "" {
				text = "{" + text + "}"
			}
			out[at+" "+f.Path] = text
		}
	}
	d.Process.flat(out)
	for _, t := range d.Ingress {
		out[t.Trigger] = ""
		for _, arn := range t.Sources {
			out[t.Trigger+" from "+arn] = ""
		}
		fields(t.Trigger+" event", t.Event)
		for _, r := range t.Routes {
			at := t.Trigger + " " + r.Route
			out[at] = ""
			if r.Partial {
				out[at] = "partial"
			}
			for _, kind := range r.ContentTypes {
				out[at+" takes "+kind] = ""
			}
			fields(at+" query", r.Query)
			fields(at+" cookies", r.Cookies)
			fields(at+" body", r.Body)
		}
	}
	return out
}
