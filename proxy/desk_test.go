package proxy

import (
	"testing"
	"time"
)

func eventNamed(id string) landing { return landing{event: &Invocation{ID: id}} }

// TestDeskAdopts: a waiter takes over a flight that is in the air for nobody
// instead of starting a second one.
func TestDeskAdopts(t *testing.T) {
	var d desk
	_, first, flight := d.arrive()
	if _, landed := d.leave(first); landed {
		t.Fatal("a waiter that was given nothing took something along")
	}
	_, second, start := d.arrive()
	if start != nil {
		t.Fatal("a second flight was started beside the orphan")
	}
	if got := d.land(flight, eventNamed("1")); got != delivered {
		t.Fatalf("land = %v, want delivered", got)
	}
	if got := <-second.landed; got.event.ID != "1" || got.late {
		t.Fatalf("adopter got %+v", got)
	}
	d.empty(t)
}

// TestDeskGivesStatusesToTheirOwnPoll: on Managed Instances one poll may be
// refused while another waits on.
func TestDeskGivesStatusesToTheirOwnPoll(t *testing.T) {
	var d desk
	_, first, firstFlight := d.arrive()
	_, second, secondFlight := d.arrive()
	d.land(secondFlight, landing{status: 500})
	if got := <-second.landed; got.status != 500 {
		t.Fatalf("second got %+v", got)
	}
	d.leave(first)
	_, third, start := d.arrive()
	if start != nil {
		t.Fatal("the orphan was not adopted")
	}
	d.land(firstFlight, eventNamed("1"))
	if got := <-third.landed; got.event.ID != "1" {
		t.Fatalf("third got %+v", got)
	}
	d.empty(t)
}

func TestDeskDropsStatusesOfVanishedPolls(t *testing.T) {
	var d desk
	_, w, f := d.arrive()
	d.leave(w)
	if got := d.land(f, landing{status: 403}); got != dropped {
		t.Fatalf("land = %v, want dropped", got)
	}
	d.empty(t)
}

// TestDeskHandsBack: what a waiter was given while it left is not lost.
func TestDeskHandsBack(t *testing.T) {
	var d desk
	_, w, f := d.arrive()
	d.land(f, eventNamed("1"))
	got, landed := d.leave(w)
	if !landed || got.event.ID != "1" {
		t.Fatalf("leave = %+v, %v", got, landed)
	}
	if d.hold(got) != held {
		t.Fatal("hold gave the event to nobody")
	}
	kept, _, start := d.arrive()
	if kept == nil || kept.event.ID != "1" || !kept.late || start != nil {
		t.Fatalf("arrive = %+v, start %v", kept, start)
	}
	d.empty(t)
}

func TestDeskRetiresOnlyWhatNobodyWaitsFor(t *testing.T) {
	var d desk
	_, w, f := d.arrive()
	if d.retire(f) {
		t.Fatal("a flight with a waiter was retired")
	}
	d.leave(w)
	if !d.retire(f) {
		t.Fatal("an orphan was not retired")
	}
	if _, _, start := d.arrive(); start == nil {
		t.Fatal("a retired flight was adopted")
	}
}

func (d *desk) empty(t *testing.T) {
	t.Helper()
	if len(d.waiting)+len(d.orphans)+len(d.held) != 0 {
		t.Errorf("left over: %d waiting, %d orphans, %d held", len(d.waiting), len(d.orphans), len(d.held))
	}
}

func TestLedgerForgetsWhatTimedOut(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	l := newLedger()
	for i := range sweepAt {
		l.deliver(string(rune('a'+i)), openInvocation{deadline: now.Add(-time.Second)}, now)
	}
	l.deliver("due", openInvocation{deadline: now.Add(time.Minute)}, now)
	if len(l.open) != 1 {
		t.Errorf("%d invocations open, want 1", len(l.open))
	}
}

func TestIdleUntil(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	for name, row := range map[string]struct {
		left time.Duration
		want time.Duration // 0: no time
	}{
		"plenty left":        {time.Minute, 100 * time.Millisecond},
		"exactly enough":     {300 * time.Millisecond, 100 * time.Millisecond},
		"less than the cap":  {250 * time.Millisecond, 50 * time.Millisecond},
		"only the reserve":   {200 * time.Millisecond, 0},
		"after the deadline": {-time.Second, 0},
	} {
		until, ok := idleUntil(now, now.Add(row.left))
		if ok != (row.want > 0) || ok && until.Sub(now) != row.want {
			t.Errorf("idleUntil(%s) = %v, %v, want %v", name, until.Sub(now), ok, row.want)
		}
	}
	if until, ok := idleUntil(now, time.Time{}); !ok || until.Sub(now) != idleCap {
		t.Errorf("idleUntil(no deadline) = %v, %v", until.Sub(now), ok)
	}
}
