package emulator

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// runtimeCommand is the argv of the runtime's process, or why there is none.
func (o Options) runtimeCommand() ([]string, *fault) {
	f := o.Function
	if len(f.Command) == 0 {
		// A real bootstrap of a managed runtime reads the wrapper variable
		// itself; wrapping it here would wrap twice.
		return o.findBootstrap()
	}
	argv := f.Command
	if !strings.Contains(argv[0], "/") {
		path, err := exec.LookPath(argv[0])
		if err != nil {
			return nil, invalidEntrypoint(err.Error())
		}
		argv = append([]string{path}, argv[1:]...)
	}
	if wrapper := f.Env["AWS_LAMBDA_EXEC_WRAPPER"]; wrapper != "" && f.managed() {
		return o.wrap(wrapper, argv)
	}
	return argv, nil
}

// findBootstrap looks where Lambda looks: the package root wins over layers
// ("Building a custom runtime for AWS Lambda"). A managed runtime is found only
// on a machine that has one, such as a container from AWS's base images.
func (o Options) findBootstrap() ([]string, *fault) {
	candidates := []string{filepath.Join(o.Function.TaskRoot, "bootstrap"), filepath.Join(o.optDir(), "bootstrap")}
	if o.Function.managed() {
		candidates = []string{filepath.Join(runtimeDir, "bootstrap")}
	}
	for _, path := range candidates {
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return []string{path}, nil
		}
	}
	return nil, invalidEntrypoint(fmt.Sprintf("Couldn't find valid bootstrap(s): [%s]", strings.Join(candidates, " ")))
}

func invalidEntrypoint(message string) *fault {
	return &fault{errorType: "Runtime.InvalidEntrypoint", message: message, status: StatusFailure}
}

// wrap does what the bootstrap script of a managed runtime does with
// AWS_LAMBDA_EXEC_WRAPPER: exec -- "$wrapper" argv…, and the exit statuses of a
// shell when there is nothing to exec.
func (o Options) wrap(wrapper string, argv []string) ([]string, *fault) {
	path := wrapper
	if o.Opt != "" {
		if rest, ok := strings.CutPrefix(wrapper, "/opt/"); ok {
			path = filepath.Join(o.Opt, rest)
		}
	}
	info, err := os.Stat(path)
	switch {
	case err != nil || !info.Mode().IsRegular():
		return nil, wrapperExit(wrapper, "does not exist", 127)
	case info.Mode().Perm()&0o111 == 0:
		return nil, wrapperExit(wrapper, "is not executable", 126)
	}
	return append([]string{path}, argv...), nil
}

// wrapperExit is a bootstrap script that gave up: a runtime that exited before
// it ever ran.
func wrapperExit(wrapper, what string, status int) *fault {
	f := runtimeExit(true, fmt.Sprintf("exit status %d", status))
	f.log = fmt.Sprintf("%s: AWS_LAMBDA_EXEC_WRAPPER: file %s", wrapper, what)
	return f
}

// runtimeExit is the fault of a runtime that ended by itself.
func runtimeExit(failed bool, state string) *fault {
	message := "Runtime exited without providing a reason"
	if failed {
		message = "Runtime exited with error: " + state
	}
	return &fault{errorType: "Runtime.ExitError", message: message, status: StatusFailure}
}
