package emulator

import (
	"context"
	"sync"
)

// environment is one execution environment: a runtime, its extensions and
// their states, from INIT to SHUTDOWN. After a fault it is thrown away and the
// next invocation makes another; only the file system is shared.
//
// Everything that moves is guarded by mu, and every change wakes await, so the
// life cycle reads as a list of conditions to wait for.
type environment struct {
	opts      Options
	logs      *logs
	api       string // address of the Runtime API
	logStream string
	token     string // SnapStart: for the credentials endpoint

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced on every change
	fault    *fault        // the first fatal fault
	reported *fault        // what a process said about itself before exiting
	ending   bool          // SHUTDOWN has begun: exits are expected
	ready    bool          // INIT is done
	restored bool          // SnapStart: the environment is past its snapshot

	runtime          runtimeState
	pool             *pool // in place of runtime, with Options.Concurrency
	extensions       []*extension
	registrationOpen bool
	runtimeProcess   *process

	telemetry *telemetry

	gone chan struct{} // closed when the environment is over
}

func newEnvironment(opts Options, l *logs, api string) *environment {
	env := &environment{
		opts:             opts,
		logs:             l,
		api:              api,
		logStream:        newLogStream(opts.Function.Version),
		token:            randomHex(32),
		changed:          make(chan struct{}),
		gone:             make(chan struct{}),
		registrationOpen: true,
		runtime:          runtimeState{phase: runtimeStarted, events: make(chan *invocation, 1), restore: make(chan struct{})},
		pool:             newPool(opts.Concurrency),
	}
	env.telemetry = newTelemetry(env.gone)
	return env
}

// update changes the environment and wakes everybody who waits for a change.
func (e *environment) update(change func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change()
	e.wake()
}

// wake must be called with mu held.
func (e *environment) wake() {
	close(e.changed)
	e.changed = make(chan struct{})
}

// await blocks until done holds; done is called with mu held. A condition that
// holds wins over a fault: a response that was accepted stays accepted even
// when the runtime dies right behind it.
func (e *environment) await(ctx context.Context, done func() bool) *fault {
	for {
		e.mu.Lock()
		ok, f, changed := done(), e.fault, e.changed
		e.mu.Unlock()
		if ok {
			return nil
		}
		if f != nil {
			return f
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return interruption(ctx)
		}
	}
}

// fail records a fatal fault; the first one stays. What a process reported
// about itself explains its exit better than the exit does.
func (e *environment) fail(f *fault) {
	e.update(func() {
		if e.ending || e.fault != nil {
			return
		}
		if e.reported != nil {
			f = e.reported
		}
		e.fault = f
	})
}

// report keeps what a process says before it exits. Without a process of ours
// nobody will see the exit, so the report itself is the end.
func (e *environment) report(f *fault) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.reported == nil {
		e.reported = f
	}
	if e.opts.External && e.fault == nil && !e.ending {
		e.fault = e.reported
	}
	e.wake()
}

// over tells blocked polls that there is nothing left to wait for.
func (e *environment) over() {
	close(e.gone)
	e.telemetry.deliveries.Wait()
}
