package profile

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/merlon-security/merlon/internal/event"
)

var update = flag.Bool("update", false, "write docs/profile.schema.json")

const schemaFile = "../docs/profile.schema.json"

// schemaOf describes a type of the document, of which nothing unknown is read.
func schemaOf(t reflect.Type, path string) map[string]any {
	s := map[string]any{}
	if about := said[path]; about.note != "" {
		s["description"] = about.note
	}
	switch t.Kind() {
	case reflect.String:
		s["type"] = "string"
		about := said[path]
		if about.words != nil {
			s["enum"] = about.words
		}
		if about.pattern != "" {
			s["pattern"] = about.pattern
		}
	case reflect.Bool:
		s["type"] = "boolean"
	case reflect.Int, reflect.Uint64:
		s["type"], s["minimum"] = "integer", 0
	case reflect.Float64:
		s["type"] = "number"
	case reflect.Slice:
		s["type"], s["items"] = "array", schemaOf(t.Elem(), path+"[]")
		if t.Elem().Kind() == reflect.String && strings.HasPrefix(path, "process") {
			s["uniqueItems"] = true
		}
	case reflect.Map:
		s["type"], s["additionalProperties"] = "object", schemaOf(t.Elem(), path+"{}")
		s["propertyNames"] = map[string]any{"enum": Dimensions()}
	case reflect.Struct:
		properties := map[string]any{}
		for i := range t.NumField() {
			f := t.Field(i)
			if name := f.Tag.Get("yaml"); name != "" {
				sub := strings.TrimPrefix(path+"."+name, ".")
				if t == reflect.TypeFor[Field]() {
					sub = "field." + name
				}
				properties[name] = schemaOf(f.Type, sub)
			}
		}
		s["type"], s["properties"], s["additionalProperties"] = "object", properties, false
		if r := required[t]; r != nil {
			s["required"] = r
		}
	default:
		panic("a kind of field that the schema has no word for: " + t.String())
	}
	return s
}

// about is what the struct does not say of a member.
type about struct {
	note    string
	words   any
	pattern string
}

var (
	said = map[string]about{
		"apiVersion":                 {words: []string{APIVersion}},
		"kind":                       {words: []string{Kind}},
		"mode":                       {note: "alert reports departures, enforce refuses them; absent: alert", words: []string{"alert", "enforce"}},
		"modes":                      {note: "of single dimensions"},
		"modes{}":                    {words: []string{"off", "alert", "enforce"}},
		"metadata.function":          {note: "the function it is for"},
		"metadata.code":              {note: "identity of the code it was learned from"},
		"metadata.source":            {words: []string{"learned", "import", "written"}},
		"metadata.version":           {note: "counts up"},
		"metadata.notAfter":          {note: "from this day on departures refuse nothing", pattern: `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`},
		"ingress[].trigger":          {note: "kind of event source", words: event.Sources()},
		"ingress[].sources":          {note: "ARNs; absent: any"},
		"ingress[].event":            {note: "fields of an event that is not HTTP"},
		"ingress[].routes":           {note: "absent, and no event: nothing below the trigger is compared"},
		"ingress[].routes[].route":   {note: "method and path; {any} for any segment", pattern: "^[^ ]+ /.*$"},
		"ingress[].routes[].partial": {note: "the route is normal, and nothing below it is compared"},
		"field.path":                 {note: `a.b, a[] for elements, ["odd name"], * for any member, . for the value itself`},
		"field.type[]":               {words: typeNames()},
		"field.chars[]":              {words: classNames[:]},
		"field.format":               {words: formatNames[1:]},
		"field.length":               {note: "of a text in bytes", pattern: "^[0-9]+-[0-9]+$"},
		"field.size":                 {note: "elements of an array", pattern: "^[0-9]+-[0-9]+$"},
		"field.number":               {note: "a range as decimal text; either end may be missing", pattern: `^[^ ]*\.\.[^ ]*$`},
		"field.whole":                {note: "whole numbers only"},
		"field.values":               {note: "nothing else"},
		"field.open":                 {note: "members and elements that are not listed are not compared"},
		"process":                    {note: "observed by later tiers; exported, not enforced"},
		"process.programs":           {note: "that the function starts"},
		"process.hosts":              {note: "that it talks to"},
		"process.files":              {note: "that it writes; a directory ends in /"},
		"process.aws":                {note: "actions of AWS APIs, with the resources they are done to"},
		"process.aws[].resources":    {note: "ARNs; * where it is meant"},
	}
	required = map[reflect.Type][]string{
		reflect.TypeFor[Document](): {"apiVersion", "kind"}, reflect.TypeFor[Trigger](): {"trigger"}, reflect.TypeFor[Route](): {"route"},
		reflect.TypeFor[Field](): {"path"}, reflect.TypeFor[Grant](): {"action"},
	}
)

func documentSchema(t *testing.T) []byte {
	t.Helper()
	s := schemaOf(reflect.TypeFor[Document](), "")
	s["$schema"], s["$id"], s["title"] = "https://json-schema.org/draft/2020-12/schema", "urn:merlon:profile:1", "merlon.dev/v1 Profile"
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// TestSchemaIsCurrent keeps docs/profile.schema.json equal to the struct.
func TestSchemaIsCurrent(t *testing.T) {
	want := documentSchema(t)
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(schemaFile); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the struct says (%v): run go test ./profile -run TestSchemaIsCurrent -update", schemaFile, err)
	}
	for path := range said { // a renamed field leaves no words behind
		last := path[strings.LastIndexByte(path, '.')+1:]
		if !bytes.Contains(want, []byte(`"`+strings.Trim(last, "[]{}")+`"`)) {
			t.Errorf("there is no %q in the document", path)
		}
	}
}

// TestSchemaTakesProfiles has a validator that is not ours judge profiles.
func TestSchemaTakesProfiles(t *testing.T) {
	t.Parallel()
	schema := compileSchema(t, documentSchema(t))
	learned, _ := learnWeek(t, apis()[0], newRand(5), 60)
	for _, text := range []string{sample, processSample, string(learned.Canonical())} {
		if err := schema.Validate(plain(t, text)); err != nil {
			t.Errorf("a profile is not valid: %v\n%s", err, text)
		}
	}
	for _, tt := range [][2]string{{"kind: Profile", "kind: Policy"}, {"trigger: sqs", "trigger: sqz"}, {"GET /orders/{int}", "GET orders"}, {"length: 1-4", "length: 4"},
		{"chars: [digit]", "chars: [digits]"}, {"format: integer", "format: int"}, {"version: 3", "version: -1"}, {"version: 3", "nots: 3"}, {"path: items,", "paths: items,"}} {
		text := strings.Replace(sample, tt[0], tt[1], 1)
		if text == sample || schema.Validate(plain(t, text)) == nil {
			t.Errorf("a profile with %s is valid", tt[1])
		}
	}
}

func plain(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return jsonValue(t, asJSON)
}

func jsonValue(t *testing.T, text []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func compileSchema(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	if err := c.AddResource("profile.json", jsonValue(t, text)); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("profile.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}
