package main_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/emulator"
)

// env is one emulated function with its log.
type env struct {
	*emulator.Lambda
	mu      sync.Mutex
	lines   []emulator.Line
	changed chan struct{}
}

// direct runs the function without any layer, protected behind the real one.
func direct(t *testing.T, function string, change func(*emulator.Options)) *env {
	return start(t, function, "", change)
}

func protected(t *testing.T, function string, change func(*emulator.Options)) *env {
	return start(t, function, optDir, change)
}

func start(t *testing.T, function, opt string, change func(*emulator.Options)) *env {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	opts := emulator.Options{
		Opt: opt,
		Function: emulator.Function{
			Name: "orders", Command: []string{self}, TaskRoot: t.TempDir(), Timeout: 20 * time.Second,
			Env: map[string]string{"TEST_FUNCTION": function},
		},
	}
	if opt != "" {
		opts.Function.Command = []string{filepath.Join(opt, "merlon-wrapper"), self}
		opts.Function.Env["MERLON_LISTEN"] = freePort(t)
	}
	if change != nil {
		change(&opts)
	}
	// As in service: what is not done when the next poll goes out is not done.
	opts.Freeze = opts.Concurrency == 0 && !opts.External
	e := &env{changed: make(chan struct{})}
	opts.Logs = e.add
	if e.Lambda, err = emulator.Start(context.Background(), opts); err != nil {
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

// freePort names a loopback address that nobody else is given: of a port that was
// free a moment ago, another test may have made its own in the meantime, and take
// the events of this one.
func freePort(t *testing.T) string {
	t.Helper()
	n := addresses.Add(1)
	if n >= 200<<8 {
		t.Fatal("no loopback address is left for this process")
	}
	return fmt.Sprintf("127.%d.%d.1:%d", 1+n>>8, n%256, 10_000+os.Getpid()%20_000)
}

var addresses atomic.Int64

func (e *env) close(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := e.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func (e *env) add(l emulator.Line) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lines = append(e.lines, l)
	close(e.changed)
	e.changed = make(chan struct{})
}

func (e *env) text() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var b strings.Builder
	for _, l := range e.lines {
		b.WriteString(string(l.Source) + ": " + l.Text + "\n")
	}
	return b.String()
}

// await returns the first line of the extension that holds all the given texts,
// when it comes.
func (e *env) await(t *testing.T, texts ...string) string {
	t.Helper()
	return e.awaitLine(t, emulator.SourceExtension, texts...)
}

func (e *env) awaitLine(t *testing.T, from emulator.Source, texts ...string) string {
	t.Helper()
	return e.awaitThat(t, func(l emulator.Line) bool { return l.Source == from && holds(l.Text, texts) }, texts)
}

// awaitAny returns the first line of anybody's that holds all the given texts.
func (e *env) awaitAny(t *testing.T, texts ...string) string {
	t.Helper()
	return e.awaitThat(t, func(l emulator.Line) bool { return holds(l.Text, texts) }, texts)
}

func (e *env) awaitThat(t *testing.T, match func(emulator.Line) bool, texts []string) string {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		e.mu.Lock()
		changed := e.changed
		for _, l := range e.lines {
			if match(l) {
				e.mu.Unlock()
				return l.Text
			}
		}
		e.mu.Unlock()
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("no line with %q; log:\n%s", texts, e.text())
		}
	}
}

func holds(line string, texts []string) bool {
	for _, s := range texts {
		if !strings.Contains(line, s) {
			return false
		}
	}
	return true
}

func (e *env) invoke(t *testing.T, payload string) emulator.Result {
	t.Helper()
	r, err := e.Invoke(t.Context(), emulator.Request{Payload: []byte(payload)})
	if err != nil {
		t.Fatalf("Invoke(%.60q): %v", payload, err)
	}
	return r
}
