package guard

import (
	"context"
	"net/http"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"github.com/merlon-security/merlon/internal/event"
)

// Memory bounds what all events together hold while they are inspected: no more
// than the limits let one event hold alone. It is counted in bytes of content:
// those of the events and those that are decoded from them, each of which takes
// some five bytes of memory.
type Memory struct {
	free *semaphore.Weighted
	size int64
	big  atomic.Bool
}

// NewMemory makes the memory for events with these limits.
func NewMemory(lim event.Limits) *Memory {
	size := int64(lim.Bytes + lim.Decoded + lim.Nodes*event.NodeContent)
	return &Memory{free: semaphore.NewWeighted(size), size: size}
}

// TookMuch reports whether an event since the last call held so much that what
// it left behind should go back to the system at once.
func (m *Memory) TookMuch() bool { return m.big.Load() && m.big.Swap(false) }

// much is the content from which an event costs a hundred times what it costs
// to clean up behind it.
const much = 2 << 20

// lease is what one event holds. A nil lease holds without bound.
type lease struct {
	of   *Memory
	held int64
	all  bool // everything, so that there is no more to ask for
}

// take waits for n bytes until ctx is done; nil if they did not come. Who waits
// holds nothing, so nobody waits for one who waits.
func (m *Memory) take(ctx context.Context, n int64) *lease {
	n = min(n, m.size)
	if m.free.Acquire(ctx, n) != nil {
		return nil
	}
	return &lease{of: m, held: n, all: n == m.size}
}

// Grow implements event.Memory, without waiting.
func (l *lease) Grow(n int) bool {
	if l.all {
		return true
	}
	if !l.of.free.TryAcquire(int64(n)) {
		return false
	}
	l.held += int64(n)
	return true
}

func (l *lease) release() {
	if l == nil {
		return
	}
	if l.held >= much {
		l.of.big.Store(true)
	}
	l.of.free.Release(l.held)
	l.held = 0
}

// decode decodes an event within the memory that all events share. One for
// which there is not enough beside the others is decoded once more when they are
// through. What still has no memory when the time is up is over a limit.
func (g *Guard) decode(ctx context.Context, body []byte, header http.Header, lim event.Limits) (*event.Event, *lease) {
	if g.Memory == nil {
		return event.Decode(body, header, lim), nil
	}
	l := g.Memory.take(ctx, int64(len(body)))
	if l != nil {
		lim.Memory = l
		ev := event.Decode(body, header, lim)
		if !ev.Over("memory") {
			return ev, l
		}
		l.release()
	}
	if l = g.Memory.take(ctx, g.Memory.size); l != nil {
		lim.Memory = l
		return event.Decode(body, header, lim), l
	}
	return glance(body, header, lim), nil
}

// glance reads no more of an event than tells what kind it is, so that its
// refusal has the right form.
func glance(body []byte, header http.Header, lim event.Limits) *event.Event {
	lim.Nodes, lim.Decoded, lim.Nesting, lim.Memory = 2000, 0, 1, nil
	ev := event.Decode(body, header, lim)
	if !ev.Over("memory") {
		ev.Limits = append(ev.Limits, "memory")
	}
	return ev
}
