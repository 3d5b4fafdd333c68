package proxy_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/proxy"
)

// TestGoFunction runs aws-lambda-go's own client, in a process of its own,
// behind the relay.
func TestGoFunction(t *testing.T) {
	script{
		func(st *stage) { startRole(st.T, "function", st.relay.Addr()) },
		pollArrives(), event("1", `{"a":1}`),
		answerArrives("1", "response", `{"a":1}`), accepts(), idles(soon),

		pollArrives(), event("2", "refuse"),
		answerArrives("2", "response", "no"), accepts(), idles(soon),

		pollArrives(), event("3", `"fail"`),
		arrives("POST", runtimeAPI+"invocation/3/error"), mentions("the handler said no"), accepts(), idles(soon),

		pollArrives(), event("4", `"break off"`),
		answerArrives("4", "response", "half a"), hasTrailer("Lambda-Runtime-Function-Error-Type", "errorString"), accepts(), idles(soon),

		pollArrives(), event("5", `"panic"`),
		arrives("POST", runtimeAPI+"invocation/5/error"), mentions("the handler broke"), accepts(),
		// The runtime exits after a panic; whatever it leaves behind is no poll.
	}.play(t, proxy.Options{})
}

func mentions(text string) step {
	return func(st *stage) {
		st.Helper()
		c := st.pending[0]
		if !strings.Contains(c.body, text) {
			st.Fatalf("upstream got %q, want it to mention %q", c.body, text)
		}
		if c.r.Header.Get("Lambda-Runtime-Function-Xray-Error-Cause") == "" {
			st.Error("the cause for X-Ray is missing")
		}
	}
}

func hasTrailer(name, want string) step {
	return func(st *stage) {
		st.Helper()
		if got := st.pending[0].r.Trailer; got.Get(name) != want || got.Get(strings.Replace(name, "Type", "Body", 1)) == "" {
			st.Fatalf("upstream got trailer %v, want %s: %s", got, name, want)
		}
	}
}

// TestConnectionsAreReused: one runtime needs one connection to the service.
func TestConnectionsAreReused(t *testing.T) {
	seen := map[string]bool{}
	note := func(st *stage) { seen[st.pending[0].r.RemoteAddr] = true }
	s := script{func(st *stage) { startRole(st.T, "function", st.relay.Addr()) }}
	for range 20 {
		s = append(s, pollArrives(), note, event("1", "{}"), answerArrives("1", "response", "{}"), note, accepts(), idles(soon))
	}
	s = append(s, pollArrives(), note, says(http.StatusInternalServerError, ""))
	s.play(t, proxy.Options{})
	if len(seen) > 2 {
		t.Errorf("%d connections to the service, want at most one for polls and one for replies", len(seen))
	}
}
