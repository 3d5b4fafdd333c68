package emulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/emulator"
)

// isStopped reads the state of a process (proc_pid_stat(5)).
func isStopped(t *testing.T, pid string) bool {
	t.Helper()
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if os.IsNotExist(err) {
		if _, err := os.Stat("/proc/self/stat"); err != nil {
			t.Skip("no /proc here")
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return bytes.HasPrefix(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" T"))
}

// pidFrom waits for a line "pid N" and returns N.
func pidFrom(t *testing.T, book *logBook, source emulator.Source) string {
	t.Helper()
	return strings.TrimPrefix(book.await(t, source, "pid ").Text, "pid ")
}

// Between invocations nothing runs, and everything goes on behind it: the
// invocation, the extension that subscribed it, and SHUTDOWN.
func TestFreeze(t *testing.T) {
	t.Parallel()
	l, book := start(t, emulator.Options{Freeze: true, Function: function(t, "echo"), Opt: optWith(t, "x-invoke-shutdown")})
	for i := range 3 {
		if err := l.Warm(t.Context()); err != nil { // which also waits for the end of the last invocation
			t.Fatal(err)
		}
		if pid := pidFrom(t, book, emulator.SourceExtension); !isStopped(t, pid) {
			t.Errorf("before invocation %d the extension runs", i)
		}
		result := invoke(t, l, `{"do":"count"}`)
		var c tally
		if err := json.Unmarshal(result.Payload, &c); err != nil || c.Invocations != i+1 {
			t.Errorf("invocation %d: %s %s", i, result.Status, result.Payload)
		}
		if err := l.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !isStopped(t, fmt.Sprint(c.PID)) {
			t.Errorf("behind invocation %d the runtime runs", i)
		}
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !book.has(emulator.SourceExtension, "event SHUTDOWN spindown") {
		t.Error("the extension got no SHUTDOWN")
	}
}

// What dies in the cold is found dead.
func TestFreezeDeath(t *testing.T) {
	t.Parallel()
	l, _ := start(t, emulator.Options{Freeze: true, Function: function(t, "echo"), Opt: optWith(t, "x-shutdown")})
	before := counted(t, l)
	if err := l.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	process, err := os.FindProcess(before.PID)
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	if got := invoke(t, l, `{}`); got.ErrorType != "Runtime.ExitError" {
		t.Errorf("Invoke = %s %s", got.ErrorType, got.Payload)
	}
	if after := counted(t, l); after.PID == before.PID {
		t.Error("the dead runtime answered")
	}
}

// The environment stands still behind INIT until an invocation restores it.
func TestSnapStart(t *testing.T) {
	t.Parallel()
	l, book := start(t, emulator.Options{SnapStart: true, Function: function(t, "hooks"), Opt: optWith(t, "x-shutdown")})
	if err := l.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, source := range []emulator.Source{emulator.SourceFunction, emulator.SourceExtension} {
		if pid := pidFrom(t, book, source); !isStopped(t, pid) {
			t.Errorf("%s runs behind the snapshot", source)
		}
	}
	if book.has(emulator.SourceFunction, "restored") {
		t.Error("restored before an invocation came")
	}
	result := invoke(t, l, `{"do":"credentials"}`)
	book.await(t, emulator.SourceFunction, "restored 200 0")
	if c := string(result.Payload); !strings.Contains(c, `"AccessKeyId":"AKIAIOSFODNN7EXAMPLE"`) || !strings.Contains(c, `"Token":"emulated-session-token"`) {
		t.Errorf("credentials = %s", c)
	}
	if got := invoke(t, l, `{"do":"credentials of another"}`); !strings.Contains(string(got.Payload), "404") {
		t.Errorf("credentials for another token = %s", got.Payload)
	}
	var env []string
	if err := json.Unmarshal(invoke(t, l, `{"do":"environ"}`).Payload, &env); err != nil {
		t.Fatal(err)
	}
	env = append(env, strings.Fields(book.await(t, emulator.SourceExtension, "environ ").Text)...)
	if n := len(slices.DeleteFunc(slices.Clone(env), func(s string) bool { return s != "AWS_LAMBDA_INITIALIZATION_TYPE=snap-start" })); n != 2 {
		t.Errorf("%d processes have the initialization type, want 2", n)
	}
	for _, entry := range env {
		if strings.HasPrefix(entry, "AWS_SECRET_ACCESS_KEY") || strings.HasPrefix(entry, "AWS_SESSION_TOKEN") {
			t.Errorf("a process has %s", entry)
		}
	}
}

// A runtime without hooks is released by its first event.
func TestSnapStartWithoutHooks(t *testing.T) {
	t.Parallel()
	l, book := start(t, emulator.Options{SnapStart: true, Freeze: true, Function: function(t, "echo"), Opt: optWith(t, "x-shutdown")})
	if err := l.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if pid := pidFrom(t, book, emulator.SourceExtension); !isStopped(t, pid) {
		t.Error("the extension runs behind the snapshot")
	}
	for i := range 2 {
		if c := counted(t, l); c.Invocations != i+1 {
			t.Errorf("invocation %d counted %d", i, c.Invocations)
		}
	}
}

func TestSnapStartHookFails(t *testing.T) {
	t.Parallel()
	l, _ := start(t, emulator.Options{SnapStart: true, Function: function(t, "failing hooks")})
	result := invoke(t, l, `{}`)
	if result.ErrorType != "Runtime.AfterRestoreError" || string(result.Payload) != `{"errorType":"Hook","errorMessage":"no database"}` {
		t.Errorf("Invoke = %s %s", result.ErrorType, result.Payload)
	}
}

func TestSnapStartHookFailureIsAccepted(t *testing.T) {
	t.Parallel()
	l, c := external(t, emulator.Options{SnapStart: true})
	released := make(chan apiAnswer, 1)
	go func() { released <- c.do("GET", "/2018-06-01/runtime/restore/next", nil, nil) }()
	p := invokeBeside(t, l, emulator.Request{Payload: []byte(`1`)})
	c.expect("restore", <-released, 200, "")
	header := http.Header{"Lambda-Runtime-Function-Error-Type": {"Runtime.AfterRestoreError"}}
	c.expect("error", c.do("POST", "/2018-06-01/runtime/restore/error", header, strings.NewReader(`{"errorType":"Hook"}`)), 202, "OK")
	if got := p.wait(t); got.ErrorType != "Runtime.AfterRestoreError" {
		t.Errorf("Invoke = %s %s", got.ErrorType, got.Payload)
	}
}

func TestSnapStartProtocol(t *testing.T) {
	t.Parallel()
	l, c := external(t, emulator.Options{SnapStart: true})
	released := make(chan apiAnswer, 1)
	go func() { released <- c.do("GET", "/2018-06-01/runtime/restore/next", nil, nil) }()
	if err := l.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.expect("poll before the restore", c.next(), 403, "InvalidStateTransition")
	c.expect("error before the restore", c.post("/restore/error", "{}"), 403, "InvalidStateTransition")
	p := invokeBeside(t, l, emulator.Request{Payload: []byte(`1`)})
	c.expect("restore", <-released, 200, "")
	event := c.next()
	c.expect("second restore", c.do("GET", "/2018-06-01/runtime/restore/next", nil, nil), 403, "InvalidStateTransition")
	c.expect("late error", c.post("/restore/error", "{}"), 403, "InvalidStateTransition")
	c.expect("reply", c.reply(event, `"one"`), 202, "OK")
	if got := p.wait(t); string(got.Payload) != `"one"` || got.Status != emulator.StatusSuccess {
		t.Errorf("Invoke = %s %s", got.Status, got.Payload)
	}
}

func TestFreezeExcludesConcurrency(t *testing.T) {
	t.Parallel()
	for _, opts := range []emulator.Options{{Concurrency: 2, Freeze: true}, {Concurrency: 2, SnapStart: true}, {Concurrency: -1}} {
		opts.External, opts.Function.Timeout = true, time.Second
		if l, err := emulator.Start(t.Context(), opts); err == nil {
			l.Close(t.Context())
			t.Errorf("Start(%+v) succeeded", opts)
		}
	}
}
