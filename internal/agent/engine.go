package agent

import (
	"context"
	"errors"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/guard"
	"github.com/merlon-security/merlon/internal/verdict"
)

// pendingEngine is an engine that is being built. Lambda hands out no event
// before the extension has asked for its next one, and the extension asks only
// when the engine stands; the wait below is for services that do otherwise.
type pendingEngine struct {
	ready  chan struct{}
	engine guard.Engine
	err    error
}

func newPendingEngine() *pendingEngine { return &pendingEngine{ready: make(chan struct{})} }

// build runs the constructor; it is called once.
func (p *pendingEngine) build(construct func() (guard.Engine, error)) error {
	p.engine, p.err = construct()
	close(p.ready)
	return p.err
}

// Inspect waits for the engine and inspects. An engine that could not be built
// is a fault for every event, and the policy for faults decides.
func (p *pendingEngine) Inspect(ctx context.Context, ev *event.Event) (verdict.Inspection, error) {
	select {
	case <-p.ready:
	case <-ctx.Done():
		return verdict.Inspection{}, errors.New("the engine is not ready")
	}
	if p.err != nil {
		return verdict.Inspection{}, p.err
	}
	return p.engine.Inspect(ctx, ev)
}
