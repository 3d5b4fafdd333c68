package proxy_test

import (
	"context"
	"testing"
	"time"

	"github.com/merlon-security/merlon/proxy"
)

// stuck never comes back from idle work before the test ends.
type stuck struct {
	inspector
	release <-chan struct{}
}

func (s stuck) Idle(context.Context, time.Time) { <-s.release }

var oneInvocation = script{
	polls("a"), pollArrives(), event("1", "{}"), gets("a", 200, "{}"),
	answers("a", "1", "ok"), answerArrives("1", "response", "ok"), accepts(), gets("a", 202, `{"status":"OK"}`),
}

// TestStuckIdleWorkKeepsNoPoll: an exporter that hangs must not time out the
// function.
func TestStuckIdleWorkKeepsNoPoll(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	append(oneInvocation[:len(oneInvocation):len(oneInvocation)],
		polls("a"), reports(proxy.IdleOverrun, ""), pollArrives(), event("2", "[]"), gets("a", 200, "[]"),
	).play(t, proxy.Options{Inspector: stuck{release: release}})
}

// TestManagedInstances: polling while others run means nothing, and idle work
// keeps no poll at all.
func TestManagedInstances(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	append(oneInvocation[:len(oneInvocation):len(oneInvocation)],
		polls("a"), pollArrives(), event("2", "[]"), gets("a", 200, "[]"),
		polls("b"), pollArrives(), event("3", "[]"), gets("b", 200, "[]"),
	).play(t, proxy.Options{Inspector: stuck{release: release}, Concurrent: true})
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	script{
		polls("a"), pollArrives(), // ends without an event
		answers("b", "1", "ok"), reports(proxy.UnknownAnswer, "1"), answerArrivesAfter(1, "1", "response", "ok"), // is finished first
		func(st *stage) {
			done := make(chan error, 1)
			go func() { done <- st.relay.Shutdown(context.Background()) }()
			getsCutOff("a")(st)
			st.pending = st.pending[1:]
			accepts()(st)
			gets("b", 202, `{"status":"OK"}`)(st)
			if err := <-done; err != nil {
				st.Errorf("Shutdown = %v", err)
			}
		},
	}.play(t, proxy.Options{})
}
