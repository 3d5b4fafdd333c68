package agent

import (
	"context"
	"runtime/debug"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/guard"
	"github.com/merlon-security/merlon/internal/hello"
	"github.com/merlon-security/merlon/internal/hello/server"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy/rules"
	"github.com/merlon-security/merlon/proxy"
)

// managedInstances is the initialization type of environments that run several
// invocations at once (AWS Lambda, "Lambda Managed Instances").
const managedInstances = "lambda-managed-instances"

// snapStart is the initialization type of environments that begin as a copy of
// one (AWS Lambda, "Improving startup performance with Lambda SnapStart").
const snapStart = "snap-start"

// newRelay puts the guard behind the relay.
func (x *extension) newRelay() (*proxy.Relay, error) {
	x.bypass = x.newBypass()
	opts := proxy.Options{
		Upstream:   x.upstream(),
		Observer:   newObserver(x.log, x.bypass),
		Control:    server.Handler(hello.DeriveKey(x.raw, x.cfg.Listen), x.presence.onHello),
		Polled:     func() { x.presence.seen.Store(true) },
		Restored:   x.copy.restored,
		Concurrent: x.concurrent(),
	}
	if x.policy.Mode != verdict.Off {
		x.guard = x.newGuard()
		opts.Inspector = &counted{Guard: x.guard, seen: &x.presence.seen, copy: &x.copy, expiry: &x.expiry, bypass: x.bypass}
	}
	return proxy.New(opts)
}

func (x *extension) newGuard() *guard.Guard {
	g := NewGuard(x.cfg, x.policy, &x.engine, x.reporter)
	g.Keeper = x.newKeeper()
	g.Limits = event.LimitsFor(x.memory())
	g.Memory = guard.NewMemory(g.Limits)
	d := &g.Deployment
	d.Function.Name, d.Function.Version = x.environ["AWS_LAMBDA_FUNCTION_NAME"], x.environ["AWS_LAMBDA_FUNCTION_VERSION"]
	d.Function.CodeID = CodeID(d.Function.Version, x.cfg.CodeID, x.taskRoot)
	d.Region = x.environ["AWS_REGION"]
	d.Ruleset = x.ruleset()
	d.ConfigFaults = x.faults.Names(config.Invalid)
	return g
}

func (x *extension) ruleset() string {
	if x.cfg.Rules == config.RulesCRSOnly {
		return rules.Version + "-only"
	}
	return rules.Version
}

// counted notes that events pass through us.
type counted struct {
	*guard.Guard
	seen   *atomic.Bool
	copy   *copied
	expiry *expiry
	bypass *bypass
}

func (c *counted) Inspect(ctx context.Context, inv *proxy.Invocation) proxy.Outcome {
	c.seen.Store(true)
	c.copy.invoked()
	c.expiry.invoked(time.Now())
	c.bypass.handed(inv.ID)
	out := c.Guard.Inspect(ctx, inv)
	if out.Answer == nil && time.Until(inv.Deadline) > time.Second && c.Memory.TookMuch() {
		// The handler is about to take its own share of the same event. A refusal
		// goes out first: cleaning up takes a small function a part of a second.
		debug.FreeOSMemory()
	}
	return out
}

// observer logs what the relay saw. The level follows blame: what a client of
// ours did wrong is a warning, a fault of the relay's own is an error. Kinds
// that code inside the function can provoke at will are thinned out.
type observer struct {
	log    *zap.Logger
	counts *[32]atomic.Uint64 // by kind
	bypass *bypass
}

func newObserver(log *zap.Logger, b *bypass) observer {
	return observer{log: log, counts: new([32]atomic.Uint64), bypass: b}
}

// inFull is how many events of a kind are logged before they are thinned out.
const inFull = 16

func (o observer) Observe(e proxy.Event) {
	if e.Kind == proxy.NotInspected {
		o.bypass.handed("") // an event all the same
	}
	n := o.counts[int(e.Kind)%len(o.counts)].Add(1)
	if n > inFull && n&(n-1) != 0 { // then only the 32nd, 64th, 128th …
		return
	}
	log := o.log.Warn
	switch e.Kind {
	case proxy.InspectorPanic, proxy.RelayFault:
		log = o.log.Error
	case proxy.EventHeld, proxy.HeldDelivered, proxy.PollAbandoned: // every shutdown abandons a poll
		log = o.log.Info
	}
	log("relay", zap.Stringer("event", e.Kind), zap.String("requestId", e.RequestID), zap.Int("status", e.Status),
		zap.Uint64("count", n), zap.Error(e.Err), zap.ByteString("stack", e.Stack))
}
