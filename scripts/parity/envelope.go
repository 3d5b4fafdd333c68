package main

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"io"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/andybalholm/brotli"
)

// request is what a client sends.
type request struct {
	path, query, ctype, body string
	cookies                  []string // Cookie header lines
}

// frontEnds are those that hand a request to a function, by what differs in
// their events: how the query, repeated headers and cookies arrive.
var frontEnds = []string{"function URL", "HTTP API", "REST API", "ALB", "ALB, multi-value", "HTTP API, format 1.0"}

// envelope writes the event by which a front end delivers a request.
func (r *random) envelope(front string, q request) []byte {
	headers := map[string][]string{"host": {"api.example"}, "user-agent": {"curl/8.5"}}
	if q.ctype != "" {
		headers[pick(r, "content-type", "Content-Type")] = []string{q.ctype}
	}
	body := q.body
	if body != "" && r.chance(8) {
		coding := pick(r, "gzip", "deflate", "br", "raw deflate")
		body = compress(body, coding)
		headers["content-encoding"] = []string{strings.TrimPrefix(coding, "raw ")}
	}
	ev := map[string]any{"isBase64Encoded": false}
	if body != "" {
		ev["body"] = body
		if !utf8.ValidString(body) || r.chance(3) {
			ev["body"], ev["isBase64Encoded"] = base64.StdEncoding.EncodeToString([]byte(body)), true
		}
	}
	q.query = strings.ToValidUTF8(q.query, "?")
	path := "/p"
	if q.path != "" {
		path = strings.ToValidUTF8(q.path, "?")
	}
	method := "POST"
	if body == "" {
		method = "GET"
	}
	decoded := decodedPairs(q.query, strings.HasPrefix(front, "ALB"))
	single := map[string]string{}
	for k, vs := range decoded {
		single[k] = vs[len(vs)-1]
	}
	switch front {
	case "function URL", "HTTP API":
		flat := map[string]string{}
		for k, vs := range headers {
			flat[strings.ToLower(k)] = strings.Join(vs, ",")
		}
		joined := map[string]string{}
		for k, vs := range decoded {
			joined[k] = strings.Join(vs, ",")
		}
		ev["version"], ev["rawPath"], ev["rawQueryString"], ev["headers"] = "2.0", path, q.query, flat
		ev["routeKey"] = "$default"
		if len(joined) > 0 {
			ev["queryStringParameters"] = joined
		}
		if cs := cookiePairs(q.cookies); len(cs) > 0 {
			ev["cookies"] = cs
		}
		ev["requestContext"] = map[string]any{"http": map[string]any{"method": method, "path": path, "protocol": "HTTP/1.1"}, "requestId": "r"}
		return encodeJSON(ev)
	}
	if len(q.cookies) > 0 {
		headers["Cookie"] = q.cookies
	}
	flat := map[string]string{}
	for k, vs := range headers {
		flat[k] = vs[len(vs)-1]
	}
	ev["httpMethod"], ev["path"] = method, path
	ev["requestContext"] = map[string]any{"requestId": "r", "httpMethod": method}
	if strings.HasPrefix(front, "ALB") {
		ev["requestContext"] = map[string]any{"elb": map[string]any{"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/t/1"}}
	}
	if front == "HTTP API, format 1.0" {
		ev["version"] = "1.0"
	}
	switch front {
	case "ALB":
		ev["headers"], ev["queryStringParameters"] = flat, single
	case "ALB, multi-value":
		ev["multiValueHeaders"], ev["multiValueQueryStringParameters"] = headers, decoded
	default:
		ev["resource"] = "/{proxy+}"
		ev["headers"], ev["multiValueHeaders"] = flat, headers
		ev["queryStringParameters"], ev["multiValueQueryStringParameters"] = single, decoded
	}
	return encodeJSON(ev)
}

// decodedPairs are the parameters as a front end lists them: decoded, save by
// an ALB, which leaves them as they are.
func decodedPairs(query string, raw bool) map[string][]string {
	out := map[string][]string{}
	for kv := range strings.SplitSeq(query, "&") {
		if kv == "" {
			continue
		}
		k, v, _ := strings.Cut(kv, "=")
		if !raw {
			k, v = lenient(k), lenient(v)
		}
		out[k] = append(out[k], v)
	}
	return out
}

// lenient decodes what can be decoded; a text with a broken escape stays as it is.
func lenient(s string) string {
	if v, err := url.QueryUnescape(s); err == nil {
		return strings.ToValidUTF8(v, "\ufffd")
	}
	return s
}

// cookiePairs is how format 2.0 has cookies: one of each pair.
func cookiePairs(lines []string) (out []string) {
	for _, l := range lines {
		for c := range strings.SplitSeq(l, ";") {
			if c = strings.TrimSpace(c); c != "" {
				out = append(out, c)
			}
		}
	}
	return out
}

func compress(s, coding string) string {
	var b bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "br":
		w = brotli.NewWriter(&b)
	case "deflate":
		w = zlib.NewWriter(&b)
	default:
		w, _ = flate.NewWriter(&b, 6) // 6 is a level that exists
	}
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.String()
}
