package attach_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/hello"
	"github.com/merlon-security/merlon/layer/internal/attach"
)

var (
	now  = time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	base = []string{"PATH=/bin", "AWS_LAMBDA_RUNTIME_API=169.254.100.1:9001", "AWS_LAMBDA_FUNCTION_NAME=orders", "LAST=1"}
)

func decide(greeting error, extra ...string) (attach.Result, *hello.Hello) {
	var said *hello.Hello
	r := attach.Decide(append(slices.Clone(base), extra...), "wrapper", "node", now, func(_ netip.AddrPort, _ hello.Key, h hello.Hello) error {
		said = &h
		return greeting
	})
	return r, said
}

func TestA5KillSwitch(t *testing.T) {
	r, said := decide(nil, "MERLON_MODE=off", "MERLON_ON_FAULT=closed", "MERLON_LISTEN=nonsense", "MERLON_TELEMETRY_HEADERS=Authorization=x")
	if r.Outcome != attach.Direct || said != nil || r.Notice != "" || address(r) != "169.254.100.1:9001" {
		t.Errorf("Decide(off) = %v, said %v, notice %q, API %s: want direct, in silence, on the real one", r.Outcome, said, r.Notice, address(r))
	}
	if strings.Contains(fmt.Sprint(r.Environ), "MERLON_TELEMETRY_HEADERS") {
		t.Error("Decide(off) leaves a secret in the runtime's environment")
	}
}

func TestA2HelloGivesTheProxy(t *testing.T) {
	r, said := decide(nil, "MERLON_LISTEN=127.0.0.1:9200", "AWS_LAMBDA_RUNTIME_API=second")
	if r.Outcome != attach.Attached || address(r) != "127.0.0.1:9200" || r.Notice != "" {
		t.Errorf("Decide() = %v, API %s, notice %q, want attached to the proxy in silence", r.Outcome, address(r), r.Notice)
	}
	if said == nil || said.Via != "wrapper" || said.Program != "node" || said.RuntimeAPI != "169.254.100.1:9001" {
		t.Errorf("said %+v", said)
	}
	want := []string{"PATH=/bin", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:9200", "AWS_LAMBDA_FUNCTION_NAME=orders", "LAST=1", "MERLON_LISTEN=127.0.0.1:9200"}
	if !slices.Equal(r.Environ, want) {
		t.Errorf("environment = %q\nwant %q", r.Environ, want)
	}
}

func TestA3NoProofNoProxy(t *testing.T) {
	for _, tt := range []struct {
		greeting error
		remedy   string
	}{
		{hello.ErrNobody, "attach the layer"},
		{hello.ErrStranger, "set MERLON_LISTEN"},
		{hello.ErrSlow, "more memory"},
		{errors.New("socket: too many open files"), "bug"},
	} {
		r, _ := decide(fmt.Errorf("hello: %w", tt.greeting), "MERLON_THRESHOLD=0")
		line := parse(t, r.Notice)
		if r.Outcome != attach.Unprotected || address(r) != "169.254.100.1:9001" {
			t.Errorf("Decide(open, %v) = %v on %s, want unprotected on the real API", tt.greeting, r.Outcome, address(r))
		}
		if !strings.Contains(line["remedy"].(string), tt.remedy) || line["Unprotected"] != 1.0 || line["level"] != "ERROR" ||
			line["timestamp"] != "2026-01-02T03:04:05.006Z" || line["function"] != "orders" || len(line["faults"].([]any)) != 1 {
			t.Errorf("notice = %v, want the remedy %q, the metric and the fault", line, tt.remedy)
		}
		r, _ = decide(fmt.Errorf("hello: %w", tt.greeting), "MERLON_ON_FAULT=closed")
		if line := parse(t, r.Notice); r.Outcome != attach.Refused || !strings.Contains(line["remedy"].(string), tt.remedy) {
			t.Errorf("Decide(closed, %v) = %v, %v, want refused with the remedy", tt.greeting, r.Outcome, line)
		}
	}
}

func TestA6ClosedRefusesFaultsTogether(t *testing.T) {
	r, said := decide(nil, "MERLON_ON_FAULT=closed", "MERLON_PARANOIA=9", "MERLON_THRESHOLD=0")
	if line := parse(t, r.Notice); r.Outcome != attach.Refused || said != nil || len(line["faults"].([]any)) != 2 {
		t.Errorf("Decide() = %v, %v, want refused, naming both faults", r.Outcome, line)
	}
}

func TestA7SecretsAreStripped(t *testing.T) {
	var extra []string
	for _, name := range config.SecretNames() {
		extra = append(extra, name+"=hunter2", name+"=hunter2again")
	}
	for _, greeting := range []error{nil, hello.ErrNobody} {
		r, _ := decide(greeting, extra...)
		if strings.Contains(fmt.Sprint(r.Environ, r.Notice), "hunter2") {
			t.Errorf("a secret reaches the runtime or the log: %q %s", r.Environ, r.Notice)
		}
	}
}

// Inside another wrapper of ours the address is the proxy's already, and the
// hello succeeds again. Where MERLON_LISTEN names Lambda's own port it fails.
func TestA3AddressAlreadySet(t *testing.T) {
	environ := attach.Set(base, attach.RuntimeAPI, config.DefaultListen)
	for greeting, want := range map[error]attach.Outcome{nil: attach.Attached, hello.ErrStranger: attach.Unprotected} {
		r := attach.Decide(environ, "lambdago", "main", now, func(netip.AddrPort, hello.Key, hello.Hello) error { return greeting })
		if r.Outcome != want || !slices.Equal(r.Environ, environ) {
			t.Errorf("Decide(hello %v) = %v, %q, want %v and the environment unchanged", greeting, r.Outcome, r.Environ, want)
		}
	}
}

func TestOutsideLambda(t *testing.T) {
	r := attach.Decide([]string{"PATH=/bin", "MERLON_ON_FAULT=closed"}, "wrapper", "sh", now, func(netip.AddrPort, hello.Key, hello.Hello) error {
		t.Error("a hello outside Lambda")
		return nil
	})
	if r.Outcome != attach.Direct || r.Notice != "" {
		t.Errorf("Decide() = %v, %q, want direct in silence", r.Outcome, r.Notice)
	}
}

// Whatever a value holds, the notice stays one JSON line with that value in it.
func FuzzNotice(f *testing.F) {
	f.Add("plain", "a\"b\\c\n\u2028\x7f\xff")
	f.Fuzz(func(t *testing.T, reason, remedy string) {
		line := attach.Notice(now, "ERROR", "m", reason, remedy).String()
		if strings.ContainsAny(line, "\n\r") {
			t.Fatalf("%q has a line end", line)
		}
		var got struct{ Reason string }
		if err := json.Unmarshal([]byte(line), &got); err != nil || got.Reason != strings.ToValidUTF8(reason, "\uFFFD") && !strings.Contains(got.Reason, "\uFFFD") {
			t.Fatalf("%q reads back as %q, %v", line, got.Reason, err)
		}
	})
}

func parse(t *testing.T, line string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		t.Fatalf("the notice %q is not JSON: %v", line, err)
	}
	return m
}

func address(r attach.Result) string {
	for _, entry := range r.Environ {
		if v, ok := strings.CutPrefix(entry, attach.RuntimeAPI+"="); ok {
			return v
		}
	}
	return ""
}
