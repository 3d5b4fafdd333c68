package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/proxy"
)

const (
	soon = 100 * time.Millisecond
	// longest is how long an event can last that is due before: the relay takes
	// one that arrives late for due in three seconds.
	longest = 3 * time.Second
)

func TestPolls(t *testing.T) {
	scripts := map[string]script{
		"an event passes": {
			polls("a"), pollArrives(), event("1", "{}"), gets("a", 200, "{}"),
		},
		"an event has the length of its replacement": {
			polls("a"), pollArrives(), event("1", "shorten"), getsHeader("a", 200, "Content-Length", "5"),
		},
		"a replacement is delivered": {
			polls("a"), pollArrives(), event("1", "shorten"), gets("a", 200, "short"),
		},
		"the content type of an event stays": {
			polls("a"), pollArrives(), says(200, "x", "Content-Type", "application/cbor", "Lambda-Runtime-Aws-Request-Id", "1"),
			getsHeader("a", 200, "Content-Type", "application/cbor"),
		},
		"an empty header of an event stays": {
			polls("a"), pollArrives(), says(200, "x", "Lambda-Runtime-Cognito-Identity", "", "Lambda-Runtime-Aws-Request-Id", "1"),
			getsHeader("a", 200, "Lambda-Runtime-Cognito-Identity", ""),
		},
		"a refused event is answered and the next one delivered": {
			polls("a"), pollArrives(), event("1", "refuse"),
			answerArrives("1", "response", "no"), accepts(), idles(soon),
			pollArrives(), event("2", "{}"), gets("a", 200, "{}"),
		},
		"a refusal can be an error": {
			polls("a"), pollArrives(), event("1", "refuse as error"),
			answerArrives("1", "error", "no"), accepts(), idles(soon),
			pollArrives(), event("2", "{}"), gets("a", 200, "{}"),
		},
		"a refusal past its time leaves none for idle work": {
			polls("a"), pollArrives(), eventDue("1", "refuse", time.Second),
			answerArrives("1", "response", "no"), pass(longest), accepts(),
			pollArrives(), event("2", "{}"), gets("a", 200, "{}"),
		},
		"the service accepts no refusal and goes on": {
			polls("a"), pollArrives(), event("1", "refuse"),
			answerArrives("1", "response", "no"), says(413, ""), reportsStatus(proxy.AnswerRefused, "1", 413), idles(soon),
			pollArrives(), event("2", "{}"), gets("a", 200, "{}"),
		},
		"the service accepts no refusal and repeats the event": {
			polls("a"), pollArrives(), event("1", "refuse"),
			answerArrives("1", "response", "no"), says(400, ""), reportsStatus(proxy.AnswerRefused, "1", 400), idles(soon),
			pollArrives(), event("1", "refuse"),
			answerArrives("1", "response", "no"), says(400, ""), reportsStatus(proxy.AnswerRefused, "1", 400),
			reports(proxy.UpstreamError, "1"),
			gets("a", 502, `{"errorMessage":"the Runtime API did not answer","errorType":"Relay.Upstream"}`),
		},
		"a refusal that got no status is sent once more": {
			polls("a"), pollArrives(), event("1", "refuse"),
			answerArrives("1", "response", "no"), breaks(), reports(proxy.AnswerRefused, "1"),
			answerArrives("1", "response", "no"), says(403, ""), reportsStatus(proxy.AnswerRefused, "1", 403), idles(soon),
			pollArrives(), event("2", "{}"), gets("a", 200, "{}"),
		},
		"a refused id that returns is a new delivery": {
			polls("a"), pollArrives(), event("1", "refuse"),
			answerArrives("1", "response", "no"), accepts(), idles(soon),
			pollArrives(), event("1", "refuse"),
			answerArrives("1", "response", "no"), accepts(), idles(soon),
			pollArrives(), event("1", "{}"), gets("a", 200, "{}"),
		},
		"an event whose poll vanished is held for the next": {
			polls("a"), pollArrives(), hangsUp("a"), reports(proxy.PollAbandoned, ""),
			event("1", "{}"), reports(proxy.EventHeld, "1"),
			polls("b"), gets("b", 200, "{}"), reports(proxy.HeldDelivered, "1"),
		},
		"a held event was inspected": {
			polls("a"), pollArrives(), hangsUp("a"), reports(proxy.PollAbandoned, ""),
			event("1", "shorten"), reports(proxy.EventHeld, "1"),
			polls("b"), gets("b", 200, "short"), reports(proxy.HeldDelivered, "1"),
		},
		"a held event past its deadline is dropped": {
			polls("a"), pollArrives(), hangsUp("a"), reports(proxy.PollAbandoned, ""),
			eventDue("1", "{}", time.Second), reports(proxy.EventHeld, "1"), pass(longest),
			polls("b"), reports(proxy.HeldExpired, "1"), pollArrives(), event("2", "[]"), gets("b", 200, "[]"),
		},
		"a refused event whose poll vanished is answered and nothing polled": {
			polls("a"), pollArrives(), hangsUp("a"), reports(proxy.PollAbandoned, ""),
			event("1", "refuse"), answerArrives("1", "response", "no"), accepts(), idles(soon),
		},
		"an event goes to whoever waits when its own poll vanished": {
			polls("a"), pollArrives(), polls("b"), pollArrives(),
			hangsUp("a"), reports(proxy.PollAbandoned, ""),
			event("1", "{}"), gets("b", 200, "{}"), reports(proxy.HeldDelivered, "1"),
			answers("c", "1", "ok"), answerArrivesAfter(1, "1", "response", "ok"), accepts2nd(), gets("c", 202, `{"status":"OK"}`),
			polls("d"), idles(soon), event("2", "[]"), gets("d", 200, "[]"), // b's own poll is still in the air
		},
		"a panic in the inspector does not lose the event": {
			polls("a"), pollArrives(), event("1", "panic"), reports(proxy.InspectorPanic, "1"), gets("a", 200, "panic"),
		},
		"an event without an id cannot be inspected": {
			polls("a"), pollArrives(), says(200, "refuse"), reportsStatus(proxy.NotInspected, "", 200), gets("a", 200, "refuse"),
		},
		"a second poll before the answer passes and is reported": {
			polls("a"), pollArrives(), event("1", "{}"), gets("a", 200, "{}"),
			polls("b"), reports(proxy.DoublePoll, "1"), pollArrives(), event("1", "{}"), gets("b", 200, "{}"),
		},
		"idle work has its time between answer and poll": {
			polls("a"), pollArrives(), event("1", "{}"), gets("a", 200, "{}"),
			answers("a", "1", "ok"), answerArrives("1", "response", "ok"), accepts(), gets("a", 202, `{"status":"OK"}`),
			polls("a"), idles(soon), pollArrives(), event("2", "{}"), gets("a", 200, "{}"),
		},
		"the service goes away before it replies": {
			polls("a"), pollArrives(), breaks(), reports(proxy.UpstreamError, ""),
			gets("a", 502, `{"errorMessage":"the Runtime API did not answer","errorType":"Relay.Upstream"}`),
		},
		"a poll that was written is not written again": {
			polls("a"), pollArrives(), says(500, "x"), gets("a", 500, "x"),
			polls("a"), pollArrives(), breaks(), reports(proxy.UpstreamError, ""), // on the same connection
			gets("a", 502, `{"errorMessage":"the Runtime API did not answer","errorType":"Relay.Upstream"}`),
		},
		"an event with eight megabytes of headers passes": {
			polls("a"), pollArrives(), says(200, "x", "Lambda-Runtime-Client-Context", strings.Repeat("x", 8<<20-4<<10), "Lambda-Runtime-Aws-Request-Id", "1"),
			getsHeader("a", 200, "Lambda-Runtime-Client-Context", strings.Repeat("x", 8<<20-4<<10)),
		},
		"an event without content passes": {
			polls("a"), pollArrives(), event("1", ""), gets("a", 200, ""),
		},
		"a poll in another API version is inspected": {
			sends("a", "GET", "/2031-01-01/runtime/invocation/next?x=%41", ""), arrives("GET", "/2031-01-01/runtime/invocation/next?x=%41"),
			event("1", "shorten"), gets("a", 200, "short"),
		},
		"a poll spelled oddly is inspected": {
			sends("a", "GET", "/2018-06-01/runtime//invocation/%6eext", ""), arrives("GET", "/2018-06-01/runtime//invocation/%6eext"),
			event("1", "shorten"), gets("a", 200, "short"),
		},
	}
	for _, status := range []int{400, 403, 410, 413, 500} {
		body := fmt.Sprintf("status %d", status)
		scripts["a poll answered "+body] = script{polls("a"), pollArrives(), says(status, body), gets("a", status, body)}
		scripts["a reply answered "+body] = script{
			polls("a"), pollArrives(), event("1", "{}"), gets("a", 200, "{}"),
			answers("a", "1", "ok"), answerArrives("1", "response", "ok"), says(status, body), gets("a", status, body),
			polls("a"), idles(soon), pollArrives(), event("2", "{}"), gets("a", 200, "{}"),
		}
	}
	for name, s := range scripts {
		t.Run(name, func(t *testing.T) { t.Parallel(); s.play(t, proxy.Options{}) })
	}
}

// answerArrivesAfter is answerArrives where older requests stay unanswered.
func answerArrivesAfter(older int, id, verb, body string) step {
	return func(st *stage) {
		st.Helper()
		answerArrives(id, verb, body)(st)
		if len(st.pending) != older+1 {
			st.Fatalf("%d requests pending, want %d", len(st.pending), older+1)
		}
	}
}

// accepts2nd accepts the newer of two pending requests.
func accepts2nd() step {
	return func(st *stage) {
		st.pending[0], st.pending[1] = st.pending[1], st.pending[0]
		accepts()(st)
	}
}

func TestConcurrentPolls(t *testing.T) {
	const n = 64
	var s script
	for i := range n {
		s = append(s, polls(fmt.Sprint(i)), pollArrives())
	}
	for i := range n {
		s = append(s, event(fmt.Sprint(i), fmt.Sprint("event ", i)))
	}
	for i := range n {
		s = append(s, gets(fmt.Sprint(i), 200, fmt.Sprint("event ", i)))
	}
	for i := range n {
		id, body := fmt.Sprint(i), fmt.Sprint("reply ", i)
		s = append(s, answers(id, id, body), answerArrives(id, "response", body), accepts(), gets(id, 202, `{"status":"OK"}`))
	}
	s.play(t, proxy.Options{Concurrent: true})
}

// closed refuses events whose inspection broke.
type closed struct{ inspector }

func (c closed) Recovered(context.Context, *proxy.Invocation, any) proxy.Outcome {
	return proxy.Outcome{Answer: &proxy.Answer{Body: []byte("no")}}
}

// broken panics wherever it can.
type broken struct{}

func (broken) Inspect(context.Context, *proxy.Invocation) proxy.Outcome { panic("inspect") }
func (broken) Idle(context.Context, time.Time)                          { panic("idle") }
func (broken) Recovered(context.Context, *proxy.Invocation, any) proxy.Outcome {
	panic("recovered")
}

func TestInspectorDecidesAfterItsPanic(t *testing.T) {
	script{
		polls("a"), pollArrives(), event("1", "panic"), reports(proxy.InspectorPanic, "1"),
		answerArrives("1", "response", "no"), accepts(),
		pollArrives(), event("2", "{}"), gets("a", 200, "{}"),
	}.play(t, proxy.Options{Inspector: closed{inspector{&stage{idles: make(chan time.Duration, 1)}}}})
}

// choked panics with the event in its words, and by a fault of the runtime's.
type choked struct{ inspector }

func (choked) Inspect(_ context.Context, inv *proxy.Invocation) proxy.Outcome {
	if len(inv.Body) == 0 {
		_ = inv.Body[5]
	}
	panic(errors.New("cannot digest " + string(inv.Body)))
}

func TestPanicsAreReportedWithoutPayload(t *testing.T) {
	says := func(want string) step {
		return func(st *stage) {
			e := wait(st.T, st.reports)
			if e.Kind != proxy.InspectorPanic || e.Err.Error() != want || !strings.Contains(string(e.Stack), "choked") {
				st.Errorf("reported %v %q %s, want %q and the stack", e.Kind, e.Err, e.Stack, want)
			}
			if strings.Contains(string(e.Stack), "hunter2") {
				st.Error("the stack holds the event")
			}
		}
	}
	script{
		polls("a"), pollArrives(), event("1", "hunter2"),
		says("inspect: panic with a value of type *errors.errorString"), gets("a", 200, "hunter2"),
		polls("a"), reports(proxy.DoublePoll, "1"), pollArrives(), event("1", ""),
		says("inspect: panic: runtime error: index out of range [5] with length 0"), gets("a", 200, ""),
	}.play(t, proxy.Options{Inspector: choked{}})
}

func TestInspectorBrokenThroughout(t *testing.T) {
	script{
		polls("a"), pollArrives(), event("1", "{}"),
		reports(proxy.InspectorPanic, "1"), reports(proxy.InspectorPanic, "1"), gets("a", 200, "{}"),
		answers("a", "1", "ok"), answerArrives("1", "response", "ok"), accepts(), gets("a", 202, `{"status":"OK"}`),
		polls("a"), reports(proxy.InspectorPanic, ""), pollArrives(), event("2", "{}"),
		reports(proxy.InspectorPanic, "2"), reports(proxy.InspectorPanic, "2"), gets("a", 200, "{}"),
	}.play(t, proxy.Options{Inspector: broken{}})
}

// pass waits until a deadline set in a step before is over.
func pass(d time.Duration) step {
	return func(*stage) { <-time.After(d + time.Millisecond) }
}

// deadlines hears of the time that is left of each event.
type deadlines chan time.Duration

func (d deadlines) Inspect(_ context.Context, inv *proxy.Invocation) proxy.Outcome {
	d <- inv.Deadline.Sub(inv.Received)
	return proxy.Outcome{}
}

func (deadlines) Idle(context.Context, time.Time) {}

// TestClockIsWrong: a clock that was set forward past the deadline leaves no
// event without time for its inspection, and one that was set back changes
// nothing.
func TestClockIsWrong(t *testing.T) {
	t.Parallel()
	left := make(deadlines, 2)
	script{
		polls("a"), pollArrives(), eventDue("1", "{}", -time.Hour), gets("a", 200, "{}"),
		answers("b", "1", "{}"), answerArrives("1", "response", "{}"), accepts(), gets("b", 202, `{"status":"OK"}`),
		polls("c"), pollArrives(), eventDue("2", "{}", time.Hour), gets("c", 200, "{}"),
	}.play(t, proxy.Options{Inspector: left})
	if d := wait(t, left); d != longest {
		t.Errorf("clock ahead: %v left, want Lambda's default timeout", d)
	}
	if d := wait(t, left); d < 50*time.Minute || d > time.Hour {
		t.Errorf("clock behind: %v left, want what the header says", d)
	}
}
