package proxy

import (
	"slices"
	"sync"
)

// The desk pairs polls from below with polls to above, one for one.
//
// A waiter is a runtime's poll, a flight is a poll upstream. A flight is never
// cancelled when its waiter goes: the service would write the event into a dead
// connection and the invocation would time out. It becomes an orphan instead,
// the next waiter adopts it, and an event that lands before that is held. So
// there is never a second flight where one is in the air for nobody.
type desk struct {
	mu      sync.Mutex
	waiting []*waiter // oldest first
	orphans []*flight // flights whose waiter has gone, oldest first
	held    []landing // events that landed for nobody, oldest first
}

// A waiter receives exactly one landing unless it leaves first.
type waiter struct {
	landed chan landing // buffered: landing never blocks on a waiter
	flight *flight
}

// A flight is owned by at most one waiter.
type flight struct {
	owner *waiter
}

// arrive registers a poll from below. It returns a landing that was held for
// it; or else a waiter, with a flight the caller has to start unless one in the
// air was adopted.
func (d *desk) arrive() (held *landing, w *waiter, start *flight) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.held) > 0 {
		got := d.held[0]
		d.held = slices.Delete(d.held, 0, 1)
		return &got, nil, nil
	}
	w = &waiter{landed: make(chan landing, 1)}
	d.waiting = append(d.waiting, w)
	if len(d.orphans) > 0 {
		w.flight = d.orphans[0]
		d.orphans = slices.Delete(d.orphans, 0, 1)
		w.flight.owner = w
		return nil, w, nil
	}
	w.flight = &flight{owner: w}
	return nil, w, w.flight
}

// leave takes a waiter away whose client has gone. What it was given in the
// meantime is returned for the caller to hand on.
func (d *desk) leave(w *waiter) (landing, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case got := <-w.landed:
		return got, true
	default:
	}
	d.forget(w)
	if w.flight != nil {
		w.flight.owner = nil
		d.orphans = append(d.orphans, w.flight)
	}
	return landing{}, false
}

// land ends a flight. Its own waiter gets whatever came; if that one has gone,
// only an event is worth keeping. The result says what became of it.
func (d *desk) land(f *flight, got landing) fate {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f.owner != nil {
		f.owner.flight = nil
		d.give(f.owner, got)
		return delivered
	}
	if i := slices.Index(d.orphans, f); i >= 0 {
		d.orphans = slices.Delete(d.orphans, i, i+1)
	}
	if got.event == nil {
		return dropped
	}
	return d.keep(got)
}

// hold takes back an event that its waiter could not receive.
func (d *desk) hold(got landing) fate {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.keep(got)
}

// retire ends a flight that nobody waits for and reports whether it did. The
// answer is final: a waiter that arrives later starts its own.
func (d *desk) retire(f *flight) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f.owner != nil {
		return false
	}
	if i := slices.Index(d.orphans, f); i >= 0 {
		d.orphans = slices.Delete(d.orphans, i, i+1)
	}
	return true
}

// keep gives an event without a waiter to the one that waits longest, whose own
// flight is then an orphan, or holds it. The caller has locked the desk.
func (d *desk) keep(got landing) fate {
	got.late = true
	if len(d.waiting) == 0 {
		d.held = append(d.held, got)
		return held
	}
	w := d.waiting[0]
	if w.flight != nil {
		w.flight.owner = nil
		d.orphans = append(d.orphans, w.flight)
		w.flight = nil
	}
	d.give(w, got)
	return delivered
}

// give hands a landing to a waiter. The caller has locked the desk.
func (d *desk) give(w *waiter, got landing) {
	d.forget(w)
	w.landed <- got
}

func (d *desk) forget(w *waiter) {
	if i := slices.Index(d.waiting, w); i >= 0 {
		d.waiting = slices.Delete(d.waiting, i, i+1)
	}
}

// A fate is what became of a landing.
type fate uint8

const (
	delivered fate = iota // a waiter has it
	held                  // the next waiter gets it
	dropped               // it was for nobody and no event
)
