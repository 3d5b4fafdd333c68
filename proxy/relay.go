package proxy

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

// Options configure a Relay.
type Options struct {
	// Upstream is the real Runtime API as host:port, the value Lambda gave the
	// extension in AWS_LAMBDA_RUNTIME_API.
	Upstream string
	// Inspector sees every event. Nil lets every event pass.
	Inspector Inspector
	// Observer hears of what went wrong or looks wrong. Nil hears nothing.
	Observer Observer
	// Control serves the paths below /merlon/, which never go upstream. Nil
	// answers them 404.
	Control http.Handler
	// Polled is called on the first poll of the runtime, once. Nil is not.
	Polled func()
	// Restored is called when the service lets a runtime go on behind a SnapStart
	// snapshot, before the runtime knows. Nil is not.
	Restored func()
	// Concurrent is set on Managed Instances, where one environment runs many
	// invocations at once: polling while others run is no sign of anything, and
	// Idle runs beside the poll because nothing freezes.
	Concurrent bool
}

// A Relay stands between one runtime and the service. Listen, then Serve.
type Relay struct {
	inspector  Inspector
	observer   Observer
	control    http.Handler
	concurrent bool
	polled     sync.Once
	onPoll     func()
	onRestore  func()

	up     *upstream
	desk   desk
	ledger *ledger
	server *http.Server

	listener net.Listener
	port     string

	ctx        context.Context // ends what nobody will wait for any more: bodies and idle work
	cancel     context.CancelFunc
	pollCtx    context.Context // ends first: long polls never end by themselves
	cancelPoll context.CancelFunc
	background group        // flights and idle calls
	deaf       atomic.Bool  // the observer has panicked
	ended      atomic.Int64 // invocations that ended since idle work beside them last came to rest
}

// New makes a relay to opts.Upstream. It opens nothing.
func New(opts Options) (*Relay, error) {
	host, port, err := net.SplitHostPort(opts.Upstream)
	if err != nil || host == "" || port == "" {
		return nil, fmt.Errorf("upstream %q: want host:port, as in AWS_LAMBDA_RUNTIME_API", opts.Upstream)
	}
	rl := &Relay{
		inspector:  opts.Inspector,
		observer:   opts.Observer,
		control:    opts.Control,
		concurrent: opts.Concurrent,
		onPoll:     opts.Polled,
		onRestore:  opts.Restored,
		up:         newUpstream(opts.Upstream),
		ledger:     newLedger(),
	}
	if rl.observer == nil {
		rl.observer = discardObserver{}
	}
	if rl.control == nil {
		rl.control = http.NotFoundHandler()
	}
	// The relay's work outlives every request: a poll belongs to the
	// environment and not to the client that asked for it. Shutdown ends both.
	rl.ctx, rl.cancel = context.WithCancel(context.Background())
	rl.pollCtx, rl.cancelPoll = context.WithCancel(rl.ctx)
	rl.server = &http.Server{
		Handler:                      http.HandlerFunc(rl.serveHTTP),
		MaxHeaderBytes:               maxHeaderBytes,
		DisableGeneralOptionsHandler: true, // OPTIONS * is the service's to answer
		BaseContext:                  func(net.Listener) context.Context { return rl.pollCtx },
		ConnContext:                  withGuest,
		ErrorLog:                     log.New(serverLog{rl}, "", 0),
	}
	return rl, nil
}

// Listen binds the address (host:port, loopback only; port 0 picks a free one).
// It returns with the port open: register the extension only then, because the
// runtime starts as soon as every extension has registered and dies if its
// first poll is refused.
func (rl *Relay) Listen(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("listen on %q: want host:port: %w", addr, err)
	}
	if !isLoopback(host) {
		return fmt.Errorf("listen on %q: want a loopback address, such as 127.0.0.1:9009: every event passes here", addr)
	}
	if rl.listener != nil {
		return fmt.Errorf("bug: listen on %q: already listening on %s", addr, rl.listener.Addr())
	}
	config := net.ListenConfig{KeepAlive: -1} // see newUpstream
	listener, err := config.Listen(rl.ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen on %q: %w", addr, err)
	}
	if listener.Addr().String() == rl.up.addr {
		return errors.Join(fmt.Errorf("listen on %q: this is the upstream address too", addr), listener.Close())
	}
	_, rl.port, _ = net.SplitHostPort(listener.Addr().String())
	rl.listener = listener
	return nil
}

// Addr returns the bound address, in the form AWS_LAMBDA_RUNTIME_API takes. It
// is empty before Listen.
func (rl *Relay) Addr() string {
	if rl.listener == nil {
		return ""
	}
	return rl.listener.Addr().String()
}

// Serve relays until Shutdown and returns nil then.
func (rl *Relay) Serve() error {
	if rl.listener == nil {
		return errors.New("bug: serve before listen")
	}
	if err := rl.server.Serve(newCrowd(rl.listener, func() { rl.report(Event{Kind: ConnectionShed}) })); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", rl.Addr(), err)
	}
	return nil
}

// Shutdown ends the long polls, lets replies that are under way finish until
// ctx is done, and breaks off what is left. A held event is lost with it: there
// is no runtime left to give it to.
func (rl *Relay) Shutdown(ctx context.Context) error {
	rl.cancelPoll()
	served, flown := rl.server.Shutdown(ctx), rl.background.close(ctx)
	rl.cancel()
	rl.up.close()
	if served == nil && flown == nil {
		return nil
	}
	return errors.Join(fmt.Errorf("replies still under way: %w", context.Cause(ctx)), rl.server.Close())
}

func (rl *Relay) serveHTTP(w http.ResponseWriter, r *http.Request) {
	defer rl.contain()
	defer occupy(r)()
	if isForeign(r, rl.port) {
		rl.report(Event{Kind: ForeignRequest})
		writeError(w, http.StatusForbidden, "Relay.ForeignRequest", "this address serves the function's runtime only")
		return
	}
	if isControl(r) {
		rl.control.ServeHTTP(w, r)
		return
	}
	switch kind, id := routeOf(r); kind {
	case nextInvocation:
		if rl.onPoll != nil {
			rl.polled.Do(rl.onPoll)
		}
		rl.serveNext(w, r)
	case restoreNext:
		rl.serveRestore(w, r)
	case invocationResponse, invocationError:
		rl.serveReply(w, r, kind, id)
	default:
		rl.forward(w, r)
	}
}

// contain turns a panic into a broken connection and a report. Without it a
// fault of ours would read as an empty 200, or end the extension and with it
// the invocation.
func (rl *Relay) contain() {
	switch v := recover(); v {
	case nil:
	case http.ErrAbortHandler:
		panic(v) // net/http breaks the connection without a word
	default:
		rl.report(panicked(RelayFault, "", "bug: request", v))
		panic(http.ErrAbortHandler)
	}
}

// report survives the observer: half of what is reported comes from goroutines in
// which a panic would end the process.
func (rl *Relay) report(e Event) {
	defer func() {
		if v := recover(); v != nil {
			rl.observerFailed(v)
		}
	}()
	rl.observer.Observe(e)
}

// observerFailed tells the observer what became of its last call, once.
func (rl *Relay) observerFailed(cause any) {
	defer func() { _ = recover() }() // nobody else could be told of it
	if rl.deaf.CompareAndSwap(false, true) {
		rl.observer.Observe(panicked(RelayFault, "", "observe", cause))
	}
}

// serverLog reports what net/http would print.
type serverLog struct{ rl *Relay }

func (s serverLog) Write(line []byte) (int, error) {
	s.rl.report(Event{Kind: RelayFault, Err: errors.New(strings.TrimSpace(string(line)))})
	return len(line), nil
}
