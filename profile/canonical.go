package profile

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// parseCanonical reads a profile in exactly the form that Canonical writes, which
// is what a deployment has, in a twentieth of the time that YAML takes. It need
// not be strict about anything: a text is taken only if Canonical writes the same
// bytes again of what was read of it, and so says nothing that was not read.
func parseCanonical(data []byte) (*Document, bool) {
	var d Document
	r := canonicalReader{doc: &d}
	for line := range bytes.Lines(data) {
		text, ok := strings.CutSuffix(string(line), "\n")
		if !ok || !r.line(text) {
			return nil, false
		}
	}
	if !bytes.Equal(d.Canonical(), data) {
		return nil, false
	}
	return &d, true
}

type canonicalReader struct {
	doc     *Document
	section string // the key without indentation that was last
	trigger *Trigger
	route   *Route
	fields  *[]Field
}

func (r *canonicalReader) line(text string) bool {
	body := strings.TrimLeft(text, " ")
	switch indent := len(text) - len(body); {
	case indent == 0:
		return r.top(body)
	case r.section == "metadata" && indent == 2:
		return r.metadata(body)
	case r.section == "modes" && indent == 2:
		key, value, ok := cutPair(body)
		if ok && r.doc.Modes == nil {
			r.doc.Modes = map[string]string{}
		}
		if ok {
			r.doc.Modes[key] = value
		}
		return ok
	case r.section == "ingress":
		return r.ingress(indent, body)
	}
	return false
}

func (r *canonicalReader) top(body string) bool {
	if key, ok := strings.CutSuffix(body, ":"); ok {
		r.section = key
		return true
	}
	key, value, ok := strings.Cut(body, ": ")
	switch key {
	case "apiVersion":
		r.doc.APIVersion = value
	case "kind":
		r.doc.Kind = value
	case "mode":
		r.doc.Mode = value
	case "provenance":
		return r.provenance(value)
	}
	return ok
}

func (r *canonicalReader) metadata(body string) (ok bool) {
	m := &r.doc.Metadata
	if number, is := strings.CutPrefix(body, "version: "); is {
		var err error
		m.Version, err = strconv.Atoi(number)
		return err == nil
	}
	key, value, ok := cutPair(body)
	switch key {
	case "function":
		m.Function = value
	case "code":
		m.Code = value
	case "source":
		m.Source = value
	case "notAfter":
		m.NotAfter = value
	}
	return ok
}

func (r *canonicalReader) provenance(text string) bool {
	p := &r.doc.Provenance
	return flowMap(text, func(key, value string) bool {
		var err error
		switch key {
		case "samples":
			p.Samples, err = strconv.ParseUint(value, 10, 64)
		case "environments":
			p.Environments, err = strconv.Atoi(value)
		case "first":
			p.First = unquote(value)
		case "last":
			p.Last = unquote(value)
		case "unseen":
			p.Unseen, err = strconv.ParseFloat(value, 64)
		}
		return err == nil
	})
}

// ingress reads a line of it. The depth tells what the line belongs to: 2 and 4
// to a trigger, 6 and 8 to a route or a trigger's list, 10 to a route's.
func (r *canonicalReader) ingress(indent int, body string) bool {
	item, isItem := strings.CutPrefix(body, "- ")
	name, isHead := strings.CutSuffix(body, ":")
	switch {
	case isItem && indent == 2:
		trigger, ok := strings.CutPrefix(item, "trigger: ")
		r.doc.Ingress = append(r.doc.Ingress, Trigger{Trigger: unquote(trigger)})
		r.trigger, r.route, r.fields = &r.doc.Ingress[len(r.doc.Ingress)-1], nil, nil
		return ok
	case r.trigger == nil:
		return false
	case isItem && strings.HasPrefix(item, "{path: ") && r.fields != nil:
		*r.fields = append(*r.fields, Field{})
		return readField(&(*r.fields)[len(*r.fields)-1], item)
	case isItem && indent == 6 && strings.HasPrefix(item, "route: "):
		r.trigger.Routes = append(r.trigger.Routes, Route{Route: unquote(item[len("route: "):])})
		r.route, r.fields = &r.trigger.Routes[len(r.trigger.Routes)-1], nil
		return true
	case isItem && indent == 6:
		r.trigger.Sources = append(r.trigger.Sources, unquote(item))
		return true
	case isHead && indent == 4:
		r.fields = nil
		if name == "event" {
			r.fields = &r.trigger.Event
		}
		return true
	case r.route == nil || indent != 8:
		return false
	case isHead:
		r.fields = map[string]*[]Field{"query": &r.route.Query, "cookies": &r.route.Cookies, "body": &r.route.Body}[name]
		return r.fields != nil
	case body == "partial: true":
		r.route.Partial = true
		return true
	}
	kinds, ok := strings.CutPrefix(body, "contentTypes: ")
	if ok {
		r.route.ContentTypes, ok = flowList(kinds)
	}
	return ok
}

func readField(f *Field, text string) bool {
	return flowMap(text, func(key, value string) (ok bool) {
		ok = true
		switch key {
		case "path":
			f.Path = unquote(value)
		case "type":
			f.Type, ok = flowList(value)
		case "length":
			f.Length = value
		case "chars":
			f.Chars, ok = flowList(value)
		case "format":
			f.Format = value
		case "number":
			f.Number = unquote(value)
		case "whole":
			f.Whole = true
		case "size":
			f.Size = value
		case "values":
			f.Values, ok = flowList(value)
		case "open":
			f.Open = true
		}
		return ok
	})
}

// flowMap calls fn for the pairs of {a: b, c: d}.
func flowMap(text string, fn func(key, value string) bool) bool {
	rest, ok := enclosed(text, "{", "}")
	if !ok {
		return false
	}
	for rest != "" {
		key, after, ok := strings.Cut(rest, ": ")
		end := flowEnd(after)
		if !ok || end < 0 || !fn(key, after[:end]) {
			return false
		}
		rest = strings.TrimPrefix(after[end:], ", ")
	}
	return true
}

// flowList reads [a, "b"].
func flowList(text string) (words []string, ok bool) {
	rest, ok := enclosed(text, "[", "]")
	if !ok {
		return nil, false
	}
	for rest != "" {
		end := flowEnd(rest)
		if end < 0 {
			return nil, false
		}
		words = append(words, unquote(rest[:end]))
		rest = strings.TrimPrefix(rest[end:], ", ")
	}
	return words, true
}

func enclosed(text, open, end string) (inside string, ok bool) {
	inside, opened := strings.CutPrefix(text, open)
	inside, ended := strings.CutSuffix(inside, end)
	return inside, opened && ended
}

// flowEnd is where a value ends: at a comma outside quotes and brackets, or at the
// end; negative if it does not progress.
func flowEnd(s string) int {
	quoted, depth := false, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[':
			depth++
		case c == ']':
			depth--
		case c == ',' && depth == 0:
			if i == 0 {
				return -1
			}
			return i
		}
	}
	if s == "" {
		return -1
	}
	return len(s)
}

func cutPair(body string) (key, value string, ok bool) {
	key, value, ok = strings.Cut(body, ": ")
	return key, unquote(value), ok
}

// unquote reads what quote wrote; of anything else the text comes out unlike it.
// A byte that is no text is a letter to YAML.
func unquote(s string) string {
	if !strings.HasPrefix(s, `"`) {
		return s
	}
	if text, err := strconv.Unquote(s); err == nil && utf8.ValidString(text) {
		return text
	}
	return s
}
