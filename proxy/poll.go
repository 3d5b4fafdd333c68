package proxy

import (
	"errors"
	"net/http"
	"strconv"
	"time"
)

var (
	errPollFault     = errors.New("bug: the poll ended without a result")
	errNotAnswered   = errors.New("the service repeats an event and accepts no reply for it")
	errShutdown      = errors.New("the relay is shutting down")
	errNobodyWaiting = errors.New("nobody waits for the next event")
)

// launch starts a poll upstream that belongs to no request.
func (rl *Relay) launch(f *flight, r *http.Request) {
	req := rl.up.request(rl.pollCtx, r)
	req.Body, req.ContentLength = nil, 0 // Managed Instances allow none
	if !rl.background.start(func() { rl.fly(f, req) }) {
		rl.desk.land(f, landing{err: errShutdown})
	}
}

// fly polls until there is something for the runtime, and lands it. It always
// lands: a waiter without a landing would wait for ever.
func (rl *Relay) fly(f *flight, req *http.Request) {
	got := landing{err: errPollFault}
	defer func() {
		if v := recover(); v != nil {
			rl.report(panicked(RelayFault, "", "bug: poll", v))
		}
		if rl.desk.land(f, got) == held {
			rl.report(Event{Kind: EventHeld, RequestID: got.event.ID})
		}
	}()
	got = rl.fetch(f, req)
}

// fetch polls, has the event judged, and polls again after every event that
// was answered in the function's place: the runtime never notices.
func (rl *Relay) fetch(f *flight, req *http.Request) landing {
	var unanswered string
	for {
		got := rl.poll(req)
		if got.event == nil {
			return got
		}
		inv := got.event
		answer := rl.judge(inv, &got)
		if answer == nil {
			return got
		}
		switch {
		case rl.answer(inv, answer):
			unanswered = ""
		case unanswered == inv.ID:
			// Where an invocation stays unanswered the service repeats its
			// event. The event must not reach the function, and asking again
			// would never end.
			rl.report(Event{Kind: UpstreamError, RequestID: inv.ID, Err: errNotAnswered})
			return landing{err: errNotAnswered}
		default:
			unanswered = inv.ID
		}
		rl.idle(inv.Deadline)
		if rl.desk.retire(f) {
			return landing{err: errNobodyWaiting}
		}
	}
}

// poll asks once and reads the reply whole.
func (rl *Relay) poll(req *http.Request) landing {
	resp, body, err := rl.up.lines.exchange(rl.pollCtx, req)
	if err != nil {
		return rl.pollFailed(err)
	}
	got := landing{status: resp.StatusCode, header: resp.Header, body: body, trail: resp.Trailer}
	if resp.StatusCode != http.StatusOK {
		return got
	}
	id := resp.Header.Get("Lambda-Runtime-Aws-Request-Id")
	if id == "" {
		rl.report(Event{Kind: NotInspected, Status: resp.StatusCode})
		return got
	}
	now := time.Now()
	got.event = &Invocation{
		ID:       id,
		Header:   resp.Header,
		Body:     body,
		Deadline: deadlineOf(resp.Header, now),
		Received: now,
	}
	return got
}

func (rl *Relay) pollFailed(err error) landing {
	if rl.pollCtx.Err() == nil { // otherwise Shutdown ended it
		rl.report(Event{Kind: UpstreamError, Err: err})
	}
	return landing{err: err}
}

// supposed is the time left for an event whose deadline has passed by our clock
// when it arrives: Lambda's default timeout. The service hands out no such event,
// so it is the clock that is wrong, after a restore or a thaw, and an inspection
// without time would refuse everything.
const supposed = 3 * time.Second

// deadlineOf reads the invocation's deadline, Unix milliseconds; zero if the
// header is absent or unreadable. It is told on the monotonic clock of now, so
// that a clock that is set during the invocation moves nothing.
func deadlineOf(h http.Header, now time.Time) time.Time {
	ms, err := strconv.ParseInt(h.Get("Lambda-Runtime-Deadline-Ms"), 10, 64)
	if err != nil {
		return time.Time{}
	}
	left := time.UnixMilli(ms).Sub(now)
	if left <= 0 {
		left = supposed
	}
	return now.Add(left)
}
