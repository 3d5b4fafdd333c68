package traffic

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Vector is one benign message and the ways in which it reaches a function.
type Vector struct {
	Name     string // family/case, or family/case:line
	carriers []string
	messages []message
}

// message is what is sent: a request, and its body alone where the carrier is
// no HTTP.
type message struct {
	method, target, media string
	headers               []string // "name: value"
	body                  []byte
	onlyHTTP              bool // what matters is not in the body
}

// Read reads every description of a directory.
func Read(dir fs.FS) ([]Vector, error) {
	files, err := fs.Glob(dir, "*.txt")
	if err != nil {
		return nil, err
	}
	var out []Vector
	for _, f := range files {
		data, err := fs.ReadFile(dir, f)
		if err != nil {
			return nil, err
		}
		vs, err := Parse(strings.TrimSuffix(path.Base(f), ".txt"), string(data))
		if err != nil {
			return nil, fmt.Errorf("%s:%w", f, err)
		}
		out = append(out, vs...)
	}
	return out, nil
}

// section is a case before it is understood.
type section struct {
	name string
	line int // of its name
	head map[string][]string
	text []string
}

var caseName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// keys are what a head may say, and whether it may say it more than once.
var keys = map[string]bool{
	"on": false, "method": false, "path": false, "type": false, "header": true, "cookie": true, "as": false, "eol": false, "lines": false,
}

// Parse reads the cases of one family. Whatever it does not know is an error.
func Parse(family, text string) ([]Vector, error) {
	sections, err := split(text)
	if err != nil {
		return nil, err
	}
	var out []Vector
	seen := map[string]bool{}
	for _, s := range sections[1:] {
		if seen[s.name] {
			return nil, fmt.Errorf("%d: a second case %q", s.line, s.name)
		}
		seen[s.name] = true
		for k, v := range sections[0].head {
			if keys[k] {
				s.head[k] = append(slices.Clone(v), s.head[k]...)
			} else if s.head[k] == nil {
				s.head[k] = v
			}
		}
		vs, err := s.vectors(family)
		if err != nil {
			return nil, fmt.Errorf("%d: case %q: %w", s.line, s.name, err)
		}
		out = append(out, vs...)
	}
	return out, nil
}

// split cuts a file into its head and its cases. The head is the first section.
func split(text string) ([]*section, error) {
	s := &section{line: 1, head: map[string][]string{}}
	out, inHead := []*section{s}, true
	for i, line := range strings.Split(text, "\n") {
		if name, ok := strings.CutPrefix(line, "== "); ok {
			if !caseName.MatchString(name) {
				return nil, fmt.Errorf("%d: %q is no name of a case", i+1, name)
			}
			s = &section{name: name, line: i + 1, head: map[string][]string{}}
			out, inHead = append(out, s), true
			continue
		}
		switch {
		case !inHead:
			s.text = append(s.text, line)
		case line == "":
			inHead = s.name == ""
		case s.name == "" && strings.HasPrefix(line, "#"):
		default:
			key, value, ok := strings.Cut(line, ": ")
			many, known := keys[key]
			if !ok || !known || s.head[key] != nil && !many {
				return nil, fmt.Errorf("%d: %q is no head of a case, or says a thing twice", i+1, line)
			}
			s.head[key] = append(s.head[key], value)
		}
	}
	for _, s := range out {
		for len(s.text) > 0 && s.text[len(s.text)-1] == "" {
			s.text = s.text[:len(s.text)-1]
		}
	}
	return out, nil
}

func (s *section) get(key string) string {
	if v := s.head[key]; v != nil {
		return v[0]
	}
	return ""
}

func (s *section) vectors(family string) ([]Vector, error) {
	carriers := strings.Fields(s.get("on"))
	if len(carriers) == 0 {
		return nil, fmt.Errorf("nothing carries it: want on")
	}
	for _, c := range carriers {
		if _, ok := carry[c]; !ok {
			return nil, fmt.Errorf("unknown carrier %q", c)
		}
	}
	name := family + "/" + s.name
	if s.head["lines"] == nil {
		m, err := s.whole()
		return []Vector{{name, carriers, []message{m}}}, err
	}
	var out []Vector
	for i, line := range s.text {
		if line == "" {
			continue
		}
		v := Vector{Name: fmt.Sprintf("%s:%d", name, i+1), carriers: carriers}
		for place := range strings.SplitSeq(s.get("lines"), ",") {
			m, err := s.placed(strings.TrimSpace(place), line)
			if err != nil {
				return nil, err
			}
			v.messages = append(v.messages, m)
		}
		out = append(out, v)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no lines")
	}
	return out, nil
}

// whole is the message of a case that is one vector.
func (s *section) whole() (message, error) {
	m := s.request()
	eol := "\n"
	switch s.get("eol") {
	case "":
	case "crlf":
		eol = "\r\n"
	default:
		return m, fmt.Errorf("eol %q: want crlf", s.get("eol"))
	}
	m.body = []byte(strings.Join(s.text, eol))
	switch as := s.get("as"); as {
	case "", "body":
		if m.media == "" && len(m.body) > 0 {
			m.media = mediaOf(m.body)
		}
	case "form":
		m.media = formType
		var pairs []string
		for _, line := range s.text {
			n, v, ok := strings.Cut(line, "=")
			if !ok {
				return m, fmt.Errorf("%q is no field of a form", line)
			}
			pairs = append(pairs, escape(n)+"="+escape(v))
		}
		m.body = []byte(strings.Join(pairs, "&"))
	case "base64":
		raw, err := base64.StdEncoding.DecodeString(strings.Join(s.text, ""))
		if err != nil {
			return m, err
		}
		m.body = raw
	default:
		return m, fmt.Errorf("as %q: want body, form or base64", as)
	}
	if len(m.body) == 0 {
		m.onlyHTTP = true
	}
	return m, nil
}

func (s *section) request() message {
	m := message{method: s.get("method"), target: s.get("path"), media: s.get("type"), headers: slices.Clone(s.head["header"])}
	if m.target == "" {
		m.target = "/"
	}
	if c := s.head["cookie"]; c != nil {
		m.headers = append(m.headers, "cookie: "+strings.Join(c, "; "))
	}
	return m
}

func mediaOf(body []byte) string {
	if json.Valid(body) && bytes.ContainsAny(body[:1], "{[") {
		return "application/json"
	}
	return "text/plain; charset=utf-8"
}
