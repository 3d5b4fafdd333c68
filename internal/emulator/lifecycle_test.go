package emulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/emulator"
)

func TestExtensionLifecycle(t *testing.T) {
	t.Parallel()
	l, book := start(t, emulator.Options{Function: function(t, "echo"), Opt: optWith(t, "a-invoke-shutdown", "b-shutdown", "c")})
	result := invoke(t, l, `{}`)
	for _, name := range []string{"a-invoke-shutdown", "b-shutdown", "c"} {
		book.await(t, emulator.SourcePlatform, "Name: "+name+"\tState: Ready")
	}
	line := book.await(t, emulator.SourceExtension, "event INVOKE "+result.RequestID)
	if line.Name != "a-invoke-shutdown" {
		t.Errorf("INVOKE went to %q", line.Name)
	}
	registered := book.await(t, emulator.SourceExtension, "registered")
	if want := `{"functionName":"orders","functionVersion":"$LATEST","handler":"bootstrap"}`; !strings.Contains(registered.Text, want) {
		t.Errorf("register answered %s, want %s", registered.Text, want)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := book.count(emulator.SourceExtension, "event SHUTDOWN spindown"); got != 2 {
		t.Errorf("%d extensions got SHUTDOWN, want 2", got)
	}
}

// A fault anywhere ends the environment: extensions get SHUTDOWN, and the next
// invocation starts everything again.
func TestReset(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, extension, payload string
		errorType, reason        string
	}{
		{"timeout", "x-shutdown", `{"do":"hang"}`, "Sandbox.Timedout", "event SHUTDOWN timeout"},
		{"runtime exit", "x-shutdown", `{"do":"exit 1"}`, "Runtime.ExitError", "event SHUTDOWN failure"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := function(t, "echo")
			f.Timeout = 3 * time.Second
			l, book := start(t, emulator.Options{Function: f, Opt: optWith(t, test.extension)})
			before := counted(t, l)
			if result := invoke(t, l, test.payload); result.ErrorType != test.errorType {
				t.Errorf("Invoke = %s %s, want %s", result.ErrorType, result.Payload, test.errorType)
			}
			after := counted(t, l)
			if before.PID == after.PID {
				t.Error("the runtime was not replaced")
			}
			if !book.has(emulator.SourceExtension, test.reason) {
				t.Errorf("no %q", test.reason)
			}
			if got := book.count(emulator.SourceExtension, "registered"); got != 2 {
				t.Errorf("the extension registered %d times, want 2", got)
			}
		})
	}
}

func TestExtensionFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, extension, errorType string
	}{
		{"exits before registering", "mute", "Extension.Crash"},
		{"exits on INVOKE", "x-invoke-crash", "Extension.Crash"},
		{"reports init error", "x-initerror", "Extension.InitError"},
		{"reports exit error", "x-invoke-exiterror", "Extension.ExitError"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l, _ := start(t, emulator.Options{Function: function(t, "echo"), Opt: optWith(t, test.extension)})
			for range 2 {
				// The function must not answer: a caller that has its answer
				// does not hear of an extension that dies behind it.
				if result := invoke(t, l, `{"do":"hang"}`); result.ErrorType != test.errorType {
					t.Errorf("Invoke = %s %s, want %s", result.ErrorType, result.Payload, test.errorType)
				}
			}
		})
	}
}

// What dies between two invocations fails the next one.
func TestDeathWhileIdle(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		victim    func(runtime, extension int) int
		errorType string
	}{
		{"extension", func(_, extension int) int { return extension }, "Extension.Crash"},
		{"runtime", func(runtime, _ int) int { return runtime }, "Runtime.ExitError"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l, book := start(t, emulator.Options{Function: function(t, "echo"), Opt: optWith(t, "x-shutdown")})
			result := invoke(t, l, `{"do":"count"}`)
			var c tally
			if err := json.Unmarshal(result.Payload, &c); err != nil {
				t.Fatal(err)
			}
			extension, err := strconv.Atoi(strings.Fields(book.await(t, emulator.SourceExtension, "pid ").Text)[1])
			if err != nil {
				t.Fatal(err)
			}
			// The answer comes before the end of the invocation.
			book.await(t, emulator.SourcePlatform, "REPORT RequestId: "+result.RequestID)
			if err := syscall.Kill(test.victim(c.PID, extension), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			// Hanging makes it the same whether the death is noticed before or
			// during the invocation.
			if result := invoke(t, l, `{"do":"hang"}`); result.ErrorType != test.errorType {
				t.Errorf("Invoke = %s %s, want %s", result.ErrorType, result.Payload, test.errorType)
			}
			if result := invoke(t, l, `{}`); result.Status != emulator.StatusSuccess {
				t.Errorf("after that: %s %s, want success", result.Status, result.Payload)
			}
		})
	}
}

func TestExtensionNotExecutable(t *testing.T) {
	t.Parallel()
	opt := optWith(t)
	if err := os.WriteFile(filepath.Join(opt, "extensions", "broken"), []byte("#!/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	l, book := start(t, emulator.Options{Function: function(t, "echo"), Opt: opt})
	if result := invoke(t, l, `{}`); result.ErrorType != "Extension.LaunchError" {
		t.Errorf("Invoke = %s %s, want Extension.LaunchError", result.ErrorType, result.Payload)
	}
	book.await(t, emulator.SourcePlatform, "State: LaunchError\tEvents: []\tError Type: PermissionDenied")
}

func TestExtensionsDisabled(t *testing.T) {
	t.Parallel()
	opt := optWith(t, "mute")
	if err := os.WriteFile(filepath.Join(opt, "disable-extensions-jwigqn8j"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	l, _ := start(t, emulator.Options{Function: function(t, "echo"), Opt: opt})
	if result := invoke(t, l, `{}`); result.Status != emulator.StatusSuccess {
		t.Errorf("Invoke = %s %s, want success", result.Status, result.Payload)
	}
}

// WithEnableSIGTERM registers an internal extension, which buys the runtime a
// SIGTERM before the SIGKILL.
func TestInternalExtension(t *testing.T) {
	t.Parallel()
	l, book := start(t, emulator.Options{Function: function(t, "sigterm")})
	invoke(t, l, `{}`)
	book.await(t, emulator.SourcePlatform, "Name: GoLangEnableSIGTERM\tState: Ready\tEvents: []")
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !book.has(emulator.SourceFunction, "got SIGTERM") {
		t.Error("the runtime got no SIGTERM")
	}
}

// A Close without patience still reaps everything, even an extension that
// ignores SHUTDOWN.
func TestCloseLeavesNothing(t *testing.T) {
	t.Parallel()
	l, book := start(t, emulator.Options{Function: function(t, "echo"), Opt: optWith(t, "deaf-shutdown")})
	pids := []string{strconv.Itoa(counted(t, l).PID)}
	pids = append(pids, strings.Fields(book.await(t, emulator.SourceExtension, "pid ").Text)[1])
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Close(ctx); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if _, err := os.Stat("/proc/" + pid); err == nil {
			t.Errorf("process %s is still there", pid)
		}
	}
	if _, err := l.Invoke(t.Context(), emulator.Request{}); err != emulator.ErrClosed {
		t.Errorf("Invoke after Close = %v, want ErrClosed", err)
	}
}

// The end of Start's context is a Close, SHUTDOWN included.
func TestContextEnds(t *testing.T) {
	t.Parallel()
	book := newLogBook()
	ctx, interrupt := context.WithCancel(t.Context())
	l, err := emulator.Start(ctx, emulator.Options{Function: function(t, "echo"), Opt: optWith(t, "x-shutdown"), Logs: book.add})
	if err != nil {
		t.Fatal(err)
	}
	invoke(t, l, `{}`)
	interrupt()
	if err := l.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if !book.has(emulator.SourceExtension, "event SHUTDOWN spindown") {
		t.Error("no SHUTDOWN")
	}
}

// An extension that ignores SHUTDOWN is killed when the budget is used up.
func TestDeafExtension(t *testing.T) {
	t.Parallel()
	l, book := start(t, emulator.Options{Function: function(t, "echo"), Opt: optWith(t, "deaf-shutdown")})
	invoke(t, l, `{}`)
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !book.has(emulator.SourceExtension, "event SHUTDOWN spindown") {
		t.Error("no SHUTDOWN")
	}
}

// Close interrupts what runs and refuses what waits.
func TestCloseWhileRunning(t *testing.T) {
	t.Parallel()
	l, book := start(t, emulator.Options{Function: function(t, "echo")})
	errs := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := l.Invoke(context.Background(), emulator.Request{Payload: []byte(`{"do":"hang"}`)})
			errs <- err
		}()
	}
	book.await(t, emulator.SourcePlatform, "START")
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := <-errs; !errors.Is(err, emulator.ErrClosed) {
			t.Errorf("Invoke = %v, want ErrClosed", err)
		}
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	f := function(t, "echo")
	f.Runtime = "nodejs24.x"
	f.Handler = "index.handler"
	f.Env["_SECRET_OF_RUNTIME"] = "1"
	f.Env["PLAIN"] = "2"
	opts := emulator.Options{Function: f, Opt: optWith(t, "x-shutdown"), RuntimeAPI: ""}
	l, book := start(t, opts)

	var environ []string
	if err := json.Unmarshal(invoke(t, l, `{"do":"environ"}`).Payload, &environ); err != nil {
		t.Fatal(err)
	}
	names := func(environ []string) []string {
		var names []string
		for _, v := range environ {
			name, _, _ := strings.Cut(v, "=")
			names = append(names, name)
		}
		slices.Sort(names)
		return names
	}
	shared := []string{
		"AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME",
		"AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_RUNTIME_API", "AWS_REGION",
		"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LANG", "LD_LIBRARY_PATH", "PATH", "PLAIN", "TEST_FUNCTION", "TZ",
	}
	runtimeOnly := []string{
		"AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_XRAY_CONTEXT_MISSING",
		"AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "_AWS_XRAY_DAEMON_ADDRESS",
		"_AWS_XRAY_DAEMON_PORT", "_HANDLER", "_SECRET_OF_RUNTIME",
	}
	want := append(slices.Clone(shared), runtimeOnly...)
	slices.Sort(want)
	// aws-lambda-go sets _X_AMZN_TRACE_ID for each invocation.
	got := slices.DeleteFunc(names(environ), func(name string) bool { return name == "_X_AMZN_TRACE_ID" })
	if !slices.Equal(got, want) {
		t.Errorf("runtime environment = %q, want %q", got, want)
	}
	for _, wanted := range []string{"_HANDLER=index.handler", "AWS_EXECUTION_ENV=AWS_Lambda_nodejs24.x", "LAMBDA_TASK_ROOT=" + f.TaskRoot,
		"AWS_LAMBDA_RUNTIME_API=" + l.RuntimeAPI(), "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128"} {
		if !slices.Contains(environ, wanted) {
			t.Errorf("runtime environment lacks %s", wanted)
		}
	}
	line := book.await(t, emulator.SourceExtension, "environ")
	if got := names(strings.Fields(line.Text)[1:]); !slices.Equal(got, shared) {
		t.Errorf("extension environment = %q, want %q", got, shared)
	}
	if got, want := string(invoke(t, l, `{"do":"cwd"}`).Payload), strconv.Quote(f.TaskRoot); got != want {
		t.Errorf("working directory = %s, want %s", got, want)
	}
}

func TestFaultyOptions(t *testing.T) {
	t.Parallel()
	f := function(t, "echo")
	f.Env["AWS_LAMBDA_RUNTIME_API"] = "127.0.0.1:1"
	f.Env["_HANDLER"] = "x"
	f.TaskRoot = filepath.Join(f.TaskRoot, "nowhere")
	_, err := emulator.Start(t.Context(), emulator.Options{Function: f, Opt: "layer"})
	for _, named := range []string{`"AWS_LAMBDA_RUNTIME_API"`, `"_HANDLER"`, "TaskRoot", `"layer"`} {
		if err == nil || !strings.Contains(err.Error(), named) {
			t.Errorf("Start = %v, want all faults named, %s too", err, named)
		}
	}
}

func TestLogLines(t *testing.T) {
	t.Parallel()
	l, book := start(t, emulator.Options{Function: function(t, "echo")})
	invoke(t, l, `{"do":"print","name":"hello"}`)
	if line := book.await(t, emulator.SourceFunction, "hello on stderr"); !line.Stderr {
		t.Error("the line on stderr is not marked")
	}
	book.await(t, emulator.SourceFunction, "hello")
}
