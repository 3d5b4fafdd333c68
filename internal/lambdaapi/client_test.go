package lambdaapi_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/lambdaapi"
)

// exchange is one request the service expects and its reply.
type exchange struct {
	method, path string
	header       map[string]string // that must be there
	body         string            // exactly
	status       int
	replyHeader  map[string]string
	reply        string
}

// serve plays exchanges in order and returns a client for them.
func serve(t *testing.T, exchanges ...exchange) *lambdaapi.Client {
	t.Helper()
	left := exchanges
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(left) == 0 {
			t.Errorf("unexpected %s %s", r.Method, r.URL)
			return
		}
		x := left[0]
		left = left[1:]
		body, _ := io.ReadAll(r.Body)
		if r.Method != x.method || r.RequestURI != x.path || string(body) != x.body {
			t.Errorf("got %s %s %q, want %s %s %q", r.Method, r.RequestURI, body, x.method, x.path, x.body)
		}
		for name, want := range x.header {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s %s: %s is %q, want %q", r.Method, r.RequestURI, name, got, want)
			}
		}
		if got := r.Header.Get("Accept-Encoding"); got != "" {
			t.Errorf("asked for encoding %q", got)
		}
		for name, value := range x.replyHeader {
			w.Header().Set(name, value)
		}
		w.WriteHeader(x.status)
		_, _ = io.WriteString(w, x.reply)
	}))
	t.Cleanup(func() {
		service.Close()
		if len(left) != 0 {
			t.Errorf("%d requests did not come", len(left))
		}
	})
	c, err := lambdaapi.New(service.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var registers = exchange{
	method: "POST", path: "/2020-01-01/extension/register",
	header: map[string]string{
		"Lambda-Extension-Name": "merlon", "Lambda-Extension-Accept-Feature": "accountId", "Content-Type": "application/json",
	},
	body: `{"events":["SHUTDOWN"]}`, status: 200,
	replyHeader: map[string]string{"Lambda-Extension-Identifier": "an-id"},
	reply:       `{"functionName":"orders","functionVersion":"$LATEST","handler":"app.handler","accountId":"123456789012"}`,
}

func register(t *testing.T, c *lambdaapi.Client) lambdaapi.Function {
	t.Helper()
	f, err := c.Register(t.Context(), "merlon", lambdaapi.Shutdown)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRegister(t *testing.T) {
	c := serve(t, registers)
	want := lambdaapi.Function{Name: "orders", Version: "$LATEST", Handler: "app.handler", AccountID: "123456789012"}
	if got := register(t, c); got != want {
		t.Errorf("Register = %+v, want %+v", got, want)
	}
	if c.Identifier() != "an-id" {
		t.Errorf("Identifier = %q, want %q", c.Identifier(), "an-id")
	}
}

func TestRegisterForNoEvents(t *testing.T) {
	x := registers
	x.body, x.reply = `{"events":[]}`, `{"functionName":"orders"}`
	c := serve(t, x)
	if f, err := c.Register(t.Context(), "merlon"); err != nil || f.Name != "orders" {
		t.Errorf("Register = %+v, %v", f, err)
	}
}

func TestRegisterWithoutIdentifier(t *testing.T) {
	x := registers
	x.replyHeader = nil
	c := serve(t, x)
	if _, err := c.Register(t.Context(), "merlon", lambdaapi.Shutdown); err == nil {
		t.Error("Register = nil, want an error: no identifier")
	}
}

func TestRefusalsNameTheRemedy(t *testing.T) {
	for name, row := range map[string]struct {
		status int
		reply  string
		kind   string
		says   string
	}{
		"wrong name":      {403, `{"errorType":"Extension.InvalidExtensionName","errorMessage":"x"}`, "Extension.InvalidExtensionName", "/opt/extensions"},
		"too late":        {403, `{"errorType":"Extension.RegistrationClosed"}`, "Extension.RegistrationClosed", "earlier"},
		"twice":           {403, `{"errorType":"Extension.InvalidExtensionState"}`, "Extension.InvalidExtensionState", "once"},
		"too many":        {403, `{"errorType":"Extension.TooManyExtensions"}`, "Extension.TooManyExtensions", "remove"},
		"wrong event":     {403, `{"errorType":"Extension.InvalidEventType"}`, "Extension.InvalidEventType", "INVOKE"},
		"a failing host":  {500, ``, "", "exit"},
		"not even JSON":   {404, "404 page not found", "", "status 404"},
		"a redirect":      {307, "", "", "status 307"},
		"the wrong 2xx":   {202, "{}", "", "status 202"},
		"an unknown type": {403, `{"errorType":"Extension.New"}`, "Extension.New", "Extension.New"},
	} {
		t.Run(name, func(t *testing.T) {
			x := registers
			x.status, x.reply = row.status, row.reply
			x.replyHeader = map[string]string{"Location": "/elsewhere"}
			c := serve(t, x)
			_, err := c.Register(t.Context(), "merlon", lambdaapi.Shutdown)
			var refusal *lambdaapi.Error
			if !errors.As(err, &refusal) || refusal.Status != row.status || refusal.Type != row.kind || !strings.Contains(err.Error(), row.says) {
				t.Errorf("Register = %v, want status %d, type %q, and %q said", err, row.status, row.kind, row.says)
			}
		})
	}
}

func TestNext(t *testing.T) {
	for name, row := range map[string]struct {
		reply string
		want  lambdaapi.Event
	}{
		"an invocation": {
			`{"eventType":"INVOKE","deadlineMs":1700000000123,"requestId":"r","invokedFunctionArn":"arn","tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1"}}`,
			lambdaapi.Event{Type: lambdaapi.Invoke, Deadline: time.UnixMilli(1700000000123), RequestID: "r", FunctionARN: "arn", TraceID: "Root=1"},
		},
		"spindown":          {`{"eventType":"SHUTDOWN","shutdownReason":"SPINDOWN"}`, shutdown(lambdaapi.Spindown)},
		"spindown in lower": {`{"eventType":"SHUTDOWN","shutdownReason":"spindown"}`, shutdown(lambdaapi.Spindown)},
		"timeout":           {`{"eventType":"SHUTDOWN","shutdownReason":"Timeout"}`, shutdown(lambdaapi.Timeout)},
		"failure":           {`{"eventType":"SHUTDOWN","shutdownReason":"failure"}`, shutdown(lambdaapi.Failure)},
		"an unknown reason": {`{"eventType":"SHUTDOWN","shutdownReason":"ReleaseFail"}`, shutdown(lambdaapi.Failure)},
		"no reason":         {`{"eventType":"SHUTDOWN"}`, shutdown(lambdaapi.Failure)},
		"an unknown event":  {`{"eventType":"RESTORE","more":[]}`, lambdaapi.Event{Type: "RESTORE"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, registers, exchange{
				method: "GET", path: "/2020-01-01/extension/event/next",
				header: map[string]string{"Lambda-Extension-Identifier": "an-id"},
				status: 200, reply: row.reply, replyHeader: map[string]string{"Content-Type": "text/plain"},
			})
			register(t, c)
			if got, err := c.Next(t.Context()); err != nil || got != row.want {
				t.Errorf("Next = %+v, %v, want %+v", got, err, row.want)
			}
		})
	}
}

func shutdown(reason lambdaapi.ShutdownReason) lambdaapi.Event {
	return lambdaapi.Event{Type: lambdaapi.Shutdown, Reason: reason}
}

func TestNextRefusesNonsense(t *testing.T) {
	c := serve(t, registers, exchange{method: "GET", path: "/2020-01-01/extension/event/next", status: 200, reply: "pong"})
	register(t, c)
	if _, err := c.Next(t.Context()); err == nil {
		t.Error("Next = nil, want an error: the reply is no event")
	}
}

func TestNextEndsWithItsContext(t *testing.T) {
	arrived := make(chan struct{})
	service := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	}))
	defer service.Close()
	c, err := lambdaapi.New(service.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	if _, err := c.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Next = %v, want %v", err, context.Canceled)
	}
}

func TestFaults(t *testing.T) {
	fault := func(path string) exchange {
		return exchange{
			method: "POST", path: "/2020-01-01/extension/" + path,
			header: map[string]string{
				"Lambda-Extension-Identifier": "an-id", "Lambda-Extension-Function-Error-Type": "Extension.ConfigInvalid",
			},
			body:   `{"errorMessage":"MERLON_MODE=\"Block\"","errorType":"Extension.ConfigInvalid","stackTrace":[]}`,
			status: 202, reply: `{"status":"OK"}`,
		}
	}
	c := serve(t, registers, fault("init/error"), fault("exit/error"))
	register(t, c)
	if err := c.InitError(t.Context(), "Extension.ConfigInvalid", `MERLON_MODE="Block"`); err != nil {
		t.Error(err)
	}
	if err := c.ExitError(t.Context(), "Extension.ConfigInvalid", `MERLON_MODE="Block"`); err != nil {
		t.Error(err)
	}
}

func TestFaultRefused(t *testing.T) {
	c := serve(t, exchange{
		method: "POST", path: "/2020-01-01/extension/init/error", body: `{"errorMessage":"m","errorType":"k","stackTrace":[]}`,
		status: 403, reply: `{"errorType":"Extension.UnknownExtensionIdentifier"}`,
	})
	var refusal *lambdaapi.Error
	if err := c.InitError(t.Context(), "k", "m"); !errors.As(err, &refusal) || refusal.Status != 403 {
		t.Errorf("InitError = %v, want status 403", err)
	}
}

func TestNewRefusesAddress(t *testing.T) {
	for _, addr := range []string{"", "127.0.0.1", ":9001", "127.0.0.1:", "http://127.0.0.1:9001"} {
		if _, err := lambdaapi.New(addr); err == nil {
			t.Errorf("New(%q) = nil, want an error", addr)
		}
	}
}

func TestSubscribe(t *testing.T) {
	t.Parallel()
	x := exchange{
		method: "PUT", path: "/2022-07-01/telemetry", status: 200, reply: `"OK"`,
		header: map[string]string{"Lambda-Extension-Identifier": "an-id", "Content-Type": "application/json"},
		body: `{"buffering":{"maxBytes":262144,"maxItems":1000,"timeoutMs":1000},` +
			`"destination":{"URI":"http://sandbox.localdomain:4000/x","protocol":"HTTP"},"schemaVersion":"2022-12-13","types":["platform"]}`,
	}
	stub := x
	stub.status, stub.reply = 202, `{"errorMessage":"Telemetry API is not supported","errorType":"Telemetry.NotSupported"}`
	c := serve(t, registers, x, stub)
	register(t, c)
	if err := c.Subscribe(t.Context(), lambdaapi.TelemetrySchema, "http://sandbox.localdomain:4000/x"); err != nil {
		t.Errorf("Subscribe: %v", err)
	}
	var refusal *lambdaapi.Error
	err := c.Subscribe(t.Context(), lambdaapi.TelemetrySchema, "http://sandbox.localdomain:4000/x")
	if !errors.As(err, &refusal) || refusal.Type != "Telemetry.NotSupported" || refusal.Status != 202 {
		t.Errorf("Subscribe to a stub: %v, want Telemetry.NotSupported", err)
	}
}
