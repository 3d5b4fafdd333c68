package event_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/merlon-security/merlon/internal/event"
)

func TestRequest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, raw string
		source    event.Source
		method    string
		target    string
		route     string
		leaves    []string
	}{
		{
			name: "HTTP API: path decoded, cookies as an array, raw query",
			raw: `{"version":"2.0","routeKey":"GET /a/{id}","rawPath":"/a/x y?z","rawQueryString":"q=1%2C2&empty",
				"cookies":["sid=1","t=a=b"],"headers":{"host":"h","x-a":"1,2"},"queryStringParameters":{"q":"1,2","empty":""},
				"pathParameters":{"id":"x y?z"},"requestContext":{"http":{"method":"GET","path":"/a/x y?z","protocol":"HTTP/2.0"},"requestId":"r1"}}`,
			source: event.HTTPAPI, method: "GET", target: "/a/x%20y%3Fz?q=1%2C2&empty", route: "GET /a/{id}",
			leaves: []string{
				"path rawPath path=/a/x y?z", "query queryStringParameters.q q=1,2", "query queryStringParameters.empty empty=",
				"cookie cookies[0].sid sid=1", "cookie cookies[1].t t=a=b", "header cookies cookie=sid=1; t=a=b",
				"header headers.x-a x-a=1,2", "argument pathParameters.id id=x y?z",
			},
		}, {
			name: "REST API: path encoded, multi-value maps",
			raw: `{"resource":"/{proxy+}","path":"/p/%2e%2e/x","httpMethod":"POST","headers":{"X":"2","Cookie":"a=1; b=\"2\""},
				"multiValueHeaders":{"X":["1","2"],"Cookie":["a=1; b=\"2\""]},"queryStringParameters":{"a[$ne]":"2"},
				"multiValueQueryStringParameters":{"a[$ne]":["1 1","2"]},"requestContext":{"requestId":"r"},"body":null}`,
			source: event.RESTAPI, method: "POST", target: "/p/%2e%2e/x?a%5B%24ne%5D=2&a%5B%24ne%5D=1+1", route: "/{proxy+}",
			leaves: []string{
				"header headers.X X=2", "header multiValueHeaders.X[0] X=1", "cookie headers.Cookie.a a=1", `cookie headers.Cookie.b b="2"`,
				`query queryStringParameters["a[$ne]"] a[$ne]=2`, `query multiValueQueryStringParameters["a[$ne]"][0] a[$ne]=1 1`,
			},
		}, {
			name: "function URL: format 2.0 on another host",
			raw: `{"version":"2.0","rawPath":"/a%20b","rawQueryString":"","headers":{},"requestContext":{"domainName":"x.lambda-url.eu-west-1.on.aws",
				"http":{"method":"PUT","sourceIp":"203.0.113.9"}},"body":"{\"k\":[true,null,1e3]}"}`,
			source: event.FunctionURL, method: "PUT", target: "/a%20b",
			leaves: []string{"body body.k k", "body body.k[0] k=true", "body body.k[1] k=", "body body.k[2] k=1e3"},
		}, {
			name: "ALB: query values still encoded",
			raw: `{"requestContext":{"elb":{"targetGroupArn":"arn:x"}},"httpMethod":"GET","path":"/p","queryStringParameters":{"q%20r":"%3Cb%3E"},
				"headers":{"x-forwarded-for":"198.51.100.7, 203.0.113.9"},"body":"","isBase64Encoded":false}`,
			source: event.ALB, method: "GET", target: "/p?q%20r=%3Cb%3E",
			leaves: []string{`query queryStringParameters["q%20r"] q r=<b>`},
		}, {
			name: "ALB with multi-value headers",
			raw: `{"requestContext":{"elb":{}},"httpMethod":"GET","path":"/","multiValueQueryStringParameters":{"a":["1","2"]},
				"multiValueHeaders":{"cookie":["x=1; y=2","z=3"]},"body":""}`,
			source: event.ALB, method: "GET", target: "/?a=1&a=2",
			leaves: []string{
				"query multiValueQueryStringParameters.a[0] a=1", "query multiValueQueryStringParameters.a[1] a=2",
				"cookie multiValueHeaders.cookie[0].y y=2", "cookie multiValueHeaders.cookie[1].z z=3",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ev := decode(tt.raw)
			if ev.Source != tt.source || ev.HTTP == nil {
				t.Fatalf("source = %s, HTTP %v, want %s", ev.Source, ev.HTTP, tt.source)
			}
			if h := ev.HTTP; h.Method != tt.method || h.Target != tt.target || h.Route != tt.route {
				t.Errorf("request = %s %s (route %q), want %s %s (%q)", h.Method, h.Target, h.Route, tt.method, tt.target, tt.route)
			}
			wantLeaves(t, ev, tt.leaves...)
		})
	}
}

// call makes an HTTP API event of its own words: members are added to the event.
func call(t testing.TB, members map[string]any) string {
	t.Helper()
	m := map[string]any{
		"version": "2.0", "rawPath": "/", "rawQueryString": "",
		"requestContext": map[string]any{"http": map[string]any{"method": "POST"}},
	}
	for k, v := range members {
		m[k] = v
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func compressed(t testing.TB, s string, writer func(io.Writer) io.WriteCloser) string {
	t.Helper()
	var b bytes.Buffer
	w := writer(&b)
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gzipped(t testing.TB, s string) string {
	return compressed(t, s, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })
}

func encode64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func wideText(s string, big bool) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		if big {
			b = append(b, byte(u>>8), byte(u))
		} else {
			b = append(b, byte(u), byte(u>>8))
		}
	}
	return string(b)
}

func TestBody(t *testing.T) {
	t.Parallel()
	const attack, inJSON = "<script>", `{"c":"<script>"}`
	zlibbed := compressed(t, inJSON, func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })
	flated := compressed(t, inJSON, func(w io.Writer) io.WriteCloser {
		f, err := flate.NewWriter(w, 6)
		if err != nil {
			t.Fatal(err)
		}
		return f
	})
	part := func(eol, boundary, head, body string) string {
		return "--" + boundary + eol + head + eol + eol + body + eol
	}
	disposition := `Content-Disposition: form-data; name="c"`
	tests := []struct {
		name, ctype, coding, body string
		plain                     bool // not base64
		want                      string
		limits                    string
	}{
		{name: "JSON", ctype: "application/json", body: inJSON, plain: true, want: "body body.c c=<script>"},
		{name: "JSON as base64", ctype: "application/json", body: inJSON, want: "body body.c c=<script>"},
		{name: "JSON under text/plain", ctype: "text/plain", body: inJSON, want: "body body.c c=<script>"},
		{name: "JSON scalar", ctype: "application/json", body: `"<script>"`, want: "body body body=<script>"},
		{name: "broken JSON", ctype: "application/json", body: `{"a":1,"c":"<script>`, want: `body body body={"a":1,"c":"<script>`},
		{name: "JSON inside JSON", body: `{"s":"{\"c\":\"<script>\"}"}`, want: "body body.s.c c=<script>"},
		{name: "JSON with a byte order mark", body: "\ufeff" + inJSON, want: "body body.c c=<script>"},
		{name: "UTF-16 with mark", body: wideText("\ufeff"+inJSON, true), want: "body body.c c=<script>"},
		{name: "UTF-16 little endian without mark", body: wideText(inJSON, false), want: "body body.c c=<script>"},
		{name: "UTF-16 between far letters", body: wideText(`{"p":"`+strings.Repeat("漢", 40)+`","c":"<script>"}`, false), want: "body body.c c=<script>"},
		{name: "UTF-32", body: string([]byte{'[', 0, 0, 0, '"', 0, 0, 0, '<', 0, 0, 0, '"', 0, 0, 0, ']', 0, 0, 0}), want: "body body[0] body=<"},
		{name: "charset that hides ASCII", ctype: "text/plain; charset=cp037", body: "+ADw-script+AD4-", want: "body body body=+ADw-script+AD4-", limits: "charset"},
		{name: "UTF-7", ctype: "text/plain; charset=utf-7", body: "+ADw-script+AD4-", want: "body body body=<script>"},
		{name: "form", ctype: "application/x-www-form-urlencoded", body: "a=1&c=%3Cscript%3E&b=x+y", want: "body body.c c=<script>"},
		{name: "form without type", body: "a=1&c=%3Cscript%3E", want: "body body.c c=<script>"},
		{name: "form under text/plain", ctype: "text/plain", body: "a=1&c=%3Cscript%3E", want: "body body.c c=<script>"},
		{name: "form with semicolon", ctype: "application/x-www-form-urlencoded", body: "c=;cat /etc/passwd", want: "body body.c c=;cat /etc/passwd"},
		{name: "form name", ctype: "application/x-www-form-urlencoded", body: "c[%24ne]=", want: `body body["c[$ne]"] c[$ne]=`},
		{name: "JSON in a form field", ctype: "application/x-www-form-urlencoded", body: `p={"c":"%3Cscript%3E"}`, want: "body body.p.c c=<script>"},
		{name: "text", ctype: "text/plain", body: "a\n<script>", want: "body body body=a\n<script>"},
		{name: "gzip", coding: "gzip", body: gzipped(t, inJSON), want: "body body.c c=<script>"},
		{name: "gzip twice", coding: "gzip, gzip", body: gzipped(t, gzipped(t, inJSON)), want: "body body.c c=<script>"},
		{name: "gzip members", coding: "GZIP", body: gzipped(t, `{"c":`) + gzipped(t, `"<script>"}`), want: "body body.c c=<script>"},
		{name: "gzip without header", body: gzipped(t, inJSON), want: "body body.c c=<script>"},
		{name: "gzip with junk behind", coding: "gzip", body: gzipped(t, inJSON) + "junk", want: "body body.c c=<script>", limits: "encoding"},
		{name: "deflate as zlib", coding: "deflate", body: zlibbed, want: "body body.c c=<script>"},
		{name: "raw deflate", coding: "deflate", body: flated, want: "body body.c c=<script>"},
		{name: "unknown coding", coding: "compress", body: "opaque text", want: "body body body=opaque text", limits: "encoding"},
		{
			name: "multipart", ctype: "multipart/form-data; boundary=B",
			body: part("\r\n", "B", disposition, attack) + "--B--\r\n", want: "body body.c c=<script>",
		}, {
			name: "multipart with LF and no end", ctype: "multipart/form-data; boundary=B",
			body: part("\n", "B", disposition, attack), want: "body body.c c=<script>",
		}, {
			name: "multipart under JSON", ctype: "application/json", body: part("\r\n", "xx", disposition, attack) + "--xx--",
			want: "body body.c c=<script>",
		}, {
			name: "multipart with two boundaries named", ctype: "multipart/form-data; boundary=A; boundary=B",
			body: part("\r\n", "B", disposition, attack) + "--B--", want: "body body.c c=<script>",
		}, {
			name: "file name with directories", ctype: "multipart/form-data; boundary=B",
			body: part("\r\n", "B", disposition+`; filename="../../etc/passwd"`, "x") + "--B--",
			want: `body body["c.filename"] filename=../../etc/passwd`,
		}, {
			name: "extended file name", ctype: "multipart/form-data; boundary=B",
			body: part("\r\n", "B", disposition+`; filename*=UTF-8''%3Cscript%3E`, "x") + "--B--",
			want: `body body["c.filename"] filename=<script>`,
		}, {
			name: "preamble", ctype: "multipart/form-data; boundary=B", body: "<script>\r\n" + part("\r\n", "B", disposition, "x") + "--B--",
			want: "body body body=<script>\r\n",
		}, {
			name: "epilogue", ctype: "multipart/form-data; boundary=B", body: part("\r\n", "B", disposition, "x") + "--B--\r\n<script>",
			want: "body body body=<script>",
		}, {
			name: "part header", ctype: "multipart/form-data; boundary=B", body: part("\r\n", "B", disposition+"\r\nX-A: <script>", "x") + "--B--",
			want: `body body["c.X-A"] X-A=<script>`,
		}, {
			name: "part in base64", ctype: "multipart/form-data; boundary=B",
			body: part("\r\n", "B", disposition+"\r\nContent-Transfer-Encoding: base64", "PHNjcmlwdD4=") + "--B--", want: "body body.c c=<script>",
		}, {
			name: "JSON part", ctype: "multipart/form-data; boundary=B",
			body: part("\r\n", "B", disposition+"\r\nContent-Type: application/json", inJSON) + "--B--", want: "body body.c.c c=<script>",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			headers := map[string]string{}
			if tt.ctype != "" {
				headers["Content-Type"] = tt.ctype
			}
			if tt.coding != "" {
				headers["content-encoding"] = tt.coding
			}
			m := map[string]any{"headers": headers, "body": tt.body}
			if !tt.plain {
				m["body"], m["isBase64Encoded"] = base64.StdEncoding.EncodeToString([]byte(tt.body)), true
			}
			ev := decode(call(t, m))
			wantLeaves(t, ev, tt.want)
			if got := strings.Join(ev.Limits, ","); got != tt.limits {
				t.Errorf("Limits = %q, want %q", got, tt.limits)
			}
		})
	}
}

// Node's Buffer.from(s, "base64") and Python's base64.b64decode(s) read all of
// these as {"c":"<script>"}.
func TestLenientBase64(t *testing.T) {
	t.Parallel()
	clean := base64.StdEncoding.EncodeToString([]byte(`{"c":"<script>?>"}`))
	for name, s := range map[string]string{
		"clean": clean, "no padding": strings.TrimRight(clean, "="), "white space": clean[:5] + " \n\t" + clean[5:],
		"URL alphabet": base64.URLEncoding.EncodeToString([]byte(`{"c":"<script>?>"}`)), "junk": "!" + clean[:7] + "é*" + clean[7:],
		"one letter too many": strings.TrimRight(clean, "=") + "=", "foreign hyphens": clean[:4] + "--" + clean[4:],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantLeaves(t, decode(call(t, map[string]any{"body": s, "isBase64Encoded": true})), "body body.c c=<script>?>")
		})
	}
}

// The traps of mapping an event to a request, each of which was a bypass or a
// source of false positives somewhere.
func TestMappingTraps(t *testing.T) {
	t.Parallel()
	rest := func(members string) string {
		return `{"httpMethod":"GET","path":"/","requestContext":{},` + members + `}`
	}
	v2 := func(members string) string {
		return `{"requestContext":{"http":{"method":"GET"}},` + members + `}`
	}
	tests := []struct{ name, raw, want string }{
		{"1 arguments are named by their own key", `{"user":{"profile":{"name":"Ann"}}}`, "argument user.profile.name name=Ann"},
		{"2 null keeps its key", `{"p":{"$ne":null}}`, "argument p.$ne $ne="},
		{"2 empty containers keep their key", `{"p":{"$nin":[]}}`, "argument p.$nin $nin"},
		{"2 booleans stay", `{"__proto__":{"isAdmin":true}}`, "argument __proto__.isAdmin isAdmin=true"},
		{"2 the key of binary content stays", `{"<script>":"\u0001\u0002\u0003\u0004"}`, "argument [\"<script>\"] <script>=\x01\x02\x03\x04"},
		{"3 a container's key is visible", `{"constructor":{"prototype":{"x":1}}}`, "argument constructor.prototype constructor.prototype"},
		{"4 pairs with a semicolon", v2(`"rawPath":"/","rawQueryString":"q=;cat /etc/passwd"`), "query rawQueryString.q q=;cat /etc/passwd"},
		{"7 a type of body nobody asks for", v2(`"headers":{"content-type":"application/x-yaml"},"body":"a: <script>"`), "body body body=a: <script>"},
		{"9 REST keeps the path encoded", `{"httpMethod":"GET","path":"/%2e%2e/","requestContext":{}}`, "path path path=/%2e%2e/"},
		{"9 ALB does not decode values", `{"requestContext":{"elb":{}},"httpMethod":"GET","path":"/","queryStringParameters":{"a":"%27"}}`, "query queryStringParameters.a a='"},
		{"union: headers disagree", rest(`"headers":{"x":"1"},"multiValueHeaders":{"x":["2"]}`), "header multiValueHeaders.x[0] x=2"},
		{"union: query maps disagree with the raw query", v2(`"rawQueryString":"a=1","queryStringParameters":{"a":"<b>"}`), "query queryStringParameters.a a=<b>"},
		{"union: raw query is decoded apart", v2(`"rawQueryString":"b=1","queryStringParameters":{"a":"2"}`), "query rawQueryString.b b=1"},
		{"union: duplicates joined by the front end", v2(`"rawQueryString":"a=1'/*&a=*/or","queryStringParameters":{"a":"1'/*,*/or"}`), "query queryStringParameters.a a=1'/*,*/or"},
		{"union: two bodies", v2(`"body":"1","body":"<a>"`), "body body body=<a>"},
		{"union: BODY", v2(`"body":"1","BODY":"<a>"`), "body BODY body=<a>"},
		{"union: long s in a key", v2(`"body":"PGE+","iſBase64Encoded":true`), "body body body=<a>"},
		{"union: two paths", v2(`"rawPath":"/","path":"/../x"`), "path path path=/../x"},
		{"union: content types disagree", rest(`"headers":{"content-type":"text/plain"},"multiValueHeaders":{"content-type":["application/x-www-form-urlencoded"]},"body":"a b\nc=%3C"`), "body body[\"a b\\nc\"] a b\nc=<"},
		{"shape: headers is a string", v2(`"headers":"<a>"`), "argument headers headers=<a>"},
		{"shape: headers is an array", v2(`"headers":[{"x":"<a>"}]`), "argument headers[0].x x=<a>"},
		{"shape: header holds an object", v2(`"headers":{"x":{"y":"<a>"}}`), "argument headers.x.y y=<a>"},
		{"shape: header without a name", v2(`"headers":{"":"<a>"}`), `argument headers[""] =<a>`},
		{"shape: cookies is a string", v2(`"cookies":"<a>"`), "argument cookies cookies=<a>"},
		{"shape: cookie is an object", v2(`"cookies":[{"x":"<a>"}]`), "argument cookies[0].x x=<a>"},
		{"shape: query is an array", v2(`"queryStringParameters":["<a>"]`), "argument queryStringParameters[0] queryStringParameters=<a>"},
		{"shape: raw query is an object", v2(`"rawQueryString":{"x":"<a>"}`), "argument rawQueryString.x x=<a>"},
		{"shape: body is an object", v2(`"body":{"x":"<a>"}`), "argument body.x x=<a>"},
		{"shape: no front end, but a body in base64", `{"body":"PGE+","isBase64Encoded":true}`, "body body body=<a>"},
		{"echo: a stage that is no name", v2(`"rawPath":"/x","requestContext":{"http":{"method":"GET","path":"/<a>/x"}}`), "argument requestContext.http.path path=/<a>/x"},
		{"escapes: JSON in a parameter", v2(`"rawQueryString":"f=%7B%22a%22%3A%22%5Cu003ca%22%7D"`), "query rawQueryString.f.a a=<a"},
		{"escapes: JSON in a cookie", v2(`"cookies":["s=j:%7B%22a%22%3A%22%5Cu003ca%22%7D"]`), "argument cookies[0].s.a a=<a"},
		{"white space that is no blank", `{"q":"'\u000bor\u000c1=1"}`, "argument q q='\vor\f1=1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			raw := tt.raw
			if strings.Count(raw, `"requestContext"`) == 2 { // the row brings its own
				raw = "{" + strings.TrimPrefix(raw, `{"requestContext":{"http":{"method":"GET"}},`)
			}
			wantLeaves(t, decode(raw), tt.want)
		})
	}
}

func TestContentEncodingIsDroppedOnceUndone(t *testing.T) {
	t.Parallel()
	ev := decode(call(t, map[string]any{"headers": map[string]string{"content-encoding": "gzip"}}))
	for _, l := range leaves(ev) {
		if strings.Contains(l, "content-encoding") {
			t.Errorf("leaf %q: the body is inspected decoded", l)
		}
	}
	wantLeaves(t, decode(call(t, map[string]any{"headers": map[string]string{"content-encoding": "compress"}})),
		"header headers.content-encoding content-encoding=compress")
}

// TestCookiesCountOnce covers function URLs, which send cookies as an array and
// as the header: what scores twice is refused for half of what refuses it.
func TestCookiesCountOnce(t *testing.T) {
	t.Parallel()
	request := func(header string) *event.Event {
		return decode(`{"version":"2.0","rawPath":"/","headers":{"cookie":"` + header + `"},"cookies":["a=1","b=2"],"requestContext":{"http":{"method":"GET"}}}`)
	}
	for _, c := range []struct {
		header string
		want   int
	}{{"a=1; b=2", 1}, {"a=1; b=3", 2}} {
		n := 0
		for _, h := range request(c.header).HTTP.Headers {
			if strings.EqualFold(h.Name, "cookie") {
				n++
			}
		}
		if n != c.want {
			t.Errorf("header %q beside the array a=1, b=2: %d Cookie headers, want %d", c.header, n, c.want)
		}
	}
	wantLeaves(t, request("a=1; b=3"), "cookie headers.cookie.b b=3", "cookie cookies[1].b b=2")
}

func TestTargetAndRestAreTheWholeQuery(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 200, 201, 1000} {
		query := strings.TrimSuffix(strings.Repeat("a=%20b&", n), "&")
		raw, err := json.Marshal(map[string]any{"version": "2.0", "rawPath": "/p", "rawQueryString": query,
			"requestContext": map[string]any{"http": map[string]string{"method": "GET"}}})
		if err != nil {
			t.Fatal(err)
		}
		want := "/p"
		if n > 0 {
			want += "?" + query
		}
		h := decode(string(raw)).HTTP
		if h.Target+h.Rest != want || strings.Count(h.Target, "=") > 200 {
			t.Errorf("%d parameters: target of %d and rest of %d bytes are not the %d bytes sent", n, len(h.Target), len(h.Rest), len(want))
		}
	}
}

func TestEchoesOfTheFrontEndAreNoArguments(t *testing.T) {
	t.Parallel()
	ev := decode(`{"rawPath":"/x","headers":{"user-agent":"curl/8 (x; y)","host":"h.example"},"requestContext":{"domainName":"h.example",
		"http":{"method":"GET","path":"/prod/x","protocol":"HTTP/1.1","userAgent":"curl/8 (x; y)"}}}`)
	for _, l := range leaves(ev) {
		if strings.HasPrefix(l, "argument requestContext.http.userAgent") || strings.HasPrefix(l, "argument requestContext.http.path") ||
			strings.HasPrefix(l, "argument requestContext.domainName") {
			t.Errorf("echo %q is a leaf", l)
		}
	}
}

func TestCallerIsAnAddressOrNothing(t *testing.T) {
	t.Parallel()
	alb := decode(`{"requestContext":{"elb":{}},"httpMethod":"GET","path":"/","headers":{"X-Forwarded-For":"198.51.100.7:99, 203.0.113.9"},
		"body":"{\"x-forwarded-for\":\"192.0.2.1\"}"}`)
	if c := alb.Caller; c.IP != "203.0.113.9" || c.IPClaimed != "198.51.100.7" {
		t.Errorf("caller = %+v, want the address that the ALB appended and the claimed one", c)
	}
	ev := decode(`{"requestContext":{"http":{"method":"GET","sourceIp":"secret text"}},"headers":{"x-forwarded-for":"more secrets"}}`)
	if c := ev.Caller; c.IP != "" || c.IPClaimed != "" {
		t.Errorf("caller = %+v, want no text that is no address", c)
	}
}

// A resolver's client headers are headers, not arguments, and an AppSync event
// knows its route.
func TestResolversHaveTheHeadersOfTheirRequest(t *testing.T) {
	t.Parallel()
	const request = `"request":{"headers":{"accept-encoding":"gzip, deflate, br","cookie":"a=b%20c","x-note":"hello"},"domainName":null}`
	for name, tt := range map[string]struct{ raw, route string }{
		"one":    {`{"arguments":{"id":"7"},"info":{"parentTypeName":"Query","fieldName":"getNote"},` + request + `}`, "Query.getNote"},
		"batch":  {`[{"arguments":{"id":"7"},"info":{"parentTypeName":"Query","fieldName":"getNote"},` + request + `},{"arguments":{"id":"8"},"info":{},` + request + `}]`, "Query.getNote"},
		"events": {`{"info":{"channel":{"path":"/a"},"operation":"PUBLISH"},"events":[{"id":"1","payload":{"id":"7"}}],` + request + `}`, ""},
	} {
		ev := decode(tt.raw)
		at := map[string]string{"batch": "[0]."}[name] + "request.headers."
		wantLeaves(t, ev, "header "+at+"accept-encoding accept-encoding=gzip, deflate, br", "header "+at+"x-note x-note=hello", "cookie "+at+"cookie.a a=b%20c")
		if ev.HTTP == nil || ev.HTTP.Route != tt.route || len(ev.HTTP.Headers) != 3 {
			t.Errorf("%s: HTTP view %+v", name, ev.HTTP)
		}
		for _, l := range leaves(ev) {
			if strings.HasPrefix(l, "argument "+at+"x-note") {
				t.Errorf("%s: a header is an argument: %s", name, l)
			}
		}
	}
	for raw, at := range map[string]string{
		`{"xAmzRequestId":"r","userRequest":{"url":"https://a.example/b","headers":{"accept-encoding":"gzip, deflate"}},"getObjectContext":{}}`:                     "userRequest.headers.",
		`{"token":"t","signatureVerified":false,"protocols":["http"],"protocolData":{"http":{"headers":{"accept-encoding":"gzip, deflate"},"queryString":"?a=b"}}}`: "protocolData.http.headers.",
		`{"authorizationToken":"t","requestContext":{"apiId":"a"},"requestHeaders":{"accept-encoding":"gzip, deflate"}}`:                                            "requestHeaders.",
	} {
		wantLeaves(t, decode(raw), "header "+at+"accept-encoding accept-encoding=gzip, deflate")
	}
	// What is no header there is an argument, as it is anywhere.
	ev := decode(`{"arguments":{},"info":{"fieldName":"f"},"request":{"headers":{"a":{"b":"<script>"},"c":"d"}}}`)
	wantLeaves(t, ev, "argument request.headers.a.b b=<script>", "argument request.headers.c c=d")
	ev = decode(`{"httpMethod":"GET","path":"/","requestContext":{},"headers":{"x y":"a","<b>":"b","x-y":"c"}}`)
	wantLeaves(t, ev, `argument headers["x y"] x y=a`, `argument headers["<b>"] <b>=b`, "header headers.x-y x-y=c")
}

// AppSync repeats the document for its authorizers and resolvers.
func TestGraphQLIsOpenedWhereAppSyncPutsIt(t *testing.T) {
	t.Parallel()
	const query = `query Get($text: String!) { note(text: $text, title: \"it's\") { id } }`
	ev := decode(`{"authorizationToken":"t","requestContext":{"apiId":"a","queryString":"` + query + `"}}`)
	wantLeaves(t, ev, "argument requestContext.queryString queryString=query,Get,text,String,note,text,text,title,id", "argument requestContext.queryString.title title=it's")
	ev = decode(`{"arguments":{},"info":{"fieldName":"f","selectionSetGraphQL":"{\n  id\n}"}}`)
	wantLeaves(t, ev, "argument info.selectionSetGraphQL selectionSetGraphQL=id")
}
