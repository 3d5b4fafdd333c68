package agent

import (
	"context"

	"github.com/merlon-security/merlon/internal/event"
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
		e.err = e.waf.Warm()
	}
	if e.err == nil {
		e.err = e.waf.Rehearse(ctx)
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
