package proxy_test

import (
	"testing"

	"github.com/merlon-security/merlon/proxy"
)

// streaming starts a chunked reply of a runtime and returns both of its ends.
func streaming(t *testing.T, header string) (runtime, service *rawConn) {
	t.Helper()
	listener := listenRaw(t)
	relay := startRelay(t, proxy.Options{Upstream: listener.addr()})
	runtime = dialRaw(t, relay.Addr())
	runtime.send("POST %sinvocation/1/response HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nTransfer-Encoding: chunked\r\n%s\r\n",
		runtimeAPI, port(relay.Addr()), header)
	service = listener.accept()
	service.expectHeader("POST " + runtimeAPI + "invocation/1/response HTTP/1.1")
	return runtime, service
}

// TestStreamKeepsItsCadence: every chunk has arrived before the next is sent,
// and the header before the first.
func TestStreamKeepsItsCadence(t *testing.T) {
	runtime, service := streaming(t, "")
	for range 5 {
		runtime.send("5\r\nchunk\r\n")
		service.expect("5\r\nchunk\r\n")
	}
	runtime.send("0\r\n\r\n")
	service.expect("0\r\n\r\n")
	service.send("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
	runtime.expectHeader("HTTP/1.1 202 Accepted")
}

func TestStreamTrailers(t *testing.T) {
	const kind, body = "Lambda-Runtime-Function-Error-Type", "Lambda-Runtime-Function-Error-Body"
	for name, header := range map[string]string{
		"declared":     "Trailer: " + kind + ", " + body + "\r\n",
		"not declared": "",
	} {
		t.Run(name, func(t *testing.T) {
			runtime, service := streaming(t, header)
			runtime.send("4\r\nhalf\r\n")
			service.expect("4\r\nhalf\r\n")
			runtime.send("0\r\n%s: Function.Broke\r\n%s: e30=\r\n\r\n", kind, body)
			service.expect("0\r\n" + body + ": e30=\r\n" + kind + ": Function.Broke\r\n\r\n")
			service.send("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
			runtime.expectHeader("HTTP/1.1 202 Accepted")
		})
	}
}

// TestStreamBreaksOff: the service must see a body without an end.
func TestStreamBreaksOff(t *testing.T) {
	for name, hangUp := range map[string]func(*rawConn){
		"closed": func(c *rawConn) { _ = c.conn.Close() },
		"reset":  (*rawConn).reset,
	} {
		t.Run(name, func(t *testing.T) {
			runtime, service := streaming(t, "")
			runtime.send("4\r\nhalf\r\n")
			service.expect("4\r\nhalf\r\n")
			hangUp(runtime)
			service.expectEnd()
		})
	}
}

// TestReplyOutlivesItsRuntime: a runtime that exits after its last byte has
// replied, and the service gets the end of the body.
func TestReplyOutlivesItsRuntime(t *testing.T) {
	runtime, service := streaming(t, "")
	runtime.send("4\r\nlast\r\n0\r\n\r\n")
	_ = runtime.conn.Close()
	service.expect("4\r\nlast\r\n0\r\n\r\n")
}

// TestStreamIsRefusedMidway: the service's refusal does not wait for the end of
// a body that it will not read.
func TestStreamIsRefusedMidway(t *testing.T) {
	runtime, service := streaming(t, "")
	runtime.send("4\r\nhalf\r\n")
	service.expect("4\r\nhalf\r\n")
	service.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
	runtime.expectHeader("HTTP/1.1 400 Bad Request")
	runtime.expect("{}")
}

// downloading starts a reply of the service that goes on for a while.
func downloading(t *testing.T, target, header string) (client, service *rawConn) {
	t.Helper()
	listener := listenRaw(t)
	relay := startRelay(t, proxy.Options{Upstream: listener.addr()})
	client = dialRaw(t, relay.Addr())
	client.send("GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n\r\n", target, port(relay.Addr()))
	service = listener.accept()
	service.expectHeader("GET " + target + " HTTP/1.1")
	service.send("HTTP/1.1 200 OK\r\n%s\r\n", header)
	return client, service
}

func TestReplyOfTheServiceStreams(t *testing.T) {
	client, service := downloading(t, "/stream", "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n")
	client.expectHeader("HTTP/1.1 200 OK")
	service.send("3\r\none\r\n")
	client.expect("3\r\none\r\n")
	service.send("3\r\ntwo\r\n0\r\nX-Sum: 2\r\n\r\n")
	client.expect("3\r\ntwo\r\n0\r\nX-Sum: 2\r\n\r\n")
}

// TestReplyOfTheServiceBreaksOff: a truncated body must not look whole.
func TestReplyOfTheServiceBreaksOff(t *testing.T) {
	for name, framing := range map[string][3]string{
		"chunked":     {"Transfer-Encoding: chunked\r\n", "4\r\nhalf\r\n", "4\r\nhalf\r\n"},
		"with length": {"Content-Length: 8\r\n", "half", "half"},
	} {
		t.Run(name, func(t *testing.T) {
			client, service := downloading(t, "/stream", framing[0])
			service.send("%s", framing[1])
			client.expectHeader("HTTP/1.1 200 OK")
			client.expect(framing[2])
			_ = service.conn.Close()
			client.expectEnd()
		})
	}
}

// TestEventBreaksOff: half an event is none.
func TestEventBreaksOff(t *testing.T) {
	client, service := downloading(t, runtimeAPI+"invocation/next", "Content-Length: 8\r\nLambda-Runtime-Aws-Request-Id: 1\r\n")
	service.send("half")
	_ = service.conn.Close()
	client.expectHeader("HTTP/1.1 502 Bad Gateway")
}

// TestAbsurdLength: a length is only a word; no memory is reserved for it.
func TestAbsurdLength(t *testing.T) {
	client, service := downloading(t, runtimeAPI+"invocation/next", "Content-Length: 9223372036854775807\r\n")
	service.send("half")
	_ = service.conn.Close()
	client.expectHeader("HTTP/1.1 502 Bad Gateway")
}

// TestChunkedEvent: an event without a length is read to its end and gets one.
func TestChunkedEvent(t *testing.T) {
	client, service := downloading(t, runtimeAPI+"invocation/next", "Transfer-Encoding: chunked\r\nLambda-Runtime-Aws-Request-Id: 1\r\n")
	service.send("2\r\n[1\r\n2\r\n,2\r\n1\r\n]\r\n0\r\n\r\n")
	client.expect("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nLambda-Runtime-Aws-Request-Id: 1\r\n\r\n[1,2]")
}

// TestExpectContinue: the client is told to go on when the body is wanted.
func TestExpectContinue(t *testing.T) {
	listener := listenRaw(t)
	relay := startRelay(t, proxy.Options{Upstream: listener.addr()})
	client := dialRaw(t, relay.Addr())
	client.send("POST %sinvocation/1/response HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n",
		runtimeAPI, port(relay.Addr()))
	client.expect("HTTP/1.1 100 Continue\r\n\r\n")
	client.send("body")
	service := listener.accept()
	service.expectHeader("POST " + runtimeAPI + "invocation/1/response HTTP/1.1")
	service.expect("body")
	service.send("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
	client.expectHeader("HTTP/1.1 202 Accepted")
}
