package emulator_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/emulator"
)

// subscriber plays an extension that subscribes to telemetry.
type subscriber struct {
	t *testing.T
	extensionClient
	mu      sync.Mutex
	events  []telemetryEvent
	changed chan struct{}
	refuse  int // so many batches are answered 500
}

type telemetryEvent struct {
	Time   time.Time
	Type   string
	Record json.RawMessage
}

func newSubscriber(t *testing.T, l *emulator.Lambda) *subscriber {
	s := &subscriber{t: t, changed: make(chan struct{})}
	s.api = l.RuntimeAPI()
	if status, body := s.register("watcher", []string{"SHUTDOWN"}); status != http.StatusOK {
		t.Fatalf("register: %d %s", status, body)
	}
	return s
}

func (s *subscriber) put(body string) (int, string) {
	req, err := http.NewRequest("PUT", "http://"+s.api+"/2022-07-01/telemetry", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Lambda-Extension-Identifier", s.id)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

// subscription is a body that the service accepts, with changes.
func subscription(to string, replace ...string) string {
	return strings.NewReplacer(replace...).Replace(
		`{"schemaVersion":"2022-12-13","types":["platform"],"buffering":{"maxItems":1000,"maxBytes":262144,"timeoutMs":25},"destination":` + to + `}`)
}

const anywhere = `{"protocol":"HTTP","URI":"http://sandbox.localdomain:4243/x"}`

func (s *subscriber) serve() (address string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var batch []telemetryEvent
		if err := json.NewDecoder(r.Body).Decode(&batch); err != nil || r.Method != http.MethodPost || r.URL.Path != "/here" {
			s.t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		if s.add(batch) {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	s.t.Cleanup(server.Close)
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	return fmt.Sprintf(`{"protocol":"HTTP","URI":"http://sandbox.localdomain:%s/here"}`, port)
}

func (s *subscriber) add(batch []telemetryEvent) (refused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse > 0 {
		s.refuse--
		return true
	}
	s.events = append(s.events, batch...)
	close(s.changed)
	s.changed = make(chan struct{})
	return false
}

// await returns all events up to the n-th of the type.
func (s *subscriber) await(kind string, n int) []telemetryEvent {
	s.t.Helper()
	for {
		s.mu.Lock()
		seen, changed := 0, s.changed
		for i, e := range s.events {
			if e.Type == kind {
				if seen++; seen == n {
					events := s.events[:i+1]
					s.mu.Unlock()
					return events
				}
			}
		}
		s.mu.Unlock()
		select {
		case <-changed:
		case <-time.After(30 * time.Second): // a hang, not a measurement
			s.t.Fatalf("%d of %d %s; have %s", seen, n, kind, s.events)
		}
	}
}

func watched(t *testing.T, opts emulator.Options) (*emulator.Lambda, runtimeClient, *subscriber) {
	opts.Extensions = []string{"watcher"}
	l, c := external(t, opts)
	return l, c, newSubscriber(t, l)
}

func TestTelemetryRefusals(t *testing.T) {
	t.Parallel()
	_, _, s := watched(t, emulator.Options{})
	for name, row := range map[string]struct{ body, want string }{
		"no JSON":            {"{", "unexpected"},
		"unknown schema":     {subscription(anywhere, "2022-12-13", "2023-01-01"), "schemaVersion"},
		"no types":           {subscription(anywhere, `"platform"`, ""), "types"},
		"unknown type":       {subscription(anywhere, `"platform"`, `"everything"`), "everything"},
		"few items":          {subscription(anywhere, `:1000`, ":999"), "maxItems"},
		"many items":         {subscription(anywhere, `:1000`, ":10001"), "maxItems"},
		"few bytes":          {subscription(anywhere, "262144", "262143"), "maxBytes"},
		"many bytes":         {subscription(anywhere, "262144", "1048577"), "maxBytes"},
		"short timeout":      {subscription(anywhere, `:25`, ":24"), "timeoutMs"},
		"long timeout":       {subscription(anywhere, `:25`, ":30001"), "timeoutMs"},
		"another host":       {subscription(anywhere, "sandbox.localdomain", "127.0.0.1"), "destination"},
		"Lambda's own port":  {subscription(anywhere, "4243", "9001"), "destination"},
		"no port":            {subscription(anywhere, ":4243", ""), "destination"},
		"unknown protocol":   {subscription(anywhere, "HTTP", "UDP"), "destination"},
		"TCP without a port": {subscription(`{"protocol":"TCP"}`), "destination"},
	} {
		if status, body := s.put(row.body); status != 400 || !strings.Contains(body, row.want) || !strings.Contains(body, "ValidationError") {
			t.Errorf("%s: %d %s, want 400 ValidationError with %q", name, status, body, row.want)
		}
	}
	registered := s.id
	s.id = ""
	if status, body := s.put(subscription(anywhere)); status != 403 || !strings.Contains(body, "MissingExtensionIdentifier") {
		t.Errorf("before register: %d %s", status, body)
	}
	s.id = registered
	for _, schema := range []string{"2022-07-01", "2022-12-13", "2025-01-29"} {
		if status, body := s.put(subscription(anywhere, "2022-12-13", schema)); status != 200 || body != `"OK"` {
			t.Errorf("schema %s: %d %s, want 200 OK", schema, status, body)
		}
	}
}

// The stub of AWS's own emulator, for extensions that must cope with it.
func TestTelemetryStub(t *testing.T) {
	t.Parallel()
	_, _, s := watched(t, emulator.Options{NoTelemetry: true})
	if status, body := s.put(subscription(anywhere)); status != 202 || !strings.Contains(body, "Telemetry.NotSupported") {
		t.Errorf("%d %s, want 202 Telemetry.NotSupported", status, body)
	}
}

// poll announces that the extension is ready, which ends INIT.
func (s *subscriber) poll() {
	s.t.Helper()
	go s.call("GET", "/event/next", nil, nil)
}

func TestTelemetryOfInvocations(t *testing.T) {
	t.Parallel()
	l, c, s := watched(t, emulator.Options{})
	s.refuse = 2 // the first batches come again
	if status, body := s.put(subscription(s.serve())); status != 200 {
		t.Fatalf("subscribe: %d %s", status, body)
	}
	s.poll()
	invocation := func(id, answer, body string) {
		p := invokeBeside(t, l, emulator.Request{RequestID: id, Payload: []byte(`{}`), TenantID: "blue"})
		c.expect(answer, c.post("/invocation/"+c.next().header.Get("Lambda-Runtime-Aws-Request-Id")+answer, body), 202, "")
		p.wait(t)
	}
	invocation("00000000-0000-4000-8000-000000000001", "/response", `{"a":1}`)
	invocation("00000000-0000-4000-8000-000000000002", "/error", `{}`)
	if status, body := s.put(subscription(anywhere)); status != 403 || !strings.Contains(body, "Telemetry.SubscriptionClosed") {
		t.Errorf("after INIT: %d %s, want 403 Telemetry.SubscriptionClosed", status, body)
	}
	go http.Get("http://" + l.RuntimeAPI() + "/2018-06-01/runtime/invocation/next") // the runtime is idle again
	events := s.await("platform.report", 2)
	var kinds []string
	for _, e := range events {
		kinds = append(kinds, strings.TrimPrefix(e.Type, "platform."))
		if e.Time.IsZero() {
			t.Errorf("%s has no time", e.Type)
		}
	}
	want := "initStart telemetrySubscription initRuntimeDone extension initReport start runtimeDone report start runtimeDone report"
	if got := strings.Join(kinds, " "); got != want {
		// INIT may begin before the subscription or after it.
		if got != strings.Replace(want, "initStart telemetrySubscription", "telemetrySubscription initStart", 1) {
			t.Errorf("events\n %s\nwant\n %s", got, want)
		}
	}
	for i, want := range []string{
		`000000000001"|"status":"success"`, `000000000002"|"status":"error"`,
	} {
		done := s.await("platform.runtimeDone", i+1)
		record := string(done[len(done)-1].Record)
		for _, want := range append(strings.Split(want, "|"), `"tenantId":"blue"`, `"producedBytes":`) {
			if !strings.Contains(record, want) {
				t.Errorf("runtimeDone = %s, want %s", record, want)
			}
		}
	}
}

// Lines come as they are printed, by type, and over TCP one below the other.
func TestTelemetryOverTCP(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	l, c, s := watched(t, emulator.Options{})
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	if status, body := s.put(subscription(`{"protocol":"TCP","port":` + port + `}`)); status != 200 {
		t.Fatalf("subscribe: %d %s", status, body)
	}
	s.poll()
	p := invokeBeside(t, l, emulator.Request{Payload: []byte(`{}`)})
	c.post("/invocation/"+c.next().header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", `1`)
	p.wait(t)
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		var e telemetryEvent
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		if e.Type == "platform.start" {
			return
		}
	}
	t.Errorf("no platform.start: %v", lines.Err())
}
