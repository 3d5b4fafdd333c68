package sink_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/awsapi/awstest"
	"github.com/merlon-security/merlon/internal/report"
	"github.com/merlon-security/merlon/internal/report/sink"
	"github.com/merlon-security/merlon/internal/verdict"
)

var update = flag.Bool("update", false, "write testdata")

const token = "Bearer hunter2-hunter2"

// keep is a Sink that keeps what it gets.
type keep struct{ items []report.Item }

func (k *keep) Name() string                  { return "keep" }
func (k *keep) Takes(report.Kind) bool        { return true }
func (k *keep) Batch(queue []report.Item) int { return len(queue) }

func (k *keep) Send(_ context.Context, batch []report.Item) (report.Receipt, error) {
	k.items = append(k.items, batch...)
	return report.Receipt{}, nil
}

// receiver takes requests, and follows a script before it does.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	script []http.HandlerFunc
	got    []*http.Request
	bodies [][]byte
}

func newReceiver(t *testing.T, script ...http.HandlerFunc) *receiver {
	r := &receiver{script: script}
	r.Server = httptest.NewServer(r)
	r.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	var next http.HandlerFunc
	if len(r.script) > 0 {
		next, r.script = r.script[0], r.script[1:]
	}
	r.mu.Unlock()
	if next != nil {
		next(w, req)
		return
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got, r.bodies = append(r.got, req), append(r.bodies, body)
}

func (r *receiver) endpoint() sink.Endpoint {
	return sink.Endpoint{URL: r.URL + "/hook?key=hunter2", Headers: []sink.Header{{"Authorization", token}}, Version: "0.1.0", Now: func() time.Time { return start }}
}

func gunzip(t *testing.T, b []byte) string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestNDJSON(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	e := r.endpoint()
	e.Key = "a secret that the receiver shares"
	s := sink.NDJSON(e)
	items := written(t, 3, func(rec *verdict.Record) { rec.RemovedCount = 1 })
	if n := s.Batch(items); n != len(items) {
		t.Fatalf("a batch of %d of %d", n, len(items))
	}
	if _, err := s.Send(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, it := range items {
		want.Write(it.Line)
	}
	req := r.got[0]
	if got := gunzip(t, r.bodies[0]); got != want.String() {
		t.Errorf("received\n%s\nwant\n%s", got, want.String())
	}
	if req.Header.Get("Authorization") != token || req.Header.Get("Content-Encoding") != "gzip" || req.Header.Get("Content-Type") != "application/x-ndjson" ||
		req.URL.String() != "/hook?key=hunter2" {
		t.Errorf("%s %v", req.URL, req.Header)
	}
	m := hmac.New(sha256.New, []byte(e.Key))
	fmt.Fprintf(m, "%s\n%s\n", req.Header.Get("Merlon-Timestamp"), req.Header.Get("Merlon-Key-Id"))
	m.Write(r.bodies[0])
	if got := req.Header.Get("Merlon-Signature"); got != "sha256="+hex.EncodeToString(m.Sum(nil)) || req.Header.Get("Merlon-Timestamp") != fmt.Sprint(start.Unix()) ||
		req.Header.Get("Merlon-Key-Id") != sink.KeyID(e.Key) {
		t.Errorf("signature %s of %v", got, req.Header)
	}
	plain := sink.NDJSON(r.endpoint())
	if _, err := plain.Send(t.Context(), items); err != nil || r.got[1].Header.Get("Merlon-Signature") != "" {
		t.Errorf("without a key: %v, %v", err, r.got[1].Header)
	}
}

func TestOCSF(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	s := sink.OCSF(r.endpoint())
	if s.Takes(report.KindSummary) {
		t.Error("a summary is no finding")
	}
	if _, err := s.Send(t.Context(), written(t, 1, nil)[:1]); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(gunzip(t, r.bodies[0]), "\n"), "\n")
	if len(lines) != 1 {
		t.Fatalf("%d findings of a verdict", len(lines))
	}
	golden(t, "ocsf.json", []byte(lines[0]))
	for _, tt := range []struct {
		name                string
		change              func(*verdict.Record)
		action, disposition float64
		alert               bool
	}{
		{"monitor", func(v *verdict.Record) { v.Action, v.Blocked = verdict.ActionMonitor, false }, 3, 17, true},
		{"strip", func(v *verdict.Record) { v.Action, v.RemovedCount = verdict.ActionStrip, 1 }, 4, 11, true},
		{"failed open", func(v *verdict.Record) {
			v.Action, v.WouldAction, v.Blocked, v.FailOpen = verdict.ActionAllow, verdict.ActionAllow, false, true
			v.Matches, v.Source, v.HTTP = nil, nil, nil
		}, 1, 16, true},
		{"reported", func(v *verdict.Record) {
			v.Action, v.WouldAction, v.Blocked = verdict.ActionMonitor, verdict.ActionAllow, false
		}, 3, 17, false},
	} {
		if _, err := s.Send(t.Context(), written(t, 1, tt.change)[:1]); err != nil {
			t.Fatal(err)
		}
		var f map[string]any
		if err := json.Unmarshal([]byte(gunzip(t, r.bodies[len(r.bodies)-1])), &f); err != nil {
			t.Fatal(err)
		}
		if f["action_id"] != tt.action || f["disposition_id"] != tt.disposition || f["is_alert"] != tt.alert || f["type_uid"] != 200401.0 {
			t.Errorf("%s: action %v, disposition %v, alert %v", tt.name, f["action_id"], f["disposition_id"], f["is_alert"])
		}
	}
}

func TestOTLP(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil, nil, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"too big"}}`)
	})
	s := sink.OTLP(r.endpoint())
	items := written(t, 1, nil)
	if n := s.Batch(items); n != 1 {
		t.Fatalf("a batch of %d over two kinds", n)
	}
	for i := range items {
		if receipt, err := s.Send(t.Context(), items[i:i+1]); err != nil || receipt.Rejected != 0 {
			t.Fatal(receipt, err)
		}
	}
	golden(t, "otlp-logs.json", r.bodies[0])
	golden(t, "otlp-metrics.json", r.bodies[1])
	if p := r.got[0].URL.String() + " " + r.got[1].URL.String(); p != "/hook/v1/logs?key=hunter2 /hook/v1/metrics?key=hunter2" {
		t.Errorf("addresses %s", p)
	}
	if receipt, err := s.Send(t.Context(), items[:1]); err != nil || receipt.Rejected != 1 {
		t.Errorf("partial success: %+v, %v", receipt, err)
	}
}

// F3: whatever a receiver does, it learns nothing more, gets no more of our time
// than the context says, and its words and its address are in no error.
func TestF3HostileReceivers(t *testing.T) {
	t.Parallel()
	other := newReceiver(t)
	status := func(code int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
			fmt.Fprint(w, "hunter2 \x1b[2J")
		}
	}
	hijack := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request) {
			_, _ = io.Copy(io.Discard, req.Body)
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}
	endless := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		for {
			if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<10)); err != nil {
				return
			}
		}
	}
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   string // of the error; empty for delivered
		final  bool
		after  time.Duration
	}{
		{"redirecting", status(307, "Location", other.URL+"/stolen"), "status 307", true, 0},
		{"redirecting with a page", status(302, "Location", other.URL+"/stolen"), "status 302", true, 0},
		{"no such address", status(404), "status 404", true, 0},
		{"does not know the token", status(401), "status 401", true, 0},
		{"too much", status(413), "status 413", true, 0},
		{"broken", status(500), "status 500", false, 0},
		{"busy for seconds", status(429, "Retry-After", "90"), "status 429", false, 90 * time.Second},
		{"busy until", status(503, "Retry-After", "Mon, 23 Nov 2026 12:02:00 GMT"), "status 503", false, 2*time.Minute - 5*time.Millisecond},
		{"busy in words", status(429, "Retry-After", "later, hunter2"), "status 429", false, 0},
		{"closing at once", hijack(""), "the connection broke", false, 0},
		{"closing within the header", hijack("HTTP/1.1 200 OK\r\nContent-Le"), "the connection broke", false, 0},
		{"not speaking HTTP", hijack("hunter2\r\n\r\n"), "the connection broke", false, 0},
		{"a header without end", hijack("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20)), "the connection broke", false, 0},
		// The status acknowledges, whatever becomes of the rest.
		{"closing mid-body", hijack("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"), "", false, 0},
		{"replying without end", endless, "", false, 0},
		{"accepting", status(202), "", false, 0},
	}
	for _, tt := range tests {
		r := newReceiver(t, tt.answer)
		_, err := sink.NDJSON(r.endpoint()).Send(t.Context(), written(t, 1, nil))
		var refusal *report.Refusal
		switch {
		case tt.want == "":
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		case !errors.As(err, &refusal):
			t.Errorf("%s: %v, want a refusal", tt.name, err)
			continue
		}
		if err.Error() != tt.want || refusal.Final != tt.final || refusal.After != tt.after {
			t.Errorf("%s: %q, final %t, after %v; want %q, %t, %v", tt.name, err, refusal.Final, refusal.After, tt.want, tt.final, tt.after)
		}
	}
	if len(other.got) != 0 {
		t.Errorf("a redirect was followed with %v", other.got[0].Header)
	}
}

// What cannot be reached, or is not who it should be, gets nothing.
func TestF3HostileTLS(t *testing.T) {
	t.Parallel()
	cert, roots := awstest.Certificate(t, "collector.example")
	stranger, _ := awstest.Certificate(t, "collector.example")
	wrong, wrongRoots := awstest.Certificate(t, "other.example")
	gone := newReceiver(t)
	gone.Close()
	tests := []struct {
		name  string
		start func(*receiver)
		roots bool
		want  string
	}{
		{"a stranger's certificate", func(r *receiver) { r.TLS = &tls.Config{Certificates: []tls.Certificate{stranger}}; r.StartTLS() }, true, "its certificate is not accepted"},
		{"no TLS at all", func(r *receiver) { r.Start() }, true, "the connection broke"},
		{"an old TLS", func(r *receiver) {
			r.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
			r.StartTLS()
		}, true, "the connection broke"},
		{"the right one", func(r *receiver) { r.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}; r.StartTLS() }, true, ""},
		{"another name", func(r *receiver) { r.TLS = &tls.Config{Certificates: []tls.Certificate{wrong}}; r.StartTLS() }, false, "its certificate is not accepted"},
	}
	for _, tt := range tests {
		r := &receiver{}
		r.Server = httptest.NewUnstartedServer(r)
		r.Config.ErrorLog = log.New(io.Discard, "", 0)
		tt.start(r)
		t.Cleanup(r.Close)
		e := r.endpoint()
		e.URL = "https://collector.example/hook?key=hunter2"
		if e.Network.Roots = roots; !tt.roots {
			e.Network.Roots = wrongRoots
		}
		e.Network.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr != "collector.example:443" {
				t.Errorf("dialled %s", addr)
			}
			return new(net.Dialer).DialContext(ctx, network, r.Listener.Addr().String())
		}
		_, err := sink.NDJSON(e).Send(t.Context(), written(t, 1, nil))
		if got := fmt.Sprint(err); got != tt.want && (tt.want != "" || err != nil) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
		if (len(r.got) == 1) != (tt.want == "") {
			t.Errorf("%s: %d requests arrived", tt.name, len(r.got))
		}
	}
	if _, err := sink.NDJSON(gone.endpoint()).Send(t.Context(), written(t, 1, nil)); fmt.Sprint(err) != "it does not take connections" {
		t.Errorf("down: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sink.NDJSON(gone.endpoint()).Send(ended, written(t, 1, nil)); fmt.Sprint(err) != "no answer in time" {
		t.Errorf("out of time: %v", err)
	}
}
