package runtimes_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/emulator"
)

// client is one implementation of the Runtime API's client side.
type client struct {
	name, title string
	runtime     string // Lambda's identifier; empty: an entry point
	// command starts the function; the handler or kind is the case's.
	command func(function string) []string
	dir     string // of testdata/functions; empty: a directory of its own
	cases   []parityCase
}

// parityCase is a function and what is asked of it, in one environment.
type parityCase struct {
	name     string
	function string // kind or handler
	timeout  time.Duration
	env      map[string]string
	steps    []step
	// torn: the answer is under way when the runtime dies or reports an error
	// on another connection. Which of the ends the service sees first, and so
	// the reason it gives and what the client hears, is nobody's to decide:
	// compared is that the caller got a failure and what was tried.
	torn bool
	// restless: the runtime asks again until the service has noticed that an
	// answer broke off; how often is not compared.
	restless bool
}

// step is one invocation.
type step struct {
	payload string
	stream  bool   // the caller takes a stream
	url     string // instead: path of a request to a streaming function URL
	body    string // of that request
	context string // the caller's client context
}

func ask(payloads ...string) (steps []step) {
	for _, p := range payloads {
		steps = append(steps, step{payload: p})
	}
	return steps
}

func listen(payloads ...string) (steps []step) {
	for _, p := range payloads {
		steps = append(steps, step{payload: p, stream: true})
	}
	return steps
}

func visit(paths ...string) (steps []step) {
	for _, p := range paths {
		steps = append(steps, step{url: p})
	}
	return steps
}

// environment is one emulated function with all that was seen of it.
type environment struct {
	*emulator.Lambda
	mu    sync.Mutex
	lines []emulator.Line
	calls []emulator.Call
	tail  int // if not zero, that many lines and calls are kept, the last ones
}

// options are those of a function at the emulator, beside an extension that
// does nothing, or behind the layer.
func (c *client) options(t testing.TB, pc parityCase, behind bool) emulator.Options {
	t.Helper()
	o := emulator.Options{
		Opt: bystander,
		Function: emulator.Function{
			Name: "orders", Runtime: c.runtime, Handler: "index.handler", Command: c.command(pc.function), Timeout: 30 * time.Second,
			Memory: 512, Env: map[string]string{"TEST_FUNCTION": "plain"},
		},
	}
	if pc.function != "" {
		o.Function.Handler, o.Function.Env["TEST_FUNCTION"] = pc.function, pc.function
	}
	o.Function.TaskRoot = t.TempDir()
	if c.dir != "" {
		dir, err := filepath.Abs(filepath.Join(root, "testdata", "functions", c.dir))
		if err != nil {
			t.Fatal(err)
		}
		o.Function.TaskRoot = dir
	}
	if pc.timeout > 0 {
		o.Function.Timeout = pc.timeout
	}
	for name, value := range pc.env {
		o.Function.Env[name] = value
	}
	if behind {
		attach(t, &o)
	}
	return o
}

// attach puts the layer on: a managed runtime gets the variable, anything else
// the launcher as its entry point.
func attach(t testing.TB, o *emulator.Options) {
	t.Helper()
	o.Opt = optDir
	o.Function.Env["MERLON_LISTEN"] = freePort(t)
	if o.Function.Runtime != "" {
		o.Function.Env["AWS_LAMBDA_EXEC_WRAPPER"] = "/opt/merlon-wrapper"
	} else {
		o.Function.Command = append([]string{filepath.Join(optDir, "merlon-wrapper")}, o.Function.Command...)
	}
}

// freePort names a loopback address that nobody listens on.
func freePort(t testing.TB) string {
	t.Helper()
	addr, err := emulator.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func start(t testing.TB, o emulator.Options) *environment { return startKeeping(t, o, 0) }

// startKeeping keeps only the last lines and calls, if tail is not zero.
func startKeeping(t testing.TB, o emulator.Options, tail int) *environment {
	t.Helper()
	e := &environment{tail: tail}
	o.Logs, o.Trace = e.addLine, e.addCall
	var err error
	if e.Lambda, err = emulator.Start(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		e.close(t)
		if t.Failed() {
			t.Logf("log:\n%s", e.text())
		}
	})
	return e
}

// attempts is how often a function is started behind the layer. A busy machine
// lets the launcher's challenge time out, and the function then runs without
// Merlon, which is the subject of other tests.
const attempts = 10

// startBlocking starts a function behind the layer, in block mode, and makes
// sure that it is behind it.
func startBlocking(t *testing.T, o emulator.Options, tail int) *environment {
	t.Helper()
	o.Function.Env["MERLON_MODE"] = "block"
	for range attempts {
		e := startKeeping(t, o, tail)
		if got := e.take(t, step{payload: attack}); got.status == "error Function.MerlonBlocked" {
			return e
		}
		e.close(t)
		if !e.unattached() {
			t.Fatalf("an attack passed; log:\n%s", e.text())
		}
	}
	t.Fatal("the function never started behind Merlon")
	return nil
}

// unattached reports, of a closed environment, that the launcher's challenge
// timed out.
func (e *environment) unattached() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.ContainsFunc(e.lines, func(l emulator.Line) bool {
		return l.Source == emulator.SourceFunction && strings.Contains(l.Text, "no complete answer in time")
	})
}

// close ends the environment; all its lines and calls are there then.
func (e *environment) close(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := e.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func (e *environment) addLine(l emulator.Line) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lines = last(append(e.lines, l), e.tail)
}

func (e *environment) addCall(c emulator.Call) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = last(append(e.calls, c), e.tail)
}

// last cuts a list that has reached twice n elements to the last n.
func last[T any](list []T, n int) []T {
	if n == 0 || len(list) < 2*n {
		return list
	}
	return append(list[:0], list[n:]...)
}

func (e *environment) text() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var b strings.Builder
	for _, l := range e.lines {
		fmt.Fprintf(&b, "%s: %.400s\n", l.Source, l.Text)
	}
	return b.String()
}

// caller is what one invocation looked like from outside.
type caller struct {
	status string // in a word or two
	detail string
}

// take runs one step.
func (e *environment) take(t *testing.T, s step) caller {
	t.Helper()
	got := collector{seen: filepath.Join(t.TempDir(), "seen")}
	if s.url != "" {
		s.url = strings.Replace(s.url, seenFile, got.seen, 1)
		return e.visit(t, s, &got)
	}
	req := emulator.Request{Payload: []byte(strings.Replace(s.payload, seenFile, got.seen, 1)), ClientContext: []byte(s.context)}
	if s.stream {
		req.Stream = got.begin
	}
	r, err := e.Invoke(t.Context(), req)
	if err != nil {
		t.Fatalf("Invoke(%.60q): %v", s.payload, err)
	}
	status := string(r.Status)
	if r.ErrorType != "" {
		status += " " + r.ErrorType
	}
	return caller{status, fmt.Sprintf("%s %q %q streaming %v, %s; stream %v %s", status, r.FunctionError, r.ContentType, r.Streaming,
		digest(r.Payload), got.header, digest(got.body.Bytes()))}
}

// seenFile in an event is the name of the file that tells the function that
// its caller has the first bytes.
const seenFile = "<seen>"

// collector is a caller that takes streams.
type collector struct {
	header http.Header
	body   bytes.Buffer
	seen   string
}

func (c *collector) begin(h http.Header) emulator.StreamWriter { c.header = h; return c }
func (c *collector) Flush()                                    {}

func (c *collector) Write(p []byte) (int, error) {
	if c.body.Len() == 0 {
		if err := os.WriteFile(c.seen, nil, 0o600); err != nil {
			return 0, err
		}
	}
	return c.body.Write(p)
}

// visit sends an HTTP request to the function's URL in mode RESPONSE_STREAM.
func (e *environment) visit(t *testing.T, s step, got *collector) caller {
	t.Helper()
	server := httptest.NewServer(e.URLHandler(emulator.Front{Kind: emulator.FunctionURL, Stream: true}))
	defer server.Close()
	method := http.MethodGet
	if s.body != "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(t.Context(), method, server.URL+s.url, strings.NewReader(s.body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		return caller{"cut off", "cut off before the status"}
	}
	defer resp.Body.Close()
	_, err = io.CopyBuffer(got, struct{ io.Reader }{resp.Body}, make([]byte, 4<<10))
	status := fmt.Sprint(resp.StatusCode)
	if err != nil {
		status += " cut off"
	}
	resp.Header.Del("Date")
	return caller{status, fmt.Sprintf("%s %v %s", status, resp.Header, digest(got.body.Bytes()))}
}

// clients are those that can run here.
func clients(t testing.TB) []*client {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	all := allClients()
	all[0].command = func(string) []string { return []string{self} }
	if *nodeRIC == "" {
		return all[:1]
	}
	return all
}
