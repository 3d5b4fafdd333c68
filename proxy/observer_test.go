package proxy_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/merlon-security/merlon/proxy"
)

// deafObserver panics whatever it hears.
type deafObserver struct{ calls atomic.Int32 }

func (o *deafObserver) Observe(proxy.Event) {
	o.calls.Add(1)
	panic("planted")
}

// What an observer does to itself costs no request: half of what is reported
// comes from goroutines whose panic would be the end of the process.
func TestObserverThatPanics(t *testing.T) {
	t.Parallel()
	observer := new(deafObserver)
	relay := startRelay(t, proxy.Options{Upstream: "127.0.0.1:1", Observer: observer}) // nobody answers there: every poll is reported
	for range 3 {
		resp, err := http.Get("http://" + relay.Addr() + "/2018-06-01/runtime/invocation/next")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadGateway {
			t.Errorf("a poll gets %s, want 502", resp.Status)
		}
	}
	resp, err := http.Post("http://"+relay.Addr()+"/2018-06-01/runtime/invocation/1/response", "text/plain", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusBadGateway {
		t.Errorf("a reply gets %s, want 502", resp.Status)
	}
	// Three polls, an unknown reply that nobody took, and what became of the first.
	if n := observer.calls.Load(); n != 6 {
		t.Errorf("the observer was called %d times, want 6", n)
	}
}
