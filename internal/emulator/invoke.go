package emulator

import (
	"context"
	"fmt"
	"time"
)

// Invoke runs one invocation and returns when the caller's answer is there,
// which is before the environment is idle again. What went wrong inside the
// function is in the Result; the error says that there was no invocation, or
// that ctx ended first (the function then runs on, unheard).
func (l *Lambda) Invoke(ctx context.Context, req Request) (Result, error) {
	inv, _, err := l.submit(ctx, req)
	if err != nil {
		return Result{}, err
	}
	if req.Stream != nil {
		inv.deliver(ctx)
	}
	select {
	case <-inv.replied:
		return inv.result, inv.err
	case <-ctx.Done():
		return Result{RequestID: inv.id}, ctx.Err()
	}
}

// submit waits for the environment and starts the invocation. finished closes
// when the environment is idle again.
func (l *Lambda) submit(ctx context.Context, req Request) (inv *invocation, finished <-chan struct{}, err error) {
	if len(req.Payload) > maxPayload {
		return nil, nil, ErrRequestTooLarge
	}
	if l.opts.Concurrency > 0 {
		return l.submitConcurrently(ctx, req)
	}
	if err := l.takeTurn(ctx); err != nil {
		return nil, nil, err
	}
	inv = newInvocation(req, l.opts)
	done := make(chan struct{})
	go func() {
		defer l.passTurn()
		defer close(done)
		l.serve(inv)
	}()
	return inv, done, nil
}

// serve takes one invocation from INIT, if that is due, to the end of the
// Invoke phase. It holds the turn.
func (l *Lambda) serve(inv *invocation) {
	if l.coldStart {
		l.firstInit(inv)
	}
	f := l.restore()
	timeout := l.opts.Function.Timeout
	inv.start(timeout)
	ctx, cancel := context.WithDeadlineCause(l.life, inv.deadline, errTimeout)
	defer cancel()

	if f == nil {
		f = l.initInline(ctx, inv)
	}
	if f == nil {
		f = l.restore() // of the environment that INIT has just made
	}
	l.logs.platform("START RequestId: " + inv.id + " Version: " + l.opts.Function.Version)
	env := l.environment()
	if env != nil {
		env.tellStart(inv)
	}
	if f == nil {
		f = env.invoke(ctx, inv)
	}
	if f != nil && f.status == StatusTimeout {
		f = timedOut(timeout)
	}
	if f != nil {
		l.logFault(inv, f)
		inv.decideFault(f) // without effect if the function has answered
	}
	l.logEnd(inv)
	if env != nil {
		env.tellEnd(inv, f)
	}
	if f != nil {
		// First the reset, then the answer, as in AWS's emulator: who has the
		// answer can rely on the old environment being gone.
		l.reset(f)
		inv.publish()
		return
	}
	l.rest()
}

// firstInit is the INIT phase of a cold start. It has its own time limit, and
// when it fails it is repeated inside the invocation: "Lambda retries the Init
// phase at the time of the first function invocation with the configured
// function timeout".
func (l *Lambda) firstInit(inv *invocation) {
	l.coldStart = false
	ctx, cancel := context.WithTimeoutCause(l.life, l.opts.InitTimeout, errTimeout)
	defer cancel()
	start := time.Now()
	f := l.initEnvironment(ctx, phaseInit)
	inv.initDuration = time.Since(start)
	if f == nil {
		return
	}
	status := "error\tError Type: " + f.errorType
	if f.status == StatusTimeout {
		status = "timeout"
	}
	l.logs.platform(fmt.Sprintf("INIT_REPORT Init Duration: %.2f ms\tPhase: init\tStatus: %s", milliseconds(inv.initDuration), status))
	l.reset(f)
}

// initInline is the INIT of an environment that was lost, at the expense of
// the invocation that finds it missing.
func (l *Lambda) initInline(ctx context.Context, inv *invocation) *fault {
	if env := l.environment(); env != nil && env.isReady() {
		return nil
	}
	start := time.Now()
	defer func() { inv.initDuration += time.Since(start) }()
	return l.initEnvironment(ctx, phaseInvoke)
}

// The phases in which an environment is made, as telemetry names them.
const (
	phaseInit   = "init"
	phaseInvoke = "invoke"
)

func (l *Lambda) initEnvironment(ctx context.Context, phase string) *fault {
	env := l.environment()
	if env == nil {
		env = newEnvironment(l.opts, l.logs, l.api)
		l.setEnvironment(env)
	}
	over := env.initPhase(phase)
	f := env.init(ctx, phase)
	env.describeExtensions()
	over(f)
	if f == nil && l.opts.SnapStart {
		env.freeze() // the snapshot
	}
	return f
}

func (e *environment) isReady() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ready
}

// invoke is the Invoke phase: the event goes to the extensions that asked for
// INVOKE and to the runtime; the phase is over when the runtime and those
// extensions poll again.
func (e *environment) invoke(ctx context.Context, inv *invocation) *fault {
	e.thaw()
	var f *fault
	e.update(func() {
		if f = e.fault; f != nil {
			return // something died between two invocations
		}
		for _, x := range e.extensions {
			if x.subscribed(eventInvoke) {
				x.send(invokeEvent(inv))
			}
		}
		e.runtime.release(inv)
	})
	if f != nil {
		return f
	}
	f = e.await(ctx, func() bool { return e.runtime.idle() && e.invokeSubscribersIdle() })
	e.update(func() { e.runtime.current = nil })
	return f
}

// reset ends the environment after a fault. The next invocation makes a new
// one; the file system, /tmp with it, stays.
func (l *Lambda) reset(f *fault) {
	env := l.environment()
	if env == nil {
		return
	}
	reason := reasonFailure
	switch {
	case f.closed:
		reason = reasonSpindown
	case f.status == StatusTimeout:
		reason = reasonTimeout
	}
	l.replaceEnvironment(env, reason)
}

// replaceEnvironment shuts env down and puts in its place what comes next:
// nothing, or with external clients a fresh environment that awaits them.
func (l *Lambda) replaceEnvironment(env *environment, reason string) {
	env.shutdown(reason, l.hurry)
	var next *environment
	if l.opts.External && l.life.Err() == nil {
		next = l.newExternalEnvironment()
	}
	l.setEnvironment(next)
	env.over()
}

func (l *Lambda) logFault(inv *invocation, f *fault) {
	switch {
	case f.closed:
	case f.status == StatusTimeout:
		l.logs.platform(fmt.Sprintf("%s %s %s", time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), inv.id, f.message))
	default:
		l.logs.platform("RequestId: " + inv.id + " Error: " + f.message)
		l.logs.platform(f.errorType)
	}
}

func (l *Lambda) logEnd(inv *invocation) {
	duration := time.Since(inv.started)
	report := fmt.Sprintf("REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %d ms\tMemory Size: %d MB",
		inv.id, milliseconds(duration), (duration+time.Millisecond-1)/time.Millisecond, l.opts.Function.Memory)
	if inv.initDuration > 0 {
		report += fmt.Sprintf("\tInit Duration: %.2f ms", milliseconds(inv.initDuration))
	}
	l.logs.platform("END RequestId: " + inv.id)
	l.logs.platform(report)
}

func milliseconds(d time.Duration) float64 {
	return float64(d) / float64(time.Millisecond)
}
