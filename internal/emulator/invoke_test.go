package emulator_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/emulator"
)

const limit = 6<<20 + 100

func TestInvoke(t *testing.T) {
	t.Parallel()
	l, book := start(t, emulator.Options{Function: function(t, "echo")})
	result := invoke(t, l, `{"do":"nothing",  "spaces":  "kept"}`)
	if got, want := string(result.Payload), `{"do":"nothing",  "spaces":  "kept"}`; got != want || result.Status != emulator.StatusSuccess {
		t.Errorf("Invoke = %s %q, want success %q", result.Status, got, want)
	}
	book.await(t, emulator.SourcePlatform, "START RequestId: "+result.RequestID+" Version: $LATEST")
	book.await(t, emulator.SourcePlatform, "END RequestId: "+result.RequestID)
	book.await(t, emulator.SourcePlatform, "REPORT RequestId: "+result.RequestID)
}

func TestFunctionFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		payload   string
		status    emulator.Status
		errorType string
		body      string
		survives  bool // the same process answers afterwards
	}{
		{"handler error", `{"do":"error"}`, emulator.StatusError, "Runtime.Unknown", "refused by the handler", true},
		{"panic", `{"do":"panic"}`, emulator.StatusError, "Runtime.Unknown", "out of cheese", false},
		{"exit 1", `{"do":"exit 1"}`, emulator.StatusFailure, "Runtime.ExitError", "Runtime exited with error: exit status 1", false},
		{"exit 0", `{"do":"exit 0"}`, emulator.StatusFailure, "Runtime.ExitError", "Runtime exited without providing a reason", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l, _ := start(t, emulator.Options{Function: function(t, "echo")})
			before := counted(t, l)
			result := invoke(t, l, test.payload)
			if result.Status != test.status || result.ErrorType != test.errorType || result.FunctionError != "Unhandled" {
				t.Errorf("Invoke(%s) = %s %s %s, want %s %s Unhandled", test.payload, result.Status, result.ErrorType, result.FunctionError, test.status, test.errorType)
			}
			if !strings.Contains(string(result.Payload), test.body) {
				t.Errorf("Invoke(%s) payload = %s, want %q in it", test.payload, result.Payload, test.body)
			}
			after := counted(t, l)
			if survived := after.PID == before.PID; survived != test.survives {
				t.Errorf("after %s the process is the same: %v, want %v", test.name, survived, test.survives)
			}
		})
	}
}

type tally struct{ Invocations, PID int }

func counted(t *testing.T, l *emulator.Lambda) tally {
	t.Helper()
	var c tally
	if err := json.Unmarshal(invoke(t, l, `{"do":"count"}`).Payload, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	f := function(t, "echo")
	f.Timeout = 2 * time.Second
	l, book := start(t, emulator.Options{Function: f})
	invoke(t, l, `{}`)
	result := invoke(t, l, `{"do":"hang"}`)
	if result.Status != emulator.StatusTimeout || result.ErrorType != "Sandbox.Timedout" {
		t.Errorf("Invoke = %s %s, want timeout Sandbox.Timedout", result.Status, result.ErrorType)
	}
	if !strings.Contains(string(result.Payload), "Task timed out after 2.00 seconds") {
		t.Errorf("payload = %s", result.Payload)
	}
	book.await(t, emulator.SourcePlatform, "Task timed out after 2.00 seconds")
	if result := invoke(t, l, `{}`); result.Status != emulator.StatusSuccess {
		t.Errorf("after the timeout: %s %s, want success", result.Status, result.Payload)
	}
}

// INIT runs once in its own phase and once more inside the invocation.
func TestInitError(t *testing.T) {
	t.Parallel()
	l, book := start(t, emulator.Options{Function: function(t, "init-error")})
	result := invoke(t, l, `{}`)
	if result.ErrorType != "Runtime.ExitError" || result.Status != emulator.StatusFailure {
		t.Errorf("Invoke = %s %s, want failure Runtime.ExitError", result.Status, result.ErrorType)
	}
	if got := book.count(emulator.SourceFunction, "cannot start"); got != 2 {
		t.Errorf("INIT ran %d times, want 2", got)
	}
	book.await(t, emulator.SourcePlatform, "INIT_REPORT")
	if err := l.Warm(t.Context()); err == nil || !strings.Contains(err.Error(), "Runtime.ExitError") {
		t.Errorf("Warm = %v, want Runtime.ExitError", err)
	}
}

func TestSizeLimits(t *testing.T) {
	t.Parallel()
	l, _ := start(t, emulator.Options{Function: function(t, "echo")})
	largest := `{"do":"sum","pad":"` + strings.Repeat("x", limit-len(`{"do":"sum","pad":""}`)) + `"}`
	if result := invoke(t, l, largest); !strings.Contains(string(result.Payload), `"size":6291556`) {
		t.Errorf("largest event: %s", result.Payload)
	}
	if _, err := l.Invoke(t.Context(), emulator.Request{Payload: []byte(largest + " ")}); err != emulator.ErrRequestTooLarge {
		t.Errorf("event over the limit: %v, want ErrRequestTooLarge", err)
	}
	if result := invoke(t, l, `{"do":"big","size":6291556}`); len(result.Payload) != limit {
		t.Errorf("largest response: %d bytes %s, want %d", len(result.Payload), result.ErrorType, limit)
	}
	// aws-lambda-go exits when its response is refused; the caller is told why.
	result := invoke(t, l, `{"do":"big","size":6291557}`)
	if result.ErrorType != "Function.ResponseSizeTooLarge" {
		t.Errorf("response over the limit: %s, want Function.ResponseSizeTooLarge", result.ErrorType)
	}
	if result := invoke(t, l, `{}`); result.Status != emulator.StatusSuccess {
		t.Errorf("after that: %s %s, want success", result.Status, result.Payload)
	}
}

func TestSequence(t *testing.T) {
	t.Parallel()
	l, _ := start(t, emulator.Options{Function: function(t, "echo")})
	const n = 200
	for range n {
		invoke(t, l, `{}`)
	}
	if got := counted(t, l).Invocations; got != n+1 {
		t.Errorf("the process saw %d invocations, want %d", got, n+1)
	}
}
