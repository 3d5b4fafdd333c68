package proxy_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
)

// rawListener and rawConn speak bytes: for what an HTTP library would repair or
// hide.
type rawListener struct {
	testing.TB
	listener net.Listener
}

type rawConn struct {
	testing.TB
	conn   *net.TCPConn
	reader *bufio.Reader
}

func listenRaw(tb testing.TB) *rawListener {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	return &rawListener{tb, l}
}

func (l *rawListener) addr() string { return l.listener.Addr().String() }

func (l *rawListener) accept() *rawConn {
	l.Helper()
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
	return &rawConn{tb, conn.(*net.TCPConn), bufio.NewReader(conn)}
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
	for {
		line, err := c.reader.ReadString('\n')
		if err != nil {
			c.Fatal(err)
		}
		if line == "\r\n" {
			return
		}
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
