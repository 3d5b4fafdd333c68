package report

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"github.com/merlon-security/merlon/internal/verdict"
)

const (
	// dueItems and dueAge: a request is worth its time between two invocations
	// when one of them is reached.
	dueItems = 50
	dueAge   = 10 * time.Second
	// maxItems and maxBytes bound what waits for one sink.
	maxItems = 2048
	maxBytes = 2 << 20
	// firstPause, doubled with each failure in a row, and longestPause bound the
	// time between two attempts; openAfter failures in a row open the circuit: a
	// single attempt after each longestPause.
	firstPause   = time.Second
	longestPause = time.Minute
	openAfter    = 6
	// longestWish is the longest Retry-After that is honoured.
	longestWish = 5 * time.Minute
	// triesPerBatch bounds how often one batch is sent: it may be what breaks the
	// receiver, and others wait behind it.
	triesPerBatch = 12
	// requestTick and requestTicks bound one request, in time that we are awake.
	requestTick  = 250 * time.Millisecond
	requestTicks = 20
)

// outbox holds what waits for one sink, and delivers it in order. It relies on
// no timer: it looks at the clock when it is asked to.
type outbox struct {
	sink Sink
	now  func() time.Time
	dice func() float64 // in [0,1)
	note func(Notice)

	mu       sync.Mutex
	queue    []Item
	bytes    int
	dropped  int           // since the last Dropped
	tries    int           // of the batch at the head
	failures int           // in a row
	rest     time.Time     // no attempt before
	wish     time.Time     // no attempt before, even at the end: the receiver said so
	done     chan struct{} // of the delivery under way; nil if there is none
}

// Notice is something about a sink that people should know.
type Notice struct {
	Sink    string
	Message string
	Dropped int
	Err     error
}

func newOutbox(s Sink, now func() time.Time, note func(Notice)) *outbox {
	return &outbox{sink: s, now: now, dice: dice, note: note}
}

// dice draws from [0,1), from the kernel: environments restored from one snapshot
// would go on with the same numbers of math/rand, and come back together.
func dice() float64 {
	var b [8]byte
	rand.Read(b[:]) // never returns an error (crypto/rand, since Go 1.24)
	return float64(binary.LittleEndian.Uint64(b[:])>>11) / (1 << 53)
}

// add queues an item, or counts it if there is no room.
func (o *outbox) add(it Item) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) >= maxItems || o.bytes+len(it.Line) > maxBytes {
		o.dropped++
		return
	}
	o.queue = append(o.queue, it)
	o.bytes += len(it.Line)
}

// takeDropped returns how many items were lost since it was last asked.
func (o *outbox) takeDropped() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.dropped
	o.dropped = 0
	return n
}

// start begins a delivery if there is reason for one, and returns what is closed
// at its end; nil if none began.
func (o *outbox) start(ctx context.Context) <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	worth := len(o.queue) >= dueItems || len(o.queue) > 0 && now.Sub(o.queue[0].Time) >= dueAge
	if o.done != nil || !worth || now.Before(o.rest) {
		return nil
	}
	o.done = make(chan struct{})
	go o.deliver(ctx, o.done)
	return o.done
}

// finish delivers what is left, whatever it is worth, until ctx ends. What stays
// behind is lost, and counted.
func (o *outbox) finish(ctx context.Context) {
	o.mu.Lock()
	under := o.done
	o.mu.Unlock()
	if under != nil {
		select {
		case <-under:
		case <-ctx.Done():
		}
	}
	for pause := lastPause; o.last(ctx); pause *= 2 {
		select {
		case <-time.After(pause): // nothing freezes us here
		case <-ctx.Done():
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dropped += len(o.queue)
	o.queue, o.bytes = nil, 0
}

// lastPause, doubled with each attempt, is between attempts at the end.
const lastPause = 50 * time.Millisecond

// last makes one of the last attempts, and reports whether another is worth it.
func (o *outbox) last(ctx context.Context) bool {
	ready := func() bool { return len(o.queue) > 0 && !o.now().Before(o.wish) }
	o.mu.Lock()
	if o.done != nil || !ready() || ctx.Err() != nil {
		o.mu.Unlock()
		return false
	}
	o.done = make(chan struct{})
	o.mu.Unlock()
	o.deliver(ctx, o.done)
	o.mu.Lock()
	defer o.mu.Unlock()
	return ready()
}

// deliver sends batches until the queue is empty or an attempt fails.
func (o *outbox) deliver(ctx context.Context, done chan struct{}) {
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.done = nil
		close(done)
	}()
	defer o.contain()
	for ctx.Err() == nil {
		batch := o.head()
		if len(batch) == 0 {
			return
		}
		receipt, err := o.send(ctx, batch)
		more, notice := o.settle(batch, receipt, err)
		if notice != nil {
			// Not under the lock: what is told is queued by a Reporter, who may be
			// adding to this outbox.
			tell(o.note, *notice)
		}
		if !more {
			return
		}
	}
}

// send makes one request. What makes the sink panic would do so again.
func (o *outbox) send(ctx context.Context, batch []Item) (receipt Receipt, err error) {
	defer func() {
		if v := recover(); v != nil {
			receipt, err = Receipt{}, &Refusal{Err: verdict.Panic(v, debug.Stack()), Final: true}
		}
	}()
	request, cancel := awake(ctx, requestTick, requestTicks)
	defer cancel()
	return o.sink.Send(request, batch)
}

// contain is deferred where a panic would end the process. What is queued stays,
// and is tried again later.
func (o *outbox) contain() {
	v := recover()
	if v == nil {
		return
	}
	o.mu.Lock()
	o.rest = o.now().Add(longestPause)
	o.mu.Unlock()
	tell(o.note, Notice{Sink: o.sink.Name(), Message: "telemetry was not sent", Err: verdict.Panic(v, debug.Stack())})
}

// head returns the next batch, without what fits no request.
func (o *outbox) head() []Item {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.queue) > 0 {
		if n := o.fits(); n > 0 {
			return o.queue[:n:n]
		}
		o.dropped++
		o.cut(1)
	}
	return nil
}

// fits is how many items the sink takes at once. One that makes it panic fits
// nothing.
func (o *outbox) fits() (n int) {
	defer func() {
		if recover() != nil { // the item is counted with those that are too long
			n = 0
		}
	}()
	return min(o.sink.Batch(o.queue), len(o.queue))
}

// settle books what came of an attempt, and reports whether to go on at once, and
// what people should know of it.
func (o *outbox) settle(batch []Item, receipt Receipt, err error) (more bool, notice *Notice) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	if len(batch) > len(o.queue) {
		return false, nil // finish has given the queue up
	}
	if err == nil {
		o.dropped += receipt.Rejected
		o.cut(len(batch))
		if len(receipt.Again) == 0 {
			o.failures, o.tries = 0, 0
			return true, nil
		}
		o.prepend(receipt.Again)
		err = errors.New("a part was not taken")
	}
	refusal := new(Refusal)
	if !errors.As(err, &refusal) {
		refusal = &Refusal{Err: err}
	}
	o.failures++
	if o.tries++; refusal.Final || o.tries >= triesPerBatch {
		lost := min(len(batch), len(o.queue))
		if len(receipt.Again) > 0 {
			lost = len(receipt.Again)
		}
		o.dropped += lost
		o.cut(lost)
		o.tries = 0
		notice = &Notice{Sink: o.sink.Name(), Message: "telemetry given up", Dropped: lost, Err: err}
	} else if o.failures == openAfter {
		notice = &Notice{Sink: o.sink.Name(), Message: "telemetry endpoint does not work, one attempt a minute", Err: err}
	}
	o.rest = now.Add(o.pause(refusal.After))
	if refusal.After > 0 {
		o.wish = o.rest
	}
	return false, notice
}

// pause is how long to wait after a failure.
func (o *outbox) pause(wish time.Duration) time.Duration {
	p := longestPause
	if o.failures < openAfter {
		p = min(p, firstPause<<(o.failures-1))
	}
	// Between half and one and a half times: environments that failed together
	// must not come back together.
	p = p/2 + time.Duration(o.dice()*float64(p))
	return max(p, min(wish, longestWish))
}

func (o *outbox) cut(n int) {
	for _, it := range o.queue[:n] {
		o.bytes -= len(it.Line)
	}
	if o.queue = o.queue[n:]; len(o.queue) == 0 {
		o.queue = nil
	}
}

func (o *outbox) prepend(items []Item) {
	o.queue = append(append(make([]Item, 0, len(items)+len(o.queue)), items...), o.queue...)
	for _, it := range items {
		o.bytes += len(it.Line)
	}
}
