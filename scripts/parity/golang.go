package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// readGo lists what Go's own library shows a handler of an event.
func readGo(family string, raw []byte) (seen []shown) {
	add := func(reader, kind, text string) {
		if text != "" {
			seen = append(seen, shown{reader, kind, text})
		}
	}
	pairs := func(reader string, vs map[string][]string) {
		for k, list := range vs {
			add(reader, "name", k)
			for _, v := range list {
				add(reader, "value", v)
			}
		}
	}
	req := requestOf(raw)
	if req == nil {
		return nil
	}
	q, _ := url.ParseQuery(req.URL.RawQuery) // what was read before an error is shown
	pairs("url.ParseQuery", q)
	for _, c := range req.Cookies() {
		add("http.Request.Cookies", "name", c.Name)
		add("http.Request.Cookies", "value", c.Value)
	}
	switch family {
	case "form":
		_ = req.ParseForm() // likewise
		pairs("http.Request.ParseForm", req.PostForm)
	case "multipart":
		_ = req.ParseMultipartForm(1 << 20) // likewise
		if req.MultipartForm == nil {
			return seen
		}
		pairs("http.Request.ParseMultipartForm", req.MultipartForm.Value)
		for name, files := range req.MultipartForm.File {
			add("http.Request.ParseMultipartForm", "name", name)
			for _, f := range files {
				add("http.Request.ParseMultipartForm", "file", f.Filename)
				if r, err := f.Open(); err == nil {
					data, _ := io.ReadAll(r) // a file in memory
					add("http.Request.ParseMultipartForm", "value", string(data))
				}
			}
		}
	case "json":
		var v any
		dec := json.NewDecoder(req.Body)
		dec.UseNumber()
		_ = dec.Decode(&v) // reads the first value and looks no further
		switch v.(type) {
		case map[string]any, []any:
			walkGo(v, func(kind, text string) { add("encoding/json", kind, text) })
		}
	}
	return seen
}

// requestOf is the request that a Go handler makes of an event, as adapters do.
func requestOf(raw []byte) *http.Request {
	var ev struct {
		events.APIGatewayV2HTTPRequest
		Path       string              `json:"path"`
		Multi      map[string][]string `json:"multiValueHeaders"`
		Query      map[string]string   `json:"queryStringParameters"`
		MultiQuery map[string][]string `json:"multiValueQueryStringParameters"`
	}
	if err := json.Unmarshal(raw, &ev); err != nil {
		return nil
	}
	body := []byte(ev.Body)
	if ev.IsBase64Encoded {
		body, _ = base64.StdEncoding.DecodeString(ev.Body) // what was decoded before an error
	}
	header := http.Header{}
	for k, v := range ev.Headers {
		header.Set(k, v)
	}
	for k, vs := range ev.Multi {
		header[http.CanonicalHeaderKey(k)] = vs
	}
	if len(ev.Cookies) > 0 {
		header.Set("Cookie", strings.Join(ev.Cookies, "; "))
	}
	query := ev.RawQueryString
	if query == "" && !bytes.Contains(raw, []byte(`"elb":`)) {
		vs := url.Values(ev.MultiQuery)
		if vs == nil {
			vs = url.Values{}
			for k, v := range ev.Query {
				vs.Set(k, v)
			}
		}
		query = vs.Encode()
	} else if query == "" {
		var list []string
		for k, v := range ev.Query {
			list = append(list, k+"="+v)
		}
		for k, vs := range ev.MultiQuery {
			for _, v := range vs {
				list = append(list, k+"="+v)
			}
		}
		query = strings.Join(list, "&")
	}
	switch header.Get("Content-Encoding") {
	case "":
	case "gzip":
		if z, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
			body, _ = io.ReadAll(z)
		}
	default:
		body = nil // Go's own library has no middleware for it
	}
	return &http.Request{Method: "POST", URL: &url.URL{Path: "/", RawQuery: query}, Header: header, Body: io.NopCloser(bytes.NewReader(body))}
}

func walkGo(v any, add func(kind, text string)) {
	switch v := v.(type) {
	case string:
		add("value", v)
	case bool:
		add("value", fmt.Sprint(v))
	case json.Number:
		add("value", v.String())
	case []any:
		for _, e := range v {
			walkGo(e, add)
		}
	case map[string]any:
		for k, e := range v {
			add("name", k)
			walkGo(e, add)
		}
	}
}

var token = regexp.MustCompile(`^[\w=-]+(\.[\w=-]*)+$`)

// decodersGo are Go's base64 decoders; what came out before an error counts, as
// it does to a handler that reads a stream.
func decodersGo(text string) (seen []shown) {
	for name, enc := range map[string]*base64.Encoding{
		"StdEncoding": base64.StdEncoding, "RawStdEncoding": base64.RawStdEncoding, "URLEncoding": base64.URLEncoding, "RawURLEncoding": base64.RawURLEncoding,
	} {
		segments := []string{text}
		if token.MatchString(text) {
			segments = strings.Split(text, ".")
		}
		for _, segment := range segments {
			if out, err := enc.DecodeString(segment); err == nil && len(out) > 0 {
				seen = append(seen, shown{"base64." + name, "bytes", base64.StdEncoding.EncodeToString(out)})
			}
		}
	}
	return seen
}
