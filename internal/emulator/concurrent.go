package emulator

import "context"

// An environment that runs several invocations at once (Lambda Managed
// Instances): INIT and the end of the environment still have the turn for
// themselves, invocations only pass through it.

// submitConcurrently waits until fewer than Concurrency invocations are under
// way and starts one. finished closes when it is over.
func (l *Lambda) submitConcurrently(ctx context.Context, req Request) (*invocation, <-chan struct{}, error) {
	if l.life.Err() != nil {
		return nil, nil, ErrClosed
	}
	select {
	case l.places <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	case <-l.life.Done():
		return nil, nil, ErrClosed
	}
	inv := newInvocation(req, l.opts)
	done := make(chan struct{})
	go func() {
		defer func() { <-l.places }()
		defer close(done)
		l.serveConcurrently(inv)
	}()
	return inv, done, nil
}

func (l *Lambda) serveConcurrently(inv *invocation) {
	inv.start(l.opts.Function.Timeout)
	env, f := l.enter(inv)
	if env != nil {
		l.logs.platform("START RequestId: " + inv.id + " Version: " + l.opts.Function.Version)
		env.tellStart(inv)
		f = env.invokeConcurrently(l.life, inv)
		l.inside.Done()
	}
	if f != nil {
		l.logFault(inv, f)
		inv.decideFault(f)
	}
	l.logEnd(inv)
	if env != nil {
		env.tellEnd(inv, f)
	}
	if f == nil {
		return
	}
	if env != nil {
		l.retire(env)
	}
	inv.publish()
}

// enter returns the environment, made and through INIT if need be, with this
// invocation counted in; or the fault of an INIT that failed.
func (l *Lambda) enter(inv *invocation) (*environment, *fault) {
	if l.takeTurn(l.life) != nil {
		return nil, &fault{closed: true}
	}
	defer l.passTurn()
	if env := l.environment(); env != nil && env.fatal() != nil {
		// It died since the last invocation: the service would have sent this
		// one to another instance.
		l.inside.Wait()
		l.reset(env.fatal())
	}
	if l.coldStart {
		l.firstInit(inv)
	}
	ctx, cancel := context.WithDeadlineCause(l.life, inv.deadline, errTimeout)
	defer cancel()
	if f := l.initInline(ctx, inv); f != nil {
		l.reset(f)
		if f.status == StatusTimeout {
			f = timedOut(l.opts.Function.Timeout)
		}
		return nil, f
	}
	l.inside.Add(1) // only ever with the turn, as its Wait
	return l.environment(), nil
}

// retire takes an environment down that died, after the last of its
// invocations: the fault has ended them all. A timeout ends one invocation, not
// the environment.
func (l *Lambda) retire(env *environment) {
	f := env.fatal()
	if f == nil || l.takeTurn(l.life) != nil {
		return // Close takes down what is left
	}
	defer l.passTurn()
	if l.environment() == env {
		l.inside.Wait()
		l.reset(f)
	}
}

// fatal is what ended the environment, if something did.
func (e *environment) fatal() *fault {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.fault
}
