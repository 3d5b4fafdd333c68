// Package report carries verdicts to where people read them. It owns the queue,
// the sequence numbers, what is counted instead of written, and the encoding and
// signing of a line; it does not decide what is worth a verdict, knows no
// receiver's format, and nothing it does can hold up an invocation: of a log
// that takes nothing any more, lines wait in the queue, and only Idle waits for
// it, for as long as it was given, once.
//
// It relies on no timer: an environment is frozen between invocations. What is
// due is done when an invocation comes or ends, and at SHUTDOWN.
package report

import (
	"context"
	"io"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/merlon-security/merlon/internal/verdict"
)

// maxQueue bounds the lines that wait to be written. An environment makes one for
// each event that is not clean, and few others; more only wait if the log takes
// none.
const maxQueue = 1024

// maxClosed bounds the windows that wait to be encoded, likewise.
const maxClosed = 64

// Options say what a Reporter writes, and where.
type Options struct {
	Out io.Writer // the function's log
	// Env identifies the execution environment.
	Env      string
	Now      func() time.Time
	Function string // the function's name, the dimension of all metrics
	Region   string
	Version  string // the agent's
	// Signer signs every line; nil for none.
	Signer *verdict.Signer
	// PerMinute bounds the verdicts written in a minute; 0 for DefaultPerMinute.
	PerMinute int
	// Summaries has a line written for each window that saw an invocation.
	Summaries bool
	// Sinks get what the log gets, but metrics.
	Sinks []Sink
	// Awake says that the environment is never frozen: work is done when it is
	// due, not only beside invocations.
	Awake bool
	// Notify hears of sinks that do not work; nil for nobody. It must not block.
	Notify func(Notice)
}

// DefaultPerMinute is how many verdicts an environment writes in a minute.
const DefaultPerMinute = 300

// Reporter queues lines and writes them between invocations. It is safe for
// concurrent use.
type Reporter struct {
	o        Options
	outboxes []*outbox

	mu      sync.Mutex
	env     string
	seqs    [seqKinds]uint64 // each kind of line has its own: a sink may take one kind only
	queue   [][]byte
	dropped int
	minute  int64 // of the clock
	written int   // verdicts in that minute
	window  *window
	repeats repeats
	closed  []closed // windows that are over, not yet encoded

	writing chan struct{} // holds the right to write, and so the order of lines
	stuck   atomic.Bool   // somebody waited in vain for a write to return
	told    atomic.Bool   // of a fault of our own
	kick    chan struct{}
}

// closed is a window that is over.
type closed struct {
	window  *window
	repeats []repeat
}

// New makes a Reporter.
func New(o Options) *Reporter {
	if o.PerMinute == 0 {
		o.PerMinute = DefaultPerMinute
	}
	if o.Notify == nil {
		o.Notify = func(Notice) {}
	}
	r := &Reporter{o: o, env: o.Env, writing: make(chan struct{}, 1), kick: make(chan struct{}, 1), window: &window{}}
	for _, s := range o.Sinks {
		r.outboxes = append(r.outboxes, newOutbox(s, o.Now, o.Notify))
	}
	return r
}

// Renew gives the environment another name: two that were restored from one
// snapshot must not number their lines alike.
func (r *Reporter) Renew(env string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.env, r.seqs = env, [seqKinds]uint64{}
}

// background is how often Run looks at the clock in an environment that is never
// frozen.
const background = time.Second

// Run writes lines as they are queued, until ctx ends. The log should have a
// verdict before the function gets the event: code that takes over the function
// can stop us, but not take back a line. Idle and Close write what is left.
func (r *Reporter) Run(ctx context.Context) {
	var clock <-chan time.Time
	if r.o.Awake {
		t := time.NewTicker(background)
		defer t.Stop()
		clock = t.C
	}
	for {
		select {
		case <-r.kick:
			r.Flush()
		case <-clock:
			r.expire()
			r.Flush()
			_ = r.start(ctx)
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

// Add queues a verdict. It never blocks and never fails. An equal one in the same
// window is counted and written once, at the end of it. When the queue is full
// the line is counted and dropped; the sequence number that is missing tells
// which it was.
func (r *Reporter) Add(rec verdict.Record) {
	defer r.contain()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.repeats.absorb(&rec, r.o.Now()) {
		r.window.sum.Collapsed++
		return
	}
	r.verdict(rec)
	r.wake()
}

// Count counts an invocation.
func (r *Reporter) Count(c verdict.Count) {
	defer r.contain()
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.o.Now()
	if r.window.due(now) {
		r.cut()
	}
	if r.window.add(c, now); r.window.due(now) {
		r.cut()
	}
}

// cut ends the window; it is written beside the invocation.
func (r *Reporter) cut() {
	if len(r.closed) == maxClosed {
		r.closed = r.closed[1:]
		r.dropped++
	}
	r.closed = append(r.closed, closed{r.window, r.repeats.take()})
	r.window = &window{}
	r.wake()
}

// expire ends a window that is over by the clock.
func (r *Reporter) expire() {
	defer r.contain()
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.o.Now(); r.window.due(now) || r.repeats.due(now) {
		r.cut()
	}
}

// verdict queues a line for a record, unless this minute has had its share.
func (r *Reporter) verdict(rec verdict.Record) {
	now := r.o.Now()
	if m := now.Unix() / 60; m != r.minute {
		r.minute, r.written = m, 0
	}
	if r.written == r.o.PerMinute {
		n := 1
		if rec.Repeat != nil {
			n = rec.Repeat.Count
		}
		r.window.sum.Capped += n
		return
	}
	r.written++
	rec.Env.ID, rec.Env.Seq = r.env, r.next(seqVerdict)
	rec.Timestamp = verdict.Timestamp(now)
	if r.full() {
		return
	}
	r.push(Item{Kind: KindVerdict, Time: now, Line: r.seal(encode(&rec), rec.Env)})
}

// Learned queues a line of what an environment learned. It never blocks and never
// fails; like verdicts, lines that have no room are counted.
func (r *Reporter) Learned(codeID string, delta any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.o.Now()
	rec := verdict.Learned{
		Schema: verdict.LearnedSchema, Timestamp: verdict.Timestamp(now), Level: "INFO", Function: r.function(), CodeID: codeID,
		Env: verdict.Env{ID: r.env, Seq: r.next(seqLearned)}, Delta: delta,
	}
	if r.full() {
		return
	}
	r.queue = append(r.queue, r.seal(marshal(&rec), rec.Env))
	r.wake()
}

// full counts a line for which there is no room.
func (r *Reporter) full() bool {
	if len(r.queue) < maxQueue {
		return false
	}
	r.dropped++
	return true
}

// The sequences of numbers.
const (
	seqVerdict = iota
	seqSummary
	seqMetric
	seqLearned
	seqKinds
)

func (r *Reporter) next(kind int) uint64 {
	r.seqs[kind]++
	return r.seqs[kind]
}

func (r *Reporter) seal(line []byte, env verdict.Env) []byte {
	return append(r.o.Signer.Seal(line, env.ID, env.Seq), '\n')
}

// push queues a line for the log and the sinks.
func (r *Reporter) push(it Item) {
	r.queue = append(r.queue, it.Line)
	for _, o := range r.outboxes {
		if o.sink.Takes(it.Kind) {
			o.add(it)
		}
	}
}

// Write queues a line of the agent's own log, for the function's log only, and
// never fails. It must be one whole line.
func (r *Reporter) Write(line []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.full() {
		r.queue = append(r.queue, slices.Clone(line))
		r.wake()
	}
	return len(line), nil
}

// Idle writes what is queued and has the sinks send what is due, until the given
// moment at the latest, which is also when ctx ends. A request that takes longer
// goes on beside the next invocation, and no later call waits for it. A log that
// takes nothing, and a receiver that is slow, cost that time once for each write
// or request and not after every invocation.
func (r *Reporter) Idle(ctx context.Context, until time.Time) {
	r.expire()
	for r.o.Now().Before(until) {
		if !r.mayWrite(ctx) || !r.writeOne() {
			break
		}
	}
	for _, done := range r.start(context.WithoutCancel(ctx)) { // it may outlive this call, not its own limit
		select {
		case <-done:
		case <-ctx.Done():
			return
		}
	}
}

// start has the sinks send what is due.
func (r *Reporter) start(ctx context.Context) (under []<-chan struct{}) {
	defer r.contain()
	for _, o := range r.outboxes {
		if done := o.start(ctx); done != nil {
			under = append(under, done)
		}
	}
	return under
}

// Flush writes everything that is queued to the log.
func (r *Reporter) Flush() {
	for {
		r.writing <- struct{}{}
		if !r.writeOne() {
			return
		}
	}
}

// FlushWithin is Flush until ctx ends. A write that does not return is left
// behind.
func (r *Reporter) FlushWithin(ctx context.Context) {
	flushed := make(chan struct{})
	go func() {
		defer close(flushed)
		r.Flush()
	}()
	select {
	case <-flushed:
	case <-ctx.Done():
	}
}

const (
	// logShare is how much of the time of Close the log may take from the sinks.
	logShare = 500 * time.Millisecond
	// lastLine is what Close may take beyond its time, for the line that counts
	// what could not be sent.
	lastLine = 100 * time.Millisecond
)

// Close ends the window, writes everything, and has the sinks send everything
// until ctx ends. What could not be sent is counted in the last line.
func (r *Reporter) Close(ctx context.Context) {
	r.end((*Reporter).cut)
	logged, cancel := context.WithTimeout(ctx, logShare)
	r.FlushWithin(logged)
	cancel()
	r.end((*Reporter).encodeClosed) // if the log takes nothing, the sinks hear of the window all the same
	var all sync.WaitGroup
	for _, o := range r.outboxes {
		all.Go(func() {
			defer o.contain()
			o.finish(ctx)
		})
	}
	all.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastLine)
	defer cancel()
	r.FlushWithin(last)
}

// mayWrite takes the right to write. It does not wait behind a write that
// somebody waited for in vain already.
func (r *Reporter) mayWrite(ctx context.Context) bool {
	select {
	case r.writing <- struct{}{}:
		return true
	default:
	}
	if r.stuck.Load() {
		return false
	}
	select {
	case r.writing <- struct{}{}:
		return true
	case <-ctx.Done():
		r.stuck.Store(true)
		return false
	}
}

// end does a part of Close that needs the lock.
func (r *Reporter) end(part func(*Reporter)) {
	defer r.contain()
	r.mu.Lock()
	defer r.mu.Unlock()
	part(r)
}

// writeOne writes the oldest line in one call, so that lines of other processes
// cannot end up inside it, and gives the right to write back. After a fault of our
// own the others wait for the next occasion: each could have the same.
func (r *Reporter) writeOne() bool {
	defer func() { <-r.writing }()
	wrote, lost, err := r.writeOldest()
	if err != nil {
		r.lose(lost, err)
		return false
	}
	return wrote
}

// writeOldest returns how many lines are lost if it fails.
func (r *Reporter) writeOldest() (wrote bool, stands int, err error) {
	defer verdict.Recover(&err)
	stands = 1
	line, stands, ok := r.oldest()
	if !ok {
		return false, 0, nil
	}
	// There is nowhere to report a failure to write to stdout to.
	_, _ = r.o.Out.Write(line)
	r.stuck.Store(false)
	return true, stands, nil
}

// oldest takes the line that is to be written next, which stands for as many.
func (r *Reporter) oldest() (line []byte, stands int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		r.encodeClosed()
	}
	if len(r.queue) == 0 {
		n := r.dropped
		r.dropped = 0
		for _, o := range r.outboxes {
			n += o.takeDropped()
		}
		if n == 0 {
			return nil, 0, false
		}
		return r.metrics(map[Metric]float64{TelemetryDropped: float64(n)}), n, true
	}
	line = r.queue[0]
	r.queue = r.queue[1:]
	return line, 1, true
}

// encodeClosed queues what the windows that are over have left to say. Each thing
// is taken before it is encoded: one that cannot be must not come again.
func (r *Reporter) encodeClosed() {
	for len(r.closed) > 0 {
		c := &r.closed[0]
		for len(c.repeats) > 0 {
			rep := c.repeats[0]
			c.repeats = c.repeats[1:]
			r.verdict(rep.record())
		}
		over := c.window
		r.closed = r.closed[1:]
		r.summarize(over)
	}
	r.closed = nil
}

// contain is deferred where a panic would cost the invocation, or the process. A
// line is lost by it.
func (r *Reporter) contain() {
	if v := recover(); v != nil {
		r.lose(1, verdict.Panic(v, debug.Stack()))
	}
}

// lose counts lines that a fault of our own has cost, and tells of the first: the
// notice is a line as well.
func (r *Reporter) lose(lines int, err error) {
	r.mu.Lock()
	r.dropped += lines
	r.mu.Unlock()
	if r.told.CompareAndSwap(false, true) {
		tell(r.o.Notify, Notice{Sink: "log", Message: "a line could not be written", Dropped: lines, Err: err})
	}
}

// tell survives whoever is told.
func tell(notify func(Notice), n Notice) {
	defer func() { _ = recover() }() // nobody else could be told of it
	notify(n)
}
