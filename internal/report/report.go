// Package report carries verdicts to where people read them. It owns the queue,
// the sequence numbers and the encoding of a line; it does not decide what is
// worth a line, and nothing it does can hold up an invocation.
package report

import (
	"context"
	"encoding/json"
	"io"
	"slices"
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
	name    string // the function's, as the last line gave it

	writing sync.Mutex // keeps the order of flushes
	kick    chan struct{}
}

// New makes a Reporter that writes lines to out. env identifies the execution
// environment.
func New(out io.Writer, env string, now func() time.Time) *Reporter {
	return &Reporter{out: out, env: env, now: now, kick: make(chan struct{}, 1)}
}

// Run writes lines as they are queued, until ctx ends. The log should have a
// verdict before the function gets the event: code that takes over the function
// can stop us, but not take back a line. Idle and Flush write what is left.
func (r *Reporter) Run(ctx context.Context) {
	for {
		select {
		case <-r.kick:
			r.Flush()
		case <-ctx.Done():
			return
		}
	}
}

// wake tells Run that there is something to write.
func (r *Reporter) wake() {
	select {
	case r.kick <- struct{}{}:
	default: // it knows already
	}
}

// Add queues a verdict. It never blocks and never fails: when the queue is full
// the line is counted and dropped; the count is written after the queue, and the
// sequence number that is missing tells which line it was.
func (r *Reporter) Add(rec verdict.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seq++
	r.name = rec.Function.Name
	if len(r.queue) >= maxQueue {
		r.dropped++
		return
	}
	rec.Env.ID, rec.Env.Seq = r.env, r.seq
	rec.Timestamp = verdict.Timestamp(r.now())
	r.queue = append(r.queue, encode(&rec))
	r.wake()
}

// maxLine bounds a line. Lambda cuts longer ones at 256 KB, CloudWatch at 1 MB;
// this is what a reader can still use.
const maxLine = 16 << 10

// maxText bounds the texts of a line that has to be shortened.
const maxText = 1 << 10

// encode makes the line of a record, leaving out matches until it fits, then
// whatever else may be long. What is left out is named.
func encode(rec *verdict.Record) []byte {
	for {
		line, err := json.Marshal(rec)
		if err != nil {
			panic("bug: a record holds nothing that cannot be marshalled: " + err.Error())
		}
		if len(line) <= maxLine || !shorten(rec) {
			return append(line, '\n')
		}
	}
}

// shorten takes one thing out of a record; false if there is nothing left.
func shorten(rec *verdict.Record) bool {
	drop := func(field string) {
		if !slices.Contains(rec.Dropped, field) {
			rec.Dropped = append(slices.Clip(rec.Dropped), field)
		}
	}
	switch {
	case len(rec.Matches) > 0:
		rec.Matches = rec.Matches[:len(rec.Matches)-1]
		drop("matches")
	case len(rec.ConfigFaults) > 0:
		rec.ConfigFaults = nil
		drop("configFaults")
	case len(rec.Limits) > 8:
		rec.Limits = rec.Limits[:8]
		drop("limits")
	case len(rec.Message) > maxText:
		rec.Message = rec.Message[:maxText]
		drop("message")
	case len(rec.Error) > maxText:
		rec.Error = rec.Error[:maxText]
		drop("error")
	default:
		return false
	}
	return true
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
		return r.metricLine(map[string]float64{"TelemetryDropped": float64(n)}, r.name), true
	}
	line := r.queue[0]
	r.queue = r.queue[1:]
	return line, true
}
