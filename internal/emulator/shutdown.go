package emulator

import (
	"sync"
	"time"
)

// The budgets of the Shutdown phase ("Lambda execution environment lifecycle"):
// nothing without extensions, 500 ms with internal ones, 2 s with external
// ones; the runtime goes first and may use 30 % of it.
const (
	budgetInternal = 500 * time.Millisecond
	budgetExternal = 2 * time.Second
	runtimeShare   = 0.3
)

// Reasons of a SHUTDOWN event.
const (
	reasonSpindown = "spindown"
	reasonTimeout  = "timeout"
	reasonFailure  = "failure"
)

// shutdown ends the environment and returns when no process of it is left.
// The APIs go on answering until then: a runtime that handles SIGTERM may
// still have something to say. hurry, when closed, ends the patience.
func (e *environment) shutdown(reason string, hurry <-chan struct{}) {
	var extensions []*extension
	var runtime *process
	var budget time.Duration
	e.update(func() {
		e.ending = true
		extensions, runtime, budget = e.extensions, e.runtimeProcess, e.shutdownBudget()
	})
	e.thaw()

	e.telemetry.flush()
	finished := make(chan struct{})
	defer close(finished)
	go func() {
		select {
		case <-hurry:
			e.killAll(extensions, runtime)
		case <-finished:
		}
	}()

	start := time.Now()
	if runtime != nil {
		if budget > 0 {
			runtime.terminate()
			runtime.awaitExit(start.Add(time.Duration(float64(budget) * runtimeShare)))
		}
		runtime.kill()
	}
	deadline := start.Add(budget)
	var waiting sync.WaitGroup
	for _, x := range extensions {
		if e.opts.External {
			e.sendShutdown(x, reason, deadline)
		} else if x.process != nil {
			waiting.Go(func() {
				if e.sendShutdown(x, reason, deadline) {
					x.process.awaitExit(deadline)
				}
				x.process.kill()
			})
		}
	}
	waiting.Wait()
}

// shutdownBudget counts the extensions that registered. mu must be held.
func (e *environment) shutdownBudget() time.Duration {
	var budget time.Duration
	for _, x := range e.extensions {
		if x.external {
			return budgetExternal
		}
		budget = budgetInternal
	}
	return budget
}

// sendShutdown reports whether the extension asked for the event. The others
// are killed without a word; extensions never get SIGTERM.
func (e *environment) sendShutdown(x *extension, reason string, deadline time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !x.external || !x.subscribed(eventShutdown) {
		return false
	}
	x.send(encodeEvent(eventShutdown, map[string]any{
		"eventType":      eventShutdown,
		"shutdownReason": reason,
		"deadlineMs":     deadline.UnixMilli(),
	}))
	return true
}

func (e *environment) killAll(extensions []*extension, runtime *process) {
	if runtime != nil {
		runtime.kill()
	}
	for _, x := range extensions {
		if x.process != nil {
			x.process.kill()
		}
	}
}
