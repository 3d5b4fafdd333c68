package proxy_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/merlon-security/merlon/internal/faults"
	"github.com/merlon-security/merlon/proxy"
)

// A recorder is a service that writes down what it is sent, request by request,
// and answers every one. It reads each connection as net/http does; what it
// cannot read is written down too.
type recorder struct {
	listener net.Listener
	accepted chan struct{} // closed when no connection is accepted any more
	open     sync.WaitGroup
	mu       sync.Mutex
	seen     []string
}

func record(tb testing.TB) *recorder {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	rec := &recorder{listener: l, accepted: make(chan struct{})}
	go func() {
		defer close(rec.accepted)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			rec.open.Go(func() { rec.serve(conn) })
		}
	}()
	return rec
}

func (rec *recorder) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		if _, err := in.Peek(1); err != nil {
			return // closed between two requests
		}
		r, err := http.ReadRequest(in)
		if err != nil {
			if !brokenOffBy(err) {
				rec.note("what is no request: " + err.Error())
			}
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			if !brokenOffBy(err) {
				rec.note("what is no body: " + err.Error())
			}
			return
		}
		rec.note(fmt.Sprintf("%s %s %q", r.Method, r.RequestURI, body))
		if _, err := io.WriteString(conn, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"); err != nil {
			return
		}
	}
}

func brokenOffBy(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

func (rec *recorder) note(what string) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.seen = append(rec.seen, what)
}

// all ends the relay, and returns what had come when its last connection closed.
func (rec *recorder) all(tb testing.TB, relay *proxy.Relay) []string {
	tb.Helper()
	shutDown(tb, relay)
	_ = rec.listener.Close()
	<-rec.accepted
	rec.open.Wait()
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return slices.Clone(rec.seen)
}

// exchangeRaw sends bytes to the relay, waits for a number of answers, ends its
// sending side, which says that nobody waits for more, and returns the statuses
// of all answers that came until the relay closed the connection.
func exchangeRaw(tb testing.TB, addr, raw string, answers int) (statuses []int) {
	tb.Helper()
	c := dialRaw(tb, addr)
	_, _ = io.WriteString(c.conn, raw) // the relay may refuse before it has read all
	for {
		if len(statuses) == answers {
			_ = c.conn.CloseWrite()
		}
		resp, err := http.ReadResponse(c.reader, nil)
		if err != nil {
			return statuses
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		statuses = append(statuses, resp.StatusCode)
	}
}

// A smuggling row sends one request that parsers read differently.
type smuggling struct {
	fault   string
	raw     string // HOST stands for the relay's address
	service string // what the service sees
	status  string // what the sender gets
}

const (
	target    = "/2018-06-01/runtime/invocation/1/response"
	hidden    = "GET /2018-06-01/runtime/hidden HTTP/1.1\r\nHost: HOST\r\n\r\n"
	brokeOff  = "nothing whole"
	nothing   = "nothing"
	brokenOff = "a broken connection"
)

func smugglings() []smuggling {
	post := func(headers, body string) string {
		return "POST " + target + " HTTP/1.1\r\nHost: HOST\r\n" + headers + "\r\n" + body
	}
	one := func(body string) string { return fmt.Sprintf("POST %s %q", target, body) }
	return []smuggling{
		{"both Content-Length and chunked, the length shorter", post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"), one("hello"), "202"},
		{"both, with a request behind the last chunk", post("Content-Length: 100\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"+hidden), one("") + `, GET /2018-06-01/runtime/hidden ""`, "202, 202"},
		{"two equal Content-Lengths", post("Content-Length: 2\r\nContent-Length: 2\r\n", "{}"), one("{}"), "202"},
		{"two different Content-Lengths", post("Content-Length: 2\r\nContent-Length: 3\r\n", "{} "), nothing, "400"},
		{"a list as Content-Length", post("Content-Length: 2, 2\r\n", "{}"), nothing, "400"},
		{"a signed Content-Length", post("Content-Length: +2\r\n", "{}"), nothing, "400"},
		{"a hexadecimal Content-Length", post("Content-Length: 0x2\r\n", "{}"), nothing, "400"},
		{"Transfer-Encoding: xchunked", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), nothing, "501"},
		{"Transfer-Encoding: chunked, identity", post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"), nothing, "501"},
		{"Transfer-Encoding twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"), nothing, "501"},
		{"Transfer-Encoding with a vertical tab", post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"), nothing, "400"},
		{"Transfer-Encoding with a space before the colon", post("Transfer-Encoding : chunked\r\nContent-Length: 2\r\n", "{}"), nothing, "400"},
		{"Transfer-Encoding folded into the header above", post("X: 1\r\n Transfer-Encoding: chunked\r\nContent-Length: 2\r\n", "{}"), one("{}"), "202"},
		{"Transfer-Encoding in HTTP/1.0", "POST " + target + " HTTP/1.0\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}", one("{}"), "202"},
		{"lines that end in a bare LF", strings.ReplaceAll(post("Content-Length: 2\r\n", "{}"), "\r\n", "\n"), one("{}"), "202"},
		{"a bare CR in a header", post("X: a\rTransfer-Encoding: chunked\r\nContent-Length: 2\r\n", "{}"), nothing, "400"},
		{"a NUL in a header", post("X: a\x00b\r\nContent-Length: 2\r\n", "{}"), nothing, "400"},
		{"a header without a colon", post("X\r\nContent-Length: 2\r\n", "{}"), nothing, "400"},
		{"a header name with a space", post("X Y: 1\r\nContent-Length: 2\r\n", "{}"), nothing, "400"},
		{"chunk extensions", post("Transfer-Encoding: chunked\r\n", "2;x=\"y\"\r\n{}\r\n0;z\r\n\r\n"), one("{}"), "202"},
		{"a chunk size with a bare LF", post("Transfer-Encoding: chunked\r\n", "2\n{}\r\n0\r\n\r\n"), brokeOff, brokenOff},
		{"a chunk extension that holds a bare LF", post("Transfer-Encoding: chunked\r\n", "2;\n{}\r\n0\r\n\r\n"), brokeOff, brokenOff},
		{"a chunk longer than its size", post("Transfer-Encoding: chunked\r\n", "2\r\n{}{}\r\n0\r\n\r\n"), brokeOff, brokenOff},
		{"a chunk size of 17 digits", post("Transfer-Encoding: chunked\r\n", "10000000000000002\r\n{}\r\n0\r\n\r\n"), brokeOff, brokenOff},
		{"a negative chunk size", post("Transfer-Encoding: chunked\r\n", "-2\r\n{}\r\n0\r\n\r\n"), brokeOff, brokenOff},
		{"a chunk size with a prefix", post("Transfer-Encoding: chunked\r\n", "0x2\r\n{}\r\n0\r\n\r\n"), brokeOff, brokenOff},
		{"a trailer that names a length", post("Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n", "2\r\n{}\r\n0\r\nContent-Length: 50\r\n\r\n"), nothing, "400"},
		{"an undeclared trailer that names a length", post("Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\nContent-Length: 50\r\n\r\n"), one("{}"), "202"},
		{"a GET with a body that is a request", "GET /2018-06-01/ping HTTP/1.1\r\nHost: HOST\r\nContent-Length: LEN\r\n\r\n" + hidden, `GET /2018-06-01/ping "GET /2018-06-01/runtime/hidden HTTP/1.1\r\nHost: HOST\r\n\r\n"`, "202"},
		{"Connection names Content-Length", post("Connection: Content-Length\r\nContent-Length: 2\r\n", "{}"), one("{}"), "202"},
		{"Upgrade to h2c", post("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nContent-Length: 2\r\n", "{}"), one("{}"), "202"},
		{"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", `PRI * ""`, "202"},
		{"CONNECT to the service", "CONNECT HOST HTTP/1.1\r\nHost: HOST\r\n\r\n", `CONNECT / ""`, "202"},
		{"an absolute target of somebody else", "POST http://evil.example" + target + " HTTP/1.1\r\nHost: HOST\r\nContent-Length: 2\r\n\r\n{}", nothing, "403"},
		{"an absolute target of ours", "POST http://HOST" + target + " HTTP/1.1\r\nHost: HOST\r\nContent-Length: 2\r\n\r\n{}", one("{}"), "202"},
		{"a target with a raw space", "POST " + target + " x HTTP/1.1\r\nHost: HOST\r\nContent-Length: 2\r\n\r\n{}", nothing, "400"},
		{"a target with an encoded line break", "POST " + target + "%0d%0aX:%201 HTTP/1.1\r\nHost: HOST\r\nContent-Length: 2\r\n\r\n{}", `POST /2018-06-01/runtime/invocation/1/response%0d%0aX:%201 "{}"`, "202"},
		{"a target with a raw CR", "POST " + target + "\rX HTTP/1.1\r\nHost: HOST\r\nContent-Length: 2\r\n\r\n{}", nothing, "400"},
		{"a method with a space in front", " " + post("Content-Length: 2\r\n", "{}"), nothing, "400"},
		{"an empty line first", "\r\n" + post("Content-Length: 2\r\n", "{}"), nothing, "400"},
		{"HTTP/1.2", strings.Replace(post("Content-Length: 2\r\n", "{}"), "HTTP/1.1", "HTTP/1.2", 1), one("{}"), "202"},
		{"HTTP/0.9", "GET /2018-06-01/ping\r\n", nothing, "400"},
		{"no Host", strings.Replace(post("Content-Length: 2\r\n", "{}"), "Host: HOST\r\n", "", 1), nothing, "400"},
		{"two Hosts", post("Host: evil.example\r\nContent-Length: 2\r\n", "{}"), nothing, "400"},
		{"two requests in one packet", post("Content-Length: 2\r\n", "{}") + hidden, one("{}") + `, GET /2018-06-01/runtime/hidden ""`, "202, 202"},
	}
}

func (s smuggling) row() faults.Row {
	return faults.Row{Fault: s.fault, Mode: faults.Any, Caller: s.service, Function: s.status}
}

// TestSmuggling: what two parsers may read differently is refused or passes as
// exactly one request, rewritten so that there is one reading.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	for _, s := range smugglings() {
		t.Run(s.fault, func(t *testing.T) {
			t.Parallel()
			rec := record(t)
			relay := startRelay(t, proxy.Options{Upstream: rec.listener.Addr().String()})
			raw := strings.ReplaceAll(strings.ReplaceAll(s.raw, "HOST", relay.Addr()), "LEN", fmt.Sprint(len(hidden)-len("HOST")+len(relay.Addr())))
			var statuses []string
			answers := strings.Count(s.status, ",") + 1
			if s.status == brokenOff {
				answers = 0
			}
			for _, status := range exchangeRaw(t, relay.Addr(), raw, answers) {
				statuses = append(statuses, fmt.Sprint(status))
			}
			service, status := strings.Join(rec.all(t, relay), ", "), strings.Join(statuses, ", ")
			if status == "" {
				status = brokenOff
			}
			if service == "" {
				service = nothing
				if status == brokenOff {
					service = brokeOff
				}
			}
			service = strings.ReplaceAll(service, relay.Addr(), "HOST")
			if service != s.service || status != s.status {
				t.Errorf("the service sees %s and the sender gets %s; want %s and %s", service, status, s.service, s.status)
			}
		})
	}
}
