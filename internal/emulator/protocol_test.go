package emulator_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/emulator"
)

// runtimeClient is a runtime of which the test makes every move.
type runtimeClient struct {
	t   *testing.T
	api string
}

type apiAnswer struct {
	status int
	header http.Header
	body   string
}

func (c runtimeClient) do(method, path string, header http.Header, body io.Reader) apiAnswer {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, "http://"+c.api+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return apiAnswer{resp.StatusCode, resp.Header, string(text)}
}

func (c runtimeClient) next() apiAnswer {
	c.t.Helper()
	return c.do("GET", "/2018-06-01/runtime/invocation/next", nil, nil)
}

func (c runtimeClient) post(path, body string) apiAnswer {
	c.t.Helper()
	return c.do("POST", "/2018-06-01/runtime"+path, nil, strings.NewReader(body))
}

func (c runtimeClient) expect(what string, got apiAnswer, status int, contains string) {
	c.t.Helper()
	if got.status != status || !strings.Contains(got.body, contains) {
		c.t.Errorf("%s = %d %s, want %d with %q", what, got.status, got.body, status, contains)
	}
}

// external starts a Lambda whose runtime is the test.
func external(t *testing.T, opts emulator.Options) (*emulator.Lambda, runtimeClient) {
	t.Helper()
	opts.External = true
	setTimeout(&opts)
	l, _ := start(t, opts)
	return l, runtimeClient{t, l.RuntimeAPI()}
}

func setTimeout(opts *emulator.Options) {
	if opts.Function.Timeout == 0 {
		opts.Function.Timeout = 30 * time.Second
	}
}

// pending is an invocation that runs while the test plays the runtime.
type pending struct {
	result emulator.Result
	err    error
	done   sync.WaitGroup
}

func invokeBeside(t *testing.T, l *emulator.Lambda, req emulator.Request) *pending {
	p := &pending{}
	p.done.Go(func() { p.result, p.err = l.Invoke(t.Context(), req) })
	return p
}

func (p *pending) wait(t *testing.T) emulator.Result {
	t.Helper()
	p.done.Wait()
	if p.err != nil {
		t.Fatalf("Invoke: %v", p.err)
	}
	return p.result
}

func TestStateMachine(t *testing.T) {
	t.Parallel()
	l, c := external(t, emulator.Options{NoTelemetry: true})
	c.expect("ping", c.do("GET", "/2018-06-01/ping", nil, nil), 200, "pong")
	c.expect("unknown path", c.do("GET", "/2018-06-01/runtime/nothing", nil, nil), 404, "")
	c.expect("restore", c.do("GET", "/2018-06-01/runtime/restore/next", nil, nil), 404, "")
	c.expect("telemetry", c.do("PUT", "/2022-07-01/telemetry", nil, strings.NewReader("{}")), 202, "Telemetry.NotSupported")
	c.expect("logs", c.do("PUT", "/2020-08-15/logs", nil, strings.NewReader("{}")), 202, "Logs.NotSupported")
	c.expect("response before any event", c.post("/invocation/x/response", "{}"), 400, "InvalidRequestID")

	p := invokeBeside(t, l, emulator.Request{
		Payload: []byte("not json at all"), ContentType: "text/plain",
		ClientContext: []byte(`{"custom":{}}`), CognitoIdentity: []byte(`{"cognitoIdentityId":"i"}`), TenantID: "blue", Qualifier: "live",
	})
	event := c.next()
	if event.body != "not json at all" || event.header.Get("Content-Type") != "text/plain" {
		t.Errorf("next = %v %q", event.header, event.body)
	}
	for name, want := range map[string]string{
		"Lambda-Runtime-Client-Context":       `{"custom":{}}`,
		"Lambda-Runtime-Cognito-Identity":     `{"cognitoIdentityId":"i"}`,
		"Lambda-Runtime-Aws-Tenant-Id":        "blue",
		"Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:function:live",
		"Content-Length":                      "15",
	} {
		if got := event.header.Get(name); got != want {
			t.Errorf("next %s = %q, want %q", name, got, want)
		}
	}
	id := event.header.Get("Lambda-Runtime-Aws-Request-Id")
	if again := c.next(); again.header.Get("Lambda-Runtime-Aws-Request-Id") != id || again.body != event.body {
		t.Error("a second next did not get the same event")
	}
	c.expect("late init error", c.post("/init/error", "{}"), 403, "InvalidStateTransition")
	c.expect("wrong id", c.post("/invocation/nobody/response", "{}"), 400, "InvalidRequestID")
	c.expect("response", c.post("/invocation/"+id+"/response", `"done"`), 202, `{"status":"OK"}`)
	c.expect("second response", c.post("/invocation/"+id+"/response", `"again"`), 403, "InvalidStateTransition")
	c.expect("error after response", c.post("/invocation/"+id+"/error", `{}`), 403, "InvalidStateTransition")
	if result := p.wait(t); string(result.Payload) != `"done"` {
		t.Errorf("Invoke = %s", result.Payload)
	}
}

func TestErrorTypes(t *testing.T) {
	t.Parallel()
	l, c := external(t, emulator.Options{})
	for header, want := range map[string]string{
		"Runtime.OutOfCheese":    "Runtime.OutOfCheese",
		"xx Function.MyError yy": "xx Function.MyError yy",
		"Function.lower":         "Function.Unknown",
		"Sandbox.Timedout":       "Runtime.Unknown",
		"":                       "Runtime.Unknown",
	} {
		p := invokeBeside(t, l, emulator.Request{Payload: []byte("{}")})
		id := c.next().header.Get("Lambda-Runtime-Aws-Request-Id")
		c.do("POST", "/2018-06-01/runtime/invocation/"+id+"/error", http.Header{"Lambda-Runtime-Function-Error-Type": {header}}, strings.NewReader(`{"errorMessage":"m"}`))
		if result := p.wait(t); result.ErrorType != want || string(result.Payload) != `{"errorMessage":"m"}` || result.FunctionError != "Unhandled" {
			t.Errorf("error type %q = %q %s, want %q", header, result.ErrorType, result.Payload, want)
		}
	}
}

func TestResponseRefusals(t *testing.T) {
	t.Parallel()
	l, c := external(t, emulator.Options{})
	tests := []struct {
		name    string
		header  http.Header
		body    io.Reader
		status  int
		answer  string
		outcome string
	}{
		{"too large", nil, bytes.NewReader(make([]byte, limit+1)), 413, "Exceeded maximum allowed payload size (6291556 bytes).", "Function.ResponseSizeTooLarge"},
		{"unknown mode", http.Header{"Lambda-Runtime-Function-Response-Mode": {"quick"}}, strings.NewReader("{}"), 400, "InvalidFunctionResponseMode", "Runtime.InvalidResponseModeHeader"},
	}
	for _, test := range tests {
		p := invokeBeside(t, l, emulator.Request{Payload: []byte("{}")})
		id := c.next().header.Get("Lambda-Runtime-Aws-Request-Id")
		got := c.do("POST", "/2018-06-01/runtime/invocation/"+id+"/response", test.header, test.body)
		c.expect(test.name, got, test.status, test.answer)
		if result := p.wait(t); result.ErrorType != test.outcome {
			t.Errorf("%s: caller got %s %s, want %s", test.name, result.ErrorType, result.Payload, test.outcome)
		}
	}
}

// A response that is cut off is not a short response.
func TestTruncatedResponse(t *testing.T) {
	t.Parallel()
	l, c := external(t, emulator.Options{})
	p := invokeBeside(t, l, emulator.Request{Payload: []byte("{}")})
	id := c.next().header.Get("Lambda-Runtime-Aws-Request-Id")
	r, w := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+c.api+"/2018-06-01/runtime/invocation/"+id+"/response", r)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		w.Write([]byte(`{"half":`))
		w.CloseWithError(io.ErrClosedPipe) // the transport cuts the connection
	}()
	if resp, err := http.DefaultClient.Do(req); err == nil {
		resp.Body.Close()
	}
	if result := p.wait(t); result.ErrorType != "Runtime.TruncatedResponse" {
		t.Errorf("caller got %s %s, want Runtime.TruncatedResponse", result.ErrorType, result.Payload)
	}
}

// A poll that its client abandons keeps its claim: it takes the event with it,
// and the invocation runs into its timeout.
func TestAbandonedPoll(t *testing.T) {
	t.Parallel()
	l, c := external(t, emulator.Options{Function: emulator.Function{Timeout: 2 * time.Second}})
	ctx, abandon := context.WithCancel(t.Context())
	sent := make(chan struct{})
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { close(sent) }})
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+c.api+"/2018-06-01/runtime/invocation/next", nil)
	if err != nil {
		t.Fatal(err)
	}
	var poll sync.WaitGroup
	poll.Go(func() {
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			t.Error("the abandoned poll was answered")
		}
	})
	<-sent
	if err := l.Warm(t.Context()); err != nil { // the poll has arrived
		t.Fatal(err)
	}
	abandon()
	poll.Wait()
	c.expect("poll beside the abandoned one", c.next(), 403, "InvalidStateTransition")
	result, err := l.Invoke(t.Context(), emulator.Request{Payload: []byte("{}")})
	if err != nil || result.Status != emulator.StatusTimeout {
		t.Errorf("Invoke = %s %v, want timeout", result.Status, err)
	}
	// The environment was reset: a new runtime may come.
	p := invokeBeside(t, l, emulator.Request{Payload: []byte("{}")})
	id := c.next().header.Get("Lambda-Runtime-Aws-Request-Id")
	c.expect("response", c.post("/invocation/"+id+"/response", `"back"`), 202, "OK")
	if result := p.wait(t); string(result.Payload) != `"back"` {
		t.Errorf("Invoke = %s %s", result.Status, result.Payload)
	}
}

func TestInitErrorReport(t *testing.T) {
	t.Parallel()
	l, c := external(t, emulator.Options{})
	for range 2 { // once in the INIT phase, once inside the invocation
		c.do("POST", "/2018-06-01/runtime/init/error", http.Header{"Lambda-Runtime-Function-Error-Type": {"Runtime.ImportModuleError"}}, strings.NewReader(`{"errorMessage":"no module"}`))
		if err := l.Warm(t.Context()); err == nil || !strings.Contains(err.Error(), "Runtime.ImportModuleError") {
			t.Errorf("Warm = %v, want Runtime.ImportModuleError", err)
		}
	}
	c.post("/init/error", `{"errorMessage":"third time"}`)
	result, err := l.Invoke(t.Context(), emulator.Request{Payload: []byte("{}")})
	if err != nil || string(result.Payload) != `{"errorMessage":"third time"}` || result.Status != emulator.StatusFailure {
		t.Errorf("Invoke = %s %s %v", result.Status, result.Payload, err)
	}
}

func TestExtensionAPI(t *testing.T) {
	t.Parallel()
	_, c := external(t, emulator.Options{Extensions: []string{"agent"}})
	const ext = "/2020-01-01/extension"
	named := func(name string) http.Header { return http.Header{"Lambda-Extension-Name": {name}} }
	with := func(id string) http.Header { return http.Header{"Lambda-Extension-Identifier": {id}} }
	register := func(header http.Header, body string) apiAnswer {
		return c.do("POST", ext+"/register", header, strings.NewReader(body))
	}
	c.expect("no name", register(nil, `{"events":[]}`), 403, "Extension.InvalidExtensionName")
	c.expect("no JSON", register(named("agent"), `x`), 403, "InvalidRequestFormat")
	c.expect("configuration keys", register(named("agent"), `{"events":[],"configurationKeys":["A"]}`), 403, "InvalidRequestFormat")
	c.expect("unknown event", register(named("agent"), `{"events":["RESTORE"]}`), 403, "Extension.InvalidEventType")
	c.expect("internal with SHUTDOWN", register(named("inside"), `{"events":["SHUTDOWN"]}`), 403, "Extension.InvalidEventType")

	header := named("agent")
	header.Set("Lambda-Extension-Accept-Feature", "other, accountId")
	agent := register(header, `{"events":["SHUTDOWN"]}`)
	c.expect("register", agent, 200, `"accountId":"123456789012"`)
	c.expect("register twice", register(named("agent"), `{"events":[]}`), 403, "Extension.InvalidExtensionState")
	c.expect("internal", register(named("inside"), `{"events":null}`), 200, "functionName")
	c.expect("internal twice", register(named("inside"), `{"events":[]}`), 403, "Extension.InvalidExtensionState")
	for _, name := range []string{"3", "4", "5", "6", "7", "8", "9", "10"} {
		c.expect("internal "+name, register(named(name), `{"events":["INVOKE"]}`), 200, "functionName")
	}
	c.expect("one too many", register(named("11"), `{"events":[]}`), 403, "Extension.TooManyExtensions")

	c.expect("no identifier", c.do("GET", ext+"/event/next", nil, nil), 403, "Extension.MissingExtensionIdentifier")
	c.expect("bad identifier", c.do("GET", ext+"/event/next", with("x"), nil), 403, "Extension.InvalidExtensionIdentifier")
	c.expect("unknown identifier", c.do("GET", ext+"/event/next", with("00000000-0000-4000-8000-000000000000"), nil), 403, "Extension.UnknownExtensionIdentifier")
	id := agent.header.Get("Lambda-Extension-Identifier")
	c.expect("init error without type", c.do("POST", ext+"/init/error", with(id), nil), 403, "Extension.MissingHeader")
	failed := with(id)
	failed.Set("Lambda-Extension-Function-Error-Type", "Extension.Broken")
	c.expect("init error", c.do("POST", ext+"/init/error", failed, nil), 202, "OK")
	c.expect("poll after that", c.do("GET", ext+"/event/next", with(id), nil), 403, "Extension.InvalidExtensionState")
}

// With external clients, too, SHUTDOWN reaches the extension that polls.
func TestExternalShutdown(t *testing.T) {
	t.Parallel()
	l, c := external(t, emulator.Options{Extensions: []string{"agent"}})
	agent := c.do("POST", "/2020-01-01/extension/register", http.Header{"Lambda-Extension-Name": {"agent"}}, strings.NewReader(`{"events":["SHUTDOWN"]}`))
	var polls sync.WaitGroup
	polls.Go(func() {
		event := c.do("GET", "/2020-01-01/extension/event/next", http.Header{"Lambda-Extension-Identifier": {agent.header.Get("Lambda-Extension-Identifier")}}, nil)
		c.expect("event", event, 200, `"shutdownReason":"spindown"`)
	})
	polls.Go(func() {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+c.api+"/2018-06-01/runtime/invocation/next", nil)
		if err != nil {
			t.Error(err)
			return
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			t.Errorf("the runtime's poll was answered %d", resp.StatusCode)
		}
	})
	if err := l.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	polls.Wait()
}

// What a runtime found out after it began to answer arrives in trailers.
func TestTrailerError(t *testing.T) {
	t.Parallel()
	l, c := external(t, emulator.Options{})
	p := invokeBeside(t, l, emulator.Request{Payload: []byte("{}")})
	id := c.next().header.Get("Lambda-Runtime-Aws-Request-Id")
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+c.api+"/2018-06-01/runtime/invocation/"+id+"/response",
		io.MultiReader(strings.NewReader("part "), strings.NewReader("one")))
	if err != nil {
		t.Fatal(err)
	}
	req.Trailer = http.Header{
		"Lambda-Runtime-Function-Error-Type": {"Function.Late"},
		"Lambda-Runtime-Function-Error-Body": {base64.StdEncoding.EncodeToString([]byte(`{"errorMessage":"late"}`))},
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		t.Errorf("response = %d, want 202", resp.StatusCode)
	}
	if result := p.wait(t); result.ErrorType != "Function.Late" || string(result.Payload) != `{"errorMessage":"late"}` {
		t.Errorf("Invoke = %s %s", result.ErrorType, result.Payload)
	}
}
