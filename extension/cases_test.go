package main_test

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/emulator"
)

// managed makes the function one of a managed runtime, whose own bootstrap
// reads AWS_LAMBDA_EXEC_WRAPPER.
func managed(wrapper string) func(*emulator.Options) {
	return func(o *emulator.Options) {
		o.Function.Runtime = "nodejs22.x"
		o.Function.Command = o.Function.Command[1:]
		if wrapper != "" {
			o.Function.Env["AWS_LAMBDA_EXEC_WRAPPER"] = wrapper
		}
	}
}

const attack = `{"q":"1' UNION SELECT password FROM users -- "}`

func refused(r emulator.Result) bool { return r.ErrorType == "Function.MerlonBlocked" }

func TestA1WrapperVariableWorksOnManagedRuntimesOnly(t *testing.T) {
	t.Parallel()
	e := protected(t, "plain", func(o *emulator.Options) { block(o); managed("/opt/merlon-wrapper")(o) })
	if r := e.invoke(t, attack); !refused(r) {
		t.Errorf("managed runtime: %s %s, want a refusal", r.Status, r.Payload)
	}
	e = protected(t, "plain", func(o *emulator.Options) {
		block(o)
		managed("/opt/merlon-wrapper")(o)
		o.Function.Runtime = "provided.al2023"
	})
	if r := e.invoke(t, attack); refused(r) {
		t.Error("provided.al2023 honoured AWS_LAMBDA_EXEC_WRAPPER; in Lambda it does not")
	}
}

// TestA1BootstrapShim deploys the function as "merlon layer wrap" leaves it.
func TestA1BootstrapShim(t *testing.T) {
	t.Parallel()
	e := protected(t, "plain", func(o *emulator.Options) {
		block(o)
		self := o.Function.Command[1]
		o.Function.Runtime, o.Function.Command = "provided.al2023", nil
		copyFile(t, filepath.Join(optDir, "merlon-wrapper"), filepath.Join(o.Function.TaskRoot, "bootstrap"))
		copyFile(t, self, filepath.Join(o.Function.TaskRoot, "bootstrap.merlon-real"))
	})
	if r := e.invoke(t, attack); !refused(r) {
		t.Errorf("got %s %s, want a refusal", r.Status, r.Payload)
	}
	if r := e.invoke(t, `{"a":1}`); r.Status != emulator.StatusSuccess {
		t.Errorf("benign event: %s %s", r.Status, r.Payload)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o755); err != nil {
		t.Fatal(err)
	}
}

// TestA2NoHelloIsSaidLoudly attaches the layer without the variable.
func TestA2NoHelloIsSaidLoudly(t *testing.T) {
	t.Parallel()
	e := protected(t, "plain", func(o *emulator.Options) { block(o); managed("")(o) })
	if r := e.invoke(t, attack); refused(r) {
		t.Error("an event was refused although the runtime does not pass through Merlon")
	}
	e.close(t)
	e.await(t, `"event":"unprotected"`, "AWS_LAMBDA_EXEC_WRAPPER=/opt/merlon-wrapper", `"level":"ERROR"`)
	e.await(t, `"Unprotected":1`, `"CloudWatchMetrics"`)
	if n := strings.Count(e.text(), `"event":"unprotected"`); n != 1 {
		t.Errorf("said %d times, want once", n)
	}
}

// TestA3StrangerOnThePort puts somebody else's server where the proxy should be.
func TestA3StrangerOnThePort(t *testing.T) {
	for _, c := range []struct {
		onFault string
		starts  bool
	}{{"open", true}, {"closed", false}} {
		t.Run(c.onFault, func(t *testing.T) {
			t.Parallel()
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			stranger := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("hello")) })}
			go stranger.Serve(ln)
			defer stranger.Close()
			e := protected(t, "plain", func(o *emulator.Options) {
				block(o)
				o.Function.Env["MERLON_LISTEN"] = ln.Addr().String()
				o.Function.Env["MERLON_ON_FAULT"] = c.onFault
			})
			r := e.invoke(t, `{"a":1}`)
			if (r.Status == emulator.StatusSuccess) != c.starts {
				t.Errorf("got %s %s, want the function to start: %v", r.Status, r.Payload, c.starts)
			}
			e.await(t, `"event":"unprotected"`, "the proxy cannot listen", "MERLON_LISTEN")
		})
	}
}

// TestA4PortTakenFallsBack is the open half of A3 from the runtime's view: it
// must be on the real API, not on the stranger's.
func TestA4PortTakenFallsBack(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0") // accepts and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	e := protected(t, "plain", func(o *emulator.Options) { o.Function.Env["MERLON_LISTEN"] = ln.Addr().String() })
	if api := environOf(t, e)["AWS_LAMBDA_RUNTIME_API"]; api == ln.Addr().String() || api == "" {
		t.Errorf("the runtime polls %q", api)
	}
}

func environOf(t *testing.T, e *env) map[string]string {
	t.Helper()
	var list []string
	r := e.invoke(t, `{"do":"environ"}`)
	if err := json.Unmarshal(r.Payload, &list); err != nil {
		t.Fatalf("environ: %v in %.200s", err, r.Payload)
	}
	m := map[string]string{}
	for _, kv := range list {
		k, v, _ := strings.Cut(kv, "=")
		m[k] = v
	}
	return m
}

// TestA5KillSwitch turns Merlon off beside everything else being wrong.
func TestA5KillSwitch(t *testing.T) {
	t.Parallel()
	listen := ""
	e := protected(t, "plain", func(o *emulator.Options) {
		listen = o.Function.Env["MERLON_LISTEN"]
		o.Function.Env["MERLON_MODE"] = "off"
		o.Function.Env["MERLON_ON_FAULT"] = "closed"
		o.Function.Env["MERLON_THRESHOLD"] = "many"
		o.Function.Env["MERLON_POLICY"] = "/no/such/file.yaml"
	})
	if r := e.invoke(t, attack); r.Status != emulator.StatusSuccess {
		t.Errorf("got %s %s, want the function's reply", r.Status, r.Payload)
	}
	if api := environOf(t, e)["AWS_LAMBDA_RUNTIME_API"]; api == listen {
		t.Error("the runtime still polls the proxy's address")
	}
	if c, err := net.DialTimeout("tcp", listen, time.Second); err == nil {
		c.Close()
		t.Error("the proxy listens although the mode is off")
	}
}

// TestA6FaultsDisableOnlyThemselves checks the three kinds of wrong settings.
func TestA6FaultsDisableOnlyThemselves(t *testing.T) {
	t.Parallel()
	e := protected(t, "plain", func(o *emulator.Options) {
		block(o)
		o.Function.Env["MERLON_THRESHOLD"] = "many"
		o.Function.Env["MERLON_TRESHOLD"] = "7"
	})
	if r := e.invoke(t, attack); !refused(r) {
		t.Errorf("a bad threshold disarmed block mode: %s %s", r.Status, r.Payload)
	}
	e.await(t, `"message":"merlon started"`, `MERLON_THRESHOLD=\"many\"`, "MERLON_TRESHOLD", `"mode":"block"`)
	e.await(t, `"ConfigFault":1`)
	e.await(t, `"schema":"merlon.verdict/1"`, `"configFaults":["MERLON_THRESHOLD"]`)
}

func TestA6ClosedRefusesToStartAndListsAllFaults(t *testing.T) {
	t.Parallel()
	e := protected(t, "plain", func(o *emulator.Options) {
		block(o)
		o.Function.Env["MERLON_ON_FAULT"] = "closed"
		o.Function.Env["MERLON_THRESHOLD"] = "many"
		o.Function.Env["MERLON_PARANOIA"] = "9"
		o.Function.Env["MERLON_POLICY"] = "/no/such/file.yaml"
	})
	r := e.invoke(t, `{"a":1}`)
	if r.Status == emulator.StatusSuccess {
		t.Fatal("the function started in spite of MERLON_ON_FAULT=closed")
	}
	e.await(t, "MERLON_THRESHOLD", "MERLON_PARANOIA", "MERLON_POLICY")
}

// TestA7SecretsStayHere checks that secret settings reach neither the function
// nor a log line.
func TestA7SecretsStayHere(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t-b34rer-value"
	e := protected(t, "plain", func(o *emulator.Options) {
		o.Function.Env["MERLON_TELEMETRY_HEADERS"] = "Authorization: Bearer " + secret
		o.Function.Env["MERLON_TELEMETRY_URL"] = "not a url " + secret
	})
	for k, v := range environOf(t, e) {
		if strings.Contains(v, secret) {
			t.Errorf("the function's environment holds the secret in %s", k)
		}
	}
	if strings.Contains(e.text(), secret) {
		t.Error("a log line holds the secret")
	}
}

// TestA8AddressesAreLoopback checks that a bad address is refused, not used.
func TestA8AddressesAreLoopback(t *testing.T) {
	t.Parallel()
	e := protected(t, "plain", func(o *emulator.Options) { o.Function.Env["MERLON_LISTEN"] = "0.0.0.0:9117" })
	e.invoke(t, `{"a":1}`)
	e.await(t, `"message":"merlon started"`, `"listen":"127.0.0.1:9117"`, "loopback")
}

// TestA9ContextIsInspected sends an attack in the SDK's client context.
func TestA9ContextIsInspected(t *testing.T) {
	t.Parallel()
	e := protected(t, "plain", block)
	r, err := e.Invoke(t.Context(), emulator.Request{
		Payload:       []byte(`{"a":1}`),
		ClientContext: []byte(`{"custom":{"file":"../../../../etc/passwd"}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	if !refused(r) {
		t.Errorf("got %s %s, want a refusal", r.Status, r.Payload)
	}
	e.await(t, `"place":"context"`, `custom.file`)
}

// TestA10PathsCannotImitateEachOther excuses one field and attacks through a key
// that reads the same.
func TestA10PathsCannotImitateEachOther(t *testing.T) {
	t.Parallel()
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(policy, []byte(`apiVersion: merlon.dev/v1
kind: Policy
exceptions:
  - {rule: 900000-9999999, path: [body, comment], reason: "rich text"}
`), 0o644); err != nil {
		t.Fatal(err)
	}
	e := protected(t, "plain", func(o *emulator.Options) { block(o); o.Function.Env["MERLON_POLICY"] = policy })
	const xss = `<script>alert(1)</script>`
	if r := e.invoke(t, `{"body":{"comment":"`+xss+`"}}`); refused(r) {
		t.Errorf("the excused field was refused: %s", r.Payload)
	}
	for _, imitation := range []string{
		`{"body.comment":"` + xss + `"}`, `{"body":{"comment ":"` + xss + `"}}`,
		`{"body":{"comment":"ok","x":{"comment":"` + xss + `"}}}`, `{"*":"` + xss + `"}`,
	} {
		if r := e.invoke(t, imitation); !refused(r) {
			t.Errorf("%s was delivered", imitation)
		}
	}
}

// TestA12LinesCarryTimeAndLevel checks every line of the extension.
func TestA12LinesCarryTimeAndLevel(t *testing.T) {
	t.Parallel()
	e := protected(t, "plain", block)
	e.invoke(t, attack)
	e.invoke(t, `{"a":1}`)
	e.await(t, `"schema":"merlon.verdict/1"`)
	e.mu.Lock()
	defer e.mu.Unlock()
	seen := 0
	for _, l := range e.lines {
		if l.Source != emulator.SourceExtension {
			continue
		}
		var line struct {
			Timestamp time.Time `json:"timestamp"`
			Level     string    `json:"level"`
		}
		if err := json.Unmarshal([]byte(l.Text), &line); err != nil || line.Timestamp.IsZero() || line.Level == "" {
			t.Errorf("line without timestamp or level: %s (%v)", l.Text, err)
		}
		seen++
	}
	if seen < 3 {
		t.Errorf("%d lines, want at least the start, the hello and the verdict", seen)
	}
}

// TestA14CodeIdentity checks the order of identities.
func TestA14CodeIdentity(t *testing.T) {
	for _, c := range []struct{ name, version, id, want string }{
		{"numbered version", "17", "build-5", `"codeId":"version:17"`},
		{"pipeline", "$LATEST", "build-5", `"codeId":"id:build-5"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := protected(t, "plain", func(o *emulator.Options) {
				block(o)
				o.Function.Version = c.version
				o.Function.Env["MERLON_CODE_ID"] = c.id
			})
			e.invoke(t, attack)
			e.invoke(t, `{"a":1}`)
			e.await(t, `"schema":"merlon.verdict/1"`, c.want)
		})
	}
}
