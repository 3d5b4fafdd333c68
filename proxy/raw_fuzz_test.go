package proxy_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/merlon-security/merlon/proxy"
)

// FuzzRawRequest sends any bytes in the place of headers and body. Whatever they
// are, the service never sees more requests than the sender has answers, nor
// bytes that are no request.
func FuzzRawRequest(f *testing.F) {
	for _, s := range smugglings() {
		_, rest, _ := strings.Cut(s.raw, "\r\n")
		f.Add(rest)
	}
	f.Fuzz(func(t *testing.T, rest string) {
		rec, relay := between(t)
		raw := "POST " + target + " HTTP/1.1\r\n" + strings.ReplaceAll(rest, "HOST", relay.Addr())
		answers := exchangeRaw(t, relay.Addr(), raw, 0)
		// A request whose sender had gone before the answer came has been sent
		// without one; only the first may be, because the others wait behind it.
		seen := rec.all(t, relay)
		for _, s := range seen {
			if strings.HasPrefix(s, "what is no ") {
				t.Errorf("the service sees %s of %q", s, raw)
			}
		}
		if len(seen) > len(answers)+1 {
			t.Errorf("the service sees %d requests %q, the sender %d answers of %q", len(seen), seen, len(answers), raw)
		}
	})
}

// FuzzRoute asks for any target: the service sees it once at most, and never what
// is the relay's own.
func FuzzRoute(f *testing.F) {
	for _, target := range []string{
		"/2018-06-01/runtime/invocation/next", "/2018-06-01/runtime/invocation/next/", "//2018-06-01/runtime/invocation/next",
		"/2018-06-01/./runtime/invocation/next", "/x/../2018-06-01/runtime/invocation/next", "/2018-06-01/runtime/invocation/%6eext",
		"/2018-06-01/runtime%2finvocation/next", "/2018-06-01/runtime/invocation/next?x=1", "/2018-06-01/runtime/invocation/next;x",
		"/merlon/hello", "//merlon/hello", "/merlon/../2018-06-01/runtime/invocation/next", "*", "http://HOST/2018-06-01/runtime/invocation/next",
	} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		rec, relay := between(t)
		target = strings.ReplaceAll(target, "HOST", relay.Addr())
		raw := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", target, relay.Addr())
		if strings.ContainsAny(target, " \r\n") {
			return // other requests than the one this is about
		}
		answers := exchangeRaw(t, relay.Addr(), raw, 1)
		seen := rec.all(t, relay)
		if len(answers) > 1 || len(seen) > 1 {
			t.Errorf("%q: %d answers, %d requests upstream", target, len(answers), len(seen))
		}
		for _, s := range seen {
			if strings.HasPrefix(s, "GET /merlon/") {
				t.Errorf("%q: %s went upstream", target, s)
			}
		}
	})
}

// between makes a relay and its service for one input, because what an input
// leaves behind would be taken for the next one's. A fuzzer that is fast uses up
// the ports of the machine, whose connections linger for a minute.
func between(t *testing.T) (*recorder, *proxy.Relay) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if errors.Is(err, syscall.EADDRINUSE) {
		t.Skip("no port is free")
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	rec := record(t)
	return rec, startRelay(t, proxy.Options{Upstream: rec.listener.Addr().String()})
}
