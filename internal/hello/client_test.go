package hello_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/hello"
	"github.com/merlon-security/merlon/internal/hello/server"
)

var environ = []string{
	"AWS_SECRET_ACCESS_KEY=wJalr", "AWS_SESSION_TOKEN=FwoG", "AWS_LAMBDA_FUNCTION_NAME=orders",
	"AWS_LAMBDA_FUNCTION_VERSION=7", "AWS_EXECUTION_ENV=AWS_Lambda_nodejs22.x", "_HANDLER=index.handler",
	"AWS_LAMBDA_LOG_STREAM_NAME=2026/01/02/[7]abc", "AWS_LAMBDA_RUNTIME_API=169.254.100.1:9001", "AWS_LAMBDA_MAX_CONCURRENCY=16",
}

// extension serves hellos and returns its address and what it hears. key is
// made from the address that the server really has.
func extension(t *testing.T, environ []string) (netip.AddrPort, <-chan hello.Hello) {
	t.Helper()
	ln := listen(t)
	addr := addrOf(ln)
	heard := make(chan hello.Hello, 20)
	mux := http.NewServeMux()
	mux.Handle(hello.Path, server.Handler(hello.DeriveKey(environ, addr), func(h hello.Hello) { heard <- h }))
	srv := &http.Server{Handler: mux}
	done := make(chan struct{})
	go func() { defer close(done); srv.Serve(ln) }()
	t.Cleanup(func() { srv.Close(); <-done })
	return addr, heard
}

// greet tries again if a busy machine let the time pass.
func greet(addr netip.AddrPort, h hello.Hello) error {
	err := hello.ErrSlow
	for range 20 {
		if err = hello.Greet(addr, hello.DeriveKey(environ, addr), h); !errors.Is(err, hello.ErrSlow) {
			break
		}
	}
	return err
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func addrOf(ln net.Listener) netip.AddrPort { return ln.Addr().(*net.TCPAddr).AddrPort() }

func TestA2HelloCarriesTheFacts(t *testing.T) {
	addr, heard := extension(t, environ)
	said := hello.FromEnvironment(environ, "wrapper", "/var/lang/bin/node")
	if err := greet(addr, said); err != nil {
		t.Fatalf("Greet() = %v, want nil", err)
	}
	want := hello.Hello{Via: "wrapper", Program: "/var/lang/bin/node", ExecutionEnv: "AWS_Lambda_nodejs22.x", Handler: "index.handler",
		LogStream: "2026/01/02/[7]abc", RuntimeAPI: "169.254.100.1:9001", MaxConcurrency: 16}
	if got := <-heard; got != want {
		t.Errorf("the extension heard %+v\nwant %+v", got, want)
	}
}

func TestA2NobodyListens(t *testing.T) {
	ln := listen(t)
	addr := addrOf(ln)
	ln.Close()
	if err := hello.Greet(addr, hello.DeriveKey(environ, addr), hello.Hello{}); !errors.Is(err, hello.ErrNobody) {
		t.Errorf("Greet() = %v, want ErrNobody", err)
	}
}

func TestA3SomethingListensIsNotWeListen(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n\r\n"
	strangers := map[string]func(io.ReadWriter, *http.Request){
		"closes at once":          func(io.ReadWriter, *http.Request) {},
		"a web server":            func(c io.ReadWriter, _ *http.Request) { io.WriteString(c, ok+"<html>hi</html>") },
		"not found":               func(c io.ReadWriter, _ *http.Request) { io.WriteString(c, "HTTP/1.1 404 Not Found\r\n\r\n") },
		"not HTTP":                func(c io.ReadWriter, _ *http.Request) { io.WriteString(c, "SSH-2.0-x\r\n\r\n") },
		"a status line cut short": func(c io.ReadWriter, _ *http.Request) { io.WriteString(c, "HTTP/1.1\r\n\r\n") },
		"redirect":                func(c io.ReadWriter, _ *http.Request) { io.WriteString(c, "HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n") },
		"echoes the claim":        func(c io.ReadWriter, r *http.Request) { io.WriteString(c, ok+hello.Version+" "+claim(r)+"\n") },
		"an endless header": func(c io.ReadWriter, _ *http.Request) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 1<<20))
		},
		"a proof with another key": func(c io.ReadWriter, r *http.Request) { io.WriteString(c, ok+proof(r, environ[1:])) },
		"a proof for another nonce": func(c io.ReadWriter, r *http.Request) {
			r.Header.Set(hello.HeaderName, "a b c")
			io.WriteString(c, ok+proof(r, environ))
		},
	}
	for name, answer := range strangers {
		t.Run(name, func(t *testing.T) {
			addr := stranger(t, answer)
			if err := greet(addr, hello.Hello{}); !errors.Is(err, hello.ErrStranger) {
				t.Errorf("Greet() = %v, want ErrStranger", err)
			}
		})
	}
	t.Run("the same with our key is no stranger", func(t *testing.T) {
		addr := stranger(t, func(c io.ReadWriter, r *http.Request) { io.WriteString(c, ok+proof(r, environ)) })
		if err := greet(addr, hello.Hello{}); err != nil {
			t.Errorf("Greet() = %v, want nil", err)
		}
	})
}

func claim(r *http.Request) string { return strings.Split(r.Header.Get(hello.HeaderName), " ")[2] }

func proof(r *http.Request, environ []string) string {
	key := hello.DeriveKey(environ, netip.MustParseAddrPort(r.Host))
	return hello.Version + " " + key.Answer(strings.Split(r.Header.Get(hello.HeaderName), " ")[1]) + "\n"
}

// stranger answers each connection after having read the request, then closes.
func stranger(t *testing.T, answer func(io.ReadWriter, *http.Request)) netip.AddrPort {
	t.Helper()
	ln := listen(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				io.Copy(io.Discard, r.Body)
				answer(c, r)
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return addrOf(ln)
}

func TestA2SilenceEnds(t *testing.T) {
	release := make(chan struct{})
	addr := stranger(t, func(c io.ReadWriter, _ *http.Request) {
		io.WriteString(c, "HTTP/1.1 200 OK\r\n")
		<-release
	})
	err := hello.Greet(addr, hello.DeriveKey(environ, addr), hello.Hello{})
	close(release)
	if !errors.Is(err, hello.ErrSlow) {
		t.Errorf("Greet() = %v, want ErrSlow", err)
	}
}

// A listener that accepts nothing: the kernel completes the handshake and the
// request waits in its buffer for ever.
func TestA2DeafListenerEnds(t *testing.T) {
	ln := listen(t)
	defer ln.Close()
	if err := hello.Greet(addrOf(ln), hello.DeriveKey(environ, addrOf(ln)), hello.Hello{}); !errors.Is(err, hello.ErrSlow) {
		t.Errorf("Greet() = %v, want ErrSlow", err)
	}
}

func TestGreetIsIPv4Only(t *testing.T) {
	addr := netip.MustParseAddrPort("[::1]:9117")
	if err := hello.Greet(addr, hello.DeriveKey(environ, addr), hello.Hello{}); err == nil {
		t.Error("Greet([::1]) = nil, want an error")
	}
}
