package report_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/report"
)

// panicking panics at the writes it is told to.
type panicking struct {
	writes
	n  int
	at func(n int) bool
}

func (w *panicking) Write(p []byte) (int, error) {
	w.n++
	if w.at(w.n) {
		panic("planted")
	}
	return w.writes.Write(p)
}

// told collects notices.
type told struct {
	mu  sync.Mutex
	all []report.Notice
}

func (o *told) notify(n report.Notice) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, n)
}

func TestPanicOfTheLogCostsItsLine(t *testing.T) {
	t.Parallel()
	out := &panicking{at: func(n int) bool { return n == 2 }}
	var notices told
	r := report.New(report.Options{Out: out, Env: "e", Now: fixed, Function: "f", Notify: notices.notify})
	for n := range 4 {
		r.Add(different(n))
	}
	r.Close(t.Context())
	var verdicts, dropped int
	for _, line := range out.lines {
		m := read(t, line)
		if m["trigger"] != nil {
			verdicts++
		}
		if n, ok := m[string(report.TelemetryDropped)].(float64); ok {
			dropped += int(n)
		}
	}
	if verdicts != 3 || dropped != 1 {
		t.Errorf("%d of 4 lines were written and %d counted as lost, want 3 and 1:\n%s", verdicts, dropped, out.lines)
	}
	if len(notices.all) != 1 || notices.all[0].Err == nil || strings.Contains(notices.all[0].Err.Error(), "planted") {
		t.Errorf("notices %+v, want one, which does not quote the panic", notices.all)
	}
}

func TestLogThatAlwaysPanicsHoldsUpNobody(t *testing.T) {
	t.Parallel()
	out := &panicking{at: func(int) bool { return true }}
	var r *report.Reporter
	// As the agent's: what is told becomes a line.
	r = report.New(report.Options{Out: out, Env: "e", Now: time.Now, Function: "f", Notify: func(report.Notice) {
		_, _ = r.Write([]byte("told\n"))
		panic("planted as well")
	}})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	for n := range 20 {
		r.Add(different(n))
		r.Idle(ctx, time.Now().Add(time.Minute))
		r.Flush()
	}
	r.Close(ctx)
	cancel()
	running.Wait()
}

// A panickySink panics in the calls it is told to.
type panickySink struct {
	batch, send atomic.Int32 // how often to panic
	got         atomic.Int32
}

func (s *panickySink) Name() string { return "panicky" }

func (s *panickySink) Takes(report.Kind) bool { return true }

func (s *panickySink) Batch([]report.Item) int {
	if s.batch.Add(-1) >= 0 {
		panic("planted")
	}
	return 1
}

func (s *panickySink) Send(context.Context, []report.Item) (report.Receipt, error) {
	if s.send.Add(-1) >= 0 {
		panic("planted")
	}
	s.got.Add(1)
	return report.Receipt{}, nil
}

func TestPanicOfASinkCostsItsBatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		batch, send int32
		notices     int
	}{{"in Batch", 1, 0, 0}, {"in Send", 0, 1, 1}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var s panickySink
			s.batch.Store(c.batch)
			s.send.Store(c.send)
			var out writes
			var notices told
			r := report.New(report.Options{Out: &out, Env: "e", Now: time.Now, Function: "f", Sinks: []report.Sink{&s}, Notify: notices.notify})
			for n := range 3 {
				r.Add(different(n))
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			r.Close(ctx)
			if got := s.got.Load(); got != 2 {
				t.Errorf("the sink got %d of 3 lines, want all but the one it panics at", got)
			}
			if len(notices.all) != c.notices {
				t.Errorf("notices %+v, want %d", notices.all, c.notices)
			}
			if last := read(t, out.lines[len(out.lines)-1]); last[string(report.TelemetryDropped)] != 1.0 {
				t.Errorf("the last line is %v, want one line counted as lost", last)
			}
		})
	}
}

// A notice becomes a line of the same reporter, while an invocation adds one.
func TestNoticeOfASinkIsNoDeadlock(t *testing.T) {
	t.Parallel()
	var s panickySink
	s.send.Store(1)
	var r *report.Reporter
	var once sync.Once
	added := make(chan struct{})
	r = report.New(report.Options{Out: &writes{}, Env: "e", Now: time.Now, Function: "f", Sinks: []report.Sink{&s}, Notify: func(report.Notice) {
		once.Do(func() {
			go func() {
				defer close(added)
				r.Add(different(1))
			}()
			select {
			case <-added:
			case <-time.After(time.Minute):
				t.Error("a verdict waits for a notice about a sink")
			}
		})
	}})
	r.Add(different(0))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r.Close(ctx)
	select {
	case <-added:
	default:
		t.Error("nothing was told")
	}
}
