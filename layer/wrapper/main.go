// Merlon-wrapper starts a function's runtime so that it polls Merlon's proxy.
// Lambda runs it in one of three ways:
//
//   - AWS_LAMBDA_EXEC_WRAPPER=/opt/merlon-wrapper: a managed runtime's bootstrap
//     executes it with the interpreter and all its arguments ("Modifying the
//     runtime environment", "Wrapper scripts").
//   - As the file bootstrap of a provided.* function, the real one beside it as
//     bootstrap.merlon-real; `merlon layer wrap` makes such a package.
//   - As an image's ENTRYPOINT: ["/opt/merlon-wrapper", "original", "arguments"].
//
// It says hello to the extension, sets the address, removes our secrets from
// the environment and executes the runtime in its own place: process id,
// arguments, working directory, descriptors, limits and the rest of the
// environment stay as they were. It imports neither the engine nor a logger nor
// net/http, because every cold start pays for it.
//
// Exit status, if the runtime did not start: 127 not found, 126 not
// executable, 1 refused because MERLON_ON_FAULT is closed, 2 nothing to start.
package main

import (
	"io"
	"os"
	"syscall"
	"time"

	"github.com/merlon-security/merlon/internal/hello"
	"github.com/merlon-security/merlon/layer/internal/attach"
)

func main() { os.Exit(run(os.Args, os.Environ(), os.Stderr)) }

// run returns only if the runtime was not started. Its lines go to standard
// error: standard output belongs to the program that is to be started.
func run(args, environ []string, stderr io.Writer) int {
	t, err := find(args, environ)
	if err != nil {
		return die(stderr, err)
	}
	r := attach.Decide(environ, t.via, t.path, time.Now(), hello.Greet)
	if r.Notice != "" {
		io.WriteString(stderr, r.Notice+"\n")
	}
	if r.Outcome == attach.Refused {
		return 1
	}
	if r.Config.NextWrapper != "" {
		t = t.through(r.Config.NextWrapper)
		// Consumed: should that wrapper run us again, we start the runtime
		// instead of chasing it in a circle.
		r.Environ = attach.Unset(r.Environ, "MERLON_NEXT_WRAPPER")
	}
	if err := t.check(); err != nil {
		return die(stderr, err)
	}
	return die(stderr, execError(t.path, syscall.Exec(t.path, t.argv, r.Environ)))
}

// die prints why there is no runtime and returns the exit status.
func die(stderr io.Writer, err *failure) int {
	line := attach.Notice(time.Now(), "FATAL", "the runtime was not started", err.reason, err.remedy)
	io.WriteString(stderr, line.String()+"\n")
	return err.status
}
