package main_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/emulator"
)

// A rig is a protected function whose extension reaches Lambda through the test,
// which stops any call at a point, and signals the extension there.
type rig struct {
	*env
	pid string // the file that names the running extension
	api string // where the extension reaches Lambda

	mu    sync.Mutex
	stops map[string]*stop
}

// A stop is a point that a call reaches and where it waits.
type stop struct{ reached, resume chan struct{} }

// rigOptions change how the extension is started.
type rigOptions struct {
	limit  string // arguments of the shell's ulimit
	log    string // a named pipe its log goes to, instead of to Lambda
	change func(*emulator.Options)
}

func newRig(t *testing.T, o rigOptions) *rig {
	t.Helper()
	dir := t.TempDir()
	r := &rig{pid: filepath.Join(dir, "pid"), stops: map[string]*stop{}}
	lambda := freePort(t)
	api := httptest.NewServer(r.between(&url.URL{Scheme: "http", Host: lambda}))
	t.Cleanup(api.Close)
	r.api = api.Listener.Addr().String()

	script := fmt.Sprintf("#!/bin/sh\necho $$ >'%s'\nexport AWS_LAMBDA_RUNTIME_API='%s'\n", r.pid, r.api)
	if o.limit != "" {
		script += "ulimit " + o.limit + "\n"
	}
	script += fmt.Sprintf("exec '%s'", filepath.Join(optDir, "extensions", "merlon"))
	if o.log != "" {
		script += fmt.Sprintf(" >'%s'", o.log)
	}
	opt := filepath.Join(dir, "opt")
	if err := os.MkdirAll(filepath.Join(opt, "extensions"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(opt, "extensions", "merlon"), []byte(script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(optDir, "merlon-wrapper"), filepath.Join(opt, "merlon-wrapper")); err != nil {
		t.Fatal(err)
	}
	r.env = start(t, "plain", opt, func(eo *emulator.Options) {
		block(eo)
		eo.Listen, eo.RuntimeAPI = lambda, r.api
		if o.change != nil {
			o.change(eo)
		}
	})
	t.Cleanup(r.releaseAll) // before Close, which waits for calls to end
	return r
}

// between relays to Lambda and stops where it was told to.
func (r *rig) between(lambda *url.URL) http.Handler {
	forward := httputil.NewSingleHostReverseProxy(lambda)
	forward.FlushInterval = -1
	forward.ErrorLog = log.New(io.Discard, "", 0) // connections of the dead
	forward.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	forward.ModifyResponse = func(resp *http.Response) error {
		r.pass(resp.Request.Context(), "after "+callName(resp.Request))
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if r.stopsAt(callName(req)) {
			// Only when a body has been read is a connection that breaks noticed.
			body, err := io.ReadAll(req.Body)
			if err != nil {
				panic(http.ErrAbortHandler)
			}
			req.Body = io.NopCloser(bytes.NewReader(body))
		}
		r.pass(req.Context(), "before "+callName(req))
		forward.ServeHTTP(w, req)
	})
}

// callName names a call: register, event (the extension's poll), next, response,
// error.
func callName(r *http.Request) string {
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	if strings.HasSuffix(r.URL.Path, "/event/next") {
		return "event"
	}
	return name
}

// stopAt makes the next call that comes to a point wait there.
func (r *rig) stopAt(point string) *stop {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &stop{reached: make(chan struct{}), resume: make(chan struct{})}
	r.stops[point] = s
	return s
}

func (r *rig) stopsAt(call string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stops["before "+call] != nil || r.stops["after "+call] != nil
}

// pass waits at a stop until the test lets the call go on or its caller is gone.
func (r *rig) pass(ctx context.Context, point string) {
	r.mu.Lock()
	s := r.stops[point]
	delete(r.stops, point)
	r.mu.Unlock()
	if s == nil {
		return
	}
	close(s.reached)
	select {
	case <-s.resume:
	case <-ctx.Done():
		panic(http.ErrAbortHandler)
	}
}

func (r *rig) releaseAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.stops)
}

// wait waits until a call is at the stop.
func (s *stop) wait(t *testing.T) {
	t.Helper()
	select {
	case <-s.reached:
	case <-time.After(time.Minute):
		t.Fatal("no call came to the stop")
	}
}

func (s *stop) release() { close(s.resume) }

// begin invokes the function beside the test.
func (r *rig) begin(t *testing.T, payload string) <-chan emulator.Result {
	t.Helper()
	result := make(chan emulator.Result, 1)
	go func() {
		res, err := r.Invoke(t.Context(), emulator.Request{Payload: []byte(payload)})
		if err != nil {
			t.Errorf("Invoke(%.60q): %v", payload, err)
		}
		result <- res
	}()
	return result
}

// process is the running extension.
func (r *rig) process(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(r.pid)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func (r *rig) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(r.process(t), s); err != nil {
		t.Fatal(err)
	}
}

// pipe makes a named pipe and holds it open at both ends, so that neither end's
// opening waits for the other's.
func pipe(t *testing.T) (name string, ends *os.File) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "log")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	ends, err := os.OpenFile(name, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ends.Close() })
	return name, ends
}

// fill writes until a pipe takes no more.
func fill(t *testing.T, pipe *os.File) {
	t.Helper()
	if err := pipe.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{4096, 1} {
		for {
			if _, err := pipe.Write(make([]byte, size)); errors.Is(err, os.ErrDeadlineExceeded) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
}
