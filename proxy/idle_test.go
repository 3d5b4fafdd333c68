package proxy_test

import (
	"context"
	"net/http"
	"strconv"
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

// TestManagedInstancesPass: what Managed Instances alone say passes both ways,
// and an event is refused while others run, under the name of its own passage.
func TestManagedInstancesPass(t *testing.T) {
	t.Parallel()
	managed := func(id, body string, in time.Duration) step {
		deadline := strconv.FormatInt(time.Now().Add(in).UnixMilli(), 10)
		return says(http.StatusOK, body, "Lambda-Runtime-Aws-Request-Id", id, "Lambda-Runtime-Deadline-Ms", deadline,
			"Lambda-Runtime-Client-Context", "", "Lambda-Runtime-Invocation-Id", "passage of "+id)
	}
	named := func(passage string) step {
		return func(st *stage) {
			st.Helper()
			if got := st.pending[len(st.pending)-1].r.Header.Get("Lambda-Runtime-Invocation-Id"); got != passage {
				st.Errorf("the reply names passage %q, want %q", got, passage)
			}
		}
	}
	script{
		polls("a"), pollArrives(), polls("b"), pollArrives(), polls("c"), pollArrives(),
		managed("1", "{}", time.Minute), getsHeader("a", 200, "Lambda-Runtime-Client-Context", ""),
		managed("2", "refuse", time.Minute), answerArrives("2", "response", "no"), named("passage of 2"),
		managed("3", "[]", -time.Second), gets("c", 200, "[]"),
		accepts(), idles(soon), pollArrives(),
		answers("c", "3", "late"), answerArrives("3", "response", "late"),
		func(st *stage) { st.pending[0], st.pending[1] = st.pending[1], st.pending[0] }, // the poll of b waits on
		says(http.StatusGone, "late"), gets("c", http.StatusGone, "late"),
		// Its deadline has passed, which is no reason to leave idle work out.
		polls("c"), idles(soon), pollArrives(), managed("4", "[]", time.Minute), gets("b", 200, "[]"),
		managed("5", "[]", time.Minute), gets("c", 200, "[]"),
	}.play(t, proxy.Options{Concurrent: true})
}

// TestE3ReplyOfAnEarlierPassage: an event that timed out comes again under its
// id, and then the reply to its first passage arrives. It does not stand for the
// second one, whose reply is completed all the same.
func TestE3ReplyOfAnEarlierPassage(t *testing.T) {
	t.Parallel()
	managed := func(passage string) step {
		return says(http.StatusOK, "complete", "Lambda-Runtime-Aws-Request-Id", "1", "Lambda-Runtime-Invocation-Id", passage)
	}
	reply := func(passage string) step {
		return sends("x", "POST", runtimeAPI+"invocation/1/response", "x", "Lambda-Runtime-Invocation-Id", passage)
	}
	script{
		polls("a"), pollArrives(), managed("first"), gets("a", 200, "complete"),
		polls("b"), pollArrives(), managed("second"), gets("b", 200, "complete"),
		reply("first"), reports(proxy.UnknownAnswer, "1"), answerArrives("1", "response", "x"), says(410, "late"), gets("x", 410, "late"),
		reply("second"), answerArrives("1", "response", "x and more"), accepts(), gets("x", 202, `{"status":"OK"}`),
	}.play(t, proxy.Options{Concurrent: true})
}

// TestIdleWorkBesideThePoll: an invocation that ends while idle work runs gets
// a call of its own, and calls never overlap.
func TestIdleWorkBesideThePoll(t *testing.T) {
	t.Parallel()
	calls, release := make(chan struct{}, 8), make(chan struct{})
	one := func(id string) script {
		return script{
			polls("a"), pollArrives(), event(id, "{}"), gets("a", 200, "{}"),
			answers("a", id, "ok"), answerArrives(id, "response", "ok"), accepts(), gets("a", 202, `{"status":"OK"}`),
		}
	}
	var s script
	s = append(s, one("1")...)
	s = append(s, polls("a"), pollArrives(), func(st *stage) { wait(st.T, calls) }, event("2", "{}"), gets("a", 200, "{}"))
	s = append(s, answers("a", "2", "ok"), answerArrives("2", "response", "ok"), accepts(), gets("a", 202, `{"status":"OK"}`))
	s = append(s, one("3")...) // its poll reports the end of 2
	s = append(s, func(st *stage) {
		select {
		case <-calls:
			st.Error("two calls at once")
		default:
		}
		release <- struct{}{}
		wait(st.T, calls)
		release <- struct{}{}
	})
	s.play(t, proxy.Options{Inspector: signalling{calls: calls, release: release}, Concurrent: true})
}

// signalling says when idle work begins and works until it is released.
type signalling struct {
	inspector
	calls   chan<- struct{}
	release <-chan struct{}
}

func (s signalling) Idle(context.Context, time.Time) {
	s.calls <- struct{}{}
	<-s.release
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
			if err := wait(st.T, done); err != nil {
				st.Errorf("Shutdown = %v", err)
			}
		},
	}.play(t, proxy.Options{})
}
