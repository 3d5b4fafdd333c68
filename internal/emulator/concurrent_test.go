package emulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/emulator"
)

// pollBeside polls and sends what it got.
func (c runtimeClient) pollBeside(to chan<- apiAnswer) {
	go func() { to <- c.next() }()
}

func requestID(event apiAnswer) string { return event.header.Get("Lambda-Runtime-Aws-Request-Id") }

func (c runtimeClient) reply(event apiAnswer, body string) apiAnswer {
	c.t.Helper()
	return c.post("/invocation/"+requestID(event)+"/response", body)
}

// Two polls wait at once, a third does not; replies come in any order, and each
// caller gets its own.
func TestConcurrentProtocol(t *testing.T) {
	t.Parallel()
	l, c := external(t, emulator.Options{Concurrency: 2})
	polls := make(chan apiAnswer, 3)
	for range 3 {
		c.pollBeside(polls)
	}
	c.expect("one poll too many", <-polls, 500, "InternalServerError")
	c.expect("poll with a body", c.do("GET", "/2018-06-01/runtime/invocation/next", nil, strings.NewReader("x")), 413, "RequestEntityTooLarge")

	callers := map[string]*pending{}
	for _, event := range []string{`"first"`, `"second"`} {
		callers[event] = invokeBeside(t, l, emulator.Request{Payload: []byte(event), TenantID: "blue"})
	}
	events := []apiAnswer{<-polls, <-polls}
	slices.SortFunc(events, func(a, b apiAnswer) int { return strings.Compare(b.body, a.body) })
	for i, want := range []string{`"second"`, `"first"`} {
		event := events[i]
		if event.body != want {
			t.Fatalf("event %d is %s, want %s", i, event.body, want)
		}
		for _, name := range []string{"Lambda-Runtime-Client-Context", "Lambda-Runtime-Cognito-Identity"} {
			if v, sent := event.header[name]; !sent || v[0] != "" {
				t.Errorf("header %s = %q, want it there and empty", name, v)
			}
		}
		for _, name := range []string{"Content-Length", "Lambda-Runtime-Aws-Tenant-Id"} {
			if v, sent := event.header[name]; sent {
				t.Errorf("header %s = %q, want none", name, v)
			}
		}
	}
	other := http.Header{"Lambda-Runtime-Invocation-Id": {events[1].header.Get("Lambda-Runtime-Invocation-Id")}}
	crossed := c.do("POST", "/2018-06-01/runtime/invocation/"+requestID(events[0])+"/response", other, strings.NewReader("1"))
	c.expect("reply of another passage", crossed, 410, "InvokeTimeout")
	c.expect("error report over 1 MiB", c.post("/invocation/"+requestID(events[0])+"/error", strings.Repeat("x", 1<<20+1)), 413, "RequestEntityTooLarge")
	c.expect("reply", c.reply(events[1], `"to the first"`), 202, "OK")
	c.expect("second reply", c.reply(events[1], `"again"`), 400, "InvalidRequestID")
	c.expect("late init error", c.post("/init/error", "{}"), 403, "InvalidStateTransition")
	if got := callers[`"first"`].wait(t); string(got.Payload) != `"to the first"` || got.Status != emulator.StatusSuccess {
		t.Errorf("first caller got %s %s", got.Status, got.Payload)
	}
	if got := callers[`"second"`].wait(t); got.ErrorType != "Function.ResponseSizeTooLarge" {
		t.Errorf("second caller got %s %s", got.ErrorType, got.Payload)
	}
	for _, path := range []string{"/2020-08-15/logs", "/2018-06-01/runtime/restore/next", "/2021-04-23/credentials"} {
		c.expect(path, c.do("PUT", path, nil, strings.NewReader("{}")), 404, "")
	}
}

func TestConcurrentExtensions(t *testing.T) {
	t.Parallel()
	_, c := external(t, emulator.Options{Concurrency: 2, Extensions: []string{"agent"}})
	register := func(name, events string) apiAnswer {
		return c.do("POST", "/2020-01-01/extension/register", http.Header{"Lambda-Extension-Name": {name}}, strings.NewReader(`{"events":[`+events+`]}`))
	}
	c.expect("external INVOKE", register("agent", `"INVOKE"`), 403, "Extension.InvalidEventType")
	c.expect("external SHUTDOWN", register("agent", `"SHUTDOWN"`), 200, "functionName")
	c.expect("internal INVOKE", register("inside", `"INVOKE"`), 403, "Extension.InvalidEventType")
	c.expect("internal", register("inside", ""), 200, "functionName")
}

// A timeout ends one invocation: the environment stays, and the reply that
// comes too late is told so.
func TestConcurrentTimeout(t *testing.T) {
	t.Parallel()
	l, c := external(t, emulator.Options{Concurrency: 2, Function: emulator.Function{Timeout: 3 * time.Second}})
	slow := invokeBeside(t, l, emulator.Request{Payload: []byte(`1`)})
	event := c.next()
	if got := slow.wait(t); got.ErrorType != "Sandbox.Timedout" {
		t.Fatalf("caller got %s %s", got.ErrorType, got.Payload)
	}
	c.expect("late reply", c.reply(event, `"late"`), 410, "InvokeTimeout")
	c.expect("later reply", c.reply(event, `"later"`), 400, "InvalidRequestID")
	next := invokeBeside(t, l, emulator.Request{Payload: []byte(`2`)})
	c.expect("reply", c.reply(c.next(), `"2"`), 202, "OK")
	if got := next.wait(t); string(got.Payload) != `"2"` || got.InitDuration != 0 {
		t.Errorf("next caller got %s after an INIT of %v", got.Payload, got.InitDuration)
	}
}

// A poll whose client goes keeps its place and takes an invocation with it; an
// invocation for which nobody polls is unavailable.
func TestConcurrentPollsThatAreMissing(t *testing.T) {
	t.Parallel()
	opts := emulator.Options{Concurrency: 2, External: true, Function: emulator.Function{Timeout: time.Second}}
	l, book := start(t, opts)
	ctx, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+l.RuntimeAPI()+"/2018-06-01/runtime/invocation/next", nil)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := http.DefaultClient.Do(req)
		ended <- err
	}()
	if err := l.Warm(t.Context()); err != nil { // the poll has arrived
		t.Fatal(err)
	}
	hangUp()
	if err := <-ended; err == nil {
		t.Fatal("the poll was answered")
	}
	book.await(t, emulator.SourcePlatform, "the client of the poll has gone")
	if got := invoke(t, l, `1`); got.ErrorType != "Runtime.Unknown" {
		t.Errorf("behind an abandoned poll: %s %s", got.ErrorType, got.Payload)
	}
	if got := invoke(t, l, `2`); got.ErrorType != "Runtime.Unavailable" {
		t.Errorf("without a poll: %s %s", got.ErrorType, got.Payload)
	}
}

// The real client polls as often as AWS_LAMBDA_MAX_CONCURRENCY says: as many
// handlers meet.
func TestConcurrentFunction(t *testing.T) {
	t.Parallel()
	const many = 16
	l, _ := start(t, emulator.Options{Concurrency: many, Function: function(t, "echo"), Opt: optWith(t, "x-shutdown")})
	var callers sync.WaitGroup
	for i := range many {
		callers.Go(func() {
			payload := fmt.Sprintf(`{"do":"meet","size":%d,"name":"%d"}`, many, i)
			got, err := l.Invoke(t.Context(), emulator.Request{Payload: []byte(payload)})
			if err != nil || string(got.Payload) != payload {
				t.Errorf("caller %d got %s %v", i, got.Payload, err)
			}
		})
	}
	callers.Wait()
	var env []string
	if err := json.Unmarshal(invoke(t, l, `{"do":"environ"}`).Payload, &env); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"AWS_LAMBDA_MAX_CONCURRENCY=16", "AWS_LAMBDA_INITIALIZATION_TYPE=lambda-managed-instances"} {
		if !slices.Contains(env, want) {
			t.Errorf("the runtime has no %s", want)
		}
	}
}

func TestConcurrentExtensionEnvironment(t *testing.T) {
	t.Parallel()
	l, book := start(t, emulator.Options{Concurrency: 2, Function: function(t, "echo"), Opt: optWith(t, "x-shutdown")})
	invoke(t, l, `1`)
	line := book.await(t, emulator.SourceExtension, "environ").Text
	if !strings.Contains(line, "AWS_LAMBDA_INITIALIZATION_TYPE=lambda-managed-instances") || strings.Contains(line, "AWS_LAMBDA_MAX_CONCURRENCY") {
		t.Errorf("extension has %s", line)
	}
}

// A process that dies ends every invocation of its environment, and the next
// one starts another.
func TestConcurrentCrash(t *testing.T) {
	t.Parallel()
	l, book := start(t, emulator.Options{Concurrency: 4, Function: function(t, "echo"), Opt: optWith(t, "x-shutdown")})
	before := counted(t, l)
	var callers sync.WaitGroup
	for i := range 3 {
		callers.Go(func() {
			got, err := l.Invoke(t.Context(), emulator.Request{Payload: fmt.Appendf(nil, `{"do":"meet","size":4,"name":"%d"}`, i)})
			if err != nil || got.ErrorType != "Runtime.ExitError" {
				t.Errorf("Invoke = %s %s %v", got.ErrorType, got.Payload, err)
			}
		})
	}
	for i := range 3 {
		book.await(t, emulator.SourceFunction, fmt.Sprint("met ", i))
	}
	if got := invoke(t, l, `{"do":"exit 1"}`); got.ErrorType != "Runtime.ExitError" {
		t.Errorf("Invoke = %s %s", got.ErrorType, got.Payload)
	}
	callers.Wait()
	if after := counted(t, l); after.PID == before.PID || after.Invocations != 1 {
		t.Errorf("after the crash: %+v, before it %+v", after, before)
	}
	if n := book.count(emulator.SourceExtension, "event SHUTDOWN failure"); n != 1 {
		t.Errorf("%d SHUTDOWN events, want 1", n)
	}
}

// The end of the emulator interrupts all of them.
func TestConcurrentClose(t *testing.T) {
	t.Parallel()
	l, _ := start(t, emulator.Options{Concurrency: 4, Function: function(t, "echo")})
	counted(t, l)
	var callers sync.WaitGroup
	for range 6 {
		callers.Go(func() {
			if got, err := l.Invoke(t.Context(), emulator.Request{Payload: []byte(`{"do":"hang"}`)}); err == nil {
				t.Errorf("Invoke = %s %s", got.Status, got.Payload)
			}
		})
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	callers.Wait()
}
