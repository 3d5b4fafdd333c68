package report

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/verdict"
)

// scripted is a Sink whose answers a test chooses, one for each request.
type scripted struct {
	mu      sync.Mutex
	answers []func(context.Context, []Item) (Receipt, error)
	got     []string
	sizes   []int
	most    int
}

func (s *scripted) Name() string { return "scripted" }

func (s *scripted) Takes(k Kind) bool { return k == KindVerdict }

func (s *scripted) Batch(queue []Item) int {
	if strings.HasPrefix(string(queue[0].Line), "too long") {
		return 0
	}
	return min(len(queue), s.most)
}

func (s *scripted) Send(ctx context.Context, batch []Item) (Receipt, error) {
	s.mu.Lock()
	var answer func(context.Context, []Item) (Receipt, error)
	s.sizes = append(s.sizes, len(batch))
	if len(s.answers) > 0 {
		answer, s.answers = s.answers[0], s.answers[1:]
	}
	s.mu.Unlock()
	if answer != nil {
		if receipt, err := answer(ctx, batch); err != nil || len(receipt.Again) > 0 {
			return receipt, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, it := range batch {
		s.got = append(s.got, string(it.Line))
	}
	return Receipt{}, nil
}

// failing answers with an error.
func failing(err error) func(context.Context, []Item) (Receipt, error) {
	return func(context.Context, []Item) (Receipt, error) { return Receipt{}, err }
}

type bench struct {
	*outbox
	sink    *scripted
	now     time.Time
	notices []string
}

func newBench(answers ...func(context.Context, []Item) (Receipt, error)) *bench {
	b := &bench{sink: &scripted{answers: answers, most: 10}, now: time.Unix(1_800_000_000, 0)}
	b.outbox = newOutbox(b.sink, func() time.Time { return b.now }, func(n Notice) { b.notices = append(b.notices, n.Message) })
	b.dice = func() float64 { return 0.5 } // a pause is what it says
	return b
}

func (b *bench) fill(from, to int) {
	for i := from; i < to; i++ {
		b.add(Item{Time: b.now, Line: fmt.Append(nil, i)})
	}
}

// turn lets the outbox do what is due, and waits for it.
func (b *bench) turn(t *testing.T) {
	t.Helper()
	if done := b.start(t.Context()); done != nil {
		<-done
	}
}

func (b *bench) inOrder(t *testing.T, n int) {
	t.Helper()
	if len(b.sink.got) != n {
		t.Fatalf("%d delivered, want %d", len(b.sink.got), n)
	}
	for i, l := range b.sink.got {
		if l != fmt.Sprint(i) {
			t.Fatalf("item %d is %s", i, l)
		}
	}
}

// E1: a request is not worth its time before fifty items or ten seconds.
func TestE1OutboxWaitsUntilItIsWorthIt(t *testing.T) {
	b := newBench()
	b.fill(0, 49)
	b.turn(t)
	b.inOrder(t, 0)
	b.fill(49, 50)
	b.turn(t)
	b.inOrder(t, 50)
	if len(b.sink.sizes) != 5 {
		t.Errorf("requests of %v", b.sink.sizes)
	}
	b.fill(50, 51)
	b.turn(t)
	b.inOrder(t, 50)
	b.now = b.now.Add(10 * time.Second)
	b.turn(t)
	b.inOrder(t, 51)
}

func TestOutboxKeepsOrderOverFailures(t *testing.T) {
	down := errors.New("connection refused")
	b := newBench(nil, failing(down), failing(&Refusal{Err: down}), func(_ context.Context, batch []Item) (Receipt, error) {
		return Receipt{Again: batch[5:]}, nil
	})
	b.fill(0, 60)
	b.turn(t)
	b.inOrder(t, 10) // the second request failed
	b.turn(t)
	b.inOrder(t, 10) // nobody tries again at once
	b.now = b.now.Add(time.Second)
	b.turn(t) // fails
	b.now = b.now.Add(time.Second)
	b.turn(t)
	b.inOrder(t, 10) // the pause has doubled
	b.now = b.now.Add(time.Second)
	b.turn(t) // half of a batch is taken, which the script does not book
	b.sink.got = append(b.sink.got, "10", "11", "12", "13", "14")
	for range 10 {
		b.now = b.now.Add(time.Minute)
		b.turn(t)
	}
	b.inOrder(t, 60)
	if b.takeDropped() != 0 {
		t.Error("something was dropped")
	}
}

func TestOutboxOpensTheCircuit(t *testing.T) {
	b := newBench()
	for range 100 {
		b.sink.answers = append(b.sink.answers, failing(errors.New("down")))
	}
	b.fill(0, 50)
	for range 10 * 60 {
		b.turn(t)
		b.now = b.now.Add(time.Second)
	}
	if n := len(b.sink.sizes); n < 8 || n > 5+12 {
		t.Errorf("%d requests in ten minutes, want a few and then one a minute", n)
	}
	if len(b.notices) == 0 || !strings.Contains(b.notices[0], "one attempt a minute") {
		t.Errorf("notices %q", b.notices)
	}
	b.now = b.now.Add(time.Hour)
	for range 100 {
		b.turn(t)
		b.now = b.now.Add(time.Minute)
	}
	if lost := b.takeDropped(); lost == 0 || lost+len(b.sink.got) != 50 {
		t.Errorf("%d lost and %d delivered of 50", lost, len(b.sink.got))
	}
}

func TestOutboxHonoursRetryAfter(t *testing.T) {
	for _, tt := range []struct{ ask, wait time.Duration }{{90 * time.Second, 90 * time.Second}, {time.Hour, 5 * time.Minute}} {
		b := newBench(failing(&Refusal{Err: errors.New("429"), After: tt.ask}))
		b.fill(0, 50)
		b.turn(t)
		b.now = b.now.Add(tt.wait - time.Second)
		b.turn(t)
		b.finish(t.Context())
		b.inOrder(t, 0) // not even at the end
		if b.takeDropped() != 50 {
			t.Error("what could not be sent is not counted")
		}
		b = newBench(failing(&Refusal{Err: errors.New("429"), After: tt.ask}))
		b.fill(0, 50)
		b.turn(t)
		b.now = b.now.Add(tt.wait)
		b.turn(t)
		b.inOrder(t, 50)
	}
}

func TestOutboxIsBoundedAndCounts(t *testing.T) {
	b := newBench(failing(&Refusal{Err: errors.New("400"), Final: true}))
	b.fill(0, maxItems+7)
	if b.takeDropped() != 7 {
		t.Error("what has no room is not counted")
	}
	b.turn(t)
	if b.takeDropped() != 10 {
		t.Error("a batch that will never be taken is not counted")
	}
	b = newBench()
	for i := range 30 {
		b.add(Item{Time: b.now, Line: []byte(strings.Repeat("x", maxBytes/20) + fmt.Sprint(i))})
	}
	if n := b.takeDropped(); n != 30-19 {
		t.Errorf("%d dropped of 30, each a twentieth of the memory", n)
	}
	b = newBench()
	b.add(Item{Time: b.now, Line: []byte("too long")})
	b.fill(0, 50)
	b.turn(t)
	b.inOrder(t, 50)
	if b.takeDropped() != 1 {
		t.Error("what fits no request is not counted")
	}
}

// A receiver that never answers costs an Idle call what it was given, and the
// request goes on; at the end it is given up, and counted.
func TestE1SlowReceiverKeepsNobody(t *testing.T) {
	sent, release := make(chan struct{}), make(chan struct{})
	slow := &scripted{most: 100, answers: []func(context.Context, []Item) (Receipt, error){func(ctx context.Context, _ []Item) (Receipt, error) {
		close(sent)
		select {
		case <-release:
			return Receipt{}, nil
		case <-ctx.Done():
			return Receipt{}, ctx.Err()
		}
	}}}
	var log strings.Builder
	r := New(Options{Out: &log, Env: "env", Now: time.Now, Sinks: []Sink{slow}, Function: "orders"})
	for i := range 60 {
		r.Add(verdict.Record{Trigger: verdict.Trigger{Type: fmt.Sprint(i)}})
	}
	ctx, cancel := context.WithCancel(t.Context())
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		r.Idle(ctx, time.Now().Add(time.Hour))
	}()
	<-sent
	cancel() // the time is up: the call ends, and the request does not
	<-idle
	for i := range 60 {
		r.Add(verdict.Record{Trigger: verdict.Trigger{Type: fmt.Sprint("later-", i)}})
		r.Idle(t.Context(), time.Now().Add(time.Hour)) // nobody waits for it again, nor does another begin beside it
	}
	if len(slow.sizes) != 1 {
		t.Fatalf("%d requests", len(slow.sizes))
	}
	close(release)
	r.Close(t.Context())
	if len(slow.got) != 120 || strings.Contains(log.String(), "TelemetryDropped") {
		t.Errorf("%d delivered", len(slow.got))
	}

	// At the end nobody waits longer than the given time.
	slow.answers = []func(context.Context, []Item) (Receipt, error){func(ctx context.Context, _ []Item) (Receipt, error) {
		<-ctx.Done()
		return Receipt{}, ctx.Err()
	}}
	r.Add(verdict.Record{})
	closing, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	r.Close(closing)
	if !strings.Contains(log.String(), `"TelemetryDropped":1`) {
		t.Error("what was given up is not counted")
	}
}

// A freeze in the middle of a request is one tick, however long it lasts.
func TestAwakeEndsByItsTicks(t *testing.T) {
	ctx, cancel := awake(t.Context(), time.Microsecond, 3)
	defer cancel()
	<-ctx.Done()
	if context.Cause(ctx) != context.DeadlineExceeded {
		t.Errorf("cause %v", context.Cause(ctx))
	}
	ctx, cancel = awake(t.Context(), time.Hour, 1)
	cancel()
	if <-ctx.Done(); context.Cause(ctx) != context.Canceled {
		t.Errorf("cause %v", context.Cause(ctx))
	}
}
