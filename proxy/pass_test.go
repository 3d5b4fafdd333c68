package proxy_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/proxy"
)

func TestEverythingElsePasses(t *testing.T) {
	for name, s := range map[string]script{
		"an unknown path":           passes("GET", "/2018-06-01/nothing/here", 404, "not found"),
		"an unknown method":         passes("BREW", "/2018-06-01/runtime/pot", 405, "teapot"),
		"a poll by another method":  passes("PUT", runtimeAPI+"invocation/next", 405, ""),
		"ping":                      passes("GET", "/2018-06-01/ping", 200, "pong"),
		"restore/next":              passes("GET", runtimeAPI+"restore/next", 200, ""),
		"restore/error":             passes("POST", runtimeAPI+"restore/error", 202, ""),
		"init/error":                passes("POST", runtimeAPI+"init/error", 403, `{"errorType":"InvalidStateTransition"}`),
		"register":                  passes("POST", "/2020-01-01/extension/register", 200, "{}"),
		"event/next":                passes("GET", "/2020-01-01/extension/event/next", 200, "{}"),
		"telemetry":                 passes("PUT", "/2022-07-01/telemetry", 200, "OK"),
		"an odd target":             passes("GET", "/%7Ea//b/../c;d=1?q=%zz&q=&&x", 200, ""),
		"a target of two slashes":   passes("GET", "//2018-06-01//ping?", 200, ""),
		"a redirect":                passes("GET", "/moved", 307, "there"),
		"a reply without a body":    passes("DELETE", "/thing", 204, ""),
		"six megabytes either way":  passesBody("POST", "/big", strings.Repeat("u", 6<<20), 200, strings.Repeat("d", 6<<20)),
		"a response to no delivery": unknownAnswer("response"),
		"an error to no delivery":   unknownAnswer("error"),
		"a reply given twice": {
			polls("a"), pollArrives(), event("1", "{}"), gets("a", 200, "{}"),
			answers("a", "1", "ok"), answerArrives("1", "response", "ok"), accepts(), gets("a", 202, `{"status":"OK"}`),
			answers("a", "1", "ok"), reports(proxy.UnknownAnswer, "1"), answerArrives("1", "response", "ok"), says(403, ""), gets("a", 403, ""),
		},
		"a reply the service never saw can be repeated": {
			polls("a"), pollArrives(), event("1", "{}"), gets("a", 200, "{}"),
			answers("a", "1", "ok"), answerArrives("1", "response", "ok"), breaks(), reports(proxy.UpstreamError, "1"),
			gets("a", 502, `{"errorMessage":"the Runtime API did not answer","errorType":"Relay.Upstream"}`),
			answers("a", "1", "ok"), answerArrives("1", "response", "ok"), accepts(), gets("a", 202, `{"status":"OK"}`),
		},
		"six megabytes of event and of reply": {
			polls("a"), pollArrives(), event("1", strings.Repeat("e", 6<<20)), gets("a", 200, strings.Repeat("e", 6<<20)),
			answers("a", "1", strings.Repeat("r", 6<<20)), answerArrives("1", "response", strings.Repeat("r", 6<<20)), accepts(),
			gets("a", 202, `{"status":"OK"}`),
		},
		"a long poll of an extension ends with its client": {
			sends("a", "GET", "/2020-01-01/extension/event/next", ""), arrives("GET", "/2020-01-01/extension/event/next"),
			hangsUp("a"), upstreamGone(),
		},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); s.play(t, proxy.Options{}) })
	}
}

func passes(method, path string, status int, body string) script {
	return passesBody(method, path, "", status, body)
}

func passesBody(method, path, sent string, status int, body string) script {
	return script{sends("a", method, path, sent), arrives(method, path), carries(sent), says(status, body), gets("a", status, body)}
}

func unknownAnswer(verb string) script {
	path := runtimeAPI + "invocation/9/" + verb
	return script{
		sends("a", "POST", path, "x"), reports(proxy.UnknownAnswer, "9"),
		arrives("POST", path), carries("x"), says(400, "InvalidRequestID"), gets("a", 400, "InvalidRequestID"),
	}
}

// carries looks at the body of the oldest request.
func carries(body string) step {
	return func(st *stage) {
		st.Helper()
		if got := st.pending[0].body; got != body {
			st.Fatalf("upstream got a body of %d bytes %.80q, want %d bytes %.80q", len(got), got, len(body), body)
		}
	}
}

// upstreamGone waits until the connection of the oldest request has closed.
func upstreamGone() step {
	return func(st *stage) {
		wait(st.T, st.pending[0].r.Context().Done())
		st.pending = st.pending[1:]
	}
}

func TestRequestHeadersPass(t *testing.T) {
	large := strings.Repeat("x", 8<<20-4<<10)
	for name, header := range map[string][]string{
		"repeated":            {"X-Many", "one", "X-Many", "", "X-Many", "three, four"},
		"empty":               {"X-Empty", ""},
		"eight megabytes":     {"Lambda-Runtime-Function-Xray-Error-Cause", large},
		"the response mode":   {"Lambda-Runtime-Function-Response-Mode", "streaming"},
		"accepted encodings":  {"Accept-Encoding", "gzip"},
		"an expectation":      {"Expect", "100-continue"},
		"the client's name":   {"User-Agent", "aws-lambda-go/go1.26.8"},
		"a relay's signature": {"Via", "1.1 someone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := http.Header{}
			for i := 0; i < len(header); i += 2 {
				want.Add(header[i], header[i+1])
			}
			script{
				sends("a", "POST", "/echo", "body", header...), arrives("POST", "/echo"), carries("body"),
				func(st *stage) {
					got := st.pending[0].r.Header
					for name := range want {
						if a, b := strings.Join(got[name], "|"), strings.Join(want[name], "|"); a != b || len(got[name]) != len(want[name]) {
							st.Errorf("upstream got %s: %.80q, want %.80q", name, got[name], want[name])
						}
					}
				},
				says(200, "", header...),
				func(st *stage) {
					got := wait(st.T, st.clients["a"].reply)
					for name := range want {
						if a, b := strings.Join(got.header[name], "|"), strings.Join(want[name], "|"); got.err != nil || a != b {
							st.Errorf("client got %s: %.80q (%v), want %.80q", name, got.header[name], got.err, want[name])
						}
					}
				},
			}.play(t, proxy.Options{})
		})
	}
}

// TestNothingIsInvented sends the barest request and reply over raw sockets:
// what arrives on the other side is all there was.
func TestNothingIsInvented(t *testing.T) {
	service := listenRaw(t)
	relay := startRelay(t, proxy.Options{Upstream: service.addr()})
	client := dialRaw(t, relay.Addr())
	client.send("GET /x HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n\r\n", port(relay.Addr()))
	upstream := service.accept()
	upstream.expect("GET /x HTTP/1.1\r\nHost: " + service.addr() + "\r\n\r\n")
	upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
	client.expect("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
	// The same two connections serve what follows.
	client.send("HEAD /y HTTP/1.1\r\nHost: localhost:%s\r\nAccept-Encoding: gzip\r\n\r\n", port(relay.Addr()))
	upstream.expect("HEAD /y HTTP/1.1\r\nHost: " + service.addr() + "\r\nAccept-Encoding: gzip\r\n\r\n")
	upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 77\r\nContent-Encoding: gzip\r\n\r\n")
	client.expect("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 77\r\n\r\n")
	client.send("GET " + runtimeAPI + "invocation/next HTTP/1.1\r\nHost: h\r\nHost2: x\r\n\r\n")
	client.expect("HTTP/1.1 403 Forbidden\r\n")
}

func TestOptionsStarPasses(t *testing.T) {
	service := listenRaw(t)
	relay := startRelay(t, proxy.Options{Upstream: service.addr()})
	client := dialRaw(t, relay.Addr())
	client.send("OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n\r\n", port(relay.Addr()))
	service.accept().expect("OPTIONS * HTTP/1.1\r\n")
}
