package proxy

import (
	"context"
	"time"
)

const (
	// idleCap is the longest the next poll may be kept back: the time is billed.
	idleCap = 100 * time.Millisecond
	// idleReserve is kept free before the deadline for the poll itself to reach
	// the service; an invocation that is late must not time out through us.
	idleReserve = 200 * time.Millisecond
)

// idleUntil returns the moment by which idle work must be done, and false if
// there is no time for any. An invocation without a deadline gets the cap.
func idleUntil(now, deadline time.Time) (time.Time, bool) {
	until := now.Add(idleCap)
	if !deadline.IsZero() {
		if last := deadline.Add(-idleReserve); last.Before(until) {
			until = last
		}
	}
	return until, until.After(now)
}

// idle gives the Inspector the time between an invocation and the next poll.
// No phase exists after that: the environment may freeze as soon as the poll
// is forwarded. On Managed Instances it does not freeze, so there idle work
// runs beside the poll, whatever the deadline of the one that ended.
func (rl *Relay) idle(deadline time.Time) {
	if rl.inspector == nil {
		return
	}
	if rl.concurrent {
		rl.idleBeside()
		return
	}
	until, ok := idleUntil(time.Now(), deadline)
	if !ok {
		return
	}
	done := make(chan struct{})
	started := rl.background.start(func() {
		defer close(done)
		rl.callIdle(until)
	})
	if !started {
		return
	}
	overrun := time.NewTimer(time.Until(until))
	defer overrun.Stop()
	select {
	case <-done:
	case <-overrun.C:
		rl.report(Event{Kind: IdleOverrun})
	}
}

// idleBeside runs idle work beside the poll, one call at a time. An invocation
// that ends during a call gets one of its own after it: what it left to do may
// have come too late for the one under way.
func (rl *Relay) idleBeside() {
	if rl.ended.Add(1) > 1 {
		return // whoever runs sees that there is more
	}
	rl.background.start(func() {
		for seen := rl.ended.Load(); ; {
			rl.callIdle(time.Now().Add(idleCap))
			if rl.ended.CompareAndSwap(seen, 0) {
				return
			}
			seen = rl.ended.Load()
		}
	})
}

func (rl *Relay) callIdle(until time.Time) {
	defer func() {
		if v := recover(); v != nil {
			rl.report(panicked(InspectorPanic, "", "idle", v))
		}
	}()
	ctx, cancel := context.WithDeadline(rl.ctx, until)
	defer cancel()
	rl.inspector.Idle(ctx, until)
}
