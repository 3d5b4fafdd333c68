package proxy

import (
	"net/http"
	"strconv"
	"time"
)

// A landing is what a poll upstream came back with: an event or a status of
// the service's for the runtime, or a fault.
type landing struct {
	event  *Invocation // nil unless this is an invocation
	status int
	header http.Header
	body   []byte // what to deliver; for an event, what the Inspector made of it
	trail  http.Header
	late   bool  // landed for a poll that had vanished
	err    error // no status was received

	response func(ReplyHead) *ReplyFilter // the Inspector's part in the reply; may be nil
}

// expired reports whether an event's deadline has passed: the service has
// already told the caller that it timed out.
func (l *landing) expired(now time.Time) bool {
	return l.event != nil && !l.event.Deadline.IsZero() && l.event.Deadline.Before(now)
}

// serveNext answers a runtime's poll for the next invocation.
func (rl *Relay) serveNext(w http.ResponseWriter, r *http.Request) {
	if !rl.concurrent { // where polling while others run means nothing
		if id, open := rl.ledger.unanswered(); open {
			rl.report(Event{Kind: DoublePoll, RequestID: id})
		}
	}
	if deadline, ended := rl.ledger.takeEnded(); ended {
		rl.idle(deadline)
	}
	for {
		got, ok := rl.await(r)
		if !ok {
			panic(http.ErrAbortHandler) // the client has gone
		}
		if got.late && got.expired(time.Now()) {
			rl.report(Event{Kind: HeldExpired, RequestID: got.event.ID})
			continue
		}
		rl.hand(w, r, got)
		return
	}
}

// await returns what this poll receives, and false if its client went first.
func (rl *Relay) await(r *http.Request) (landing, bool) {
	kept, waiter, start := rl.desk.arrive()
	if kept != nil {
		return *kept, true
	}
	if start != nil {
		rl.launch(start, r)
	}
	select {
	case got := <-waiter.landed:
		return got, true
	case <-r.Context().Done():
	}
	if rl.pollCtx.Err() == nil { // otherwise Shutdown ended it
		rl.report(Event{Kind: PollAbandoned})
	}
	if got, landed := rl.desk.leave(waiter); landed {
		rl.hold(got)
	}
	return landing{}, false
}

// hand writes a landing to the runtime. An event that cannot be written is held
// for the next poll: a body that did not arrive whole was not processed.
func (rl *Relay) hand(w http.ResponseWriter, r *http.Request, got landing) {
	if rl.pollCtx.Err() != nil {
		panic(http.ErrAbortHandler) // Shutdown: there is no runtime any more
	}
	if got.err != nil {
		writeError(w, http.StatusBadGateway, "Relay.Upstream", "the Runtime API did not answer")
		return
	}
	if got.event == nil {
		_ = rl.write(w, &got) // a runtime that does not read a refusal has no use for it
		return
	}
	inv := got.event
	if r.Context().Err() != nil {
		rl.report(Event{Kind: PollAbandoned, RequestID: inv.ID})
		rl.hold(got)
		panic(http.ErrAbortHandler)
	}
	rl.ledger.deliver(inv.ID, openInvocation{
		deadline: inv.Deadline, passage: inv.Header.Get(passageHeader), response: got.response,
	}, time.Now())
	if err := rl.write(w, &got); err != nil {
		rl.ledger.takeBack(inv.ID)
		rl.report(Event{Kind: PollAbandoned, RequestID: inv.ID, Err: err})
		rl.hold(got)
		panic(http.ErrAbortHandler)
	}
	if got.late {
		rl.report(Event{Kind: HeldDelivered, RequestID: inv.ID})
	}
}

// hold keeps an event for the next poll. Anything else is dropped: a status was
// for the poll that asked.
func (rl *Relay) hold(got landing) {
	if got.event == nil {
		return
	}
	if rl.desk.hold(got) == held {
		rl.report(Event{Kind: EventHeld, RequestID: got.event.ID})
	}
}

// write sends a landing whole and returns when the kernel has taken it.
func (rl *Relay) write(w http.ResponseWriter, got *landing) error {
	h := w.Header()
	copyHeaders(h, got.header)
	suppress(h, "Content-Type")
	suppress(h, "Date")
	if len(got.trail) == 0 {
		h["Content-Length"] = []string{strconv.Itoa(len(got.body))}
	}
	for name, values := range got.trail {
		h[http.TrailerPrefix+name] = values
	}
	w.WriteHeader(got.status)
	if _, err := w.Write(got.body); err != nil {
		return err
	}
	return http.NewResponseController(w).Flush()
}
