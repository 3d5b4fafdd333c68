package proxy_test

import (
	"testing"

	"github.com/merlon-security/merlon/proxy"
)

// TestRestored: the host learns of a restore before the runtime does, and of
// nothing that is none.
func TestRestored(t *testing.T) {
	const next = runtimeAPI + "restore/next"
	for name, c := range map[string]struct {
		script   script
		restores int
	}{
		"restored":               {passes("GET", next, 200, ""), 1},
		"another version":        {passes("GET", "/2030-01-01/runtime/restore/next", 200, ""), 1},
		"not behind a snapshot":  {passes("GET", next, 403, "InvalidStateTransition"), 0},
		"no SnapStart":           {passes("GET", next, 404, ""), 0},
		"by another method":      {passes("POST", next, 200, ""), 0},
		"the client goes":        {script{sends("a", "GET", next, ""), arrives("GET", next), hangsUp("a"), upstreamGone()}, 0},
		"the service breaks off": {script{sends("a", "GET", next, ""), arrives("GET", next), breaks(), reports(proxy.UpstreamError, ""), getsStatus("a", 502)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told := make(chan struct{}, 8)
			c.script.play(t, proxy.Options{Restored: func() { told <- struct{}{} }})
			if len(told) != c.restores { // the reply came after
				t.Errorf("told of %d restores, want %d", len(told), c.restores)
			}
		})
	}
}

func getsStatus(name string, status int) step {
	return func(st *stage) {
		st.Helper()
		if got := wait(st.T, st.clients[name].reply); got.err != nil || got.status != status {
			st.Fatalf("%s got %d (%v), want %d", name, got.status, got.err, status)
		}
	}
}
