package emulator_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/emulator"
)

// Invocations that come at once wait for each other and meet one process.
func TestQueue(t *testing.T) {
	t.Parallel()
	l, _ := start(t, emulator.Options{Function: function(t, "echo")})
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			if result, err := l.Invoke(t.Context(), emulator.Request{Payload: []byte(`{}`)}); err != nil || result.Status != emulator.StatusSuccess {
				t.Errorf("Invoke = %s %v", result.Status, err)
			}
		})
	}
	callers.Wait()
	if got := counted(t, l).Invocations; got != 9 {
		t.Errorf("the process saw %d invocations, want 9", got)
	}
}

// Something can be put between Lambda and the runtime without an extension.
func TestRelayInBetween(t *testing.T) {
	t.Parallel()
	var polls atomic.Int64
	var upstream atomic.Pointer[httputil.ReverseProxy]
	relay := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/invocation/next") {
			polls.Add(1)
		}
		upstream.Load().ServeHTTP(w, r)
	}))
	// The relay outlives the Lambda, whose end releases the last poll.
	t.Cleanup(relay.Close)
	l, _ := start(t, emulator.Options{Function: function(t, "echo"), RuntimeAPI: relay.Listener.Addr().String()})
	upstream.Store(httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: l.RuntimeAPI()}))
	for range 3 {
		if result := invoke(t, l, `{"a":1}`); string(result.Payload) != `{"a":1}` {
			t.Errorf("Invoke = %s %s", result.Status, result.Payload)
		}
	}
	if got := polls.Load(); got < 3 {
		t.Errorf("the relay saw %d polls, want 3 or more", got)
	}
}

// Warm runs INIT ahead of the first invocation, which then pays for none.
func TestWarm(t *testing.T) {
	t.Parallel()
	l, _ := start(t, emulator.Options{Function: function(t, "echo"), Opt: optWith(t, "x-shutdown")})
	for range 2 {
		if err := l.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if result := invoke(t, l, `{}`); result.InitDuration != 0 {
		t.Errorf("InitDuration = %v, want none", result.InitDuration)
	}
}

// An INIT that hangs ends at its own limit, and again at the function's.
func TestInitTimeout(t *testing.T) {
	t.Parallel()
	f := function(t, "echo")
	f.Command = []string{"/bin/sleep", "600"}
	f.Timeout = 200 * time.Millisecond
	l, book := start(t, emulator.Options{Function: f, InitTimeout: 100 * time.Millisecond})
	if result := invoke(t, l, `{}`); result.Status != emulator.StatusTimeout {
		t.Errorf("Invoke = %s %s, want timeout", result.Status, result.Payload)
	}
	book.await(t, emulator.SourcePlatform, "Phase: init\tStatus: timeout")
}
