package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"sync"
)

// Lines are the connections polls go out on. http.Transport is not used for
// them because it repeats a GET whose connection died before the first byte of
// the reply, and a repeated poll is a second one: the service may already have
// given the first an event. Here a request that was written is never written
// again. A poll reads its own connection, too, which spares it the two hops
// between goroutines that a Transport needs for each exchange.
type lines struct {
	dial func(ctx context.Context) (net.Conn, error)
	mu   sync.Mutex
	idle []*line
}

// A line is one connection; it serves one poll at a time.
type line struct {
	conn net.Conn
	in   *bufio.Reader
	out  *bufio.Writer
	left int64 // what may still be read; bounds the header block
}

// Read reads from the connection within the bound.
func (l *line) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("header block over %d bytes", maxHeaderBytes)
	}
	n, err := l.conn.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// exchange sends one request and reads its reply whole. ctx ends it only at
// shutdown.
func (ls *lines) exchange(ctx context.Context, req *http.Request) (*http.Response, []byte, error) {
	l, err := ls.take(ctx)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = l.conn.Close() })
	resp, body, err := l.exchange(req)
	if !stop() || err != nil || resp.Close || l.in.Buffered() > 0 {
		_ = l.conn.Close() // of no further use
		return resp, body, err
	}
	ls.put(l)
	return resp, body, nil
}

func (l *line) exchange(req *http.Request) (*http.Response, []byte, error) {
	if err := req.Write(l.out); err != nil {
		return nil, nil, fmt.Errorf("send poll: %w", err)
	}
	if err := l.out.Flush(); err != nil {
		return nil, nil, fmt.Errorf("send poll: %w", err)
	}
	l.left = maxHeaderBytes
	resp, err := l.readFinal(req)
	if err != nil {
		return nil, nil, fmt.Errorf("read reply to poll: %w", err)
	}
	l.left = math.MaxInt64
	defer resp.Body.Close()
	body, err := readBody(resp)
	if err != nil {
		return nil, nil, fmt.Errorf("read event: %w", err)
	}
	return resp, body, nil
}

// readFinal reads a reply's header and skips the informational ones before it
// (RFC 9110 §15.2), all within one bound.
func (l *line) readFinal(req *http.Request) (*http.Response, error) {
	for {
		resp, err := http.ReadResponse(l.in, req)
		if err != nil || resp.StatusCode >= http.StatusOK {
			return resp, err
		}
		if resp.StatusCode == http.StatusSwitchingProtocols {
			return nil, fmt.Errorf("status %d: the poll asked for no other protocol", resp.StatusCode)
		}
	}
}

// take returns a connection that is open as far as can be told.
func (ls *lines) take(ctx context.Context) (*line, error) {
	for l := ls.pop(); l != nil; l = ls.pop() {
		if isOpen(l.conn) {
			return l, nil
		}
		_ = l.conn.Close() // the service let it go while it was idle
	}
	conn, err := ls.dial(ctx)
	if err != nil {
		return nil, err
	}
	l := &line{conn: conn, out: bufio.NewWriter(conn)}
	l.in = bufio.NewReader(l)
	return l, nil
}

func (ls *lines) pop() *line {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	last := len(ls.idle) - 1
	if last < 0 {
		return nil
	}
	l := ls.idle[last]
	ls.idle = ls.idle[:last]
	return l
}

func (ls *lines) put(l *line) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.idle = append(ls.idle, l)
}

func (ls *lines) close() {
	for l := ls.pop(); l != nil; l = ls.pop() {
		_ = l.conn.Close()
	}
}

// maxPresize bounds the buffer reserved on the word of a Content-Length. Events
// are at most 6 MiB + 100 B today; a longer body is read all the same, into a
// buffer that grows with what really arrives.
const maxPresize = 16 << 20

// readBody reads a reply's body whole. Growing a buffer from nothing costs
// about as much as the transfer itself, so it is sized from Content-Length.
func readBody(resp *http.Response) ([]byte, error) {
	n := resp.ContentLength
	if n < 0 || n > maxPresize {
		return io.ReadAll(resp.Body)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(resp.Body, body); err != nil {
		return nil, err
	}
	return body, nil
}
