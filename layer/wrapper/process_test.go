package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/merlon-security/merlon/internal/hello"
	"github.com/merlon-security/merlon/internal/hello/server"
	"github.com/merlon-security/merlon/layer/internal/attach"
)

// wrapper is the program under test, built once as it ships.
var wrapper string

// TestMain is also the runtime that the wrapper starts: with the variable set,
// this binary describes the process it finds itself in and exits.
func TestMain(m *testing.M) {
	if os.Getenv("WRAPPER_TEST_RUNTIME") != "" {
		describe()
		// Not os.Exit: under the race detector it sleeps for a second.
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
	}
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "wrapper")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	wrapper = filepath.Join(dir, "merlon-wrapper")
	if err := build(wrapper); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// build makes the wrapper with the flags of the release.
func build(out string, extra ...string) error {
	args := append([]string{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", out}, extra...)
	cmd := exec.Command("go", append(args, ".")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, text)
	}
	return nil
}

// process is what a runtime can see of itself.
type process struct {
	Args, Environ []string
	Exe, Cwd      string
	Fd3           string
	Pid           int
	Nofile        uint64
	Stdin         string
}

func describe() {
	p := process{Args: os.Args, Environ: os.Environ(), Pid: os.Getpid()}
	p.Exe, _ = os.Readlink("/proc/self/exe")
	p.Cwd, _ = os.Getwd()
	var limit syscall.Rlimit
	syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	p.Nofile = limit.Max
	buf := make([]byte, 64)
	if n, err := syscall.Read(3, buf); err == nil {
		p.Fd3 = string(buf[:n])
	}
	if n, err := syscall.Read(0, buf); err == nil {
		p.Stdin = string(buf[:n])
	}
	json.NewEncoder(os.Stdout).Encode(p)
}

// lambda is what the platform tells the runtime's process.
func lambda(listen string, extra ...string) []string {
	return append([]string{
		"WRAPPER_TEST_RUNTIME=1", "PATH=" + os.Getenv("PATH"), "ODD=a=b", "EMPTY=", attach.RuntimeAPI + "=127.0.0.1:9001",
		"AWS_SECRET_ACCESS_KEY=wJalr", "AWS_SESSION_TOKEN=FwoG", "AWS_LAMBDA_FUNCTION_NAME=orders", "AWS_LAMBDA_FUNCTION_VERSION=7",
		"AWS_EXECUTION_ENV=AWS_Lambda_python3.14", "_HANDLER=app.handler", "MERLON_LISTEN=" + listen,
	}, extra...)
}

// extension answers hellos for such a process and tells what it hears.
func extension(t *testing.T) (listen string, heard <-chan hello.Hello) {
	t.Helper()
	ln := open(t)
	addr := addrOf(ln)
	hellos := make(chan hello.Hello, 100)
	mux := http.NewServeMux()
	mux.Handle(hello.Path, server.Handler(hello.DeriveKey(lambda(""), addr), func(h hello.Hello) { hellos <- h }))
	serve(t, ln, mux)
	return addr.String(), hellos
}

func open(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func addrOf(ln net.Listener) netip.AddrPort { return ln.Addr().(*net.TCPAddr).AddrPort() }

func serve(t testing.TB, ln net.Listener, h http.Handler) {
	srv := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() { defer close(done); srv.Serve(ln) }()
	t.Cleanup(func() { srv.Close(); <-done })
}

// nobody is an address where nothing listens.
func nobody(t *testing.T) string {
	t.Helper()
	ln := open(t)
	defer ln.Close()
	return addrOf(ln).String()
}

// result is how a run ended. Runtime is nil if the runtime did not start.
type result struct {
	Runtime        *process
	Stdout, Stderr string
	Status         int
}

// start runs a command to its end, again if a busy machine let the hello's 50
// ms pass.
func start(t *testing.T, command func() *exec.Cmd) result {
	t.Helper()
	for attempt := 0; ; attempt++ {
		cmd := command()
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if strings.Contains(stderr.String(), hello.ErrSlow.Error()) && attempt < 20 {
			continue
		}
		r := result{Stdout: stdout.String(), Stderr: stderr.String(), Status: cmd.ProcessState.ExitCode()}
		var p process
		if json.Unmarshal(stdout.Bytes(), &p) == nil {
			r.Runtime = &p
		}
		return r
	}
}

// launch runs the wrapper around this binary with arguments of the runtime.
func launch(t *testing.T, environ []string, args ...string) result {
	t.Helper()
	return start(t, func() *exec.Cmd {
		cmd := exec.Command(wrapper, append([]string{self(t)}, args...)...)
		cmd.Env = environ
		return cmd
	})
}

func self(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// value returns the only value of a name, and fails if there are more.
func value(t *testing.T, environ []string, name string) string {
	t.Helper()
	found := ""
	count := 0
	for _, entry := range environ {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			found = v
			count++
		}
	}
	if count > 1 {
		t.Errorf("%s is %d times in the environment", name, count)
	}
	return found
}

// notice returns the only line on standard error, which must be JSON.
func notice(t *testing.T, r result) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(r.Stderr), &m); err != nil || strings.Count(r.Stderr, "\n") != 1 {
		t.Fatalf("standard error is %q, want one JSON line", r.Stderr)
	}
	return m
}
