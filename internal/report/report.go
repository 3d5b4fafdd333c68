// Package report carries verdicts to where people read them. It owns the queue,
// the sequence numbers and the encoding of a line; it does not decide what is
// worth a line, and nothing it does can hold up an invocation.
package report

import (
	"context"
	"encoding/json"
	"io"
	"sync"
	"time"

	"github.com/merlon-security/merlon/internal/verdict"
)

// maxQueue bounds the lines that wait for the next flush. An environment makes
// one for each event that is not clean, and flushes after each event.
const maxQueue = 1024

// Reporter queues lines and writes them between invocations. It is safe for
// concurrent use.
type Reporter struct {
	out io.Writer
	env string
	now func() time.Time

	mu      sync.Mutex
	seq     uint64
	queue   [][]byte
	dropped int

	writing sync.Mutex // keeps the order of flushes
}

// New makes a Reporter that writes lines to out. env identifies the execution
// environment.
func New(out io.Writer, env string, now func() time.Time) *Reporter {
	return &Reporter{out: out, env: env, now: now}
}

// Add queues a verdict. It never blocks and never fails: when the queue is full
// the line is counted and dropped, and the count is in the next line written.
func (r *Reporter) Add(rec verdict.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) >= maxQueue {
		r.dropped++
		return
	}
	r.seq++
	rec.Env.ID, rec.Env.Seq = r.env, r.seq
	rec.Timestamp = verdict.Timestamp(r.now())
	r.queue = append(r.queue, encode(&rec))
}

// maxLine bounds a line. Lambda cuts longer ones at 256 KB, CloudWatch at 1 MB;
// this is what a reader can still use.
const maxLine = 16 << 10

// encode makes the line of a record, leaving out matches until it fits.
func encode(rec *verdict.Record) []byte {
	for {
		line, err := json.Marshal(rec)
		if err != nil {
			panic("bug: a record holds nothing that cannot be marshalled: " + err.Error())
		}
		if len(line) <= maxLine || len(rec.Matches) == 0 {
			return append(line, '\n')
		}
		if n := len(rec.Matches); n == rec.MatchCount || len(rec.Dropped) == 0 {
			rec.Dropped = append(rec.Dropped, "matches")
		}
		rec.Matches = rec.Matches[:len(rec.Matches)-1]
	}
}

// Idle writes what is queued, until the given moment at the latest.
func (r *Reporter) Idle(_ context.Context, until time.Time) {
	for r.now().Before(until) {
		if !r.writeOne() {
			return
		}
	}
}

// Flush writes everything that is queued.
func (r *Reporter) Flush() {
	for r.writeOne() {
	}
}

// writeOne writes the oldest line in one call, so that lines of other processes
// cannot end up inside it.
func (r *Reporter) writeOne() bool {
	r.writing.Lock()
	defer r.writing.Unlock()
	line, ok := r.next()
	if !ok {
		return false
	}
	// There is nowhere to report a failure to write to stdout to.
	_, _ = r.out.Write(line)
	return true
}

func (r *Reporter) next() ([]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		if r.dropped == 0 {
			return nil, false
		}
		n := r.dropped
		r.dropped = 0
		return r.metricLine(map[string]float64{"TelemetryDropped": float64(n)}, ""), true
	}
	line := r.queue[0]
	r.queue = r.queue[1:]
	return line, true
}
