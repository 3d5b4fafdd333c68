// Package libddwaf is Datadog's in-app WAF with its embedded recommended rules.
// Its tracers hand it decoded requests, so decoding a body and encoding it for
// the library belong to its work on an event.
package libddwaf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"

	"github.com/DataDog/go-libddwaf/v4"
	"github.com/DataDog/go-libddwaf/v4/timer"

	"github.com/merlon-security/merlon/scripts/bench/internal/peer"
	"github.com/merlon-security/merlon/scripts/bench/internal/sample"
)

// Engine is one instance of the library.
type Engine struct{ handle *libddwaf.Handle }

// New loads the library and its rules.
func New() (*Engine, error) {
	if ok, err := libddwaf.Load(); !ok {
		return nil, fmt.Errorf("load: %w", err)
	}
	b, err := libddwaf.NewBuilder("", "")
	if err != nil {
		return nil, err
	}
	defer b.Close()
	if _, err := b.AddDefaultRecommendedRuleset(); err != nil {
		return nil, err
	}
	h := b.Build()
	if h == nil {
		return nil, errors.New("the recommended rules do not compile")
	}
	return &Engine{h}, nil
}

// Name implements peer.Engine.
func (*Engine) Name() string { return "libddwaf" }

// Inspect implements peer.Engine. Without a budget of time the library looks at
// all that its limits on strings and containers leave.
func (d *Engine) Inspect(e *sample.Event) (peer.Outcome, error) {
	ctx, err := d.handle.NewContext(timer.WithUnlimitedBudget())
	if err != nil {
		return peer.Outcome{}, err
	}
	defer ctx.Close()
	data := documents(e.Documents)
	if e.Request != nil {
		data = request(e.Request)
	}
	res, err := ctx.Run(libddwaf.RunAddressData{Persistent: data})
	return peer.Outcome{Attack: res.HasEvents(), Partial: len(ctx.Truncations()) > 0}, err
}

func documents(docs [][]byte) map[string]any {
	body := make([]any, 0, len(docs))
	for _, d := range docs {
		body = append(body, decodeJSON(d))
	}
	return map[string]any{"server.request.body": body}
}

func decodeJSON(text []byte) any {
	var v any
	if json.Unmarshal(text, &v) != nil {
		return string(text)
	}
	return v
}

// request makes the addresses that Datadog's tracers fill.
func request(r *sample.Request) map[string]any {
	headers, cookies := map[string][]string{}, map[string][]string{}
	for _, h := range r.Headers {
		if h.Name != "cookie" {
			headers[h.Name] = append(headers[h.Name], h.Value)
			continue
		}
		for pair := range strings.SplitSeq(h.Value, "; ") {
			k, v, _ := strings.Cut(pair, "=")
			cookies[k] = append(cookies[k], v)
		}
	}
	query, _ := url.ParseQuery(r.Query) // what can be read of it
	data := map[string]any{
		"server.request.method": r.Method, "server.request.uri.raw": r.Target(), "server.request.query": map[string][]string(query),
		"server.request.headers.no_cookies": headers, "http.client_ip": r.RemoteAddr,
	}
	if segments := strings.Split(strings.Trim(r.Path, "/"), "/"); segments[0] != "" {
		data["server.request.path_params"] = unescaped(segments)
	}
	if len(cookies) > 0 {
		data["server.request.cookies"] = cookies
	}
	if len(r.Body) > 0 {
		body(data, r)
	}
	return data
}

// unescaped is what a router makes of the segments of a path.
func unescaped(segments []string) []string {
	for i, s := range segments {
		if text, err := url.PathUnescape(s); err == nil {
			segments[i] = text
		}
	}
	return segments
}

func body(data map[string]any, r *sample.Request) {
	media, params, _ := mime.ParseMediaType(r.Header("content-type"))
	switch {
	case strings.HasSuffix(media, "json"):
		data["server.request.body"] = decodeJSON(r.Body)
	case media == "application/x-www-form-urlencoded":
		form, _ := url.ParseQuery(string(r.Body))
		data["server.request.body"] = map[string][]string(form)
	case media == "multipart/form-data":
		fields, names := parts(r.Body, params["boundary"])
		data["server.request.body"], data["server.request.body.filenames"] = fields, names
	default:
		data["server.request.body"] = string(r.Body)
	}
}

// parts reads the fields of a form and the names of its files. Files are no
// address of the library's.
func parts(text []byte, boundary string) (fields map[string][]string, names []string) {
	fields = map[string][]string{}
	for r := multipart.NewReader(bytes.NewReader(text), boundary); ; {
		p, err := r.NextPart()
		if err != nil {
			return fields, names
		}
		if f := p.FileName(); f != "" {
			names = append(names, f)
			continue
		}
		v, _ := io.ReadAll(p)
		fields[p.FormName()] = append(fields[p.FormName()], string(v))
	}
}
