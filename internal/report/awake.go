package report

import (
	"context"
	"time"
)

// awake returns a context that ends after ticks of the given length in which
// this process ran. A frozen environment is stopped in the middle of a request:
// when it goes on, a plain timeout would have passed, and a request that was
// answered long ago would be sent again. Of a freeze, a ticker tells one tick.
func awake(parent context.Context, tick time.Duration, ticks int) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	go func() { // calls nothing that panics
		t := time.NewTicker(tick)
		defer t.Stop()
		for range ticks {
			select {
			case <-t.C:
			case <-ctx.Done():
				return
			}
		}
		cancel(context.DeadlineExceeded)
	}()
	return ctx, func() { cancel(context.Canceled) }
}
