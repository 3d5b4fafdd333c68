package proxy_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/proxy"
)

const (
	errorType = "Lambda-Runtime-Function-Error-Type"
	errorBody = "Lambda-Runtime-Function-Error-Body"
	declares  = "Trailer: " + errorType + ", " + errorBody + "\r\n"
	chunked   = "Transfer-Encoding: chunked\r\n"
	// What the service reads where a reply is cut.
	cutOff = "0\r\n" + errorBody + ": e30=\r\n" + errorType + ": Function.Cut\r\n\r\n"
)

// delivered delivers an event and begins the runtime's reply to it: the caller
// sends the rest of the header and the body. The service's side opens once the
// relay has begun the reply there.
func delivered(t *testing.T, event string, observer proxy.Observer) (function *rawConn, open func() *rawConn) {
	t.Helper()
	listener := listenRaw(t)
	relay := startRelay(t, proxy.Options{Upstream: listener.addr(), Inspector: inspector{}, Observer: observer})
	function = dialRaw(t, relay.Addr())
	function.send("GET %sinvocation/next HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n\r\n", runtimeAPI, port(relay.Addr()))
	polled := listener.accept()
	polled.expectHeader("GET " + runtimeAPI + "invocation/next HTTP/1.1")
	polled.send("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nLambda-Runtime-Aws-Request-Id: 1\r\n\r\n%s", len(event), event)
	function.expectHeader("HTTP/1.1 200 OK")
	function.expect(event)
	function.send("POST %sinvocation/1/response HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n", runtimeAPI, port(relay.Addr()))
	return function, func() *rawConn {
		t.Helper()
		service := listener.accept()
		service.expectHeader("POST " + runtimeAPI + "invocation/1/response HTTP/1.1")
		return service
	}
}

// accepted has the service accept a reply, and the runtime hear of it.
func accepted(service, function *rawConn) {
	service.Helper()
	service.send("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
	function.expectHeader("HTTP/1.1 202 Accepted")
}

// TestFilteredReplies says what arrives at the service, as framed, of what the
// runtime sends in one write.
func TestFilteredReplies(t *testing.T) {
	const long = "a body of more than eight bytes"
	chunk := func(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }
	failed := "0\r\n" + errorBody + ": e30=\r\n" + errorType + ": Function.Broke\r\n\r\n"
	for name, row := range map[string]struct {
		event, header, body string
		want                string
	}{
		"watched":                           {"watch", chunked, chunk("ok") + "0\r\n\r\n", chunk("ok") + "0\r\n\r\n"},
		"watched, with a length":            {"watch", "Content-Length: 2\r\n", "ok", "ok"},
		"guarded":                           {"guard", chunked, chunk("ok") + "0\r\n\r\n", chunk("ok") + "0\r\n\r\n"},
		"guarded, with a length":            {"guard", "Content-Length: 2\r\n", "ok", "ok"},
		"watched, empty":                    {"watch", "Content-Length: 0\r\n", "", ""},
		"guarded, empty":                    {"guard", "Content-Length: 0\r\n", "", ""},
		"guarded, empty in chunks":          {"guard", chunked, "0\r\n\r\n", "0\r\n\r\n"},
		"guarded, fails by itself":          {"guard", chunked + declares, chunk("ok") + failed, chunk("ok") + failed},
		"guarded, fails undeclared":         {"guard", chunked, chunk("ok") + failed, chunk("ok") + failed},
		"guarded, with trailers of its own": {"guard", chunked + "Trailer: X-Sum\r\n", chunk("ok") + "0\r\nX-Sum: 2\r\n\r\n", chunk("ok") + "0\r\nX-Sum: 2\r\n\r\n"},
		"cut at once":                       {"guard", chunked, chunk("cut") + "0\r\n\r\n", "withheld"},
		"cut at once, with a length":        {"guard", "Content-Length: 3\r\n", "cut", "withheld"},
		"cut at once, before it has failed": {"guard", chunked + declares, chunk("cut") + failed, "withheld"},
		"cut in the end":                    {"guard", "Content-Length: 4\r\n", "late", "withheld"},
		"a panic passes it":                 {"guard", chunked, chunk("panic") + chunk("cut") + "0\r\n\r\n", ""},
		"held and whole":                    {"hold and guard", chunked, chunk("cut") + "0\r\n\r\n", chunk("cut") + "0\r\n\r\n"},
		"held and too long":                 {"hold and guard", chunked, chunk(long) + "0\r\n\r\n", ""},
		"held and too long, cut":            {"hold and guard", chunked, chunk("cut "+long) + "0\r\n\r\n", "withheld"},
		"held and too long by its length":   {"hold and guard", "Content-Length: 12\r\n", "cut too long", "withheld"},
		"held and failed":                   {"hold and guard", chunked + declares, chunk("ok") + failed, chunk("ok") + failed},
		"held and failed, cut":              {"hold and guard", chunked + declares, chunk("cut") + failed, "withheld"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			function, open := delivered(t, row.event, nil)
			function.send("%s\r\n%s", row.header, row.body)
			service := open()
			switch {
			case row.body == "":
				if !strings.Contains(service.header, row.header) {
					t.Fatalf("the service read the header %q, want %q in it", service.header, row.header)
				}
			case row.want != "":
				service.expect(row.want)
			default: // pieces are what reads give: only their sum is known
				got, want := service.dechunk(), newRawBody(row.body).dechunk()
				if got != want {
					t.Fatalf("the service read %q, want %q", got, want)
				}
			}
			accepted(service, function)
		})
	}
}

// TestGuardedStreamKeepsItsCadence: a filter delays no chunk, and the reply is cut
// before the piece that it objects to. The runtime is read to its end and only
// then hears what the service says.
func TestGuardedStreamKeepsItsCadence(t *testing.T) {
	for _, header := range []string{"", declares} {
		function, open := delivered(t, "guard", nil)
		function.send("%s\r\n5\r\nchunk\r\n", chunked+header)
		service := open()
		service.expect("5\r\nchunk\r\n")
		for range 5 {
			function.send("5\r\nchunk\r\n")
			service.expect("5\r\nchunk\r\n")
		}
		function.send("3\r\ncut\r\n")
		service.expect(cutOff)
		service.send("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
		for range 64 { // more than the connection's buffers hold
			function.send("10000\r\n%s\r\n", strings.Repeat("x", 1<<16))
		}
		function.send("0\r\n\r\n")
		function.expectHeader("HTTP/1.1 202 Accepted")
	}
}

// TestCutInTheEnd: what only shows when all has gone by ends the reply in an error.
func TestCutInTheEnd(t *testing.T) {
	function, open := delivered(t, "guard", nil)
	function.send("%s\r\n4\r\nlate\r\n", chunked)
	service := open()
	service.expect("4\r\nlate\r\n")
	function.send("0\r\n\r\n")
	service.expect(cutOff)
	accepted(service, function)
}

// TestFilteredStreamBreaksOff: truncated stays truncated, held, watched or guarded.
func TestFilteredStreamBreaksOff(t *testing.T) {
	for _, event := range []string{"watch", "guard", "hold and guard", "complete"} {
		function, open := delivered(t, event, nil)
		function.send("%s\r\n4\r\nhalf\r\n", chunked)
		if event == "hold and guard" || event == "complete" {
			_ = function.conn.Close()
		}
		service := open()
		service.expect("4\r\nhalf\r\n")
		_ = function.conn.Close()
		service.expectEnd()
	}
}

// TestFilteredStreamIsRefusedMidway: the service's word reaches the runtime.
func TestFilteredStreamIsRefusedMidway(t *testing.T) {
	function, open := delivered(t, "guard", nil)
	function.send("%s\r\n4\r\nhalf\r\n", chunked)
	service := open()
	service.expect("4\r\nhalf\r\n")
	service.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
	function.expectHeader("HTTP/1.1 400 Bad Request")
	function.expect("{}")
}

// TestBackPressure: a service that does not read stops the runtime, and one that
// reads again lets it go on. What may be written until then is what sockets and one
// piece hold; a write that has waited for a second tells that they are full.
func TestBackPressure(t *testing.T) {
	const most = 256 << 20 // far over any buffer
	piece := []byte("10000\r\n" + strings.Repeat("x", 1<<16) + "\r\n")
	for _, event := range []string{"pass", "watch", "guard"} {
		t.Run(event, func(t *testing.T) {
			t.Parallel()
			function, open := delivered(t, event, nil)
			function.send("%s\r\n", chunked)
			function.send("4\r\npass\r\n")
			service := open()
			service.expect("4\r\npass\r\n")
			written, sent := 0, 0
			for written < most && sent == 0 {
				if err := function.conn.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
					t.Fatal(err)
				}
				n, err := function.conn.Write(piece)
				if written += n; err != nil {
					sent = n // of the last piece
					break
				}
			}
			if written >= most {
				t.Fatalf("the runtime wrote %d bytes, which nobody read", written)
			}
			if err := function.conn.SetWriteDeadline(time.Time{}); err != nil {
				t.Fatal(err)
			}
			go func() {
				_, _ = function.conn.Write(piece[sent:])
				_, _ = io.WriteString(function.conn, "0\r\n\r\n")
			}()
			got := 0
			for n := 0; n >= 0; n = service.chunk() {
				got += n
			}
			if want := (written-sent)/len(piece)<<16 + 1<<16; got != want {
				t.Errorf("%d bytes arrived, want %d", got, want)
			}
			accepted(service, function)
		})
	}
}

// TestLongStreamInConstantMemory: 200 MB, the most that is streamed, go by without
// as much as a few pieces being allocated, let alone held.
func TestLongStreamInConstantMemory(t *testing.T) {
	for _, event := range []string{"pass", "watch", "guard"} {
		function, open := delivered(t, event, nil)
		function.send("%s\r\n4\r\npass\r\n", chunked)
		service := open()
		service.expect("4\r\npass\r\n")
		piece := []byte("10000\r\n" + strings.Repeat("x", 1<<16) + "\r\n")
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		sent := make(chan error, 1)
		go func() {
			for range 200 << 4 {
				if _, err := function.conn.Write(piece); err != nil {
					sent <- err
					return
				}
			}
			_, err := function.conn.Write([]byte("0\r\n\r\n"))
			sent <- err
		}()
		total := 0
		for n := 0; n >= 0; n = service.chunk() {
			total += n
		}
		runtime.ReadMemStats(&after)
		if err := <-sent; err != nil || total != 200<<20 {
			t.Fatalf("%s: %d bytes arrived (%v), want %d", event, total, err, 200<<20)
		}
		accepted(service, function)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
			t.Errorf("%s: %d bytes were allocated while 200 MB went by", event, grown)
		}
	}
}
