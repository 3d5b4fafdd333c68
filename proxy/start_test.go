package proxy_test

import (
	"context"
	"testing"

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
