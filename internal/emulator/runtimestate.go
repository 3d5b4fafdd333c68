package emulator

import "fmt"

// runtimePhase is where the runtime stands, named as in the service's error
// messages.
type runtimePhase string

const (
	runtimeStarted       runtimePhase = "Started"
	runtimeInitError     runtimePhase = "InitError"
	runtimeRestoreReady  runtimePhase = "RestoreReady"
	runtimeRestoring     runtimePhase = "Restoring"
	runtimeRestoreError  runtimePhase = "RestoreError"
	runtimeRunning       runtimePhase = "Running"
	runtimeResponding    runtimePhase = "InvocationResponse"
	runtimeErrorResponse runtimePhase = "InvocationErrorResponse"
	runtimeResponseSent  runtimePhase = "ResponseSent"
)

// runtimeState is guarded by environment.mu.
type runtimeState struct {
	phase   runtimePhase
	polling bool             // a /next is blocked and nothing was given to it yet
	current *invocation      // the one whose id is valid
	events  chan *invocation // to the blocked /next
	restore chan struct{}    // closed to release the blocked /restore/next
}

// transitionError is a call that the state does not allow.
type transitionError struct {
	from, to runtimePhase
	cause    string
}

func (e *transitionError) Error() string {
	return fmt.Sprintf("State transition from %s to %s failed for runtime. Error: %s", e.from, e.to, e.cause)
}

const (
	causeNotAllowed = "State transition is not allowed"
	// causeSecondPoll is what a poll beside a pending poll runs into. The
	// pending one keeps its claim on the next event even if its client is gone.
	causeSecondPoll = "ErrGateIntegrity"
)

// poll is GET …/invocation/next: it announces that the runtime is idle and
// blocks until there is an event. A nil invocation means that the environment
// is over. It does not look at the client's connection: a client that leaves
// while it waits loses the event, as with the service.
func (e *environment) poll() (*invocation, error) {
	e.mu.Lock()
	r := &e.runtime
	select {
	case <-e.gone: // asked again by a client whose connection ended
		e.mu.Unlock()
		return nil, nil
	default:
	}
	switch r.phase {
	case runtimeRunning:
		defer e.mu.Unlock()
		return r.current, nil // asked again before answering: the same event again
	case runtimeStarted, runtimeRestoring, runtimeResponseSent:
		if r.polling {
			defer e.mu.Unlock()
			return nil, &transitionError{r.phase, "Ready", causeSecondPoll}
		}
		r.polling = true
		e.wake()
	default:
		defer e.mu.Unlock()
		return nil, &transitionError{r.phase, "Ready", causeNotAllowed}
	}
	e.mu.Unlock()

	select {
	case inv := <-r.events:
		return inv, nil
	case <-e.gone:
		return nil, nil
	}
}

// release hands inv to the pending poll. mu must be held and the runtime idle.
func (r *runtimeState) release(inv *invocation) {
	r.current = inv
	r.phase = runtimeRunning
	r.polling = false
	r.events <- inv // capacity 1, and empty because the runtime was idle
}

// beginResponse claims the invocation for the one answer it may have. The nil
// invocation stands for an unknown id.
func (e *environment) beginResponse(id, passage string, to runtimePhase) (*invocation, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.pool != nil {
		return e.pool.beginResponse(id, passage)
	}
	r := &e.runtime
	if r.current == nil || r.current.id != id {
		return nil, nil
	}
	if r.phase != runtimeRunning {
		return nil, &transitionError{r.phase, to, causeNotAllowed}
	}
	r.phase = to
	return r.current, nil
}

// endResponse makes the runtime ready to poll again. Of a pool it reports
// whether the invocation was still running: a reply that it outlived came in
// time to begin and too late to count.
func (e *environment) endResponse(inv *invocation) (inTime bool) {
	inTime = true
	e.update(func() {
		if e.pool == nil {
			e.runtime.phase = runtimeResponseSent
		} else if inTime = e.pool.running[inv.id] == inv; inTime {
			delete(e.pool.running, inv.id)
		} else {
			delete(e.pool.timedOut, inv.id)
		}
	})
	return inTime
}

// initError is legal until the first poll, in restore hooks too.
func (e *environment) initError() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	polled := e.runtime.polling || e.pool != nil && e.pool.polled
	if e.runtime.phase != runtimeStarted && e.runtime.phase != runtimeRestoring || polled {
		return &transitionError{e.runtime.phase, runtimeInitError, causeNotAllowed}
	}
	e.runtime.phase = runtimeInitError
	return nil
}

// idle reports that the runtime waits for an event. mu must be held.
func (r *runtimeState) idle() bool {
	return r.polling
}

// initialised reports that the runtime's part of INIT is done. mu must be held.
func (e *environment) initialised() bool {
	if e.pool != nil {
		return e.pool.polled
	}
	return e.runtime.idle() || e.runtime.phase == runtimeRestoreReady
}
