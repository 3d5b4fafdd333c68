package sink_test

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"sort"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/report"
	"github.com/merlon-security/merlon/internal/report/sink"
	"github.com/merlon-security/merlon/internal/verdict"
)

var collector = flag.String("merlon.collector", "", "program of scripts/otel; without it the real Collector is not asked")

// TestCollector sends every kind of item to the OpenTelemetry Collector's own
// receiver, and reads back what its debug exporter prints, field by field.
func TestCollector(t *testing.T) {
	if *collector == "" {
		t.Skip("make otel runs it: the Collector is a module of its own")
	}
	url, out := startCollector(t)
	s := sink.OTLP(sink.Endpoint{URL: url, Version: "0.1.0", Now: time.Now})
	n := 0
	items := written(t, 40, func(rec *verdict.Record) {
		n++
		rec.ID, rec.RemovedCount = fmt.Sprintf("01a209f8-0d8b-75b8-88c7-%012d", n), 1 // no two are equal
		rec.Message = "quotes \" and \\ and \u2028 and \n lines"
	})
	deliver(t, s, items)
	text := out.until(t, "Name: merlon.telemetry_dropped")

	for _, want := range []string{
		"     -> service.name: Str(orders)", "     -> faas.version: Str(7)", "     -> faas.instance: Str(" + env + ")", "     -> cloud.platform: Str(aws_lambda)",
		"EventName: merlon.verdict", "SeverityText: ERROR", "SeverityNumber: Error(17)",
		"Trace ID: 6b04999c8a0baa43b99479efc2988930", "Span ID: e571292b967d367a",
		"Timestamp: 2026-11-23 12:00:00.005 +0000 UTC", "InstrumentationScope merlon 0.1.0",
		"     -> client.address: Str(192.0.2.17)", "     -> http.request.method: Str(POST)", "     -> http.route: Str(POST /orders/{id})",
		"     -> http.response.status_code: Int(403)", "     -> merlon.blocked: Bool(true)", "     -> merlon.score: Int(15)", "     -> merlon.reason: Str(rule-match)",
		"     -> security_rule.uuid: Str(942100)", "     -> security_rule.category: Str(sqli)", "     -> faas.invocation_id: Str(30ef8512-f5da-4af7-a94a-75e3c1b6f223)",
		"     -> Name: merlon.inspected", "     -> IsMonotonic: true", "     -> AggregationTemporality: Delta", "Value: 40",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the Collector did not print %q", want)
		}
	}
	ids := map[string]int{}
	for _, m := range regexp.MustCompile(`merlon\.id: Str\(([^)]*)\)`).FindAllStringSubmatch(text, -1) {
		ids[m[1]]++
	}
	bodies := regexp.MustCompile(`(?m)^Body: Map\((.*)\)$`).FindAllStringSubmatch(text, -1)
	if len(ids) != 40 || len(bodies) != 40 {
		t.Fatalf("%d ids and %d bodies of 40 verdicts", len(ids), len(bodies))
	}
	compare(t, items, bodies)
	if t.Failed() {
		t.Log(text)
	}
}

// compare holds each body against its line, member by member.
func compare(t *testing.T, items []report.Item, bodies [][]string) {
	t.Helper()
	for i, b := range bodies {
		var got, want any
		if err := json.Unmarshal([]byte(b[1]), &got); err != nil {
			t.Fatalf("body %d: %v: %s", i, err, b[1])
		}
		if err := json.Unmarshal(items[i].Line, &want); err != nil {
			t.Fatal(err)
		}
		g, w := flat(got, ""), flat(want, "")
		if len(w) < 70 {
			t.Fatalf("%d members in a line, want at least 70", len(w))
		}
		for j := range max(len(g), len(w)) {
			if j >= len(g) || j >= len(w) || g[j] != w[j] {
				t.Fatalf("verdict %d:\n%v\nwant\n%v", i, g, w)
			}
		}
	}
}

// flat lists the members of a value by their paths.
func flat(v any, path string) (out []string) {
	switch v := v.(type) {
	case map[string]any:
		for k, sub := range v {
			out = append(out, flat(sub, path+"."+k)...)
		}
	case []any:
		for i, sub := range v {
			out = append(out, flat(sub, fmt.Sprintf("%s[%d]", path, i))...)
		}
	default:
		out = []string{fmt.Sprintf("%s=%v", path, v)}
	}
	sort.Strings(out)
	return out
}

// output is what a program has printed so far.
type output struct {
	mu      sync.Mutex
	text    strings.Builder
	changed chan struct{}
	ended   chan struct{}
}

// until returns everything once want is in it.
func (o *output) until(t *testing.T, want string) string {
	t.Helper()
	hang := time.After(time.Minute)
	for {
		o.mu.Lock()
		text, changed := o.text.String(), o.changed
		o.mu.Unlock()
		if strings.Contains(text, want) {
			return text
		}
		select {
		case <-changed:
		case <-o.ended:
			t.Fatalf("the program ended without %q:\n%s", want, text)
		case <-hang:
			t.Fatalf("%q was not printed:\n%s", want, text)
		}
	}
}

// startCollector runs the Collector on a free port.
func startCollector(t *testing.T) (url string, out *output) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	cmd := exec.Command(*collector, "--config", "yaml:"+`{receivers: {otlp: {protocols: {http: {endpoint: "`+addr+`"}}}},`+
		`exporters: {debug: {verbosity: detailed, sampling_initial: 100000}}, service: {telemetry: {metrics: {level: none}},`+
		`pipelines: {logs: {receivers: [otlp], exporters: [debug]}, metrics: {receivers: [otlp], exporters: [debug]}}}}`)
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out = &output{changed: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(out.ended)
		lines := bufio.NewScanner(pipe)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			out.mu.Lock()
			out.text.WriteString(lines.Text() + "\n")
			close(out.changed)
			out.changed = make(chan struct{})
			out.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-out.ended
		if err := cmd.Wait(); err != nil {
			t.Errorf("the Collector: %v", err)
		}
	})
	out.until(t, "Everything is ready")
	if _, err := http.Get("http://" + addr + "/"); err != nil {
		t.Fatal(err)
	}
	return "http://" + addr, out
}
