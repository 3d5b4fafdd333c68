// Package peer is what the engines compared have in common.
package peer

import "github.com/merlon-security/merlon/scripts/bench/internal/sample"

// Engine inspects one event after another.
type Engine interface {
	Name() string
	// Inspect does everything the engine needs to do for one event, from its
	// bytes to its word on them.
	Inspect(e *sample.Event) (Outcome, error)
}

// Outcome is an engine's word on an event.
type Outcome struct {
	Attack bool
	// Partial is set if the engine looked at less than the whole event.
	Partial bool
}
