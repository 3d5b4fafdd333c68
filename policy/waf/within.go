package waf

import (
	"context"
	"errors"
	"runtime/debug"

	"github.com/merlon-security/merlon/internal/verdict"
)

// mostLate bounds the evaluations that go on after their event was given up:
// neither the screen nor Coraza can be interrupted inside a chunk.
const mostLate = 2

// within calls work and gives up on it when ctx ends, if it may take long. Short
// work takes less time than handing it to a goroutine is worth. A panic in it
// is an error.
func within[T any](ctx context.Context, e *Engine, long bool, work func() (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	safe := func() (v T, err error) {
		defer func() {
			if p := recover(); p != nil {
				v, err = none, verdict.Panic(p, debug.Stack())
			}
		}()
		return work()
	}
	if _, limited := ctx.Deadline(); !limited || !long {
		return safe()
	}
	if e.late.Load() >= mostLate {
		return none, context.DeadlineExceeded
	}
	type outcome struct {
		v   T
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		v, err := safe()
		done <- outcome{v, err}
	}()
	select {
	case o := <-done:
		return o.v, o.err
	case <-ctx.Done():
	}
	// Only what has been given up on counts: an environment that runs many
	// invocations at once evaluates many chunks at once.
	e.late.Add(1)
	go func() {
		<-done
		e.late.Add(-1)
	}()
	return none, ctx.Err()
}

func outOfTime(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
