// Package lambdago attaches a Go function to Merlon with one line:
//
//	import _ "github.com/merlon-security/merlon/layer/lambdago"
//
// Go functions run on provided.*, which does not honour
// AWS_LAMBDA_EXEC_WRAPPER ("Modifying the runtime environment"), so nothing of
// ours can stand between Lambda and the function's process. This import does,
// before main, what the wrapper does: it says hello to the extension and, if
// that proves to be ours, points AWS_LAMBDA_RUNTIME_API at its proxy.
// github.com/aws/aws-lambda-go reads the variable in lambda.Start, later than
// any init. The layer still has to be attached.
//
// Outside Lambda, with MERLON_MODE=off, or started by the wrapper, it changes
// nothing. Where the extension does not answer, the function runs unprotected
// and says so in one line on standard error, or exits if MERLON_ON_FAULT is
// closed.
//
// Secrets of Merlon's configuration are removed from the process's variables.
// The kernel keeps the original block in /proc/self/environ; who needs them
// out of reach there uses the bootstrap shim instead.
package lambdago

import (
	"fmt"
	"os"
	"time"

	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/hello"
	"github.com/merlon-security/merlon/layer/internal/attach"
)

// The project has no init functions but this one. It is the product: a blank
// import is the only change to a Go function that works for every framework on
// top of lambda.Start.
func init() {
	if os.Getenv(attach.RuntimeAPI) == "" {
		return
	}
	r := attach.Decide(os.Environ(), "lambdago", os.Args[0], time.Now(), hello.Greet)
	if r.Notice != "" {
		fmt.Fprintln(os.Stderr, r.Notice)
	}
	if r.Outcome == attach.Refused {
		os.Exit(1)
	}
	for _, name := range config.SecretNames() {
		os.Unsetenv(name)
	}
	if r.Outcome == attach.Attached {
		os.Setenv(attach.RuntimeAPI, r.Config.Listen.String())
	}
}
