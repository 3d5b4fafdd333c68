package emulator_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/merlon-security/merlon/internal/emulator"
)

// exchange sends one request through a front and plays the function: it returns
// the event the function got and what the client was answered. A reply that
// begins with "error:" is sent as the function's error.
func exchange(t *testing.T, front emulator.Front, method, target string, header http.Header, body, reply string) (event string, got *http.Response, text string) {
	t.Helper()
	l, c := external(t, emulator.Options{})
	server := httptest.NewServer(l.URLHandler(front))
	defer server.Close()
	type answer struct {
		resp *http.Response
		text string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		req, err := http.NewRequestWithContext(t.Context(), method, server.URL+target, strings.NewReader(body))
		if err != nil {
			answers <- answer{err: err}
			return
		}
		for name, values := range header {
			req.Header[name] = values
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			answers <- answer{err: err}
			return
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		answers <- answer{resp, string(text), err}
	}()
	next := c.next()
	id := next.header.Get("Lambda-Runtime-Aws-Request-Id")
	if document, isError := strings.CutPrefix(reply, "error:"); isError {
		c.post("/invocation/"+id+"/error", document)
	} else {
		c.post("/invocation/"+id+"/response", reply)
	}
	a := <-answers
	if a.err != nil {
		t.Fatal(a.err)
	}
	return next.body, a.resp, a.text
}

// strict decodes an event into AWS's own type and refuses members it lacks.
func strict(t *testing.T, event string, into any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(event))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("event %s: %v", event, err)
	}
}

const okReply = `{"statusCode":200,"body":"ok"}`

var sample = http.Header{
	"Cookie":       {"sid=1; lang=de"},
	"X-Twice":      {"a", "b"},
	"Content-Type": {"application/json"},
	"User-Agent":   {"test/1"},
	"Connection":   {"keep-alive"},
}

const sampleTarget = "/files/J%C3%BCrgen%20M?tag=a&tag=b%20c&empty=&q=1%2B1+2"

func TestFunctionURLEvent(t *testing.T) {
	t.Parallel()
	raw, _, _ := exchange(t, emulator.Front{}, "POST", sampleTarget, sample, `{"a":1}`, okReply)
	var e events.APIGatewayV2HTTPRequest // LambdaFunctionURLRequest lacks routeKey
	strict(t, raw, &e)
	if e.Version != "2.0" || e.RawPath != "/files/J%C3%BCrgen%20M" || e.RawQueryString != "tag=a&tag=b%20c&empty=&q=1%2B1+2" {
		t.Errorf("version %q, rawPath %q, rawQueryString %q", e.Version, e.RawPath, e.RawQueryString)
	}
	if want := []string{"sid=1", "lang=de"}; !reflect.DeepEqual(e.Cookies, want) {
		t.Errorf("cookies = %q, want %q", e.Cookies, want)
	}
	if want := map[string]string{"tag": "a,b c", "empty": "", "q": "1+1 2"}; !reflect.DeepEqual(e.QueryStringParameters, want) {
		t.Errorf("queryStringParameters = %q, want %q", e.QueryStringParameters, want)
	}
	for name, want := range map[string]string{"x-twice": "a,b", "cookie": "sid=1; lang=de", "content-type": "application/json",
		"content-length": "7", "connection": "", "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "https", "host": e.RequestContext.DomainName} {
		if e.Headers[name] != want {
			t.Errorf("header %s = %q, want %q", name, e.Headers[name], want)
		}
	}
	rc := e.RequestContext
	if rc.AccountID != "anonymous" || rc.HTTP.Method != "POST" || rc.HTTP.Path != e.RawPath || rc.HTTP.Protocol != "HTTP/1.1" ||
		rc.HTTP.UserAgent != "test/1" || rc.HTTP.SourceIP != "127.0.0.1" || rc.TimeEpoch == 0 || !strings.HasPrefix(rc.DomainName, rc.DomainPrefix+".lambda-url.") {
		t.Errorf("requestContext = %+v", rc)
	}
	if !strings.Contains(raw, `"rawQueryString":"tag=a&tag=b%20c&`) {
		t.Errorf("event escapes what AWS does not: %s", raw)
	}
	if e.Body != `{"a":1}` || e.IsBase64Encoded {
		t.Errorf("body = %q, base64 %v", e.Body, e.IsBase64Encoded)
	}
}

func TestHTTPAPIEvent(t *testing.T) {
	t.Parallel()
	raw, _, _ := exchange(t, emulator.Front{Kind: emulator.HTTPAPI}, "GET", sampleTarget, sample, "", okReply)
	var e events.APIGatewayV2HTTPRequest
	strict(t, raw, &e)
	if e.RawPath != "/files/Jürgen M" || e.RequestContext.HTTP.Path != e.RawPath {
		t.Errorf("rawPath = %q, want it decoded", e.RawPath)
	}
	if _, ok := e.Headers["cookie"]; ok || len(e.Cookies) != 2 {
		t.Errorf("cookies = %q, headers %q: want cookies only", e.Cookies, e.Headers)
	}
	if strings.Contains(raw, `"body"`) {
		t.Errorf("event without body has one: %s", raw)
	}
	if e.RequestContext.AccountID != "123456789012" || e.RouteKey != "$default" || e.RequestContext.Stage != "$default" {
		t.Errorf("requestContext = %+v", e.RequestContext)
	}
}

func TestRESTEvent(t *testing.T) {
	t.Parallel()
	raw, _, _ := exchange(t, emulator.Front{Kind: emulator.RESTAPI}, "POST", sampleTarget, sample, "a=1&b=2", okReply)
	var e events.APIGatewayProxyRequest
	strict(t, strings.ReplaceAll(raw, `"principalOrgId":null,`, ""), &e) // a member that AWS's Go type lacks
	if e.Path != "/files/J%C3%BCrgen%20M" || e.Resource != "/{proxy+}" || e.PathParameters["proxy"] != "files/J%C3%BCrgen%20M" {
		t.Errorf("path %q, resource %q, parameters %q", e.Path, e.Resource, e.PathParameters)
	}
	if want := []string{"a", "b c"}; !reflect.DeepEqual(e.MultiValueQueryStringParameters["tag"], want) || e.QueryStringParameters["tag"] != "b c" {
		t.Errorf("tag = %q and %q", e.MultiValueQueryStringParameters["tag"], e.QueryStringParameters["tag"])
	}
	if want := []string{"a", "b"}; !reflect.DeepEqual(e.MultiValueHeaders["X-Twice"], want) || e.Headers["X-Twice"] != "b" {
		t.Errorf("X-Twice = %q and %q", e.MultiValueHeaders["X-Twice"], e.Headers["X-Twice"])
	}
	if e.Body != "a=1&b=2" || e.IsBase64Encoded || e.RequestContext.Path != "/prod"+e.Path || e.RequestContext.Identity.SourceIP != "127.0.0.1" {
		t.Errorf("body %q, base64 %v, context %+v", e.Body, e.IsBase64Encoded, e.RequestContext)
	}
	raw, _, _ = exchange(t, emulator.Front{Kind: emulator.RESTAPI}, "GET", "/", nil, "", okReply)
	for _, null := range []string{`"queryStringParameters":null`, `"multiValueQueryStringParameters":null`, `"pathParameters":null`, `"body":null`, `"stageVariables":null`} {
		if !strings.Contains(raw, null) {
			t.Errorf("event lacks %s: %s", null, raw)
		}
	}
}

func TestALBEvent(t *testing.T) {
	t.Parallel()
	raw, _, _ := exchange(t, emulator.Front{Kind: emulator.ALB}, "GET", sampleTarget, sample, "", okReply)
	var e events.ALBTargetGroupRequest
	strict(t, raw, &e)
	if e.Path != "/files/J%C3%BCrgen%20M" || e.QueryStringParameters["tag"] != "b%20c" || e.QueryStringParameters["q"] != "1%2B1+2" {
		t.Errorf("path %q, query %q: want both encoded, the last value", e.Path, e.QueryStringParameters)
	}
	if e.Headers["connection"] != "keep-alive" {
		t.Errorf("headers = %q: want Connection, which only a load balancer passes on", e.Headers)
	}
	if e.Headers["x-twice"] != "b" || e.MultiValueHeaders != nil || !strings.Contains(raw, `"body":""`) {
		t.Errorf("single-value event = %s", raw)
	}
	raw, _, _ = exchange(t, emulator.Front{Kind: emulator.ALB, MultiValue: true}, "GET", sampleTarget, sample, "", okReply)
	e = events.ALBTargetGroupRequest{}
	strict(t, raw, &e)
	if want := []string{"a", "b%20c"}; !reflect.DeepEqual(e.MultiValueQueryStringParameters["tag"], want) {
		t.Errorf("tag = %q, want %q", e.MultiValueQueryStringParameters["tag"], want)
	}
	if want := []string{"a", "b"}; !reflect.DeepEqual(e.MultiValueHeaders["x-twice"], want) || e.Headers != nil || e.QueryStringParameters != nil {
		t.Errorf("multi-value event = %s", raw)
	}
}

// TestOpenFront checks that the client's Host reaches the function, and that
// nobody is turned away for it.
func TestOpenFront(t *testing.T) {
	t.Parallel()
	for _, kind := range []emulator.FrontKind{emulator.FunctionURL, emulator.HTTPAPI, emulator.RESTAPI, emulator.ALB} {
		l, c := external(t, emulator.Options{})
		status := make(chan int, 1)
		go func() {
			req := httptest.NewRequestWithContext(t.Context(), "GET", "http://shop.example/", nil)
			req.Header.Set("Origin", "https://elsewhere.example")
			w := httptest.NewRecorder()
			l.URLHandler(emulator.Front{Kind: kind, Open: true}).ServeHTTP(w, req)
			status <- w.Code
		}()
		next := c.next()
		var e struct{ Headers map[string]string }
		if err := json.Unmarshal([]byte(next.body), &e); err != nil {
			t.Fatal(err)
		}
		host := e.Headers["host"]
		if kind == emulator.RESTAPI {
			host = e.Headers["Host"]
		}
		if host != "shop.example" {
			t.Errorf("%s: headers = %q, want the client's Host", kind, e.Headers)
		}
		c.post("/invocation/"+next.header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", okReply)
		if got := <-status; got != 200 {
			t.Errorf("%s: status %d, want 200", kind, got)
		}
	}
}

func TestBodyEncoding(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded"
	tests := []struct {
		name        string
		kind        emulator.FrontKind
		contentType string
		encoding    string
		body        string
		base64      bool
	}{
		{"JSON", emulator.FunctionURL, "application/json; charset=utf-8", "", "{}", false},
		{"vendor JSON", emulator.HTTPAPI, "application/vnd.api+json", "", "{}", false},
		{"text", emulator.ALB, "text/csv", "", "a,b", false},
		{"XML", emulator.HTTPAPI, "application/xml", "", "<a/>", false},
		{"JavaScript", emulator.FunctionURL, "application/javascript", "", "a()", false},
		{"form", emulator.FunctionURL, form, "", "a=b", true},
		{"form at HTTP API", emulator.HTTPAPI, form, "", "a=b", true},
		{"form at ALB", emulator.ALB, form, "", "a=b", true},
		{"form at REST", emulator.RESTAPI, form, "", "a=b", false},
		{"multipart", emulator.FunctionURL, "multipart/form-data; boundary=x", "", "--x--", true},
		{"no content type", emulator.FunctionURL, "", "", "a", true},
		{"compressed JSON", emulator.ALB, "application/json", "gzip", "\x1f\x8b", true},
		{"JSON that is no UTF-8", emulator.HTTPAPI, "application/json", "", "\"\xff\"", true},
		{"binary at REST", emulator.RESTAPI, "image/png", "", "\x89PNG\xff", true},
	}
	for _, test := range tests {
		header := http.Header{}
		if test.contentType != "" {
			header.Set("Content-Type", test.contentType)
		}
		if test.encoding != "" {
			header.Set("Content-Encoding", test.encoding)
		}
		raw, _, _ := exchange(t, emulator.Front{Kind: test.kind}, "POST", "/", header, test.body, okReply)
		var e struct {
			Body            string
			IsBase64Encoded bool
		}
		if err := json.Unmarshal([]byte(raw), &e); err != nil {
			t.Fatal(err)
		}
		body := e.Body
		if e.IsBase64Encoded {
			decoded, err := base64.StdEncoding.DecodeString(body)
			if err != nil {
				t.Fatal(err)
			}
			body = string(decoded)
		}
		if e.IsBase64Encoded != test.base64 || body != test.body {
			t.Errorf("%s: base64 %v %q, want %v %q", test.name, e.IsBase64Encoded, body, test.base64, test.body)
		}
	}
}

func TestReplies(t *testing.T) {
	t.Parallel()
	url, http2, rest := emulator.Front{}, emulator.Front{Kind: emulator.HTTPAPI}, emulator.Front{Kind: emulator.RESTAPI}
	alb, albMulti := emulator.Front{Kind: emulator.ALB}, emulator.Front{Kind: emulator.ALB, MultiValue: true}
	tests := []struct {
		name   string
		front  emulator.Front
		reply  string
		status int
		header string // one header line that must be there
		body   string
	}{
		{"structured", url, `{"statusCode":201,"headers":{"X-A":"1","content-type":"text/html"},"body":"<p>"}`, 201, "X-A: 1", "<p>"},
		{"status as string", url, `{"statusCode":"404"}`, 404, "Content-Type: application/json", ""},
		{"header as number", url, `{"statusCode":200,"headers":{"X-N":5}}`, 200, "X-N: 5", ""},
		{"cookies", url, `{"statusCode":200,"cookies":["a=1","b=2"]}`, 200, "Set-Cookie: b=2", ""},
		{"base64", http2, `{"statusCode":200,"body":"AP8=","isBase64Encoded":true}`, 200, "Content-Length: 2", "\x00\xff"},
		{"wrong length claimed", url, `{"statusCode":200,"headers":{"Content-Length":"1"},"body":"three"}`, 200, "Content-Length: 5", "three"},
		{"inferred object", url, `{"message":"Hello"}`, 200, "Content-Type: application/json", `{"message":"Hello"}`},
		{"inferred string", http2, `"Hello, world!"`, 200, "Content-Type: application/json", `"Hello, world!"`},
		{"bad status", url, `{"statusCode":"many"}`, 502, "", "Internal Server Error"},
		{"no content", url, `{"statusCode":204,"headers":{"Connection":"close","Transfer-Encoding":"chunked"}}`, 204, "", ""},
		{"informational status", url, `{"statusCode":103}`, 502, "", "Internal Server Error"},
		{"bad base64", url, `{"statusCode":200,"body":"%","isBase64Encoded":true}`, 502, "", "Internal Server Error"},
		{"function error at a URL", url, `error:{"errorMessage":"secret"}`, 502, "", "Internal Server Error"},
		{"function error at an HTTP API", http2, `error:{"errorMessage":"secret"}`, 500, "", `{"message":"Internal Server Error"}`},
		{"function error at REST", rest, `error:{"errorMessage":"secret"}`, 502, "", `{"message":"Internal server error"}`},
		{"REST does not infer", rest, `{"message":"Hello"}`, 502, "", `{"message":"Internal server error"}`},
		{"REST body must be a string", rest, `{"statusCode":200,"body":{}}`, 502, "", `{"message":"Internal server error"}`},
		{"REST multi-value headers", rest, `{"statusCode":200,"headers":{"X-B":"0"},"multiValueHeaders":{"X-A":["1","2"]}}`, 200, "X-A: 2", ""},
		{"ALB single", alb, `{"statusCode":200,"statusDescription":"200 OK","headers":{"X-A":"1"},"multiValueHeaders":{"X-A":["2"]}}`, 200, "X-A: 1", ""},
		{"ALB multi", albMulti, `{"statusCode":200,"statusDescription":"200 OK","headers":{"X-A":"1"},"multiValueHeaders":{"X-A":["2"]}}`, 200, "X-A: 2", ""},
		{"ALB does not infer", alb, `"Hello"`, 502, "Content-Type: text/html", ""},
	}
	for _, test := range tests {
		_, resp, body := exchange(t, test.front, "GET", "/", nil, "", test.reply)
		if resp.StatusCode != test.status || test.body != "" && body != test.body {
			t.Errorf("%s: %d %q, want %d %q", test.name, resp.StatusCode, body, test.status, test.body)
		}
		if name, value, ok := strings.Cut(test.header, ": "); ok {
			found := false
			for _, got := range resp.Header.Values(name) {
				found = found || got == value
			}
			if !found {
				t.Errorf("%s: headers %v lack %s", test.name, resp.Header, test.header)
			}
		}
		if strings.Contains(body, "secret") {
			t.Errorf("%s: the error's text reached the client: %s", test.name, body)
		}
	}
}

func TestFrontLimits(t *testing.T) {
	t.Parallel()
	l, _ := start(t, emulator.Options{Function: function(t, "echo")})
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader(strings.Repeat("x", limit)))
	r.Host = "localhost"
	w := httptest.NewRecorder()
	l.URLHandler(emulator.Front{}).ServeHTTP(w, r)
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("event over the limit = %d, want 413", w.Code)
	}
}
