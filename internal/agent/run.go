package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/guard"
	"github.com/merlon-security/merlon/internal/lambdaapi"
	"github.com/merlon-security/merlon/internal/report"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
	"github.com/merlon-security/merlon/policy/waf"
	"github.com/merlon-security/merlon/profile"
	"github.com/merlon-security/merlon/proxy"
)

// Name is the extension's name: that of its file in /opt/extensions, which
// Lambda compares at registration.
const Name = "merlon"

// extension is one run of the extension process, from start to SHUTDOWN.
type extension struct {
	environ  map[string]string
	raw      []string
	cfg      config.Config
	faults   config.Faults
	policy   *policy.Policy
	out      io.Writer // stdout
	log      *zap.Logger
	reporter *report.Reporter
	api      *lambdaapi.Client
	presence *presence
	copy     copied
	expiry   expiry
	engine   engine
	bypass   *bypass          // nil unless bypasses are looked for
	relay    *proxy.Relay     // nil while idling
	guard    *guard.Guard     // nil where nothing is inspected
	learner  *profile.Learner // nil where nothing is learned
	served   chan error
	taskRoot string
}

// Run is the extension: it binds the proxy, registers with Lambda, serves until
// SHUTDOWN, and returns. environ is as from os.Environ; out is stdout, where
// Lambda collects log lines. The error is the reason to exit with a failure,
// after Lambda has been told of it.
func Run(ctx context.Context, environ []string, out io.Writer) error {
	x := newExtension(environ, out)
	if x.upstream() == "" {
		return errNoRuntimeAPI
	}
	defer x.lastLines()
	x.tuneMemory()
	settle := quickInit(x.processors())
	var err error
	if x.api, err = lambdaapi.New(x.environ["AWS_LAMBDA_RUNTIME_API"]); err != nil {
		return err
	}
	writing, stopWriting := context.WithCancel(ctx)
	defer stopWriting()
	go x.reporter.Run(writing)
	listenErr := x.open()
	if _, err := x.api.Register(ctx, Name, lambdaapi.Shutdown); err != nil {
		return fmt.Errorf("register extension: %w", err)
	}
	err = x.start(ctx, listenErr)
	settle()
	if err != nil {
		return errors.Join(err, x.api.InitError(ctx, "Extension.MerlonConfig", err.Error()))
	}
	return x.untilShutdown(ctx)
}

func newExtension(environ []string, out io.Writer) *extension {
	cfg, faults := config.Parse(environ)
	x := &extension{
		environ: toMap(environ), raw: environ, cfg: cfg, faults: faults, taskRoot: "/var/task",
		out: out, served: make(chan error, 1),
	}
	x.reporter = x.newReporter()
	x.log = NewLogger(x.reporter, cfg.LogLevel)
	x.copy = copied{log: x.log, reporter: x.reporter, snapStart: x.environ["AWS_LAMBDA_INITIALIZATION_TYPE"] == snapStart}
	x.expiry.log, x.expiry.reporter = x.log, x.reporter
	x.presence = &presence{log: x.log, reporter: x.reporter, function: x.environ["AWS_LAMBDA_FUNCTION_NAME"]}
	var err error
	if x.policy, err = LoadPolicy(&x.cfg); err != nil {
		x.faults = append(x.faults, config.Fault{Name: "MERLON_POLICY", Kind: config.Invalid, Text: "MERLON_POLICY: " + err.Error()})
	}
	if slices.Contains(x.faults.Names(config.Invalid), "MERLON_ON_FAULT") && x.policy.Mode == verdict.Block {
		x.policy.FailClosed = true // whoever blocks and meant something by it did not mean open
	}
	return x
}

func toMap(environ []string) map[string]string {
	m := make(map[string]string, len(environ))
	for _, e := range environ {
		if k, v, ok := strings.Cut(e, "="); ok {
			if _, dup := m[k]; !dup {
				m[k] = v
			}
		}
	}
	return m
}

func (x *extension) upstream() string {
	if x.cfg.Upstream != "" {
		return x.cfg.Upstream
	}
	return x.environ["AWS_LAMBDA_RUNTIME_API"]
}

// tuneMemory keeps the collector from growing the heap into the function's
// memory: an eighth of it, but never so little that collecting is all we do.
func (x *extension) tuneMemory() {
	if mb := x.memory(); mb > 0 && x.environ["GOMEMLIMIT"] == "" {
		debug.SetMemoryLimit(int64(max(48, mb/8)) << 20)
	}
}

// memory is the function's, in megabytes; 0 if it is not known.
func (x *extension) memory() int {
	mb, err := strconv.Atoi(x.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
	if err != nil {
		return 0
	}
	return max(0, mb)
}

// wholeProcessor is the memory, in megabytes, with which a function gets the
// equivalent of one processor (AWS Lambda Developer Guide, "Configure Lambda
// function memory").
const wholeProcessor = 1769

// processors is how many threads run Go code at once after INIT. An environment
// with less than one processor shows two all the same, and with two the threads
// that look for work take a fifth of what a small invocation costs.
func (x *extension) processors() int {
	mb := x.memory()
	if mb == 0 || mb > wholeProcessor || x.concurrent() || x.environ["GOMAXPROCS"] != "" {
		return runtime.GOMAXPROCS(0)
	}
	return 1
}

// concurrent reports whether the environment runs several invocations at once.
func (x *extension) concurrent() bool {
	return x.environ["AWS_LAMBDA_INITIALIZATION_TYPE"] == managedInstances
}

// quickInit sets the process up for the INIT phase and returns what undoes it
// and leaves procs scheduler threads: no collections, because little of what is
// allocated dies before the end of it, and enough threads that the launcher's
// hello is answered within milliseconds while rules compile on a single processor.
func quickInit(procs int) (done func()) {
	const threads = 4
	runtime.GOMAXPROCS(max(threads, runtime.GOMAXPROCS(0)))
	percent := debug.SetGCPercent(-1)
	return func() {
		runtime.GOMAXPROCS(procs)
		debug.SetGCPercent(percent)
		// What building the engine left behind goes back before the first event:
		// in a small function our memory is the handler's.
		debug.FreeOSMemory()
	}
}

// open binds and serves the proxy, before registration: Lambda starts the
// runtime as soon as every extension has registered, and a runtime whose first
// poll is refused dies.
func (x *extension) open() error {
	if x.cfg.Mode == config.ModeOff {
		return nil
	}
	if x.policy.Mode != verdict.Off {
		x.engine.err = contained(func() (err error) {
			o := EngineOptions(x.cfg, x.policy)
			o.Responses.Environ = x.raw // an extension has the function's variables
			x.engine.waf, err = waf.New(o)
			return err
		})
	}
	relay, err := x.newRelay()
	if err != nil {
		return err
	}
	if err := relay.Listen(x.cfg.Listen.String()); err != nil {
		return err
	}
	x.relay = relay
	go func() { x.served <- contained(relay.Serve) }()
	return nil
}

// contained calls work whose panic is an error like any other.
func contained(work func() error) (err error) {
	defer verdict.Recover(&err)
	return work()
}

// start does what may be done after registration: it checks that the
// configuration lets the function start, builds the engine, and says where
// things stand. Its error refuses the INIT phase.
func (x *extension) start(ctx context.Context, listenErr error) error {
	x.announce()
	if x.cfg.Mode == config.ModeOff {
		return nil // the kill switch works with anything else broken
	}
	if err := x.faults.Err(); err != nil && x.policy.FailClosed {
		return err
	}
	switch {
	case listenErr != nil && x.policy.FailClosed:
		// The launcher refuses as well, where the environment says closed; the
		// policy file is read here only.
		x.presence.unprotected("the proxy cannot listen: "+listenErr.Error(), portRemedy)
		return listenErr
	case listenErr != nil:
		x.presence.unprotected("the proxy cannot listen, events are not inspected: "+listenErr.Error(),
			portRemedy)
		return nil
	}
	x.presence.watch()
	x.bypass.watch(ctx, x)
	if x.policy.Mode == verdict.Off {
		return nil
	}
	if err := x.engine.warm(ctx); err != nil {
		x.log.Error("the rules do not compile", zap.Error(err))
		if x.policy.FailClosed {
			return err
		}
	}
	return x.loadProfile()
}

const portRemedy = "free the port or set MERLON_LISTEN to another loopback address"

// announce writes the start line, with every fault and its remedy.
func (x *extension) announce() {
	level := x.log.Info
	if len(x.faults) > 0 {
		level = x.log.Warn
	}
	var texts []string
	for _, f := range x.faults {
		texts = append(texts, f.Text)
	}
	level("merlon started", zap.String("version", Version), zap.Stringer("mode", x.policy.Mode),
		zap.Int("threshold", x.policy.Threshold), zap.Int("paranoia", x.cfg.Paranoia), zap.String("policy", x.policy.Version),
		zap.Bool("failClosed", x.policy.FailClosed), zap.Stringer("listen", x.cfg.Listen),
		zap.String("ruleset", x.ruleset()), zap.String("invokeMode", x.invokeMode()), zap.Strings("configFaults", texts))
	if names := x.faults.Names(config.Invalid); len(names) > 0 {
		x.reporter.Metric(map[report.Metric]float64{report.ConfigFault: float64(len(names))})
	}
	if names := x.faults.Names(config.Unknown); len(names) > 0 {
		x.reporter.Metric(map[report.Metric]float64{report.ConfigUnknown: float64(len(names))})
	}
}

// invokeMode tells how HTTP refusals are shaped. Auto takes callers for buffered
// ones until the function has answered one with a stream; before that a function
// URL that streams shows them the envelope as text.
func (x *extension) invokeMode() string {
	if x.cfg.InvokeMode == config.InvokeAuto {
		return "auto: answers as to buffered callers until the function has streamed a reply; set MERLON_INVOKE_MODE=stream if its URL streams"
	}
	return x.cfg.InvokeMode.String()
}

// untilShutdown waits for the end of the environment and closes down in order:
// the relay first, so that nothing is judged any more; then the reports, which
// would be lost; then the process.
func (x *extension) untilShutdown(ctx context.Context) error {
	next := make(chan error, 1)
	go func() { next <- x.poll(ctx) }()
	var err error
	select {
	case err = <-next:
		if ctx.Err() != nil {
			err = nil
		}
	case err = <-x.served:
		if err != nil {
			err = errors.Join(fmt.Errorf("the proxy stopped: %w", err), x.api.ExitError(ctx, "Extension.MerlonProxy", err.Error()))
		}
	}
	x.presence.stop()
	// SHUTDOWN leaves two seconds; the runtime is gone by now.
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closingCap)
	defer cancel()
	defer x.bypass.stop()
	if x.relay != nil {
		x.presence.check()
		replies, cancel := context.WithTimeout(closing, repliesCap)
		defer cancel()
		if cerr := x.relay.Shutdown(replies); cerr != nil {
			x.log.Warn("proxy closed with replies under way", zap.Error(cerr))
		}
	}
	if x.learner != nil {
		x.tell(x.learner.Count())
	}
	x.reporter.Close(closing)
	return err
}

// poll waits for SHUTDOWN. A fault of ours in it does not end the environment:
// events are relayed on, and Lambda ends it with SIGKILL.
func (x *extension) poll(ctx context.Context) (err error) {
	polled := false
	err = contained(func() error {
		_, err := x.api.Next(ctx)
		polled = true
		return err
	})
	if polled {
		return err
	}
	x.log.Error("the poll of the extension ended, SHUTDOWN will not be noticed", zap.Error(err))
	<-ctx.Done()
	return nil
}

const (
	// closingCap bounds what is done at SHUTDOWN. Lambda gives two seconds to all
	// extensions together (AWS Lambda, "Shutdown phase").
	closingCap = 1500 * time.Millisecond
	// repliesCap is the part of it for replies under way.
	repliesCap = time.Second
	// lastWords bounds the writing of what is left to say when INIT is refused.
	lastWords = 500 * time.Millisecond
)

// lastLines writes what is left to say.
func (x *extension) lastLines() {
	ctx, cancel := context.WithTimeout(context.Background(), lastWords) // whatever ended Run
	defer cancel()
	x.reporter.FlushWithin(ctx)
}

// Main runs the extension for a main function and returns its exit status.
func Main(ctx context.Context) int {
	if err := Run(ctx, os.Environ(), os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "merlon: %v\n", err)
		return 1
	}
	return 0
}
