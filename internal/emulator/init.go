package emulator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// init is the INIT phase: extensions start in parallel; when all of them have
// registered the runtime starts; when it polls, registration closes; when
// every registered extension polls too, INIT is done ("Lambda execution
// environment lifecycle", Init phase).
func (e *environment) init(ctx context.Context, phase string) *fault {
	if f := e.startExtensions(); f != nil {
		return f
	}
	if f := e.await(ctx, e.externalRegistered); f != nil {
		return f
	}
	if f := e.startRuntime(); f != nil {
		return f
	}
	f := e.await(ctx, e.initialised)
	e.initRuntimeDone(phase, f)
	if f != nil {
		return f
	}
	e.update(func() { e.registrationOpen = false })
	if f := e.await(ctx, e.extensionsReady); f != nil {
		return f
	}
	e.telemetry.closeSubscriptions()
	e.update(func() { e.ready = true })
	return nil
}

// disableFile switches all extensions off, a debugging aid of the platform
// that a layer can ship too.
const disableFile = "disable-extensions-jwigqn8j"

// startExtensions starts every file in <opt>/extensions. They must be known
// before the first of them runs: INIT waits for all to register.
func (e *environment) startExtensions() *fault {
	if e.opts.External {
		return nil // named in advance, see newExternalEnvironment
	}
	dir := filepath.Join(e.opts.optDir(), "extensions")
	if _, err := os.Stat(filepath.Join(e.opts.optDir(), disableFile)); err == nil || e.opts.Opt == "" {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return launchFault(err)
	}
	var found []*extension
	for _, entry := range entries {
		if !entry.IsDir() {
			found = append(found, newExtension(entry.Name(), true))
		}
	}
	e.update(func() { e.extensions = found })
	if len(found) > maxExtensions {
		//lint:ignore ST1005 the service's own words
		return launchFault(fmt.Errorf("Extension limit (%d) reached", maxExtensions))
	}
	for _, x := range found {
		if f := e.startExtension(x, filepath.Join(dir, x.name)); f != nil {
			return f
		}
	}
	return nil
}

func (e *environment) startExtension(x *extension, path string) *fault {
	spec := processSpec{
		argv: []string{path},
		env:  e.opts.extensionEnv(e.api, e.credentialEnv()),
		dir:  "/", // not specified by AWS: an extension must not depend on it
		as:   Line{Source: SourceExtension, Name: x.name},
		tell: e.telemetry.line,
	}
	p, err := startProcess(spec, e.logs, func(p *process) {
		message := "exit code 0"
		if p.failed {
			message = p.state
		}
		e.fail(&fault{errorType: "Extension.Crash", message: message, status: StatusFailure})
	})
	e.update(func() {
		x.process = p
		if err != nil {
			x.phase, x.errType = extensionLaunchError, launchErrorType(err)
		}
	})
	if err != nil {
		return launchFault(err)
	}
	return nil
}

func launchFault(err error) *fault {
	return &fault{errorType: "Extension.LaunchError", message: err.Error(), status: StatusFailure}
}

func launchErrorType(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return "PermissionDenied"
	}
	return "UnknownError"
}

func (e *environment) startRuntime() *fault {
	if e.opts.External {
		return nil
	}
	argv, f := e.opts.runtimeCommand()
	if f != nil {
		if f.log != "" {
			e.logs.add(Line{Source: SourceFunction, Stderr: true, Text: f.log})
		}
		return f
	}
	api := e.api
	if e.opts.RuntimeAPI != "" {
		api = e.opts.RuntimeAPI
	}
	spec := processSpec{
		argv: argv,
		env:  e.opts.runtimeEnv(api, e.logStream, e.credentialEnv()),
		dir:  e.opts.Function.TaskRoot,
		as:   Line{Source: SourceFunction},
		tell: e.telemetry.line,
	}
	p, err := startProcess(spec, e.logs, func(p *process) {
		e.fail(runtimeExit(p.failed, p.state))
	})
	if err != nil {
		return invalidEntrypoint(err.Error())
	}
	e.update(func() { e.runtimeProcess = p })
	return nil
}

// describeExtensions logs what CloudWatch shows after INIT.
func (e *environment) describeExtensions() {
	e.mu.Lock()
	var lines []string
	for _, x := range e.extensions {
		line := fmt.Sprintf("EXTENSION\tName: %s\tState: %s\tEvents: [%s]", x.name, x.phase, strings.Join(x.events, ", "))
		if x.errType != "" {
			line += "\tError Type: " + x.errType
		}
		lines = append(lines, line)
		e.telemetry.extension(x)
	}
	e.mu.Unlock()
	for _, line := range lines {
		e.logs.platform(line)
	}
}
