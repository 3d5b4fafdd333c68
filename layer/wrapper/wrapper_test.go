package main_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/merlon-security/merlon/internal/config"
)

const realAPI = "127.0.0.1:9001"

func TestA2HelloPutsTheRuntimeOnTheProxy(t *testing.T) {
	listen, heard := extension(t)
	environ := lambda(listen)
	r := launch(t, environ, "--expose-gc", "", "a b", "/var/runtime/index.mjs")
	if r.Runtime == nil || r.Status != 0 || r.Stderr != "" {
		t.Fatalf("status %d, stdout %q, stderr %q, want the runtime started in silence", r.Status, r.Stdout, r.Stderr)
	}
	want := slices.Clone(environ)
	for i, entry := range want {
		if strings.HasPrefix(entry, "AWS_LAMBDA_RUNTIME_API=") {
			want[i] = "AWS_LAMBDA_RUNTIME_API=" + listen
		}
	}
	if !slices.Equal(r.Runtime.Environ, want) {
		t.Errorf("environment = %q\nwant %q", r.Runtime.Environ, want)
	}
	if want := []string{self(t), "--expose-gc", "", "a b", "/var/runtime/index.mjs"}; !slices.Equal(r.Runtime.Args, want) {
		t.Errorf("argv = %q, want %q", r.Runtime.Args, want)
	}
	h := <-heard
	if h.Via != "wrapper" || h.Program != self(t) || h.ExecutionEnv != "AWS_Lambda_python3.14" || h.Handler != "app.handler" || h.RuntimeAPI != realAPI {
		t.Errorf("the extension heard %+v", h)
	}
}

func TestA5KillSwitchStartsOnTheRealAPI(t *testing.T) {
	listen, heard := extension(t)
	r := launch(t, lambda(listen, "MERLON_MODE=off", "MERLON_ON_FAULT=closed", "MERLON_THRESHOLD=broken"))
	if r.Runtime == nil || r.Stderr != "" || value(t, r.Runtime.Environ, "AWS_LAMBDA_RUNTIME_API") != realAPI {
		t.Errorf("off: %+v, want the runtime on the real API in silence", r)
	}
	if len(heard) != 0 {
		t.Error("off: a hello was said")
	}
}

func TestA2NothingListens(t *testing.T) {
	listen := nobody(t)
	r := launch(t, lambda(listen))
	if r.Runtime == nil || value(t, r.Runtime.Environ, "AWS_LAMBDA_RUNTIME_API") != realAPI {
		t.Fatalf("open: %+v, want the runtime on the real API", r)
	}
	if n := notice(t, r); n["Unprotected"] != 1.0 || !strings.Contains(fmt.Sprint(n["remedy"]), "attach the layer") {
		t.Errorf("open: notice %v, want the metric and the remedy", n)
	}
	r = launch(t, lambda(listen, "MERLON_ON_FAULT=closed"))
	if n := notice(t, r); r.Runtime != nil || r.Status != 1 || !strings.Contains(fmt.Sprint(n["message"]), "MERLON_ON_FAULT") {
		t.Errorf("closed: %+v, want no runtime, status 1 and the reason", r)
	}
}

func TestA3PortTakenByAStranger(t *testing.T) {
	ln := open(t)
	serve(t, ln, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello yourself") }))
	listen := ln.Addr().String()
	r := launch(t, lambda(listen))
	if n := notice(t, r); r.Runtime == nil || value(t, r.Runtime.Environ, "AWS_LAMBDA_RUNTIME_API") != realAPI || !strings.Contains(fmt.Sprint(n["remedy"]), "MERLON_LISTEN") {
		t.Errorf("open: %+v, want the runtime on the real API and the remedy", r)
	}
	if r = launch(t, lambda(listen, "MERLON_ON_FAULT=closed")); r.Runtime != nil || r.Status != 1 {
		t.Errorf("closed: %+v, want no runtime and status 1", r)
	}
	if r = launch(t, lambda(listen, "MERLON_ON_FAULT=shut", "MERLON_MODE=block")); r.Runtime != nil || r.Status != 1 {
		t.Errorf("unparsable ON_FAULT in block mode: %+v, want no runtime and status 1", r)
	}
}

// An extension with other credentials is as good as a stranger.
func TestA3AnotherFunctionsExtension(t *testing.T) {
	listen, heard := extension(t)
	environ := lambda(listen)
	i := slices.Index(environ, "AWS_SECRET_ACCESS_KEY=wJalr")
	environ[i] = "AWS_SECRET_ACCESS_KEY=other"
	r := launch(t, environ)
	if r.Runtime == nil || value(t, r.Runtime.Environ, "AWS_LAMBDA_RUNTIME_API") != realAPI || len(heard) != 0 {
		t.Errorf("%+v, heard %d, want the runtime on the real API and nothing heard", r, len(heard))
	}
}

func TestA7SecretsDoNotReachTheRuntime(t *testing.T) {
	listen, _ := extension(t)
	names := config.SecretNames()
	if len(names) == 0 {
		t.Fatal("no secret variables")
	}
	for _, l := range []string{listen, nobody(t)} {
		environ := lambda(l)
		for _, name := range names {
			environ = append(environ, name+"=hunter2")
		}
		r := launch(t, environ)
		if r.Runtime == nil || strings.Contains(fmt.Sprint(r.Runtime.Environ, r.Stderr), "hunter2") {
			t.Errorf("listen %s: %+v, want no secret in environment or log", l, r)
		}
	}
}

func TestDescriptorsAndProcessAreInherited(t *testing.T) {
	listen, _ := extension(t)
	dir := t.TempDir()
	var started int
	r := start(t, func() *exec.Cmd {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		write.WriteString("through fd 3")
		write.Close()
		t.Cleanup(func() { read.Close() })
		cmd := exec.Command("/bin/sh", "-c", `echo $$ >&2; ulimit -n 123; exec "$0" "$@"`, wrapper, self(t))
		cmd.Env, cmd.Dir, cmd.ExtraFiles = lambda(listen), dir, []*os.File{read}
		cmd.Stdin = strings.NewReader("through stdin")
		return cmd
	})
	fmt.Sscan(r.Stderr, &started)
	p := r.Runtime
	if p == nil || p.Fd3 != "through fd 3" || p.Stdin != "through stdin" || p.Cwd != dir || p.Pid != started || p.Nofile != 123 {
		t.Errorf("the runtime is %+v, stderr %q, want fd 3, stdin, directory %s, pid %d and 123 descriptors", p, r.Stderr, dir, started)
	}
}

// ls lists its own descriptors: the wrapper must add none, such as the socket of
// the hello.
func TestNoDescriptorLeaks(t *testing.T) {
	listen, _ := extension(t)
	ls := func(argv ...string) string {
		return start(t, func() *exec.Cmd {
			cmd := exec.Command(argv[0], argv[1:]...)
			cmd.Env = lambda(listen)
			return cmd
		}).Stdout
	}
	direct, wrapped := ls("ls", "/proc/self/fd"), ls(wrapper, "ls", "/proc/self/fd")
	if direct != wrapped || direct == "" {
		t.Errorf("descriptors are %q, want %q as without the wrapper", wrapped, direct)
	}
}

func TestA1BootstrapShim(t *testing.T) {
	listen, heard := extension(t)
	dir := t.TempDir()
	copyFile(t, wrapper, filepath.Join(dir, "bootstrap"))
	copyFile(t, self(t), filepath.Join(dir, "bootstrap.merlon-real"))
	shim := func(argv ...string) result {
		return start(t, func() *exec.Cmd {
			return &exec.Cmd{Path: filepath.Join(dir, "bootstrap"), Args: argv, Dir: dir, Env: lambda(listen)}
		})
	}
	for _, argv := range [][]string{{filepath.Join(dir, "bootstrap")}, {"./bootstrap", "arg"}, {"bootstrap"}} {
		r := shim(argv...)
		if r.Runtime == nil || r.Runtime.Exe != filepath.Join(dir, "bootstrap.merlon-real") || !slices.Equal(r.Runtime.Args, argv) {
			t.Fatalf("bootstrap %q: %+v, want the real one with the same argv", argv, r)
		}
		if got := value(t, r.Runtime.Environ, "AWS_LAMBDA_RUNTIME_API"); got != listen {
			t.Errorf("bootstrap %q: API %s, want %s", argv, got, listen)
		}
		if h := <-heard; h.Via != "bootstrap" {
			t.Errorf("bootstrap %q: heard %+v", argv, h)
		}
	}

	if err := os.Remove(filepath.Join(dir, "bootstrap.merlon-real")); err != nil {
		t.Fatal(err)
	}
	if r := shim("bootstrap"); r.Status != 127 || !strings.Contains(fmt.Sprint(notice(t, r)["remedy"]), "merlon layer wrap") {
		t.Errorf("without a real bootstrap: %+v, want status 127 and the remedy", r)
	}
	if err := os.Link(filepath.Join(dir, "bootstrap"), filepath.Join(dir, "bootstrap.merlon-real")); err != nil {
		t.Fatal(err)
	}
	if r := shim("bootstrap"); r.Status != 126 || !strings.Contains(fmt.Sprint(notice(t, r)["reason"]), "itself") {
		t.Errorf("the real bootstrap is the wrapper: %+v, want status 126", r)
	}
}

func TestA1Entrypoint(t *testing.T) {
	listen, _ := extension(t)
	dir := t.TempDir()
	if err := os.Symlink(self(t), filepath.Join(dir, "runtime")); err != nil {
		t.Fatal(err)
	}
	environ := lambda(listen)
	environ = append(slices.DeleteFunc(environ, func(s string) bool { return strings.HasPrefix(s, "PATH=") }), "PATH=/nowhere::"+dir)
	r := start(t, func() *exec.Cmd {
		cmd := exec.Command(wrapper, "runtime", "--flag")
		cmd.Env = environ
		return cmd
	})
	if r.Runtime == nil || !slices.Equal(r.Runtime.Args, []string{"runtime", "--flag"}) || value(t, r.Runtime.Environ, "AWS_LAMBDA_RUNTIME_API") != listen {
		t.Errorf("ENTRYPOINT: %+v, want the program found in PATH with its argv", r)
	}
}

func TestExecFailures(t *testing.T) {
	listen, _ := extension(t)
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return file
	}
	plain, foreign := write("plain", "#!/bin/sh\n", 0o644), write("foreign", "\x00not a program", 0o755)
	orphan := write("orphan", "#!/no/such/interpreter\n", 0o755)
	tests := []struct {
		name   string
		args   []string
		status int
		says   string
	}{
		{"no program", nil, 2, "no program"},
		{"missing", []string{"/no/such/program"}, 127, "no such file"},
		{"missing in PATH", []string{"no-such-program"}, 127, "not in PATH"},
		{"empty name", []string{""}, 127, "not in PATH"},
		{"not executable", []string{plain}, 126, "permission denied"},
		{"not executable in PATH", []string{"plain"}, 126, "not executable"},
		{"a directory", []string{dir + "/"}, 126, "permission denied"},
		{"not a program", []string{foreign}, 126, "exec format error"},
		{"no interpreter", []string{orphan}, 126, "no such file"},
		{"itself", []string{wrapper, "true"}, 126, "itself"},
	}
	for _, tt := range tests {
		r := start(t, func() *exec.Cmd {
			cmd := exec.Command(wrapper, tt.args...)
			cmd.Env = lambda(listen, "PATH="+dir)
			cmd.Env = slices.DeleteFunc(cmd.Env, func(s string) bool { return s == "PATH="+os.Getenv("PATH") })
			return cmd
		})
		if n := notice(t, r); r.Status != tt.status || !strings.Contains(fmt.Sprint(n["reason"]), tt.says) || n["remedy"] == "" {
			t.Errorf("%s: status %d, %v, want %d and %q", tt.name, r.Status, n, tt.status, tt.says)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	// A descriptor open for writing in a child forked meanwhile would make the
	// program busy (ETXTBSY), hence the fork lock.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(to, b, 0o755); err != nil {
		t.Fatal(err)
	}
}
