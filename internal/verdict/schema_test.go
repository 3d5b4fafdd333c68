package verdict_test

import (
	"bytes"
	"encoding"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/verdict"
)

var update = flag.Bool("update", false, "write docs/verdict.schema.json")

// schema is what is used of JSON Schema, draft 2020-12.
type schema struct {
	Schema      string      `json:"$schema,omitempty"`
	ID          string      `json:"$id,omitempty"`
	Title       string      `json:"title,omitempty"`
	Description string      `json:"description,omitempty"`
	Type        string      `json:"type"`
	Const       string      `json:"const,omitempty"`
	Enum        []string    `json:"enum,omitempty"`
	Format      string      `json:"format,omitempty"`
	MaxItems    int         `json:"maxItems,omitempty"`
	Properties  *properties `json:"properties,omitempty"`
	Required    []string    `json:"required,omitempty"`
	Items       *schema     `json:"items,omitempty"`
}

// properties are written in the order of the struct.
type properties struct {
	names []string
	of    map[string]*schema
}

func (p *properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, n := range p.names {
		if i > 0 {
			b.WriteByte(',')
		}
		v, err := json.Marshal(p.of[n])
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%q:%s", n, v)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

var text = reflect.TypeFor[encoding.TextMarshaler]()

// fill describes t. doc has a description for each field of the record by its
// path, from the table for people.
func (s *schema) fill(t reflect.Type, path string, doc map[string]string) {
	s.Description = doc[path]
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[verdict.Timestamp]():
		s.Type, s.Format = "string", "date-time"
	case t.Kind() == reflect.String || t.Implements(text):
		s.Type, s.Enum = "string", closed[path]
	case t.Kind() == reflect.Bool:
		s.Type = "boolean"
	case t.Kind() == reflect.Int || t.Kind() == reflect.Int64 || t.Kind() == reflect.Uint64:
		s.Type = "integer"
	case t.Kind() == reflect.Slice:
		s.Type, s.MaxItems, s.Items = "array", most[path], new(schema)
		s.Items.fill(t.Elem(), path+"[]", doc)
	case t.Kind() == reflect.Struct:
		s.Type, s.Properties = "object", &properties{of: map[string]*schema{}}
		for i := range t.NumField() {
			f := t.Field(i)
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			sub := name
			if path != "" {
				sub = path + "." + name
			}
			p := new(schema)
			p.fill(f.Type, sub, doc)
			s.Properties.names = append(s.Properties.names, name)
			s.Properties.of[name] = p
			if options == "" {
				s.Required = append(s.Required, name)
			}
		}
	default:
		panic("a kind of field that the schema has no word for: " + t.String())
	}
}

// closed are the fields with a closed set of values, most the lists with a bound.
var (
	closed = map[string][]string{
		"level":       {"INFO", "WARN", "ERROR"},
		"mode":        {"monitor", "block", "off"},
		"action":      {"allow", "monitor", "block", "strip"},
		"wouldAction": {"allow", "monitor", "block", "strip"},
		"severity":    {"low", "medium", "high", "critical"},
	}
	most = map[string]int{"matches": verdict.MaxMatches, "removed": verdict.MaxRemoved, "repeat.ids": verdict.MaxRepeatIDs}
)

const page, file = "../../docs/VERDICT.md", "../../docs/verdict.schema.json"

func recordSchema(t *testing.T) schema {
	t.Helper()
	md, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	doc := map[string]string{}
	link := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (.*) \\|$").FindAllStringSubmatch(string(md), -1) {
		doc[m[1]] = strings.ReplaceAll(link.ReplaceAllString(m[2], "$1"), "`", "")
	}
	if len(doc) < 80 {
		t.Fatalf("%d rows in %s, want at least 80", len(doc), page)
	}
	s := schema{}
	s.fill(reflect.TypeFor[verdict.Record](), "", doc)
	s.Schema, s.ID, s.Title = "https://json-schema.org/draft/2020-12/schema", "urn:"+strings.ReplaceAll(verdict.Schema, "/", ":"), verdict.Schema
	s.Description = "One verdict, as it is written on a line. Members that are not described here may be added."
	s.Properties.of["schema"].Const = verdict.Schema
	return s
}

// TestSchemaIsCurrent keeps docs/verdict.schema.json equal to the struct, with
// the descriptions of docs/VERDICT.md.
func TestSchemaIsCurrent(t *testing.T) {
	s := recordSchema(t)
	want, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the record and %s say (%v): run go test ./internal/verdict -update", file, page, err)
	}
}

// check validates v.
func (s *schema) check(v any, path string) (wrong []string) {
	ok := false
	switch v := v.(type) {
	case string:
		ok = s.Type == "string" && (s.Const == "" || v == s.Const) && (s.Enum == nil || slices.Contains(s.Enum, v))
		if s.Format == "date-time" {
			_, err := time.Parse(time.RFC3339, v)
			ok = ok && err == nil
		}
	case bool:
		ok = s.Type == "boolean"
	case float64:
		ok = s.Type == "integer" && v == float64(int64(v))
	case []any:
		ok = s.Type == "array" && (s.MaxItems == 0 || len(v) <= s.MaxItems)
		for i := range v {
			if ok {
				wrong = append(wrong, s.Items.check(v[i], path+"[]")...)
			}
		}
	case map[string]any:
		if ok = s.Type == "object"; !ok {
			break
		}
		for _, name := range s.Required {
			if _, has := v[name]; !has {
				wrong = append(wrong, path+"."+name+" is missing")
			}
		}
		for name, sub := range v {
			if p := s.Properties.of[name]; p != nil {
				wrong = append(wrong, p.check(sub, path+"."+name)...)
			} else {
				wrong = append(wrong, path+"."+name+" is not in the schema")
			}
		}
	}
	if !ok {
		wrong = append(wrong, fmt.Sprintf("%s = %v", path, v))
	}
	return wrong
}

// TestExamplesFollowTheSchema checks the lines of docs/VERDICT.md, which are real
// ones, and that the check itself can fail.
func TestExamplesFollowTheSchema(t *testing.T) {
	s := recordSchema(t)
	md, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for line := range strings.Lines(string(md)) {
		if !strings.HasPrefix(line, `{"schema":"merlon.verdict/1"`) {
			continue
		}
		checked++
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		for _, w := range s.check(v, "") {
			t.Errorf("%s", w)
		}
		for _, change := range []func(){
			func() { v["action"] = "deny" }, func() { v["score"] = "high" }, func() { delete(v, "requestId") },
			func() { v["matches"] = make([]any, 11) }, func() { v["password"] = "hunter2" },
		} {
			before := len(s.check(v, ""))
			if change(); len(s.check(v, "")) <= before {
				t.Error("a change for the worse was not noticed")
			}
		}
	}
	if checked == 0 {
		t.Errorf("no line in %s", page)
	}
}
