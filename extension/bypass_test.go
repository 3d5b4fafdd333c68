package main_test

import (
	"fmt"
	"io"
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

// goAround is a runtime that fetches events from the address that it was given,
// and after an event of "go around" the next one from Lambda itself.
func goAround() {
	merlon, lambda := os.Getenv("AWS_LAMBDA_RUNTIME_API"), os.Getenv("TEST_LAMBDA")
	for api := merlon; ; {
		base := "http://" + api + "/2018-06-01/runtime/invocation/"
		resp, err := http.Get(base + "next")
		if err != nil {
			os.Exit(1)
		}
		event, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		api = merlon
		answer := "response"
		switch string(event) {
		case `"go around"`:
			api = lambda
		case `"error"`:
			answer = "error"
		case `"exit"`:
			os.Exit(1)
		case `"hang"`:
			select {}
		}
		sent, err := http.Post(base+resp.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/"+answer, "application/json", strings.NewReader(`{}`))
		if err != nil {
			os.Exit(1)
		}
		sent.Body.Close()
	}
}

// lookForBypass starts a function with the detection on, and with an address of
// Lambda's. The runtime is sent to the proxy without the launcher, which gives up
// on a busy machine: that would be a bypass too.
func lookForBypass(t *testing.T, function string, change func(o *emulator.Options, lambda string)) *env {
	t.Helper()
	var e *env
	started := make(chan struct{})
	lambda := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			<-started
			r.SetURL(&url.URL{Scheme: "http", Host: e.RuntimeAPI()})
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }, // as Lambda's end does
	})
	t.Cleanup(lambda.Close)
	address := lambda.Listener.Addr().String()
	e = protected(t, function, func(o *emulator.Options) {
		o.RuntimeAPI, o.Function.Command = o.Function.Env["MERLON_LISTEN"], o.Function.Command[1:]
		o.Function.Env["TEST_LAMBDA"] = address
		o.Function.Env["MERLON_BYPASS_DETECTION"] = "on"
		change(o, address)
	})
	close(started)
	return e
}

// bypasses are the lines that tell of one.
func (e *env) bypasses() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, l := range e.lines {
		if l.Source == emulator.SourceExtension && strings.Contains(l.Text, `"bypass"`) {
			n++
		}
	}
	return n
}

func TestBypassIsSaidOnceAndCounted(t *testing.T) {
	t.Parallel()
	e := lookForBypass(t, "around", func(*emulator.Options, string) {})
	for _, event := range []string{`{}`, `"go around"`, `{"around":1}`, `{}`} {
		e.invoke(t, event)
	}
	e.invokeUntil(t, 1, `"bypass"`, `"invocations":1`, `"remedy"`)
	e.invokeUntil(t, 1, `"Bypassed":1`)
	e.invoke(t, `"go around"`)
	e.invoke(t, `{"around":2}`)
	e.invokeUntil(t, 2, `"Bypassed":1`)
	if n := e.bypasses(); n != 1 {
		t.Errorf("%d lines, want one for each environment", n)
	}
}

// invokeUntil invokes the function until so many lines of the extension hold the
// texts: between invocations everything is frozen, and telemetry waits.
func (e *env) invokeUntil(t *testing.T, want int, texts ...string) {
	t.Helper()
	for start := time.Now(); ; e.invoke(t, `{}`) {
		e.mu.Lock()
		n := 0
		for _, l := range e.lines {
			if l.Source == emulator.SourceExtension && holds(l.Text, texts) {
				n++
			}
		}
		e.mu.Unlock()
		if n >= want {
			return
		}
		if time.Since(start) > time.Minute { // a hang, not a measurement
			t.Fatalf("%d lines with %q, want %d; log:\n%s", n, texts, want, e.text())
		}
	}
}

// TestNoFalseBypass runs what a function goes through in its life, and at the
// end one event around Merlon: the line that tells of it says that it was the
// only one, which it would not if anything before had been counted wrongly.
func TestNoFalseBypass(t *testing.T) {
	t.Parallel()
	for name, events := range map[string][]string{
		"replies":             {`{}`, `{}`, `{}`},
		"errors":              {`"error"`, `{}`, `"error"`},
		"the runtime exits":   {`{}`, `"exit"`, `{}`, `"exit"`, `{}`},
		"timeouts":            {`{}`, `"hang"`, `{}`},
		"refused events":      {`{"q":"<script>alert(1)</script>"}`, `{}`, `{"q":"<script>alert(1)</script>"}`},
		"asynchronous retry":  {`{}`, `{}`},
		"the extension fails": {`{}`, "kill", `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var listen string
			e := lookForBypass(t, "around", func(o *emulator.Options, _ string) {
				block(o)
				listen = o.Function.Env["MERLON_LISTEN"]
				o.Function.Timeout = 10 * time.Second
				if name == "timeouts" {
					o.Function.Timeout = time.Second
				}
			})
			for _, event := range events {
				switch {
				case event == "kill":
					killExtension(t, "MERLON_LISTEN="+listen)
				case name == "asynchronous retry":
					if _, err := e.Invoke(t.Context(), emulator.Request{Payload: []byte(event), RequestID: "11111111-2222-4333-8444-555555555555"}); err != nil {
						t.Fatal(err)
					}
				default:
					e.invoke(t, event)
				}
			}
			e.invoke(t, `"go around"`)
			if n := e.bypasses(); n != 0 {
				t.Errorf("%d bypasses before there was one", n)
			}
			e.invoke(t, `{}`)
			e.invokeUntil(t, 1, `"bypass"`, `"invocations":1,`)
			if n := e.bypasses(); n != 1 {
				t.Errorf("%d lines, want 1", n)
			}
		})
	}
}

// killExtension ends the extension that has the given variable.
func killExtension(t *testing.T, variable string) {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		exe, _ := os.Readlink(filepath.Join(d, "exe"))
		environ, _ := os.ReadFile(filepath.Join(d, "environ"))
		if exe != filepath.Join(optDir, "extensions", "merlon") || !strings.Contains(string(environ), variable+"\x00") {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(d))
		if err == nil {
			err = syscall.Kill(pid, syscall.SIGKILL)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("no extension with %s is running", variable)
}

// A function whose INIT fails has invocations that no event was fetched for.
func TestNoFalseBypassInFailedInit(t *testing.T) {
	t.Parallel()
	e := lookForBypass(t, "init-error", func(*emulator.Options, string) {})
	for range 3 {
		e.invoke(t, `{}`)
	}
	e.close(t)
	if n := e.bypasses(); n != 0 {
		t.Errorf("%d bypasses", n)
	}
}

// On Managed Instances many events are under way at once.
func TestNoFalseBypassAtOnce(t *testing.T) {
	t.Parallel()
	e := lookForBypass(t, "nonce", func(o *emulator.Options, _ string) {
		o.Concurrency = 8
	})
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			if _, err := e.Invoke(t.Context(), emulator.Request{Payload: fmt.Appendf(nil, `{"nonce":"%d"}`, i)}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	e.close(t) // telemetry is delivered before the extension is told to end
	if n := e.bypasses(); n != 0 {
		t.Errorf("%d bypasses", n)
	}
	if strings.Contains(e.text(), "bypasses are not looked for") {
		t.Error("the subscription failed")
	}
}

// Without telemetry, or with a proxy upstream that may answer by itself, nothing
// is looked for, that is said, and events are inspected all the same.
func TestBypassDetectionSaysWhatItCannot(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		change func(o *emulator.Options, lambda string)
		want   string
	}{
		"no telemetry":  {func(o *emulator.Options, _ string) { o.NoTelemetry = true }, "Telemetry.NotSupported"},
		"another proxy": {func(o *emulator.Options, lambda string) { o.Function.Env["MERLON_UPSTREAM"] = lambda }, "another proxy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := lookForBypass(t, "around", func(o *emulator.Options, lambda string) {
				block(o)
				row.change(o, lambda)
			})
			if r := e.invoke(t, `{"q":"<script>alert(1)</script>"}`); !refused(r) {
				t.Errorf("not refused: %s %s", r.Status, r.Payload)
			}
			e.await(t, "bypasses are not looked for", row.want)
		})
	}
}
