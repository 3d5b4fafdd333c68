package policy

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// FileTest is a test that stands beside the rules: an event, and what is
// expected of it.
type FileTest struct {
	Name string `yaml:"name"`
	// Rule is the rule that is tested; absent, in a rule's own tests, that rule.
	Rule int `yaml:"rule"`
	// Match says whether the rule finds something that no exception excuses.
	Match *bool `yaml:"match"`
	// Action says what block mode does with the event, by all rules together.
	Action  string       `yaml:"action"`
	Event   any          `yaml:"event"`
	Request *FileRequest `yaml:"request"`
}

// FileRequest is an HTTP request in short, as an HTTP API would deliver it.
type FileRequest struct {
	Method  string            `yaml:"method"`
	Path    string            `yaml:"path"`
	Route   string            `yaml:"route"`
	Query   string            `yaml:"query"` // as in a URL
	Headers map[string]string `yaml:"headers"`
	Address string            `yaml:"address"`
	Body    any               `yaml:"body"` // a text, or what is sent as JSON
}

// actions are what Action may say.
var actions = []string{"", "allow", "monitor", "block", "strip"}

// check refuses a test that would say nothing. rule is the one it stands beside;
// 0 for a test of the file.
func (ft *FileTest) check(rule int) error {
	var errs []error
	if rule != 0 && ft.Rule != 0 && ft.Rule != rule {
		errs = append(errs, fmt.Errorf("rule: %d: stands beside rule %d: leave it out", ft.Rule, rule))
	}
	if rule == 0 && (ft.Match == nil) != (ft.Rule == 0) {
		errs = append(errs, errors.New("rule and match: want both, or action alone"))
	}
	if ft.Match == nil && ft.Action == "" {
		errs = append(errs, errors.New("match: missing: say whether the rule matches, or give the action"))
	}
	if !slices.Contains(actions, ft.Action) {
		errs = append(errs, fmt.Errorf("action: %q: want allow, monitor, block or strip", clip(ft.Action)))
	}
	if (ft.Event == nil) == (ft.Request == nil) {
		errs = append(errs, errors.New("want an event or a request"))
	}
	return errors.Join(errs...)
}

// Body is the event that a test is about, as Lambda would deliver it.
func (ft *FileTest) Body() ([]byte, error) {
	if text, ok := ft.Event.(string); ok {
		if !json.Valid([]byte(text)) {
			return nil, errors.New("event: the text is no JSON")
		}
		return []byte(text), nil
	}
	if ft.Request == nil {
		return json.Marshal(ft.Event)
	}
	return ft.Request.event()
}

// event puts the request into payload format 2.0 (API Gateway developer guide,
// "Working with AWS Lambda proxy integrations for HTTP APIs").
func (r *FileRequest) event() ([]byte, error) {
	method, path, address, route := cmp.Or(r.Method, "GET"), cmp.Or(r.Path, "/"), cmp.Or(r.Address, "192.0.2.1"), cmp.Or(r.Route, "$default")
	headers := map[string]string{"host": "example.execute-api.us-east-1.amazonaws.com"}
	var cookies []string
	for k, v := range r.Headers {
		if k = strings.ToLower(k); k == "cookie" {
			cookies = strings.Split(v, "; ")
			continue
		}
		headers[k] = v
	}
	ev := map[string]any{
		"version": "2.0", "routeKey": route, "rawPath": path, "rawQueryString": r.Query, "headers": headers,
		"requestContext": map[string]any{
			"accountId": "123456789012", "apiId": "example", "domainName": headers["host"], "requestId": "test", "routeKey": route, "stage": "$default",
			"http": map[string]any{"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": address, "userAgent": headers["user-agent"]},
		},
		"isBase64Encoded": false,
	}
	if cookies != nil {
		ev["cookies"] = cookies
	}
	values, err := url.ParseQuery(r.Query)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	if len(values) > 0 {
		parameters := map[string]string{}
		for k, vs := range values {
			parameters[k] = strings.Join(vs, ",")
		}
		ev["queryStringParameters"] = parameters
	}
	switch body := r.Body.(type) {
	case nil:
	case string:
		ev["body"] = body
	default:
		text, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
		ev["body"] = string(text)
		if headers["content-type"] == "" {
			headers["content-type"] = "application/json"
		}
	}
	return json.Marshal(ev)
}
