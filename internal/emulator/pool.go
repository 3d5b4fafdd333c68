package emulator

import (
	"context"
	"errors"
)

// pool is the runtime's side of an environment that runs several invocations
// at once (Options.Concurrency): the polls that wait for an event, and the
// invocations that were handed to one and are not answered. Guarded by
// environment.mu.
type pool struct {
	size     int
	polled   bool    // INIT waits for one poll, not for all of them
	waiting  []*slot // oldest first
	running  map[string]*invocation
	timedOut map[string]bool // ids whose reply comes too late; each is told so once
}

// slot is a poll. One whose client has gone keeps its place until an
// invocation comes, which it takes with it, as in AWS's own server.
type slot struct {
	events    chan *invocation // capacity 1
	abandoned bool
}

func newPool(size int) *pool {
	if size == 0 {
		return nil
	}
	return &pool{size: size, running: map[string]*invocation{}, timedOut: map[string]bool{}}
}

var (
	errTooManyPolls  = errors.New("Runtime.TooManyIdleRuntimes")
	errPollAbandoned = errors.New("the client of the poll has gone")
	// errTooLate answers a reply to an invocation whose caller was told that it
	// timed out.
	errTooLate = errors.New("invocation timed out")
)

var (
	pollLost = &fault{
		errorType: "Runtime.Unknown",
		message:   "the runtime's poll ended before it had the event",
		status:    StatusFailure,
	}
	noPoll = &fault{
		errorType: "Runtime.Unavailable",
		message:   "no idle runtime polls for the event",
		status:    StatusFailure,
	}
)

// pollConcurrently is GET …/invocation/next beside others. It ends when ctx,
// the client's connection, does. A nil invocation means that the environment
// is over.
func (e *environment) pollConcurrently(ctx context.Context) (*invocation, error) {
	s := &slot{events: make(chan *invocation, 1)}
	full := false
	e.update(func() {
		if full = len(e.pool.waiting) >= e.pool.size; !full {
			e.pool.waiting = append(e.pool.waiting, s)
			e.pool.polled = true
		}
	})
	if full {
		return nil, errTooManyPolls
	}
	select {
	case inv := <-s.events:
		return inv, nil
	case <-e.gone:
		return nil, nil
	case <-ctx.Done():
	}
	ending := false
	e.update(func() { s.abandoned, ending = true, e.ending })
	if ending {
		return nil, nil
	}
	select {
	case inv := <-s.events: // given to it at the same moment
		e.losePoll(inv)
	default:
	}
	return nil, errPollAbandoned
}

// losePoll ends an invocation whose event did not reach the runtime.
func (e *environment) losePoll(inv *invocation) {
	inv.settleFault(pollLost)
	e.endResponse(inv)
}

// hand gives inv to the poll that waits longest, and reports false if none
// does. Its time runs from then on. An id that is running is not given out a
// second time. mu must be held.
func (e *environment) hand(inv *invocation) bool {
	p := e.pool
	if len(p.waiting) == 0 || p.running[inv.id] != nil {
		return false
	}
	s := p.waiting[0]
	p.waiting = p.waiting[1:]
	inv.start(e.opts.Function.Timeout)
	if s.abandoned {
		inv.settleFault(pollLost)
		return true
	}
	delete(p.timedOut, inv.id)
	p.running[inv.id] = inv
	s.events <- inv // empty: a slot is given one event
	return true
}

// invokeConcurrently is the Invoke phase of one of several invocations. It
// waits in line for an idle poll, at most as long as the function may run, and
// is over with the reply: the next poll says nothing about this invocation.
func (e *environment) invokeConcurrently(ctx context.Context, inv *invocation) *fault {
	timeout := e.opts.Function.Timeout
	inLine, leave := context.WithTimeoutCause(ctx, timeout, errTimeout)
	defer leave()
	if f := e.await(inLine, func() bool { return e.hand(inv) }); f != nil {
		if f.status == StatusTimeout {
			return noPoll
		}
		return f
	}
	running, stop := context.WithDeadlineCause(ctx, inv.deadline, errTimeout)
	defer stop()
	f := e.await(running, func() bool { return e.pool.running[inv.id] != inv })
	if f == nil {
		return nil
	}
	late := f.status == StatusTimeout
	e.update(func() {
		if e.pool.running[inv.id] == inv {
			delete(e.pool.running, inv.id)
			e.pool.timedOut[inv.id] = late
		}
	})
	if late {
		return timedOut(timeout)
	}
	return f
}

// beginResponse claims an invocation for its one reply; nil stands for an id
// that is not running or is being answered. A reply that repeats the name of
// another passage belongs to an earlier invocation of this id. mu must be held.
func (p *pool) beginResponse(id, passage string) (*invocation, error) {
	inv := p.running[id]
	switch {
	case inv != nil && passage != "" && passage != inv.passage:
		return nil, errTooLate
	case inv == nil && p.timedOut[id]:
		delete(p.timedOut, id)
		return nil, errTooLate
	case inv == nil || inv.replying:
		return nil, nil
	}
	inv.replying = true
	return inv, nil
}
