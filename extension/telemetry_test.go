package main_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/emulator"
	"github.com/merlon-security/merlon/internal/report/read"
	"github.com/merlon-security/merlon/internal/verdict"
)

// receiver takes lines, and answers as it is told before it does or after.
type receiver struct {
	*httptest.Server
	answer func(n int, w http.ResponseWriter, r *http.Request, take func()) // nil takes

	mu      sync.Mutex
	n       int
	lines   [][]byte
	batches int
}

func newReceiver(t *testing.T, answer func(int, http.ResponseWriter, *http.Request, func())) *receiver {
	r := &receiver{answer: answer}
	r.Server = httptest.NewUnstartedServer(r)
	r.Config.ErrorLog = log.New(io.Discard, "", 0)
	r.Start()
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	n := r.n
	r.n++
	r.mu.Unlock()
	take := func() { r.take(req.Body) }
	if r.answer != nil {
		r.answer(n, w, req, take)
		return
	}
	take()
}

// take keeps a request's lines, all or none.
func (r *receiver) take(body io.Reader) {
	z, err := gzip.NewReader(body)
	if err != nil {
		return
	}
	all, err := io.ReadAll(z)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batches++
	r.lines = append(r.lines, slices.Collect(bytes.Lines(all))...)
}

const signing = "a-secret-for-all-the-lines-of-this-test"

// sending has the extension send its lines to the receiver.
func (r *receiver) sending(o *emulator.Options) {
	block(o)
	for name, value := range map[string]string{
		"MERLON_TELEMETRY_URL": r.URL, "MERLON_TELEMETRY_FORMAT": "ndjson", "MERLON_VERDICT_KEY": signing, "MERLON_VERDICTS_PER_MINUTE": "100000",
	} {
		o.Function.Env[name] = value
	}
}

// refusing starts a function behind the layer and has it refuse attackFrom(0).
// A busy machine lets the launcher's challenge time out, and the function then
// runs without us, which is another test's subject: it is started again.
func (r *receiver) refusing(t *testing.T, change func(*emulator.Options)) *env {
	t.Helper()
	for range 10 {
		e := protected(t, "plain", change)
		if got := e.invoke(t, attackFrom(0)); bytes.Contains(got.Payload, []byte("403")) {
			return e
		}
		e.close(t)
		r.mu.Lock()
		r.n, r.lines, r.batches = 0, nil, 0
		r.mu.Unlock()
	}
	t.Fatal("the function never started behind Merlon")
	return nil
}

// attackFrom is a request that is refused, from one of 60 addresses: some make equal verdicts within a window.
func attackFrom(n int) string {
	return fmt.Sprintf(`{"version":"2.0","routeKey":"$default","rawPath":"/","rawQueryString":"q=1%%27+OR+%%271%%27%%3D%%271","headers":{"host":"x.lambda-url.eu-west-1.on.aws"},`+
		`"queryStringParameters":{"q":"1' OR '1'='1"},"requestContext":{"http":{"method":"GET","path":"/","protocol":"HTTP/1.1","sourceIp":"192.0.2.%d","userAgent":"x"},`+
		`"domainName":"x.lambda-url.eu-west-1.on.aws","requestId":"r","stage":"$default"},"isBase64Encoded":false}`, n%60)
}

// received reads what arrived: how many verdicts it stands for, and how many
// lines came more than once.
func (r *receiver) received(t *testing.T) (verdicts, inspected, twice int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	l := read.New(verdict.NewSigner(signing))
	for _, text := range r.lines {
		line, err := l.Read(text)
		switch {
		case errors.Is(err, read.ErrDuplicate):
			twice++
		case err != nil:
			t.Fatalf("%v: %s", err, text)
		case line.Verdict != nil && line.Verdict.Repeat != nil:
			verdicts += line.Verdict.Repeat.Count
		case line.Verdict != nil:
			verdicts++
		case line.Summary != nil:
			inspected += line.Summary.Inspected
		}
	}
	if gaps := l.Gaps(); len(gaps) > 0 {
		t.Errorf("lines are missing: %v", gaps)
	}
	return verdicts, inspected, twice
}

// inOrder checks that lines arrived as they were numbered.
func (r *receiver) inOrder(t *testing.T) {
	t.Helper()
	last := uint64(0)
	for _, text := range r.lines {
		if line, err := read.New().Read(text); err == nil && line.Verdict != nil {
			if line.Env.Seq <= last {
				t.Fatalf("line %d came after line %d", line.Env.Seq, last)
			}
			last = line.Env.Seq
		}
	}
}

// Every verdict arrives exactly once over thousands of invocations, between all
// of which the environment is frozen, and a SHUTDOWN.
func TestEveryVerdictArrivesOnce(t *testing.T) {
	t.Parallel()
	n := 5000
	if testing.Short() {
		n = 500
	}
	r := newReceiver(t, nil)
	e := r.refusing(t, r.sending)
	for i := 1; i < n; i++ {
		if got := e.invoke(t, attackFrom(i)); !bytes.Contains(got.Payload, []byte("403")) {
			t.Fatalf("invocation %d: %s", i, got.Payload)
		}
	}
	e.close(t)
	verdicts, inspected, twice := r.received(t)
	// SHUTDOWN has an end: what it cut off has to be counted.
	if lost := strings.Contains(e.text(), `"TelemetryDropped"`); (verdicts != n || inspected != n) && !lost || verdicts > n || twice != 0 {
		t.Errorf("%d verdicts and %d inspections arrived of %d, %d lines twice", verdicts, inspected, n, twice)
	}
	r.inOrder(t)
	if r.batches < n/250 {
		t.Errorf("%d requests", r.batches)
	}
	t.Logf("%d lines in %d requests for %d verdicts", len(r.lines), r.batches, verdicts)
}

// With a receiver that fails now and then, before it has taken a request or
// after, every verdict arrives at least once, with the number it had.
func TestEveryVerdictArrivesDespiteFaults(t *testing.T) {
	t.Parallel()
	const n = 300
	r := newReceiver(t, func(n int, w http.ResponseWriter, req *http.Request, take func()) {
		switch n % 4 {
		case 0: // takes it, and the answer is lost
			take()
			panic(http.ErrAbortHandler)
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
		default:
			take()
		}
	})
	e := r.refusing(t, r.sending)
	for i := 1; i < n; i++ {
		e.invoke(t, attackFrom(i))
	}
	e.close(t)
	r.mu.Lock()
	requests := r.n
	r.mu.Unlock()
	text := e.text()
	verdicts, _, twice := r.received(t)
	t.Logf("%d verdicts, %d lines twice, %d requests", verdicts, twice, requests)
	if strings.Contains(text, `"TelemetryDropped"`) {
		return // SHUTDOWN was too short, which is counted
	}
	if verdicts != n || twice == 0 || requests < 3 {
		t.Errorf("%d verdicts arrived of %d, %d lines twice, in %d requests", verdicts, n, twice, requests)
	}
}

// Whatever a receiver does, each invocation is answered, nothing is lost
// uncounted, and the log has every verdict. How long invocations took is logged;
// that nobody waits longer than he was given is TestE1SlowReceiverKeepsNobody's.
func TestE1ReceiversDoNotHoldInvocations(t *testing.T) {
	t.Parallel()
	const n = 200
	status := func(code int, header ...string) func(int, http.ResponseWriter, *http.Request, func()) {
		return func(_ int, w http.ResponseWriter, _ *http.Request, _ func()) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
		}
	}
	counted := 0
	for _, tt := range []struct {
		name   string
		answer func(int, http.ResponseWriter, *http.Request, func())
		change func(*emulator.Options, *receiver)
		takes  bool
	}{
		{"none", nil, func(o *emulator.Options, _ *receiver) { delete(o.Function.Env, "MERLON_TELEMETRY_URL") }, false},
		{"working", nil, nil, true},
		{"silent", func(_ int, _ http.ResponseWriter, r *http.Request, _ func()) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done() // the client gives up, or ends
		}, nil, false},
		{"down", nil, func(_ *emulator.Options, r *receiver) { r.Close() }, false},
		{"failing", status(500), nil, false},
		{"busy", status(429, "Retry-After", "60"), nil, false},
		{"redirecting", status(307, "Location", "http://192.0.2.1/"), nil, false},
		{"closing mid-reply", func(_ int, w http.ResponseWriter, _ *http.Request, take func()) {
			take()
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(http.StatusOK)
		}, nil, true},
		{"a stranger's certificate", nil, func(o *emulator.Options, r *receiver) {
			s := httptest.NewUnstartedServer(r)
			s.Config.ErrorLog = r.Config.ErrorLog
			s.StartTLS()
			t.Cleanup(s.Close)
			o.Function.Env["MERLON_TELEMETRY_URL"] = s.URL
		}, false},
	} {
		r := newReceiver(t, tt.answer)
		e := r.refusing(t, func(o *emulator.Options) {
			r.sending(o)
			if tt.change != nil {
				tt.change(o, r)
			}
		})
		took := make([]time.Duration, n)
		for i := 1; i < n; i++ {
			before := time.Now()
			if got := e.invoke(t, attackFrom(i)); !bytes.Contains(got.Payload, []byte("403")) {
				t.Fatalf("%s: invocation %d: %s", tt.name, i, got.Payload)
			}
			took[i] = time.Since(before)
		}
		e.close(t)
		took = took[1:] // the first has the INIT in it
		sum := time.Duration(0)
		for _, d := range took {
			sum += d
		}
		slices.Sort(took)
		t.Logf("%-26s median %5.2f ms, longest %6.1f ms, all %d: %5.0f ms", tt.name, took[n/2].Seconds()*1e3, took[n-2].Seconds()*1e3, n-1, sum.Seconds()*1e3)
		text := e.text()
		if lines := strings.Count(text, `{"schema":"merlon.verdict/1"`); lines < 100 {
			t.Errorf("%s: %d verdicts in the log", tt.name, lines)
		}
		dropped := strings.Contains(text, `"TelemetryDropped":`)
		if verdicts, _, _ := r.received(t); tt.takes && verdicts != n && !dropped {
			t.Errorf("%s: %d verdicts arrived of %d, and nothing was counted", tt.name, verdicts, n)
		}
		if dropped && !tt.takes {
			counted++
		}
		if strings.Contains(text, strings.TrimPrefix(r.URL, "http://")) {
			t.Errorf("%s: the receiver's address is in the log", tt.name)
		}
	}
	// The count is the last line before SHUTDOWN ends, which waits for nobody.
	if counted < 4 {
		t.Errorf("the losses of %d receivers that took nothing were counted, of 6", counted)
	}
}
