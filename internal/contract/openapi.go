package contract

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/profile"
)

// Options say how a contract is read.
type Options struct {
	// Trigger is what invokes the function.
	Trigger event.Source
	// Route is the method and path of a JSON Schema's body.
	Route string
	// BasePath goes before the paths of an OpenAPI document; the paths of its
	// servers do if it is nil and the trigger hands on whole paths.
	BasePath *string
	// Closed takes members that no schema names for refused where the schema does
	// not say that there may be more.
	Closed bool
}

// maxRoutes bounds a profile.
const maxRoutes = 5000

// FromOpenAPI reads an OpenAPI document of version 3.
func FromOpenAPI(data []byte, opt Options) (profile.Trigger, error) {
	t := profile.Trigger{Trigger: string(opt.Trigger)}
	if !opt.Trigger.IsHTTP() {
		return t, fmt.Errorf("trigger %q: want one that brings HTTP requests, such as %s or %s", opt.Trigger, event.HTTPAPI, event.FunctionURL)
	}
	top, err := decode(data)
	if err != nil {
		return t, err
	}
	if err := validate(top); err != nil {
		return t, err
	}
	a := &api{top: top, opt: opt, routes: map[string]*profile.Route{}}
	bases := []string{""}
	switch {
	case opt.BasePath != nil:
		bases = []string{strings.Trim(*opt.BasePath, "/")}
	case opt.Trigger != event.HTTPAPI && opt.Trigger != event.RESTAPI:
		bases = serverPaths(listOf(objectOf(top)["servers"]))
	}
	paths := objectOf(objectOf(top)["paths"])
	for _, path := range keys(paths) {
		if strings.HasPrefix(path, "/") {
			for _, base := range bases {
				if err := a.path(base, path, paths[path]); err != nil {
					return t, err
				}
			}
		}
	}
	if len(a.routes) == 0 {
		return t, errors.New("paths: there are none: a profile of them would refuse every request")
	}
	if err := a.overlaps(); err != nil {
		return t, err
	}
	for _, name := range keys(a.routes) {
		t.Routes = append(t.Routes, *a.routes[name])
	}
	return t, nil
}

// validate has kin-openapi look for faults in the document.
func validate(top any) error {
	version := textOf(objectOf(top)["openapi"])
	if !strings.HasPrefix(version, "3.0") && !strings.HasPrefix(version, "3.1") {
		return fmt.Errorf("openapi %q: want a document of version 3.0 or 3.1 (npx swagger2openapi converts one of version 2)", version)
	}
	asJSON, err := json.Marshal(top)
	if err != nil {
		return err
	}
	doc, err := openapi3.NewLoader().LoadFromData(asJSON)
	if err != nil {
		return fmt.Errorf("openapi: %w", err)
	}
	if err := doc.Validate(context.Background(), openapi3.DisableExamplesValidation(), openapi3.DisableSchemaPatternValidation(), openapi3.DisableSchemaDefaultsValidation()); err != nil { // no I/O: nothing to cancel
		return fmt.Errorf("openapi: %w", err)
	}
	return nil
}

// serverPaths are the paths of the servers' URLs; a variable stands for anything.
func serverPaths(servers []any) (out []string) {
	seen := map[string]bool{}
	for _, s := range servers {
		raw := textOf(objectOf(s)["url"])
		for strings.Contains(raw, "{") && strings.Contains(raw, "}") {
			from, to := strings.Index(raw, "{"), strings.Index(raw, "}")
			if to < from {
				break
			}
			raw = raw[:from] + "merlon-any" + raw[to+1:]
		}
		u, err := url.Parse(raw)
		if err != nil {
			continue // the host has a variable port, or the like: its path is not known
		}
		var steps []string
		for step := range strings.SplitSeq(strings.Trim(u.Path, "/"), "/") {
			if strings.Contains(step, "merlon-any") {
				step = "{any}"
			}
			steps = append(steps, step)
		}
		if path := strings.Join(steps, "/"); !seen[path] {
			seen[path] = true
			out = append(out, path)
		}
	}
	if len(out) == 0 {
		return []string{""}
	}
	return out
}

// api is a document on its way to routes.
type api struct {
	top    any
	opt    Options
	routes map[string]*profile.Route
}

var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

// path adds the operations of a path.
func (a *api) path(base, path string, v any) error {
	v, err := follow(a.top, v)
	if err != nil {
		return fmt.Errorf("paths %s: %w", path, err)
	}
	item := objectOf(v)
	for _, method := range methods {
		op, ok := item[method].(object)
		if !ok {
			continue
		}
		where := strings.ToUpper(method) + " " + path
		r, err := a.operation(op, listOf(item["parameters"]))
		if err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		for _, route := range spellings(strings.TrimSuffix("/"+base, "/") + path) {
			one := *r
			one.Route = strings.ToUpper(method) + " " + route
			if a.routes[one.Route] == nil {
				a.routes[one.Route] = &one
			} else if len(r.Body)+len(r.Query) > 0 { // two paths that look alike to a profile
				a.routes[one.Route] = &profile.Route{Route: one.Route, Partial: true}
			}
		}
		if len(a.routes) > maxRoutes {
			return fmt.Errorf("more than %d routes: split the document", maxRoutes)
		}
	}
	return nil
}

// spellings are the routes of a path: as a front end names it that has it as a
// template, and as it looks to one that has not.
func spellings(path string) []string {
	var named, seen []string
	for step := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if strings.Contains(step, "{") {
			step = "{any}"
		}
		plain := step
		if unescaped, err := url.PathUnescape(step); err == nil {
			plain = unescaped
		}
		if step != "{any}" {
			plain = profile.SegmentOf(plain)
		}
		named, seen = append(named, step), append(seen, plain)
	}
	a, b := "/"+strings.Join(named, "/"), "/"+strings.Join(seen, "/")
	if a == b {
		return []string{a}
	}
	return []string{a, b}
}

// overlaps adds what a template allows below segments that other paths name:
// /orders/new/items is a case of /orders/{id}/items beside /orders/new.
func (a *api) overlaps() error {
	for again := true; again; {
		again = false
		for _, x := range keys(a.routes) {
			for _, y := range keys(a.routes) {
				merged := under(x, y)
				if merged == "" || a.routes[merged] != nil {
					continue
				}
				one := *a.routes[x]
				one.Route = merged
				a.routes[merged], again = &one, true
				if len(a.routes) > maxRoutes {
					return fmt.Errorf("more than %d routes, with templates and names that overlap: split the document", maxRoutes)
				}
			}
		}
	}
	return nil
}

// under is the route x with the name that y has where x has {any} and both agree
// before; empty where there is none.
func under(x, y string) string {
	a, b := strings.Split(x, "/"), strings.Split(y, "/")
	for i := range a {
		switch {
		case i >= len(b):
			return ""
		case a[i] == "{any}" && b[i] != "{any}":
			out := append([]string{}, a...)
			out[i] = b[i]
			return strings.Join(out, "/")
		case a[i] != b[i]:
			return ""
		}
	}
	return ""
}

// operation makes the route of an operation; shared are the parameters of its path.
func (a *api) operation(op object, shared []any) (*profile.Route, error) {
	r := &profile.Route{}
	seen := map[string]bool{}
	openQuery := false
	for _, v := range append(append([]any{}, listOf(op["parameters"])...), shared...) {
		v, err := follow(a.top, v)
		if err != nil {
			return nil, fmt.Errorf("parameters: %w", err)
		}
		p := objectOf(v)
		name, in := textOf(p["name"]), textOf(p["in"])
		if seen[in+" "+name] || name == "" {
			continue // the operation's own goes before
		}
		seen[in+" "+name] = true
		read := &reader{top: a.top, closed: a.opt.Closed, left: maxFields}
		n := anything()
		if p["schema"] != nil {
			if n, err = read.schema(p["schema"], "parameter "+name, 0); err != nil {
				return nil, err
			}
		}
		if p["allowEmptyValue"] == true {
			n = anything()
		}
		switch in {
		case "query":
			if n.kinds != 0 && n.kinds&members != 0 || n.kinds == 0 && len(n.props) > 0 {
				openQuery = openQuery || !spread(r, name, textOf(p["style"]), n)
			} else {
				r.Query = append(r.Query, parameter(pathOf(name), n))
			}
		case "cookie":
			r.Cookies = append(r.Cookies, parameter(pathOf(name), n))
		}
	}
	a.keys(op, r, seen)
	if openQuery {
		r.Query = append(r.Query, profile.Field{Path: ".", Open: true})
	}
	// The cookies of a domain are set by all that runs there.
	r.Cookies = append(r.Cookies, profile.Field{Path: ".", Open: true})
	body, err := follow(a.top, op["requestBody"])
	if err != nil {
		return nil, fmt.Errorf("requestBody: %w", err)
	}
	r.Query, r.Cookies = distinct(r.Query), distinct(r.Cookies)
	return r, a.body(objectOf(body), r)
}

// distinct keeps the first field of each path.
func distinct(fields []profile.Field) (out []profile.Field) {
	seen := map[string]bool{}
	for _, f := range fields {
		if !seen[f.Path] {
			seen[f.Path] = true
			out = append(out, f)
		}
	}
	return out
}

func pathOf(name string) string { return profile.PathOf(profile.Place{"." + name}) }

// spread adds the parameters that an object becomes. It reports false where their
// names are not all known.
func spread(r *profile.Route, name, style string, n *node) bool {
	for _, member := range keys(n.props) {
		field := pathOf(member)
		if style == "deepObject" {
			field = pathOf(name + "[" + member + "]")
		}
		r.Query = append(r.Query, profile.Field{Path: field, Type: []string{"string"}})
	}
	r.Query = append(r.Query, profile.Field{Path: pathOf(name), Type: []string{"string"}})
	return n.others == refused
}

// keys adds the parameters and cookies that security schemes ask for.
func (a *api) keys(op object, r *profile.Route, seen map[string]bool) {
	wanted, ok := op["security"].([]any)
	if !ok {
		wanted = listOf(objectOf(a.top)["security"])
	}
	schemes := objectOf(objectOf(objectOf(a.top)["components"])["securitySchemes"])
	for _, w := range wanted {
		for _, name := range keys(objectOf(w)) {
			v, err := follow(a.top, schemes[name])
			s := objectOf(v)
			if err != nil || textOf(s["type"]) != "apiKey" || seen[textOf(s["in"])+" "+textOf(s["name"])] {
				continue
			}
			f := profile.Field{Path: pathOf(textOf(s["name"])), Type: []string{"string"}}
			switch textOf(s["in"]) {
			case "query":
				r.Query = append(r.Query, f)
			case "cookie":
				r.Cookies = append(r.Cookies, f)
			}
		}
	}
}

// body adds what a request body may be.
func (a *api) body(body object, r *profile.Route) error {
	content := objectOf(body["content"])
	var all *node
	for _, kind := range keys(content) {
		media := mediaType(kind)
		read := &reader{top: a.top, closed: a.opt.Closed, left: maxFields}
		n := anything()
		schema := objectOf(content[kind])["schema"]
		isJSON, isForm := media == "application/json" || strings.HasSuffix(media, "+json"), media == "application/x-www-form-urlencoded"
		if schema != nil && (isJSON || isForm) {
			var err error
			if n, err = read.schema(schema, "requestBody "+kind, 0); err != nil {
				return err
			}
			if isForm {
				n = form(n)
			}
		}
		if all == nil {
			all = n
		} else {
			all = either(all, n, a.opt.Closed)
		}
		r.ContentTypes = append(r.ContentTypes, media)
	}
	for _, media := range r.ContentTypes {
		if strings.Contains(media, "*") || strings.Count(media, "/") != 1 {
			r.ContentTypes = nil
			break
		}
	}
	if all == nil {
		return nil
	}
	if body["required"] != true && all.kinds != 0 {
		all.kinds |= null // as API Gateway writes that there is none
	}
	read := &reader{top: a.top, closed: a.opt.Closed}
	r.Body = distinct(read.fields(nil, all))
	return nil
}
