package proxy_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/merlon-security/merlon/proxy"
)

// startRelay serves a relay on a free port until the test ends.
func startRelay(tb testing.TB, opts proxy.Options) *proxy.Relay {
	tb.Helper()
	rl, err := proxy.New(opts)
	if err != nil {
		tb.Fatal(err)
	}
	if err := rl.Listen("127.0.0.1:0"); err != nil {
		tb.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- rl.Serve() }()
	tb.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // what is under way at the end of a test is not waited for
		_ = rl.Shutdown(ctx)
		if err := <-served; err != nil {
			tb.Error(err)
		}
	})
	return rl
}

// shutDown ends a relay, whose work is done or ends by that.
func shutDown(tb testing.TB, relay *proxy.Relay) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	if err := relay.Shutdown(ctx); err != nil {
		tb.Error(err)
	}
}

// patience bounds every wait for what must come. It measures nothing: whatever
// has not come by then never will.
const patience = time.Minute

// wait receives what must come, and fails the test with what everybody is doing
// if it does not.
func wait[T any](tb testing.TB, from <-chan T) T {
	tb.Helper()
	overdue := time.NewTimer(patience)
	defer overdue.Stop()
	select {
	case got := <-from:
		return got
	case <-overdue.C:
	}
	stacks := make([]byte, 1<<20)
	tb.Fatalf("nothing came within %v; goroutines:\n%s", patience, stacks[:runtime.Stack(stacks, true)])
	panic("unreachable")
}
