package agent

import (
	"context"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/guard"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy/waf"
)

// engine is a rule engine that may have failed to come up. Without one every
// event is a fault, and the policy for faults decides.
type engine struct {
	waf *waf.Engine
	err error
}

// warm builds what the engine left for after registration, and tries it.
func (e *engine) warm(ctx context.Context) error {
	if e.err == nil {
		e.err = contained(e.waf.Warm)
	}
	if e.err == nil {
		e.err = contained(func() error { return e.waf.Rehearse(ctx) })
	}
	return e.err
}

// Inspect implements guard.Engine.
func (e *engine) Inspect(ctx context.Context, ev *event.Event) (verdict.Inspection, error) {
	if e.err != nil {
		return verdict.Inspection{}, e.err
	}
	return e.waf.Inspect(ctx, ev)
}

// InspectResponse implements guard.ResponseEngine. Without an engine every response
// is a fault, as every event is.
func (e *engine) InspectResponse(ctx context.Context, ev *event.Event, head guard.ResponseHead) guard.ResponseInspection {
	if e.err != nil {
		return noInspection{e.err}
	}
	if r := e.waf.InspectResponse(ctx, ev, waf.ResponseHead(head)); r != nil {
		return r
	}
	return nil // and not an interface around nil
}

// noInspection is that of a response by an engine that did not come up.
type noInspection struct{ err error }

func (n noInspection) Write([]byte) ([]verdict.Finding, error) { return nil, n.err }

func (n noInspection) Close() ([]verdict.Finding, int, error) { return nil, 0, n.err }

func (noInspection) Limits() []string { return nil }
