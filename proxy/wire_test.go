package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/faults"
	"github.com/merlon-security/merlon/proxy"
)

// A wire is a relay between two ends that speak bytes.
type wire struct {
	testing.TB
	relay   *proxy.Relay
	service *rawListener
	reports chan proxy.Event
	polls   int
}

func (w *wire) Observe(e proxy.Event) { w.reports <- e }

// client opens a connection to the relay and sends bytes; HOST stands for its
// address.
func (w *wire) client(format string, args ...any) *rawConn {
	c := dialRaw(w.TB, w.relay.Addr())
	c.send("%s", strings.ReplaceAll(fmt.Sprintf(format, args...), "HOST", w.relay.Addr()))
	return c
}

const (
	poll  = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: HOST\r\n\r\n"
	given = "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\nContent-Length: 7\r\n\r\n"
	asked = `{"a":1}`
	taken = "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"
)

// takePoll waits for a poll upstream.
func (w *wire) takePoll() *rawConn {
	w.Helper()
	c := w.service.accept()
	c.expectHeader("GET /2018-06-01/runtime/invocation/next HTTP/1.1")
	w.polls++
	return c
}

// takeReply waits for a reply upstream and reads it to its end.
func (w *wire) takeReply() (*rawConn, string) {
	w.Helper()
	c := w.service.accept()
	return c, c.request()
}

// request reads a request and says what came of its body.
func (c *rawConn) request() string {
	c.Helper()
	r, err := http.ReadRequest(c.reader)
	if err != nil {
		c.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	switch {
	case err != nil:
		return "a reply that broke off"
	case r.Trailer.Get("Lambda-Runtime-Function-Error-Type") != "":
		return fmt.Sprintf("a reply of %d bytes with its error in %d bytes of trailers", len(body), len(r.Trailer.Get("Lambda-Runtime-Function-Error-Body")))
	}
	return fmt.Sprintf("a reply of %d bytes", len(body))
}

// receives reads an answer and names it.
func (c *rawConn) receives() string {
	c.Helper()
	resp, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return brokenOff
	}
	body, err := io.ReadAll(resp.Body)
	_, relay, _ := strings.Cut(string(body), `"errorType":"Relay.`)
	relay, _, _ = strings.Cut(relay, `"`)
	switch {
	case err != nil:
		return fmt.Sprintf("%d, broken off", resp.StatusCode)
	case relay != "":
		return fmt.Sprintf("%d `Relay.%s`", resp.StatusCode, relay)
	case string(body) == asked:
		return "the event"
	}
	return fmt.Sprintf("%d", resp.StatusCode)
}

// A disturbance is a row with what happens on the wire.
type disturbance struct {
	fault, service, runtime, line string
	// play returns what the service saw of a reply, nothing for a poll, and what
	// the runtime got.
	play func(w *wire) (service, runtime string)
}

func (d disturbance) row() faults.Row {
	r := faults.Row{Fault: d.fault, Mode: faults.Any, Caller: d.service, Function: d.runtime}
	if d.line != "" {
		r.Line = "`" + strings.ReplaceAll(d.line, ", ", "`, `") + "`"
	}
	return r
}

// polled plays a fault of the service's while it answers a poll.
func polled(upset func(service *rawConn)) func(*wire) (string, string) {
	return func(w *wire) (string, string) {
		c := w.client(poll)
		upset(w.takePoll())
		return "", c.receives()
	}
}

func sendsOnly(text string) func(*rawConn) { return func(c *rawConn) { c.send("%s", text) } }

func sendsAndCloses(text string) func(*rawConn) {
	return func(c *rawConn) {
		c.send("%s", text)
		_ = c.conn.CloseWrite()
	}
}

func sendsAndResets(text string) func(*rawConn) {
	return func(c *rawConn) {
		c.send("%s", text)
		c.reset()
	}
}

// dribbles sends byte by byte.
func dribbles(text string) func(*rawConn) {
	return func(c *rawConn) {
		for i := range len(text) {
			c.send("%s", text[i:i+1])
		}
	}
}

// replied plays a reply of the runtime's that the service answers.
func replied(request string, answer func(*rawConn)) func(*wire) (string, string) {
	return func(w *wire) (string, string) {
		c := w.client("%s", request)
		service, got := w.takeReply()
		answer(service)
		return got, c.receives()
	}
}

func posted(headers, body string) string {
	return "POST " + target + " HTTP/1.1\r\nHost: HOST\r\n" + headers + "\r\n" + body
}

func disturbances() []disturbance {
	const onePoll = "one poll"
	whole := posted("Content-Length: 2\r\n", "{}")
	const upstream, unknown = "upstream-error", "unknown-answer"
	header := func(n int) string { return "X-Large: " + strings.Repeat("x", n-len("X-Large: \r\n")) + "\r\n" }
	return []disturbance{
		{"the service answers a poll byte by byte", onePoll, "the event", "", polled(dribbles(given + asked))},
		{"it says for long that it is working on it (100, 103)", onePoll, "the event", "", polled(sendsOnly(strings.Repeat("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", 50) + given + asked))},
		{"it switches protocols instead", onePoll, "502 `Relay.Upstream`", upstream, polled(sendsOnly("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"))},
		{"it closes before the header", onePoll, "502 `Relay.Upstream`", upstream, polled(sendsAndCloses(""))},
		{"it closes within the header", onePoll, "502 `Relay.Upstream`", upstream, polled(sendsAndCloses(given[:30]))},
		{"it closes within the event", onePoll, "502 `Relay.Upstream`", upstream, polled(sendsAndCloses(given + asked[:3]))},
		{"it resets before the header", onePoll, "502 `Relay.Upstream`", upstream, polled(sendsAndResets(""))},
		{"it resets within the header", onePoll, "502 `Relay.Upstream`", upstream, polled(sendsAndResets(given[:30]))},
		{"it resets within the event", onePoll, "502 `Relay.Upstream`", upstream, polled(sendsAndResets(given + asked[:3]))},
		{"a chunked event is cut off", onePoll, "502 `Relay.Upstream`", upstream, polled(sendsAndCloses(strings.Replace(given, "Content-Length: 7", "Transfer-Encoding: chunked", 1) + "7\r\n" + asked + "\r\n"))},
		{"an event ends with its connection, as in HTTP/1.0", onePoll, "the event", "", polled(sendsAndCloses(strings.Replace(given, "Content-Length: 7", "Connection: close", 1) + asked))},
		{"the service answers a poll with what is no HTTP", onePoll, "502 `Relay.Upstream`", upstream, polled(sendsAndCloses("220 mail.example ESMTP\r\n"))},
		{"it answers a poll with two different Content-Lengths", onePoll, "502 `Relay.Upstream`", upstream, polled(sendsAndCloses(strings.Replace(given, "\r\n\r\n", "\r\nContent-Length: 5\r\n\r\n", 1) + asked))},
		{"it answers a poll with 403", onePoll, "403", "", polled(sendsOnly("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}"))},
		{"it answers a poll with 500", onePoll, "500", "", polled(sendsOnly("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\n{}"))},
		{"it answers a poll with an event without request id", onePoll, "the event", "not-inspected", polled(sendsOnly("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n" + asked))},
		{"it answers a poll with 8 MiB of headers", onePoll, "the event", "", polled(sendsOnly(strings.Replace(given, "\r\n\r\n", "\r\n"+header(8<<20)+"\r\n", 1) + asked))},
		{"it answers a poll with headers without end", onePoll, "502 `Relay.Upstream`", upstream, polled(func(c *rawConn) {
			c.send("%s", strings.TrimSuffix(given, "\r\n"))
			for {
				if _, err := io.WriteString(c.conn, header(1<<20)); err != nil {
					return // the relay has enough
				}
			}
		})},
		{"the service does not answer a poll for as long as it likes", onePoll, "the event, when it comes", "", func(w *wire) (string, string) {
			c := w.client(poll)
			service := w.takePoll()
			beside := w.client("GET /2018-06-01/ping HTTP/1.1\r\nHost: HOST\r\n\r\n")
			other := w.service.accept()
			other.expectHeader("GET /2018-06-01/ping HTTP/1.1")
			other.send("%s", taken)
			if got := beside.receives(); got != "202" { // all else goes on
				w.Errorf("beside the poll a request got %s", got)
			}
			service.send("%s", given+asked)
			return "", c.receives() + ", when it comes"
		}},
		{"it sends more than its answer", "a poll on each of two connections", "the event, twice", "double-poll", func(w *wire) (string, string) {
			c := w.client(poll)
			w.takePoll().send("%s", given+asked+"HTTP/1.1 200 OK\r\n")
			first := c.receives()
			c.send("%s", strings.ReplaceAll(poll, "HOST", w.relay.Addr()))
			w.takePoll().send("%s", given+asked)
			return "a poll on each of two connections", first + map[bool]string{true: ", twice"}[c.receives() == first]
		}},
		{"it closes an idle connection", "a poll on each of two connections", "the event, twice", "double-poll", func(w *wire) (string, string) {
			c := w.client(poll)
			service := w.takePoll()
			service.send("%s", given+asked)
			first := c.receives()
			_ = service.conn.Close()
			c.send("%s", strings.ReplaceAll(poll, "HOST", w.relay.Addr()))
			w.takePoll().send("%s", given+asked)
			return "a poll on each of two connections", first + map[bool]string{true: ", twice"}[c.receives() == first]
		}},
		{"the runtime abandons a poll, and polls again when its event has come", onePoll, "the event", "event-held, held-event-delivered, poll-abandoned", func(w *wire) (string, string) {
			gone := w.client(poll)
			service := w.takePoll()
			gone.reset()
			w.awaits(proxy.PollAbandoned)
			service.send("%s", given+asked)
			w.awaits(proxy.EventHeld)
			return "", w.client(poll).receives()
		}},
		{"the runtime polls while an invocation is unanswered", "two polls, of which it answers both with the same event", "the event, twice", "double-poll", func(w *wire) (string, string) {
			c := w.client(poll)
			service := w.takePoll()
			service.send("%s", given+asked)
			first := c.receives()
			c.send("%s", strings.ReplaceAll(poll, "HOST", w.relay.Addr()))
			service.expectHeader("GET /2018-06-01/runtime/invocation/next HTTP/1.1")
			service.send("%s", given+asked)
			return "two polls, of which it answers both with the same event", first + map[bool]string{true: ", twice"}[c.receives() == first]
		}},
		{"the runtime is killed within a reply of known length", "a reply that broke off", "–", "answer-truncated, unknown-answer", killed("Content-Length: 100\r\n", "half a reply")},
		{"the runtime is killed within a chunked reply", "a reply that broke off", "–", "answer-truncated, unknown-answer", killed("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n")},
		{"a reply is shorter than its Content-Length", "a reply that broke off", brokenOff, "answer-truncated, unknown-answer", func(w *wire) (string, string) {
			c := w.client("%s", posted("Content-Length: 100\r\n", "{}"))
			_ = c.conn.CloseWrite()
			_, got := w.takeReply()
			return got, c.receives()
		}},
		{"the service closes before it answers a reply", "a reply of 2 bytes", "502 `Relay.Upstream`", "unknown-answer, upstream-error", replied(whole, sendsAndCloses(""))},
		{"it resets before it answers", "a reply of 2 bytes", "502 `Relay.Upstream`", "unknown-answer, upstream-error", replied(whole, sendsAndResets(""))},
		{"it resets within the header of its answer", "a reply of 2 bytes", "502 `Relay.Upstream`", "unknown-answer, upstream-error", replied(whole, sendsAndResets(taken[:20]))},
		{"its answer breaks off", "a reply of 2 bytes", "202, broken off", unknown, replied(whole, sendsAndCloses(taken[:len(taken)-1]))},
		{"it answers a reply byte by byte", "a reply of 2 bytes", "202", unknown, replied(whole, dribbles(taken))},
		{"it sends 103 first", "a reply of 2 bytes", "202", unknown, replied(whole, sendsOnly("HTTP/1.1 103 Early Hints\r\n\r\n"+taken))},
		{"it answers a reply with 500", "a reply of 2 bytes", "500", unknown, replied(whole, sendsOnly("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"))},
		{"it answers a reply with 400, because the reply is late or of an unknown id", "a reply of 2 bytes", "400", unknown, replied(whole, sendsOnly("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"))},
		{"it answers an error with 403, because the invocation was answered before", "a reply of 2 bytes", "403", unknown, replied(strings.Replace(whole, "/response", "/error", 1), sendsOnly("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"))},
		{"it answers a reply with 413 before it has read the reply", "part of a reply", "413", unknown, func(w *wire) (string, string) {
			c := w.client("%s", posted("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n"))
			service := w.service.accept()
			service.expectHeader("POST " + target + " HTTP/1.1")
			service.expect("5\r\nhello\r\n")
			service.send("HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 0\r\n\r\n")
			got := c.receives()
			c.send("5\r\nhello\r\n0\r\n\r\n")
			return "part of a reply", got
		}},
		{"it closes the connection of replies while it is idle", "a reply of 2 bytes, twice", "202, twice", unknown, func(w *wire) (string, string) {
			c := w.client("%s", whole)
			service, first := w.takeReply()
			service.send("%s", taken)
			one := c.receives()
			_ = service.conn.CloseWrite()
			service.expectEnd() // the relay has let it go
			c.send("%s", strings.ReplaceAll(whole, "HOST", w.relay.Addr()))
			service, second := w.takeReply()
			service.send("%s", taken)
			return first + map[bool]string{true: ", twice"}[second == first], one + map[bool]string{true: ", twice"}[c.receives() == one]
		}},
		{"a reply with 8 MiB of headers", "a reply of 2 bytes", "202", unknown, replied(posted("Content-Length: 2\r\n"+header(8<<20-200), "{}"), sendsOnly(taken))},
		{"an error with a cause for X-Ray of just under 1 MiB", "a reply of 2 bytes", "202", unknown, replied(strings.Replace(posted("Content-Length: 2\r\nLambda-Runtime-Function-Xray-Error-Cause: "+strings.Repeat("x", 1<<20-1)+"\r\n", "{}"), "/response", "/error", 1), sendsOnly(taken))},
		{"a reply with headers without end", nothing, "431", "", func(w *wire) (string, string) {
			c := w.client("POST " + target + " HTTP/1.1\r\nHost: HOST\r\n")
			for range 20 {
				if _, err := io.WriteString(c.conn, header(1<<20)); err != nil {
					break // the relay has enough
				}
			}
			// It closes with unread bytes, which may cost the sender its answer.
			if got := c.receives(); got != "431" && got != brokenOff {
				return nothing, got
			}
			return nothing, "431"
		}},
		{"a stream that ends in an error, with nearly 4 KiB of trailers", "a reply of 5 bytes with its error in 3900 bytes of trailers", "202", unknown,
			replied(posted("Transfer-Encoding: chunked\r\nTrailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n",
				"5\r\nhello\r\n0\r\nLambda-Runtime-Function-Error-Type: E\r\nLambda-Runtime-Function-Error-Body: "+strings.Repeat("x", 3900)+"\r\n\r\n"), sendsOnly(taken))},
		{"a reply of an HTTP/1.0 client", "a reply of 2 bytes", "202", unknown, replied(strings.Replace(whole, "HTTP/1.1", "HTTP/1.0", 1), sendsOnly(taken))},
		{"a poll of an HTTP/1.0 client without Host", onePoll, "the event", "", func(w *wire) (string, string) {
			c := w.client("GET /2018-06-01/runtime/invocation/next HTTP/1.0\r\n\r\n")
			w.takePoll().send("%s", given+asked)
			return "", c.receives()
		}},
		{"a reply that waits for 100", "a reply of 2 bytes", "202", unknown, func(w *wire) (string, string) {
			c := w.client("%s", posted("Content-Length: 2\r\nExpect: 100-continue\r\n", ""))
			c.expect("HTTP/1.1 100 Continue\r\n\r\n")
			c.send("{}")
			service, got := w.takeReply()
			service.send("%s", taken)
			return got, c.receives()
		}},
		{"a reply and the next poll in one packet", "a reply of 2 bytes, then a poll", "202, the event", unknown, func(w *wire) (string, string) {
			c := w.client("%s", whole+poll)
			service, got := w.takeReply()
			service.send("%s", taken)
			first := c.receives()
			w.takePoll().send("%s", given+asked)
			return got + ", then a poll", first + ", " + c.receives()
		}},
		{"a client that ends its sending side after a poll", onePoll, brokenOff, "event-held, poll-abandoned", func(w *wire) (string, string) {
			c := w.client(poll)
			service := w.takePoll()
			_ = c.conn.CloseWrite()
			got := c.receives()
			service.send("%s", given+asked)
			w.awaits(proxy.EventHeld)
			return "", got
		}},
	}
}

// awaits waits for a report, and keeps it and those before it for the table.
func (w *wire) awaits(kind proxy.Kind) {
	var seen []proxy.Event
	for len(seen) == 0 || seen[len(seen)-1].Kind != kind {
		seen = append(seen, wait(w.TB, w.reports))
	}
	for _, e := range seen {
		w.reports <- e
	}
}

// killed plays a runtime that dies within its reply.
func killed(headers, body string) func(*wire) (string, string) {
	return func(w *wire) (string, string) {
		c := w.client("%s", posted(headers, body))
		service := w.service.accept()
		if _, err := service.reader.Peek(1); err != nil {
			w.Fatal(err)
		}
		c.reset()
		return service.request(), "–"
	}
}

// TestWire plays what can happen on the relay's connections, byte by byte.
func TestWire(t *testing.T) {
	t.Parallel()
	for _, d := range disturbances() {
		t.Run(d.fault, func(t *testing.T) {
			t.Parallel()
			w := &wire{TB: t, service: listenRaw(t), reports: make(chan proxy.Event, 64)}
			w.relay = startRelay(t, proxy.Options{Upstream: w.service.addr(), Observer: w})
			service, runtime := d.play(w)
			if service == "" {
				service = map[int]string{0: "no poll", 1: "one poll"}[w.polls]
			}
			shutDown(t, w.relay)
			if line := w.lines(); service != d.service || runtime != d.runtime || line != d.line {
				t.Errorf("the service has %s, the runtime %s, the log %q; want %s, %s, %q", service, runtime, line, d.service, d.runtime, d.line)
			}
		})
	}
}

// lines names what was reported, each kind once.
func (w *wire) lines() string {
	var kinds []string
	for len(w.reports) > 0 {
		kinds = append(kinds, (<-w.reports).Kind.String())
	}
	slices.Sort(kinds)
	return strings.Join(slices.Compact(kinds), ", ")
}

func TestFaultTablesOfTheRelay(t *testing.T) {
	t.Parallel()
	var rows []faults.Row
	for _, d := range disturbances() {
		rows = append(rows, d.row())
	}
	faults.Check(t, "../docs/FAULTS.md", "wire", "TestWire", rows)
	rows = nil
	for _, s := range smugglings() {
		rows = append(rows, s.row())
	}
	faults.Check(t, "../docs/FAULTS.md", "smuggling", "TestSmuggling", rows)
}
