package main_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/emulator"
)

// TestParity runs the real aws-lambda-go client through the same invocations
// directly and behind the layer: callers must not be able to tell the two apart.
func TestParity(t *testing.T) {
	const sixMiB = 6 << 20
	cases := []struct {
		name, function string
		timeout        time.Duration
		payloads       []string
		once           bool // not where invocations run at once: what dies slowly meets the next one or does not
	}{
		{name: "echo", payloads: []string{`{"a":1}`, `[1,2]`, `null`, `"text"`, `{"é":"ü"}`}},
		{name: "handler error and after", payloads: []string{`{"do":"error"}`, `{"a":1}`}},
		{name: "panic and after", payloads: []string{`{"do":"panic"}`, `{"a":1}`}, once: true},
		{name: "exit 1 and after", payloads: []string{`{"do":"exit 1"}`, `{"a":1}`}},
		{name: "exit 0 and after", payloads: []string{`{"do":"exit 0"}`, `{"a":1}`}},
		{name: "init error", function: "init-error", payloads: []string{`{}`}},
		{name: "timeout and recovery", timeout: time.Second, payloads: []string{`{"do":"hang"}`, `{"a":1}`}},
		{name: "6 MiB in", payloads: []string{`"` + strings.Repeat("x", sixMiB-2) + `"`}},
		{name: "6 MiB out", payloads: []string{fmt.Sprintf(`{"do":"big","size":%d}`, sixMiB)}},
		{name: "too large a response", payloads: []string{fmt.Sprintf(`{"do":"big","size":%d}`, sixMiB+200), `{"a":1}`}, once: true}, // the Go client exits
		{name: "unknown path", payloads: []string{`{"do":"unknown path"}`}},
		{name: "internal extension", function: "sigterm", payloads: []string{`{"a":1}`, `{"do":"count"}`}},
	}
	for _, concurrency := range []int{0, 4} {
		for _, c := range cases {
			if c.once && concurrency > 0 {
				continue
			}
			t.Run(fmt.Sprintf("%s, concurrency %d", c.name, concurrency), func(t *testing.T) {
				set := func(o *emulator.Options) {
					o.Concurrency = concurrency
					if c.timeout > 0 {
						o.Function.Timeout = c.timeout
					}
				}
				function := c.function
				if function == "" {
					function = "plain"
				}
				d, p := direct(t, function, set), protected(t, function, set)
				for _, payload := range c.payloads {
					want, got := outcome(d.invoke(t, payload)), outcome(p.invoke(t, payload))
					if got != want {
						t.Errorf("Invoke(%.60q) behind the layer:\n got %.300s\nwant %.300s", payload, got, want)
					}
				}
			})
		}
	}
}

// outcome is what a caller can see of a result, without what differs from one
// invocation to the next.
func outcome(r emulator.Result) string {
	payload := strings.ReplaceAll(string(r.Payload), r.RequestID, "<id>")
	return fmt.Sprintf("%s %q %q %v %s", r.Status, r.FunctionError, r.ErrorType, r.Streaming, stamp.ReplaceAllString(payload, "<time>"))
}

// TestSequence makes two hundred invocations in one environment: the relay must
// neither lose nor repeat nor reorder one.
func TestSequence(t *testing.T) {
	e := protected(t, "plain", nil)
	for i := 1; i <= 200; i++ {
		r := e.invoke(t, fmt.Sprintf(`{"do":"count","n":%d}`, i))
		if want := fmt.Sprint(i); string(r.Payload) != want {
			t.Fatalf("invocation %d: payload %s, want %s", i, r.Payload, want)
		}
	}
}

// stamp matches the time with which some errors begin.
var stamp = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z`)
