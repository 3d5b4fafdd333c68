package proxy

import (
	"maps"
	"sync"
	"time"
)

// The ledger knows which invocations the function is working on. Nothing in it
// decides anything: unknown replies pass, and are only reported. Entries live
// from delivery to reply, so an id that returns (asynchronous retries reuse it)
// is a new invocation.
type ledger struct {
	mu    sync.Mutex
	open  map[string]*openInvocation
	ended *time.Time // deadline of the invocation that ended since the last idle call
}

type openInvocation struct {
	deadline time.Time
	passage  string // see passageHeader; empty where there is none
	response func(ReplyHead) *ReplyFilter
	replying bool
}

func newLedger() *ledger { return &ledger{open: make(map[string]*openInvocation)} }

// sweepAt is the number of open invocations from which on the ones past their
// deadline are forgotten. On Managed Instances a timed-out invocation may never
// be answered; elsewhere its environment is reset.
const sweepAt = 128

func (l *ledger) deliver(id string, inv openInvocation, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) >= sweepAt {
		maps.DeleteFunc(l.open, func(_ string, o *openInvocation) bool {
			return !o.deadline.IsZero() && o.deadline.Before(now)
		})
	}
	l.open[id] = &inv
}

// takeBack undoes deliver for an event that could not be handed over.
func (l *ledger) takeBack(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, id)
}

// unanswered returns the id of an invocation that is open and not being
// answered, if there is one.
func (l *ledger) unanswered() (string, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, o := range l.open {
		if !o.replying {
			return id, true
		}
	}
	return "", false
}

// replying notes the first reply for an open invocation and reports false for any
// other. passage is what the reply says of itself: on Managed Instances the reply
// to an invocation that timed out may come when its event runs a second time under
// the same id, and the service refuses it. The open invocation is returned for
// every other reply, because each is looked at: the service takes whichever is the
// first to reach it.
func (l *ledger) replying(id, passage string) (inv *openInvocation, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o, found := l.open[id]
	if !found || passage != "" && o.passage != "" && passage != o.passage {
		return nil, false
	}
	known = !o.replying && (passage == "" || passage == o.passage)
	if known {
		o.replying = true
	}
	return o, known
}

// replied closes an invocation the service has taken note of, whatever it
// thought of the reply. One that has come again under the same id stays open.
func (l *ledger) replied(id string, o *openInvocation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[id] == o {
		delete(l.open, id)
	}
	l.ended = &o.deadline
}

// notReplied reopens an invocation whose reply did not reach the service.
func (l *ledger) notReplied(o *openInvocation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o.replying = false
}

// takeEnded returns the deadline of an invocation that ended since the last
// call, if one did.
func (l *ledger) takeEnded() (deadline time.Time, ended bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended == nil {
		return time.Time{}, false
	}
	deadline, l.ended = *l.ended, nil
	return deadline, true
}
