package contract_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/merlon-security/merlon/internal/contract"
	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/profile"
)

type object = map[string]any

// request is an event of a function URL, or of an HTTP API with a route.
func request(t *testing.T, route, method, path string, query url.Values, kind string, body any) *event.Event {
	t.Helper()
	domain := "x.lambda-url.eu-central-1.on.aws"
	if route != "" {
		domain = "x.execute-api.eu-central-1.amazonaws.com"
	} else {
		route = "$default"
	}
	ev := object{"version": "2.0", "routeKey": route, "rawPath": path, "rawQueryString": query.Encode(), "isBase64Encoded": false, "headers": object{},
		"requestContext": object{"domainName": domain, "http": object{"method": method, "path": path, "sourceIp": "198.51.100.7"}}}
	params := object{}
	for name, values := range query {
		params[name] = strings.Join(values, ",")
	}
	if len(params) > 0 {
		ev["queryStringParameters"] = params
	}
	if body != nil {
		ev["headers"] = object{"content-type": kind}
		text, is := body.(string)
		if !is {
			raw, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			text = string(raw)
		}
		ev["body"] = text
	}
	return decode(t, ev)
}

func decode(t *testing.T, ev any) *event.Event {
	t.Helper()
	raw, err := json.Marshal(ev)
	if err != nil {
		t.Fatal(err)
	}
	return event.Decode(raw, nil, event.DefaultLimits())
}

// checkerOf makes the profile that a reviewer would read, and a checker of it.
func checkerOf(t *testing.T, triggers ...profile.Trigger) (*profile.Checker, string) {
	t.Helper()
	d := profile.Document{Metadata: profile.Metadata{Version: 1, Source: "import"}, Ingress: triggers}
	text := d.Canonical()
	read, err := profile.Parse(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	c, err := profile.NewChecker(read)
	if err != nil {
		t.Fatal(err)
	}
	return c, string(text)
}

func shop(t *testing.T, opt contract.Options) (*profile.Checker, string) {
	t.Helper()
	data, err := os.ReadFile("testdata/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	trigger, err := contract.FromOpenAPI(data, opt)
	if err != nil {
		t.Fatal(err)
	}
	return checkerOf(t, trigger)
}

const jsonKind = "application/json"

func TestOpenAPIRequests(t *testing.T) {
	t.Parallel()
	viaURL, text := shop(t, contract.Options{Trigger: event.FunctionURL})
	viaAPI, _ := shop(t, contract.Options{Trigger: event.HTTPAPI})
	id := "0f8fad5b-d9cb-469f-a165-70867728950e"
	order := func(change func(o, item object)) object {
		item := object{"sku": id, "quantity": 2}
		o := object{"customer": object{"email": "ann@example.com"}, "items": []any{item}}
		if change != nil {
			change(o, item)
		}
		return o
	}
	tests := []struct {
		name, method, path, template string
		query                        url.Values
		kind                         string
		body                         any
		want                         profile.Dimension
	}{
		{"every parameter", "GET", "/orders", "", url.Values{"page": {"7"}, "status": {"paid"}, "tag": {"a", "b"}, "since": {"2026-10-01"}, "q": {"50% off, now"}, "gift": {"true"}, "limit": {"1e3"}, "api_key": {"k"}, "filter[city]": {"Ghent"}}, "", nil, ""},
		{"unknown parameter", "GET", "/orders", "", url.Values{"debug": {"1"}}, "", nil, profile.Fields},
		{"word for a number", "GET", "/orders", "", url.Values{"page": {"1 or 1"}}, "", nil, profile.Chars},
		{"unknown status", "GET", "/orders", "", url.Values{"status": {"all"}}, "", nil, profile.Values},
		{"no date", "GET", "/orders", "", url.Values{"since": {"yesterday"}}, "", nil, profile.Formats},
		{"one order", "GET", "/orders/4711", "/orders/{id}", nil, "", nil, ""},
		{"one order by word", "GET", "/orders/abc", "/orders/{id}", nil, "", nil, ""},
		{"new as an id", "GET", "/orders/new/items/2024", "/orders/{id}/items/2024", nil, "", nil, ""},
		{"another year", "GET", "/orders/7/items/all", "/orders/{id}/items/{x}", nil, "", nil, profile.Routes},
		{"unknown route", "GET", "/admin", "", nil, "", nil, profile.Routes},
		{"unknown method", "DELETE", "/orders", "", nil, "", nil, profile.Routes},
		{"order", "POST", "/orders", "", nil, jsonKind, order(nil), ""},
		{"order with all", "POST", "/orders", "", nil, jsonKind, order(func(o, item object) {
			o["note"], o["paid"], o["labels"], o["at"], o["more"] = `{"a":[1]}`, true, object{"x": "red"}, "2026-10-01t10:00:00.123456z", object{"any": []any{object{"thing": 1}}}
			item["kind"], item["price"] = nil, 0.5
		}), ""},
		{"another content type", "POST", "/orders", "", nil, "text/xml", "<a/>", profile.ContentType},
		{"member where the schema is closed", "POST", "/orders", "", nil, jsonKind, order(func(o, item object) { item["isAdmin"] = true }), profile.Fields},
		{"text for a number", "POST", "/orders", "", nil, jsonKind, order(func(o, item object) { item["quantity"] = "2" }), profile.Types},
		{"fraction", "POST", "/orders", "", nil, jsonKind, order(func(o, item object) { item["quantity"] = 1.5 }), profile.Numbers},
		{"too many", "POST", "/orders", "", nil, jsonKind, order(func(o, item object) { item["quantity"] = 100 }), profile.Numbers},
		{"unknown label", "POST", "/orders", "", nil, jsonKind, order(func(o, item object) { o["labels"] = object{"x": "green"} }), profile.Values},
		{"oversize", "POST", "/orders", "", nil, jsonKind, order(func(o, item object) { o["note"] = strings.Repeat("x", 801) }), profile.Lengths},
		{"too many items", "POST", "/orders", "", nil, jsonKind, order(func(o, item object) { o["items"] = slices.Repeat([]any{1}, 21) }), profile.Sizes},
		{"object for a text", "POST", "/orders", "", nil, jsonKind, order(func(o, item object) { item["sku"] = object{"$ne": ""} }), profile.Types},
		{"either", "POST", "/search", "", nil, jsonKind, object{"text": "a"}, ""},
		{"or", "POST", "/search", "", nil, jsonKind, object{"near": 12.5}, ""},
		{"or in a form", "POST", "/search", "", nil, "application/x-www-form-urlencoded", "text=anything+at+all", ""},
		{"recursion", "PUT", "/tree", "", nil, jsonKind, object{"name": "a", "left": object{"left": object{"left": object{"left": object{"left": object{"name": "deep"}}}}}}, ""},
		{"recursion with more", "PUT", "/tree", "", nil, jsonKind, object{"left": object{"extra": 1}}, profile.Fields},
	}
	for _, tt := range tests {
		template := tt.template
		if template == "" {
			template = tt.path
		}
		for via, got := range map[string][]profile.Departure{
			"function URL": viaURL.Check(request(t, "", tt.method, "/v1"+tt.path, tt.query, tt.kind, tt.body)),
			"HTTP API":     viaAPI.Check(request(t, tt.method+" "+template, tt.method, tt.path, tt.query, tt.kind, tt.body)),
		} {
			if tt.want == "" && len(got) > 0 || tt.want != "" && (len(got) == 0 || got[0].Dimension != tt.want) {
				t.Errorf("%s, %s: %+v, want %q", tt.name, via, got, tt.want)
			}
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

// TestClosedRefusesWhatNoSchemaNames: silence of a schema is no invitation then.
func TestClosedRefusesWhatNoSchemaNames(t *testing.T) {
	t.Parallel()
	open, _ := shop(t, contract.Options{Trigger: event.HTTPAPI})
	closed, _ := shop(t, contract.Options{Trigger: event.HTTPAPI, Closed: true})
	ev := request(t, "POST /orders", "POST", "/orders", nil, jsonKind, object{"items": []any{}, "isAdmin": true})
	if got := open.Check(ev); len(got) > 0 && got[0].Dimension == profile.Fields {
		t.Errorf("a member that the schema allows departs: %+v", got)
	}
	if got := closed.Check(ev); !slices.ContainsFunc(got, func(d profile.Departure) bool { return d.Dimension == profile.Fields }) {
		t.Errorf("a member that no schema names does not depart: %+v", got)
	}
}

// generator makes schemas, and values that keep to them.
type generator struct{ *rand.Rand }

func (g generator) schema(depth int) object {
	kind := g.IntN(9)
	if depth == 0 && kind > 5 {
		kind = g.IntN(6)
	}
	switch kind {
	case 0:
		s := object{"type": "string"}
		if g.IntN(2) == 0 {
			s["minLength"], s["maxLength"] = g.IntN(4), 4+g.IntN(30)
		}
		return s
	case 1:
		return object{"type": "string", "enum": []any{"red", "light blue", "aGVsbG8gd29ybGQh", "{}", "x-1"}[:1+g.IntN(5)]}
	case 2:
		low := g.IntN(2000) - 1000
		return object{"type": "integer", "minimum": low, "maximum": low + g.IntN(3000)}
	case 3:
		return object{"type": []any{"number", "null"}, "minimum": -1.5, "maximum": float64(g.IntN(1000)) + 0.25}
	case 4:
		return object{"type": "boolean"}
	case 5:
		return object{"type": "string", "format": []string{"uuid", "date", "ipv4"}[g.IntN(3)]}
	case 6:
		return object{"type": "array", "items": g.schema(depth - 1), "minItems": g.IntN(2), "maxItems": 2 + g.IntN(5)}
	case 7:
		return object{[]string{"oneOf", "anyOf"}[g.IntN(2)]: []any{g.schema(depth - 1), g.schema(depth - 1)}}
	}
	props := object{}
	for i := range 1 + g.IntN(4) {
		props[[]string{"id", "name", "query", "a.b", "üml", "*", "items", "x"}[g.IntN(8)]+fmt.Sprint(i)] = g.schema(depth - 1)
	}
	s := object{"type": "object", "properties": props}
	switch g.IntN(4) {
	case 0:
		s["additionalProperties"] = false
	case 1:
		s["additionalProperties"] = g.schema(0)
	case 2:
		return object{"allOf": []any{s, object{"type": "object", "properties": object{"plus": g.schema(0)}}}}
	}
	return s
}

// value keeps to a schema that schema made.
func (g generator) value(s object) any {
	for _, word := range []string{"oneOf", "anyOf"} {
		if list, ok := s[word].([]any); ok {
			return g.value(list[g.IntN(len(list))].(object))
		}
	}
	if list, ok := s["allOf"].([]any); ok {
		out := g.value(list[0].(object)).(object)
		for k, v := range g.value(list[1].(object)).(object) {
			if _, has := out[k]; !has {
				out[k] = v
			}
		}
		return out
	}
	if list, ok := s["enum"].([]any); ok {
		return list[g.IntN(len(list))]
	}
	switch s["type"] {
	case "string":
		switch s["format"] {
		case "uuid":
			return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", g.Uint32(), g.IntN(65536), g.IntN(4096), g.IntN(4096), g.Int64N(1<<48))
		case "date":
			return fmt.Sprintf("20%02d-%02d-%02d", g.IntN(100), 1+g.IntN(12), 1+g.IntN(28))
		case "ipv4":
			return fmt.Sprintf("%d.%d.%d.%d", g.IntN(256), g.IntN(256), g.IntN(256), g.IntN(256))
		}
		low, _ := s["minLength"].(int)
		high, ok := s["maxLength"].(int)
		if !ok {
			high = 60
		}
		texts := []string{"plain words", `{"a":{"b":[1,"x"]}}`, `[1,2]`, "50%25 off", "aGVsbG8gd29ybGQgdGhpcyBpcyB0ZXh0", "ünïcödé 😀 text", "<a b='c'>d</a>", "query { a { b } }", "a=b&c=d", `"quoted"`, "x,y\n1,2\n", "", "7", "null"}
		runes := []rune(texts[g.IntN(len(texts))])
		for len(runes) < low {
			runes = append(runes, 'é')
		}
		return string(runes[:min(len(runes), high)])
	case "integer":
		return s["minimum"].(int) + g.IntN(s["maximum"].(int)-s["minimum"].(int)+1)
	case "boolean":
		return g.IntN(2) == 0
	case "array":
		out := []any{}
		for range s["minItems"].(int) + g.IntN(s["maxItems"].(int)-s["minItems"].(int)+1) {
			out = append(out, g.value(s["items"].(object)))
		}
		return out
	case "object":
		out := object{}
		for name, p := range s["properties"].(object) {
			if g.IntN(4) > 0 {
				out[name] = g.value(p.(object))
			}
		}
		switch more := s["additionalProperties"].(type) {
		case object:
			out["more"] = g.value(more)
		case nil:
			out["extra"] = []any{object{"any": []any{"thing", 1, nil}}}
		}
		return out
	}
	if g.IntN(4) == 0 {
		return nil
	}
	return -1.5 + g.Float64()*(s["maximum"].(float64)+1.5)
}

// TestWhatConformsPasses: of generated schemas, no value that kin-openapi takes
// departs from the profile.
func TestWhatConformsPasses(t *testing.T) {
	t.Parallel()
	g := generator{rand.New(rand.NewPCG(20, 26))}
	checked := 0
	for range 400 {
		body := object{"type": "object", "properties": object{"v": g.schema(3), "w": g.schema(2)}, "additionalProperties": g.IntN(2) == 0}
		doc, err := json.Marshal(object{"openapi": "3.1.0", "info": object{"title": "x", "version": "1"}, "paths": object{"/x": object{"post": object{
			"requestBody": object{"required": true, "content": object{jsonKind: object{"schema": body}}}, "responses": object{"200": object{"description": "ok"}}}}}})
		if err != nil {
			t.Fatal(err)
		}
		trigger, err := contract.FromOpenAPI(doc, contract.Options{Trigger: event.HTTPAPI})
		if err != nil {
			t.Fatalf("%v\n%s", err, doc)
		}
		c, text := checkerOf(t, trigger)
		oracle, err := openapi3.NewLoader().LoadFromData(doc)
		if err != nil {
			t.Fatal(err)
		}
		schema := oracle.Paths.Value("/x").Post.RequestBody.Value.Content[jsonKind].Schema.Value
		for range 12 {
			v := g.value(body)
			raw, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			var plain any
			if err := json.Unmarshal(raw, &plain); err != nil {
				t.Fatal(err)
			}
			if schema.VisitJSON(plain) != nil {
				continue // it keeps to both sides of a oneOf, or the like
			}
			checked++
			if got := c.Check(request(t, "POST /x", "POST", "/x", nil, jsonKind, v)); len(got) > 0 {
				t.Fatalf("a body that conforms departs: %+v\n%s\n%s\n%s", got, raw, doc, text)
			}
		}
	}
	if checked < 2000 {
		t.Errorf("%d bodies were compared, want at least 2000", checked)
	}
}

// TestSchemaOfAMessage: what a sender puts into a queue is compared, and what the
// service writes around it is not.
func TestSchemaOfAMessage(t *testing.T) {
	t.Parallel()
	const schema = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","additionalProperties":false,
"properties":{"job":{"type":"string","format":"uuid"},"tries":{"$ref":"#/$defs/small"}},"$defs":{"small":{"type":"integer","minimum":0,"maximum":9}}}`
	sqs := func(body string) object {
		return object{"Records": []any{object{"messageId": "m", "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:jobs", "attributes": object{"SenderId": "A"}, "body": body}}}
	}
	trigger, err := contract.FromSchema([]byte(schema), contract.Options{Trigger: event.SQS})
	if err != nil {
		t.Fatal(err)
	}
	c, text := checkerOf(t, trigger)
	for body, want := range map[string]profile.Dimension{
		`{"job":"0f8fad5b-d9cb-469f-a165-70867728950e","tries":3}`: "",
		`{"tries":10}`:               profile.Numbers,
		`{"tries":1,"isAdmin":true}`: profile.Fields,
		`{"job":{"$ne":1}}`:          profile.Types,
	} {
		got := c.Check(decode(t, sqs(body)))
		if want == "" && len(got) > 0 || want != "" && (len(got) == 0 || got[0].Dimension != want) {
			t.Errorf("%s: %+v, want %q\n%s", body, got, want, text)
		}
	}
	trigger, err = contract.FromSchema([]byte(schema), contract.Options{Trigger: event.Direct})
	if err != nil {
		t.Fatal(err)
	}
	c, _ = checkerOf(t, trigger)
	if got := c.Check(decode(t, object{"tries": 3})); len(got) > 0 {
		t.Errorf("a direct invocation departs: %+v", got)
	}
	if got := c.Check(decode(t, object{"tries": 3, "more": 1})); len(got) != 1 {
		t.Errorf("a member of a direct invocation that is not in the schema: %+v", got)
	}
}

func TestTemplate(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	triggers, notes, err := contract.FromTemplate(data, "Orders")
	if err != nil {
		t.Fatal(err)
	}
	_, text := checkerOf(t, triggers...)
	const want = `ingress:
  - trigger: apigw-v1
    routes:
      - route: "POST /hooks/{id}"
        partial: true
  - trigger: apigw-v2
  - trigger: direct
  - trigger: eventbridge
  - trigger: function-url
  - trigger: sns
  - trigger: sqs
    sources:
      - "arn:aws:sqs:eu-central-1:123456789012:jobs"
`
	if !strings.HasSuffix(text, want) {
		t.Errorf("profile:\n%s\nwant at its end:\n%s", text, want)
	}
	for _, note := range []string{`event Odd: type "Pigeon" is not known`, "apigw-v2: one of its routes takes any path"} {
		if !slices.ContainsFunc(notes, func(s string) bool { return strings.Contains(s, note) }) {
			t.Errorf("notes %q lack %q", notes, note)
		}
	}
	triggers, _, err = contract.FromTemplate(data, "Worker")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tr := range triggers {
		names = append(names, tr.Trigger+fmt.Sprint(tr.Sources))
	}
	if got, want := fmt.Sprint(names), "[dynamodb[arn:aws:dynamodb:eu-central-1:123456789012:table/t/stream/2026-01-01T00:00:00.000] s3[] sqs[]]"; got != want {
		t.Errorf("Worker: %s, want %s", got, want)
	}
}

func TestFaultsSayWhere(t *testing.T) {
	t.Parallel()
	const head = "openapi: 3.0.3\ninfo: {title: x, version: '1'}\npaths:\n  /a:\n    post:\n      responses: {'200': {description: ok}}\n      requestBody: {content: {application/json: {schema: %s}}}\n"
	openapi := func(data []byte) error {
		_, err := contract.FromOpenAPI(data, contract.Options{Trigger: event.HTTPAPI})
		return err
	}
	schema := func(data []byte) error {
		_, err := contract.FromSchema(data, contract.Options{Trigger: event.SQS})
		return err
	}
	template := func(data []byte) error { _, _, err := contract.FromTemplate(data, ""); return err }
	for _, tt := range []struct {
		read       func([]byte) error
		text, want string
	}{
		{openapi, "swagger: '2.0'\n", "want a document of version 3.0 or 3.1"},
		{openapi, "openapi: 3.0.3\ninfo: {title: x, version: '1'}\npaths: {}\n", "paths: there are none"},
		{openapi, "openapi: 3.0.3\npaths: {}\n", "info"},
		{openapi, fmt.Sprintf(head, "{$ref: '#/components/schemas/No'}"), "No"},
		{openapi, fmt.Sprintf(head, "{$ref: 'other.yaml'}"), "other.yaml"},
		{openapi, fmt.Sprintf(head, "{type: strnig}"), "strnig"},
		{openapi, "a: [\n", "line"},
		{openapi, "a: 1\na: 2\n", "a"},
		{openapi, strings.Repeat("[", 400), ""},
		{openapi, "a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n", "more than"},
		{schema, `{"type":"strnig"}`, `#: type strnig: want some of string, number`},
		{schema, `{"properties":{"a":{"$ref":"#/$defs/a"}}}`, `#/properties/a: $ref "#/$defs/a": there is no such place`},
		{schema, `{"properties":{"a":{"$ref":"https://example.com/a"}}}`, "bundle the files into one first"},
		{schema, `{"properties":{"a":7}}`, "#/properties/a: want a schema"},
		{template, "Resources: {}\n", "no Resources"},
		{template, "Resources:\n  A: {Type: 'AWS::Lambda::Function'}\n  B: {Type: 'AWS::Lambda::Function'}\n", "the template has A, B"},
		{template, "Resources:\n  A: {Type: 'AWS::Lambda::Function'}\n", "says of nothing that it invokes it"},
	} {
		if err := tt.read([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.80q: error %v, want %q", tt.text, err, tt.want)
		}
	}
}

// FuzzImport: whatever the file, it is read or refused, and what is made of it is
// a profile.
func FuzzImport(f *testing.F) {
	for _, name := range []string{"testdata/shop.yaml", "testdata/template.yaml"} {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"$ref":"#"}`))
	f.Add([]byte(`{"allOf":[{"type":"string","enum":["a"]},{"not":{}}],"additionalProperties":{"$ref":"#"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		valid := func(triggers ...profile.Trigger) {
			d := profile.Document{Metadata: profile.Metadata{Version: 1}, Ingress: triggers}
			if _, err := profile.Parse(d.Canonical()); err != nil {
				t.Errorf("not a profile: %v\n%s", err, d.Canonical())
			}
		}
		if tr, err := contract.FromOpenAPI(data, contract.Options{Trigger: event.FunctionURL}); err == nil {
			valid(tr)
		}
		if tr, err := contract.FromSchema(data, contract.Options{Trigger: event.Kinesis, Closed: true}); err == nil {
			valid(tr)
		}
		if tr, _, err := contract.FromTemplate(data, ""); err == nil {
			valid(tr...)
		}
	})
}
