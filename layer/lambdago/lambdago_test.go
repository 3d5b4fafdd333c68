package lambdago_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/hello"
	"github.com/merlon-security/merlon/internal/hello/server"

	// Outside Lambda it does nothing; it ties cached results to its source.
	_ "github.com/merlon-security/merlon/layer/lambdago"
)

// endpoint is a Runtime API that hands out one event, takes one answer and then
// keeps the function waiting. With a key it also answers hellos.
type endpoint struct {
	address string
	heard   chan hello.Hello
	answers chan string
}

func listen(t *testing.T, withHello bool) *endpoint {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().(*net.TCPAddr).AddrPort()
	e := &endpoint{address: addr.String(), heard: make(chan hello.Hello, 100), answers: make(chan string, 1)}
	events := make(chan string, 1)
	events <- `{"say":"hi"}`
	stop := make(chan struct{})
	mux := http.NewServeMux()
	if withHello {
		mux.Handle(hello.Path, server.Handler(hello.DeriveKey(environ("", ""), addr), func(h hello.Hello) { e.heard <- h }))
	}
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		select {
		case event := <-events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "1")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", "4102444800000")
			io.WriteString(w, event)
		case <-stop:
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/1/response", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		e.answers <- string(body)
	})
	srv := &http.Server{Handler: mux}
	done := make(chan struct{})
	go func() { defer close(done); srv.Serve(ln) }()
	t.Cleanup(func() { close(stop); srv.Close(); <-done })
	return e
}

func environ(api, proxy string, extra ...string) []string {
	return append([]string{"AWS_LAMBDA_RUNTIME_API=" + api, "MERLON_LISTEN=" + proxy, "AWS_SECRET_ACCESS_KEY=s", "_HANDLER=bootstrap",
		"AWS_LAMBDA_FUNCTION_NAME=orders", "AWS_LAMBDA_FUNCTION_VERSION=7", "MERLON_QUARANTINE_KEY=hunter2"}, extra...)
}

func function(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "bootstrap")
	if text, err := exec.Command("go", "build", "-o", out, "./testdata/function").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, text)
	}
	return out
}

// run starts the function and returns which endpoint it answered, and standard
// error. A busy machine may let the hello's time pass, then it tries again.
func run(t *testing.T, program string, withHello bool, extra ...string) (proxied bool, answer, stderr string, proxy *endpoint) {
	t.Helper()
	for attempt := 0; ; attempt++ {
		real, proxy := listen(t, false), listen(t, withHello)
		ctx, cancel := context.WithCancel(t.Context())
		cmd := exec.CommandContext(ctx, program)
		var errs bytes.Buffer
		cmd.Stderr, cmd.Env = &errs, environ(real.address, proxy.address, extra...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		exited := make(chan error, 1)
		go func() { exited <- cmd.Wait() }()
		var err error
		select {
		case answer = <-real.answers:
			proxied = false
		case answer = <-proxy.answers:
			proxied = true
		case err = <-exited:
			answer = fmt.Sprint("exited: ", err)
			exited <- err
		}
		cancel()
		<-exited
		if strings.Contains(errs.String(), hello.ErrSlow.Error()) && attempt < 20 {
			continue
		}
		return proxied, answer, errs.String(), proxy
	}
}

func TestA1GoFunctionPollsTheProxy(t *testing.T) {
	program := function(t)
	proxied, answer, stderr, proxy := run(t, program, true)
	if !proxied || answer != `"hi key "` || stderr != "" {
		t.Errorf("proxied %v, answer %s, stderr %q, want the event through the proxy, no secret, silence", proxied, answer, stderr)
	}
	if h := <-proxy.heard; h.Via != "lambdago" || h.Program != program || h.Handler != "bootstrap" {
		t.Errorf("heard %+v", h)
	}

	proxied, answer, stderr, proxy = run(t, program, true, "MERLON_MODE=off")
	if proxied || answer != `"hi key "` || stderr != "" || len(proxy.heard) != 0 {
		t.Errorf("A5, off: proxied %v, answer %s, stderr %q, want the real API in silence", proxied, answer, stderr)
	}

	proxied, answer, stderr, _ = run(t, program, false)
	if proxied || answer != `"hi key "` || !strings.Contains(stderr, `"Unprotected":1`) {
		t.Errorf("A3, a stranger: proxied %v, answer %s, stderr %q, want the real API and a loud line", proxied, answer, stderr)
	}

	proxied, answer, stderr, _ = run(t, program, false, "MERLON_ON_FAULT=closed")
	if answer != "exited: exit status 1" || !strings.Contains(stderr, "MERLON_ON_FAULT") {
		t.Errorf("A3, closed: proxied %v, answer %s, stderr %q, want exit status 1", proxied, answer, stderr)
	}
}

func TestOutsideLambdaNothingHappens(t *testing.T) {
	cmd := exec.Command(function(t))
	cmd.Env = []string{"MERLON_ON_FAULT=closed", "MERLON_PARANOIA=9", "MERLON_QUARANTINE_KEY=kept"}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) || string(out) != "outside Lambda, key kept\n" {
		t.Errorf("outside Lambda: %q, %v, want nothing changed", out, err)
	}
}
