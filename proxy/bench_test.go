package proxy_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkRelay measures what the relay adds to one invocation: from the
// service writing a 100-byte event to its having read the reply. Service, relay
// and function are processes of their own, as on Lambda; inside one process
// the scheduler would hide most of the cost. Direct and relayed invocations
// alternate, so that both see the same machine.
func BenchmarkRelay(b *testing.B) {
	direct := startInvoker(b, func(service string) string { return service })
	relayed := startInvoker(b, func(service string) string {
		_, out := startRole(b, "relay", service)
		addr, err := out.ReadString('\n')
		if err != nil {
			b.Fatal(err)
		}
		return strings.TrimSpace(addr)
	})
	for range 200 { // connections, heap and caches of all processes
		direct.invoke()
		relayed.invoke()
	}
	var without, with []time.Duration
	for b.Loop() {
		without = append(without, direct.invoke())
		with = append(with, relayed.invoke())
	}
	b.ReportMetric(0, "ns/op") // of no meaning: it holds both
	b.ReportMetric(quantile(without, 50), "direct-p50-µs")
	b.ReportMetric(quantile(with, 50), "relayed-p50-µs")
	b.ReportMetric(quantile(with, 50)-quantile(without, 50), "added-p50-µs")
	b.ReportMetric(quantile(with, 99)-quantile(without, 99), "added-p99-µs")
}

func quantile(d []time.Duration, percent int) float64 {
	slices.Sort(d)
	return float64(d[len(d)*percent/100].Nanoseconds()) / 1e3
}

// An invoker is a service with one function attached.
type invoker struct {
	events chan struct{}
	took   chan time.Duration
	began  time.Time // written and read by handlers that take turns
}

func (i *invoker) invoke() time.Duration {
	i.events <- struct{}{}
	return <-i.took
}

func startInvoker(b *testing.B, attach func(service string) string) *invoker {
	i := &invoker{events: make(chan struct{}), took: make(chan time.Duration)}
	service := httptest.NewServer(i)
	b.Cleanup(func() { service.CloseClientConnections(); service.Close() })
	startRole(b, "function", attach(service.Listener.Addr().String()))
	return i
}

var event100 = `"` + strings.Repeat("x", 98) + `"`

func (i *invoker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/next") {
		_, _ = io.Copy(io.Discard, r.Body)
		took := time.Since(i.began)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"status":"OK"}`)
		i.took <- took
		return
	}
	select {
	case <-i.events:
	case <-r.Context().Done():
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
	h.Set("Lambda-Runtime-Deadline-Ms", "4102444800000")
	i.began = time.Now()
	_, _ = io.WriteString(w, event100)
}
