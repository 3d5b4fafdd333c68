// Command merlon is the extension process of the layer: Lambda starts it from
// /opt/extensions in each execution environment, before the function's runtime.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/merlon-security/merlon/internal/agent"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(agent.Main(ctx))
}
