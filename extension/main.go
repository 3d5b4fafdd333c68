// Command merlon is the extension process of the layer: Lambda starts it from
// /opt/extensions in each execution environment, before the function's runtime.
package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/merlon-security/merlon/internal/agent"
)

func main() {
	// Lambda ends an extension with the event SHUTDOWN or with SIGKILL. Any other
	// signal is from code in the sandbox (a shell's "kill 0" is enough) and our
	// death would be that of the invocation. SIGPIPE is a log that was closed.
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE)
	// net/http tells the standard logger of bytes that came unasked, and quotes
	// them. Nothing of ours writes there.
	log.SetOutput(io.Discard)
	os.Exit(agent.Main(context.Background()))
}
