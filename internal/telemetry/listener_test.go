package telemetry_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/merlon-security/merlon/internal/telemetry"
)

// listening returns a listener's real address and its path.
func listening(t *testing.T, take func([]byte) error) (address, path string) {
	t.Helper()
	l, err := telemetry.Listen(t.Context(), take)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	u, err := url.Parse(l.URL())
	if err != nil || u.Hostname() != "sandbox.localdomain" || len(u.Path) < 20 {
		t.Fatalf("URL = %q, %v", l.URL(), err)
	}
	return net.JoinHostPort("127.0.0.1", u.Port()), u.Path
}

func send(t *testing.T, method, url string, body io.Reader) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return 0 // refused before the body was read
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

func TestListenerTakesOnlyItsPath(t *testing.T) {
	t.Parallel()
	taken := 0
	address, path := listening(t, func(b []byte) error {
		if taken++; string(b) != "[]" {
			return errors.New("no array")
		}
		return nil
	})
	for name, row := range map[string]struct {
		method, path, body string
		want               int
	}{
		"a batch":        {"POST", path, "[]", 200},
		"garbage":        {"POST", path, "}{", 400},
		"no path":        {"POST", "/", "[]", 404},
		"a longer path":  {"POST", path + "/", "[]", 404},
		"a shorter path": {"POST", path[:len(path)-1], "[]", 404},
		"not a POST":     {"GET", path, "", 405},
		"PUT":            {"PUT", path, "[]", 405},
	} {
		if got := send(t, row.method, "http://"+address+row.path, strings.NewReader(row.body)); got != row.want {
			t.Errorf("%s: %d, want %d", name, got, row.want)
		}
	}
	if taken != 2 {
		t.Errorf("%d bodies taken, want 2", taken)
	}
}

// endless is a body that goes on until nobody reads it.
type endless struct{ read atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) {
	e.read.Add(int64(len(p)))
	return len(p), nil
}

func TestListenerReadsNoMoreThanABatch(t *testing.T) {
	t.Parallel()
	address, path := listening(t, func([]byte) error { t.Error("taken"); return nil })
	for _, at := range []string{path, "/elsewhere"} {
		body := &endless{}
		if got := send(t, "POST", "http://"+address+at, body); got == 200 {
			t.Errorf("%s: %d", at, got)
		}
		if n := body.read.Load(); n > 16<<20 { // a batch, and what the sockets between hold
			t.Errorf("%s: %d bytes read", at, n)
		}
	}
}

// One batch is held at a time, whoever sends.
func TestListenerTakesOneAtATime(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	address, path := listening(t, func([]byte) error {
		if !mu.TryLock() {
			t.Error("two at once")
			return nil
		}
		defer mu.Unlock()
		return nil
	})
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			if got := send(t, "POST", "http://"+address+path, strings.NewReader("[]")); got != 200 {
				t.Errorf("%d, want 200", got)
			}
		})
	}
	all.Wait()
}
