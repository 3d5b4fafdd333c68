package telemetry

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"sync"
	"time"
)

// Count compares invocations that a runtime answered with events that were
// handed out. It is safe for concurrent use.
type Count struct {
	since time.Time // completions before are those of another process
	tell  func(Bypass)

	mu    sync.Mutex
	told  int
	spare int            // events handed out that have no entry in open
	open  map[string]int // by request id: handed out, and not known to be over
	order queue[string]  // of open, oldest first
	seed  maphash.Seed
	seen  map[uint64]struct{} // hashes of completions: taking one for another misses a bypass at worst
	past  queue[uint64]       // of seen, oldest first
}

// Bypass is news of invocations that went around the relay.
type Bypass struct {
	New       int    // since the last
	Total     int    // of this environment
	RequestID string // the last one's
}

type completion struct{ id, time string }

// remembered is how many events and how many completions are kept: those
// between an event and the telemetry of its end, and those of batches that come
// again because the environment was frozen before the reply was out. A batch
// holds some hundred completions.
const remembered = 2048

// NewCount makes a count that tells of bypasses, from within Take.
func NewCount(since time.Time, tell func(Bypass)) *Count {
	return &Count{since: since, tell: tell, open: map[string]int{}, seed: maphash.MakeSeed(), seen: map[uint64]struct{}{}}
}

// Handed notes an event that is about to be handed to the runtime, or answered
// in its place. Asynchronous retries have the same id again; an id may also be
// unknown (empty).
func (c *Count) Handed(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id == "" || len(id) > maxID {
		c.spare++
		return
	}
	c.open[id]++
	if old, full := c.order.push(id, remembered); full && c.close(old) {
		c.spare++ // forgotten too early: its completion is still no bypass
	}
}

// maxID bounds what is kept of an id; the service's have 36 characters.
const maxID = 128

// close takes one event of an id out, and reports false if there is none.
func (c *Count) close(id string) bool {
	n := c.open[id]
	if n > 1 {
		c.open[id] = n - 1
	} else {
		delete(c.open, id)
	}
	return n > 0
}

// Take reads a batch. Elements it has no use for are skipped, whatever their
// shape; what is no array is an error.
func (c *Count) Take(batch []byte) error {
	var elements []json.RawMessage
	if err := json.Unmarshal(batch, &elements); err != nil {
		return fmt.Errorf("decode telemetry: %w", err)
	}
	if b := c.add(elements); b.New > 0 {
		c.tell(b) // unlocked: whoever hands out events must not wait for a log
	}
	return nil
}

func (c *Count) add(elements []json.RawMessage) (b Bypass) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range elements {
		var event struct {
			Time   string          `json:"time"`
			Type   string          `json:"type"`
			Record json.RawMessage `json:"record"`
		}
		if json.Unmarshal(e, &event) != nil || event.Type != "platform.runtimeDone" {
			continue
		}
		var record struct {
			RequestID string `json:"requestId"`
			Status    string `json:"status"`
		}
		if json.Unmarshal(event.Record, &record) != nil || !c.fresh(record.RequestID, event.Time) {
			continue
		}
		if c.around(record.RequestID, record.Status == "success") {
			b.New++
			b.RequestID = record.RequestID
		}
	}
	c.told += b.New
	b.Total = c.told
	return b
}

// fresh reports whether a completion is of this process's time and did not come
// before.
func (c *Count) fresh(id, at string) bool {
	when, err := time.Parse(time.RFC3339, at)
	if err != nil || id == "" || len(id) > maxID || when.Before(c.since) {
		return false
	}
	k := maphash.Comparable(c.seed, completion{id, at})
	if _, known := c.seen[k]; known {
		return false
	}
	c.seen[k] = struct{}{}
	if old, full := c.past.push(k, remembered); full {
		delete(c.seen, old)
	}
	return true
}

// around settles a completion with the event of it. Of those without an event
// only the successful ones went around: the others may never have had one.
func (c *Count) around(id string, success bool) bool {
	switch {
	case c.close(id) || !success:
		return false
	case c.spare > 0:
		c.spare--
		return false
	}
	return true
}

// queue is a ring that overwrites its oldest element once it is full.
type queue[T any] struct {
	ring []T
	next int
}

func (q *queue[T]) push(v T, most int) (oldest T, full bool) {
	if len(q.ring) < most {
		q.ring = append(q.ring, v)
		return oldest, false
	}
	oldest, q.ring[q.next] = q.ring[q.next], v
	q.next = (q.next + 1) % most
	return oldest, true
}
