package proxy_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"strings"
	"testing"
	"time"
)

// rawListener and rawConn speak bytes: for what an HTTP library would repair or
// hide.
type rawListener struct {
	testing.TB
	listener *net.TCPListener
}

type rawConn struct {
	testing.TB
	conn   *net.TCPConn
	reader *bufio.Reader
	header string // the last block that expectHeader read
}

func listenRaw(tb testing.TB) *rawListener {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	return &rawListener{tb, l.(*net.TCPListener)}
}

func (l *rawListener) addr() string { return l.listener.Addr().String() }

func (l *rawListener) accept() *rawConn {
	l.Helper()
	if err := l.listener.SetDeadline(time.Now().Add(patience)); err != nil {
		l.Fatal(err)
	}
	conn, err := l.listener.Accept()
	if err != nil {
		l.Fatal(err)
	}
	return newRawConn(l.TB, conn)
}

func dialRaw(tb testing.TB, addr string) *rawConn {
	tb.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	return newRawConn(tb, conn)
}

func newRawConn(tb testing.TB, conn net.Conn) *rawConn {
	tb.Cleanup(func() { _ = conn.Close() })
	return &rawConn{TB: tb, conn: conn.(*net.TCPConn), reader: bufio.NewReader(patient{conn})}
}

// A patient reader waits for more no longer than for all that must come.
type patient struct{ net.Conn }

func (p patient) Read(b []byte) (int, error) {
	if err := p.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	return p.Conn.Read(b)
}

func (c *rawConn) send(format string, args ...any) {
	c.Helper()
	if _, err := fmt.Fprintf(c.conn, format, args...); err != nil {
		c.Fatal(err)
	}
}

// expect reads exactly this.
func (c *rawConn) expect(want string) {
	c.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(c.reader, got)
	if err != nil || string(got) != want {
		c.Fatalf("read %q (%v), want %q", got[:n], err, want)
	}
}

// expectHeader reads up to the end of a header block.
func (c *rawConn) expectHeader(first string) {
	c.Helper()
	c.expect(first + "\r\n")
	for c.header = ""; ; {
		line, err := c.reader.ReadString('\n')
		if err != nil {
			c.Fatal(err)
		}
		if line == "\r\n" {
			return
		}
		c.header += line
	}
}

// expectEnd reads the end of the connection, orderly or not.
func (c *rawConn) expectEnd() {
	c.Helper()
	rest, err := io.ReadAll(c.reader)
	if len(rest) > 0 {
		c.Fatalf("read %q (%v), want the end", rest, err)
	}
}

// reset closes the connection as a killed process with unread data does.
func (c *rawConn) reset() {
	_ = c.conn.SetLinger(0)
	_ = c.conn.Close()
}

func port(addr string) string {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		panic(errors.Join(errors.New("bug: not an address"), err))
	}
	return port
}

// newRawBody reads a text as if it had come over a connection.
func newRawBody(text string) *rawConn {
	return &rawConn{reader: bufio.NewReader(strings.NewReader(text))}
}

// chunk reads one chunk and returns its length, -1 for the last one. That one's
// trailers are read, too.
func (c *rawConn) chunk() int {
	line, err := c.reader.ReadString('\n')
	if err != nil {
		c.Fatal(err)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(line), 16, 64)
	if err != nil {
		c.Fatal(err)
	}
	if n == 0 {
		for line != "\r\n" {
			if line, err = c.reader.ReadString('\n'); err != nil {
				c.Fatal(err)
			}
		}
		return -1
	}
	if _, err := c.reader.Discard(int(n) + 2); err != nil {
		c.Fatal(err)
	}
	return int(n)
}

// dechunk reads a body in chunks to its end.
func (c *rawConn) dechunk() string {
	body, err := io.ReadAll(httputil.NewChunkedReader(c.reader))
	if err != nil {
		panic(err) // the caller has no test at hand
	}
	_, _ = c.reader.ReadString('\n')
	return string(body)
}
