package regression_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/agent"
	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/emulator"
	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy/waf"
	"github.com/merlon-security/merlon/proxy"
)

// stack is a function behind the relay, with a guard made from variables as the
// extension makes it.
type stack struct {
	lambda  *emulator.Lambda
	relay   *proxy.Relay
	logged  *os.File // the web server's error log that go-ftw reads
	records *records
	engine  *waf.Engine
}

// settings are what the tests expect to be set and the rule set leaves open:
// limits, and that the rules of the last phases are logged.
const settings = `SecDefaultAction "phase:3,log,auditlog,pass"
SecDefaultAction "phase:4,log,auditlog,pass"
SecDefaultAction "phase:5,log,auditlog,pass"
SecAction "id:9000100,phase:1,pass,t:none,nolog,setvar:tx.crs_validate_utf8_encoding=1,` +
	`setvar:tx.arg_name_length=100,setvar:tx.arg_length=400,setvar:tx.total_arg_length=64000,` +
	`setvar:tx.max_num_args=255,setvar:tx.max_file_size=64100,setvar:tx.combined_file_sizes=65535"` + "\n"

func newStack(t *testing.T, environ ...string) *stack {
	t.Helper()
	cfg, faults := config.Parse(environ)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	p, err := agent.LoadPolicy(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &stack{records: new(records)}
	if s.logged, err = os.Create(filepath.Join(t.TempDir(), "error.log")); err != nil {
		t.Fatal(err)
	}
	opts := agent.EngineOptions(cfg, p)
	opts.Rules.Setup = settings
	opts.Log = s.log
	opts.Responses = waf.Responses{On: true}
	if s.engine, err = waf.New(opts); err != nil {
		t.Fatal(err)
	}
	function := emulator.Function{Name: "albedo", Timeout: time.Minute}
	if s.lambda, err = emulator.Start(t.Context(), emulator.Options{External: true, Function: function}); err != nil {
		t.Fatal(err)
	}
	g := agent.NewGuard(cfg, p, s.engine, s.records)
	if s.relay, err = proxy.New(proxy.Options{Upstream: s.lambda.RuntimeAPI(), Inspector: g}); err != nil {
		t.Fatal(err)
	}
	s.serve(t)
	return s
}

// serve runs relay and function until the test is over.
func (s *stack) serve(t *testing.T) {
	t.Helper()
	if err := s.relay.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.relay.Serve(); err != nil {
			t.Error(err)
		}
	})
	polling, stop := context.WithCancel(context.Background()) // past the test's own, which ends before Cleanup
	running.Go(func() {
		if err := serveFunction(polling, s.relay.Addr(), s.reply); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		closing, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		stop()
		if err := s.relay.Shutdown(closing); err != nil {
			t.Error(err)
		}
		if err := s.lambda.Close(closing); err != nil {
			t.Error(err)
		}
		running.Wait()
		s.logged.Close()
	})
}

func (s *stack) log(line string) { fmt.Fprintln(s.logged, line) }

// serveFunction is a runtime with a handler.
func serveFunction(ctx context.Context, api string, handler func(event []byte) ([]byte, error)) error {
	base := "http://" + api + "/2018-06-01/runtime/invocation/"
	for {
		id, raw, err := next(ctx, base)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		reply, err := handler(raw)
		if err != nil {
			return err
		}
		resp, err := http.Post(base+id+"/response", "application/json", bytes.NewReader(reply))
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusAccepted {
			return fmt.Errorf("response of %s: %s", id, resp.Status)
		}
	}
}

func next(ctx context.Context, base string) (id string, raw []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"next", nil)
	if err != nil {
		return "", nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close()
	if raw, err = io.ReadAll(resp.Body); err != nil {
		return "", nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return "", nil, fmt.Errorf("next: %s", resp.Status)
	}
	return resp.Header.Get("Lambda-Runtime-Aws-Request-Id"), raw, nil
}

// reflected is what a request to /reflect asks for, as albedo defines it.
type reflected struct {
	Status      int
	Headers     map[string]string
	Body        string
	EncodedBody string
}

// reply answers an event as albedo does, the backend that the rule set is tested
// with: 200 to everything, and to /reflect with what the request asks for. The
// response is looked at before it goes.
func (s *stack) reply(raw []byte) ([]byte, error) {
	ev := event.Decode(raw, nil, event.DefaultLimits())
	out := reflected{Body: "ok"}
	if path, _, _ := strings.Cut(ev.HTTP.Target, "?"); strings.TrimPrefix(path, "/$default") == "/reflect" {
		if err := json.Unmarshal([]byte(ev.HTTP.Body), &out); err != nil {
			out = reflected{Status: http.StatusBadRequest}
		}
		if text, err := base64.StdEncoding.DecodeString(out.EncodedBody); err == nil && len(text) > 0 {
			out.Body = string(text)
		}
	}
	if out.Status == 0 {
		out.Status = http.StatusOK
	}
	head := waf.ResponseHead{Status: out.Status}
	typed := false
	for name, value := range out.Headers {
		head.Header = append(head.Header, event.Header{Name: name, Value: value})
		typed = typed || strings.EqualFold(name, "content-type")
	}
	if !typed { // as net/http does for albedo
		value := http.DetectContentType([]byte(out.Body))
		head.Header = append(head.Header, event.Header{Name: "Content-Type", Value: value})
	}
	r := s.engine.InspectResponse(context.Background(), ev, head) // what is found is in the log
	if _, err := r.Write([]byte(out.Body)); err != nil {
		return nil, err
	}
	if _, _, err := r.Close(); err != nil {
		return nil, err
	}
	headers := map[string]string{}
	for _, h := range head.Header {
		headers[h.Name] = h.Value
	}
	return json.Marshal(map[string]any{
		"statusCode": out.Status, "headers": headers, "body": base64.StdEncoding.EncodeToString([]byte(out.Body)), "isBase64Encoded": true,
	})
}

// front serves the function over HTTP and returns where.
func (s *stack) front(t *testing.T, f emulator.Front) (host string, port int) {
	t.Helper()
	f.Open = true // the tests send all sorts of Host
	srv := httptest.NewServer(s.marked(s.lambda.URLHandler(f)))
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	if port, err = strconv.Atoi(u.Port()); err != nil {
		t.Fatal(err)
	}
	return u.Hostname(), port
}

// marker is the header of the requests with which go-ftw marks in the log where
// a test begins and ends.
const marker = "X-CRS-Test"

// marked answers these requests itself: they are no part of any test.
func (s *stack) marked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id := r.Header.Get(marker); id != "" {
			s.log(marker + " " + id)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// records takes verdicts, and keeps what they say of faults of ours: a test that
// passes because of one, or in spite of it, shows nothing.
type records struct {
	mu  sync.Mutex
	err error
}

// Add implements guard.Reporter.
func (r *records) Count(verdict.Count) {}

func (r *records) Add(v verdict.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if v.Error != "" {
		r.err = errors.Join(r.err, errors.New(v.Error))
	}
}

// Idle implements guard.Reporter.
func (*records) Idle(context.Context, time.Time) {}

func (r *records) faults() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}
