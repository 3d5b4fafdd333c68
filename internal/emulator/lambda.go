package emulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// ErrClosed answers invocations of a Lambda that was closed.
var ErrClosed = errors.New("emulator closed")

// ErrRequestTooLarge answers events over 6 MiB and 100 bytes, which the service
// refuses with RequestTooLargeException.
var ErrRequestTooLarge = fmt.Errorf("event over %d bytes", maxPayload)

// Lambda is one function and its execution environment. Invocations run one
// at a time, or as many at once as Options.Concurrency says; further ones wait
// in line, where the service would start another environment.
type Lambda struct {
	opts   Options
	logs   *logs
	server *http.Server
	api    string

	// turn holds the right to touch the environment: one invocation, Warm or
	// Close at a time, in the order of arrival. Concurrent invocations hold it
	// while they make the environment or take it down; those under way have a
	// place, and are counted inside while they rely on the environment.
	turn   chan struct{}
	places chan struct{}
	inside sync.WaitGroup

	life   context.Context // ends when Close begins
	end    context.CancelCauseFunc
	hurry  chan struct{} // closed when Close runs out of patience
	served chan struct{} // closed when the Runtime API's server has returned
	tasks  sync.WaitGroup

	// Guarded by turn.
	coldStart bool // the first INIT, which has a phase of its own, is still due

	mu      sync.Mutex
	current *environment  // nil when there is none
	closed  chan struct{} // closed when Close is through
	close   sync.Once
}

// Start listens and is ready to be invoked. No process runs yet: the
// environment is made by the first invocation, as on demand, or by Warm.
// The end of ctx begins a Close with all its patience, so that an interrupt
// does not cut SHUTDOWN short; call Close to await it.
func Start(ctx context.Context, opts Options) (*Lambda, error) {
	opts = opts.withDefaults()
	if err := opts.check(); err != nil {
		return nil, fmt.Errorf("function %q: %w", opts.Function.Name, err)
	}
	listener, err := net.Listen("tcp", opts.Listen)
	if err != nil {
		return nil, fmt.Errorf("runtime API: %w", err)
	}
	life, end := context.WithCancelCause(context.WithoutCancel(ctx))
	l := &Lambda{
		opts:      opts,
		logs:      &logs{sink: opts.Logs},
		api:       listener.Addr().String(),
		turn:      make(chan struct{}, 1),
		places:    make(chan struct{}, opts.Concurrency),
		life:      life,
		end:       end,
		hurry:     make(chan struct{}),
		served:    make(chan struct{}),
		closed:    make(chan struct{}),
		coldStart: true,
	}
	if opts.External {
		l.current = l.newExternalEnvironment()
	}
	l.server = &http.Server{Handler: l.apiHandler()}
	go func() {
		defer close(l.served)
		l.server.Serve(listener)
	}()
	context.AfterFunc(ctx, func() { l.Close(context.WithoutCancel(ctx)) })
	return l, nil
}

// RuntimeAPI is the address of the Runtime API, host:port.
func (l *Lambda) RuntimeAPI() string { return l.api }

// environment is who answers a call of the Runtime API; nil when nobody can.
func (l *Lambda) environment() *environment {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current
}

func (l *Lambda) setEnvironment(env *environment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current = env
}

// newExternalEnvironment expects clients that somebody else starts.
func (l *Lambda) newExternalEnvironment() *environment {
	env := newEnvironment(l.opts, l.logs, l.api)
	for _, name := range l.opts.Extensions {
		env.extensions = append(env.extensions, newExtension(name, true))
	}
	return env
}

// takeTurn waits in line.
func (l *Lambda) takeTurn(ctx context.Context) error {
	if l.life.Err() != nil {
		return ErrClosed
	}
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.life.Done():
		return ErrClosed
	}
}

func (l *Lambda) passTurn() { <-l.turn }

// Warm runs INIT now if there is no environment, as provisioned concurrency
// would. It returns what made INIT fail; the next invocation will try again.
func (l *Lambda) Warm(ctx context.Context) error {
	if err := l.takeTurn(ctx); err != nil {
		return err
	}
	defer l.passTurn()
	if env := l.environment(); env != nil && env.isReady() {
		return nil
	}
	l.coldStart = false
	initCtx, cancel := context.WithTimeoutCause(l.life, l.opts.InitTimeout, errTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	defer l.rest()
	if f := l.initEnvironment(initCtx, phaseInit); f != nil {
		l.reset(f)
		if err := ctx.Err(); err != nil {
			return err
		}
		if f.closed {
			return ErrClosed
		}
		return fmt.Errorf("INIT: %s: %s", f.errorType, f.message)
	}
	return nil
}

// rest freezes an environment that waits for its next invocation.
func (l *Lambda) rest() {
	if env := l.environment(); env != nil && l.opts.Freeze && env.isReady() {
		env.freeze()
	}
}

// Idle returns when no invocation is under way: the runtime has polled again
// or is gone. Callers have their answers before that.
func (l *Lambda) Idle(ctx context.Context) error {
	if err := l.takeTurn(ctx); err != nil {
		return err
	}
	l.passTurn()
	return nil
}

// Close ends the environment as Lambda does (SHUTDOWN to the extensions,
// SIGTERM and SIGKILL to the runtime) and returns when no process is left. A
// running invocation is interrupted; waiting ones get ErrClosed. When ctx ends
// first, what is left is killed at once.
func (l *Lambda) Close(ctx context.Context) error {
	defer context.AfterFunc(ctx, l.hasten)()
	l.close.Do(func() {
		l.mu.Lock()
		l.end(ErrClosed)
		l.mu.Unlock()
		l.turn <- struct{}{} // never passed on: nothing runs after this
		l.inside.Wait()
		if env := l.environment(); env != nil {
			l.replaceEnvironment(env, reasonSpindown)
		}
		l.stopServer()
		l.tasks.Wait()
		close(l.closed)
	})
	<-l.closed
	return nil
}

func (l *Lambda) hasten() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.hurry:
	default:
		close(l.hurry)
	}
}

// stopServer lets answers that are under way leave, which all are because
// every poll has been released, and then cuts what remains.
func (l *Lambda) stopServer() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.life), time.Second)
	defer cancel()
	if err := l.server.Shutdown(ctx); err != nil {
		l.server.Close()
	}
	<-l.served
}

// background runs work that Close waits for; it is refused once Close began.
func (l *Lambda) background(work func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.life.Err() != nil {
		return false
	}
	l.tasks.Go(work)
	return true
}
