package sink_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/awsapi"
	"github.com/merlon-security/merlon/internal/awsapi/awstest"
	"github.com/merlon-security/merlon/internal/report"
	"github.com/merlon-security/merlon/internal/report/sink"
)

// cloud is Firehose or CloudWatch Logs on the wire: it verifies signatures with
// the SDK's signer, holds callers to the documented limits, and keeps what it
// takes.
type cloud struct {
	*httptest.Server
	t    *testing.T
	name string
	aws  sink.AWS

	mu      sync.Mutex
	script  []http.HandlerFunc
	lines   []string
	calls   []string
	streams map[string]bool
	busy    int // every busy-th record is not taken
	count   int
}

func newCloud(t *testing.T, name string, script ...http.HandlerFunc) *cloud {
	c := &cloud{t: t, name: name, script: script, streams: map[string]bool{}}
	host := name + ".eu-west-1.amazonaws.com"
	cert, roots := awstest.Certificate(t, host)
	c.Server = httptest.NewUnstartedServer(c)
	c.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	c.Config.ErrorLog = log.New(io.Discard, "", 0)
	c.StartTLS()
	t.Cleanup(c.Close)
	env := map[string]string{"AWS_REGION": awstest.Region, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI", "AWS_SESSION_TOKEN": "session"}
	c.aws = sink.AWS{
		Env: func(name string) string { return env[name] }, Now: func() time.Time { return start },
		Network: awsapi.Network{Roots: roots, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr != host+":443" {
				t.Errorf("dialled %s, want %s", addr, host)
				return nil, errors.New("no such host")
			}
			return new(net.Dialer).DialContext(ctx, network, c.Listener.Addr().String())
		}},
	}
	return c
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.script) > 0 {
		var next http.HandlerFunc
		if next, c.script = c.script[0], c.script[1:]; next != nil {
			next(w, r)
			return
		}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if err := awstest.Verify(r, body, c.name, map[string]string{"AKIDEXAMPLE": "wJalrXUtnFEMI"}, start); err != nil {
		c.t.Errorf("%s: %v", c.name, err)
	}
	if got := r.Header.Get("Content-Type"); got != "application/x-amz-json-1.1" {
		c.t.Errorf("content type %s", got)
	}
	target := r.Header.Get("X-Amz-Target")
	c.calls = append(c.calls, target)
	switch target {
	case "Firehose_20150804.PutRecordBatch":
		c.putRecords(w, body)
	case "Logs_20140328.CreateLogStream":
		c.createStream(w, body)
	case "Logs_20140328.PutLogEvents":
		c.putEvents(w, body)
	default:
		coded("UnknownOperationException")(w, r)
	}
}

// coded answers with an error as these services write it.
func coded(code string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type":"%s","message":"hunter2"}`, code)
	}
}

func (c *cloud) putRecords(w http.ResponseWriter, body []byte) {
	var in struct {
		DeliveryStreamName string
		Records            []struct{ Data string }
	}
	if err := json.Unmarshal(body, &in); err != nil || in.DeliveryStreamName != "verdicts" {
		c.t.Errorf("request %.200s: %v", body, err)
	}
	total, failed := 0, 0
	var entries []string
	for _, r := range in.Records {
		data, err := base64.StdEncoding.DecodeString(r.Data)
		if err != nil || len(data) > 1000<<10 || len(data) == 0 || data[len(data)-1] != '\n' {
			c.t.Errorf("record of %d bytes: %v", len(data), err)
		}
		total += len(data)
		if c.count++; c.busy > 0 && c.count%c.busy == 0 {
			failed++
			entries = append(entries, `{"ErrorCode":"ServiceUnavailableException","ErrorMessage":"slow down"}`)
			continue
		}
		c.lines = append(c.lines, string(data))
		entries = append(entries, `{"RecordId":"`+strings.Repeat("x", 222)+`"}`)
	}
	if len(in.Records) == 0 || len(in.Records) > 500 || total > 4<<20 {
		c.t.Errorf("a request of %d records, %d bytes", len(in.Records), total)
		coded("InvalidArgumentException")(w, nil)
		return
	}
	fmt.Fprintf(w, `{"Encrypted":false,"FailedPutCount":%d,"RequestResponses":[%s]}`, failed, strings.Join(entries, ","))
}

func (c *cloud) createStream(w http.ResponseWriter, body []byte) {
	var in struct{ LogGroupName, LogStreamName string }
	if err := json.Unmarshal(body, &in); err != nil || in.LogGroupName != "/merlon/verdicts" || in.LogStreamName == "" || strings.ContainsAny(in.LogStreamName, ":*") {
		c.t.Errorf("request %s: %v", body, err)
	}
	if c.streams[in.LogStreamName] {
		coded("ResourceAlreadyExistsException")(w, nil)
		return
	}
	c.streams[in.LogStreamName] = true
}

func (c *cloud) putEvents(w http.ResponseWriter, body []byte) {
	var in struct {
		LogGroupName, LogStreamName string
		LogEvents                   []struct {
			Timestamp int64
			Message   string
		}
	}
	if err := json.Unmarshal(body, &in); err != nil {
		c.t.Errorf("request %.200s: %v", body, err)
	}
	if !c.streams[in.LogStreamName] {
		coded("ResourceNotFoundException")(w, nil)
		return
	}
	size := 0
	var times []int64
	for _, e := range in.LogEvents {
		size += len(e.Message) + 26
		times = append(times, e.Timestamp)
		c.lines = append(c.lines, e.Message+"\n")
	}
	if n := len(times); n == 0 || n > 10_000 || size > 1<<20 || !slices.IsSorted(times) || times[n-1]-times[0] > 24*60*60*1000 {
		c.t.Errorf("a request of %d events, %d bytes, in order %t", n, size, slices.IsSorted(times))
		coded("InvalidParameterException")(w, nil)
		return
	}
	fmt.Fprint(w, `{"nextSequenceToken":"1"}`)
}

// deliver sends all items as the outbox would, and returns how many requests it
// took.
func deliver(t *testing.T, s report.Sink, items []report.Item) (requests int) {
	t.Helper()
	for len(items) > 0 {
		n := s.Batch(items)
		if n == 0 {
			t.Fatal("an item fits no request")
		}
		receipt, err := s.Send(t.Context(), items[:n])
		if err != nil {
			t.Fatal(err)
		}
		if requests++; requests > 10_000 {
			t.Fatal("no end")
		}
		items = append(slices.Clone(receipt.Again), items[n:]...)
	}
	return requests
}

func linesOf(items []report.Item) (out []string) {
	for _, it := range items {
		out = append(out, string(it.Line))
	}
	return out
}

// big makes n items of size bytes.
func big(n, size int) (items []report.Item) {
	for i := range n {
		items = append(items, report.Item{Time: start.Add(time.Duration(i) * time.Millisecond), Line: []byte(fmt.Sprintf(`{"n":%d,"x":"%s"}`, i, strings.Repeat("x", size)) + "\n")})
	}
	return items
}

func TestFirehose(t *testing.T) {
	t.Parallel()
	for _, items := range [][]report.Item{big(1200, 10), big(700, 15<<10), big(1, 10)} {
		c := newCloud(t, "firehose")
		s, err := sink.Firehose(c.aws, "verdicts")
		if err != nil {
			t.Fatal(err)
		}
		if n := deliver(t, s, items); n != 3 && len(items) > 1 {
			t.Errorf("%d requests", n)
		}
		if !slices.Equal(c.lines, linesOf(items)) {
			t.Errorf("%d lines of %d arrived in order", len(c.lines), len(items))
		}
	}
	// What was not taken is sent once more, and nothing else.
	c, items := newCloud(t, "firehose"), big(1000, 100)
	c.busy = 7
	s, err := sink.Firehose(c.aws, "verdicts")
	if err != nil {
		t.Fatal(err)
	}
	deliver(t, s, items)
	got, want := slices.Clone(c.lines), linesOf(items)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || len(c.lines) != 1000 {
		t.Errorf("%d lines arrived of 1000, each once", len(c.lines))
	}
}

func TestLogGroup(t *testing.T) {
	t.Parallel()
	const group, stream = "/merlon/verdicts", "orders/7/" + env
	for _, items := range [][]report.Item{big(12_000, 10), big(200, 15<<10), big(1, 10)} {
		c := newCloud(t, "logs")
		s, err := sink.LogGroup(c.aws, group, stream)
		if err != nil {
			t.Fatal(err)
		}
		deliver(t, s, items)
		if !slices.Equal(c.lines, linesOf(items)) || c.calls[0] != "Logs_20140328.CreateLogStream" || slices.Contains(c.calls[1:], "Logs_20140328.CreateLogStream") {
			t.Errorf("%d lines of %d arrived in order; %v", len(c.lines), len(items), c.calls)
		}
	}
	// The clock went back, and stood still for two days: a request for each part.
	c, items := newCloud(t, "logs"), big(9, 10)
	c.streams[stream] = true // by a process before this one
	for i := 3; i < 6; i++ {
		items[i].Time = items[i].Time.Add(-time.Minute)
	}
	for i := 6; i < 9; i++ {
		items[i].Time = items[i].Time.Add(48 * time.Hour)
	}
	s, err := sink.LogGroup(c.aws, group, stream)
	if err != nil {
		t.Fatal(err)
	}
	if n := deliver(t, s, items); n != 3 || !slices.Equal(c.lines, linesOf(items)) {
		t.Errorf("%d requests, %d lines", n, len(c.lines))
	}
	// Somebody deletes the stream.
	delete(c.streams, stream)
	var refusal *report.Refusal
	if _, err := s.Send(t.Context(), items[:1]); !errors.As(err, &refusal) || refusal.Final {
		t.Errorf("without its stream: %v", err)
	}
	if _, err := s.Send(t.Context(), items[:1]); err != nil {
		t.Errorf("once more: %v", err)
	}
	c.script = []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"rejectedLogEventsInfo":{"tooOldLogEventEndIndex":2,"expiredLogEventEndIndex":1,"tooNewLogEventStartIndex":8}}`)
	}}
	if receipt, err := s.Send(t.Context(), items); err != nil || receipt.Rejected != 3 {
		t.Errorf("rejected: %+v, %v", receipt, err)
	}
}

func TestServicesThatRefuse(t *testing.T) {
	t.Parallel()
	for code, final := range map[string]bool{
		"AccessDeniedException": true, "ResourceNotFoundException": true, "InvalidArgumentException": true,
		"ThrottlingException": false, "ServiceUnavailableException": false, "LimitExceededException": false,
	} {
		c := newCloud(t, "firehose", coded(code), coded(code))
		s, err := sink.Firehose(c.aws, "verdicts")
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Send(t.Context(), big(1, 10))
		var refusal *report.Refusal
		if !errors.As(err, &refusal) || refusal.Final != final || err.Error() != "status 400 "+code {
			t.Errorf("%s: %v", code, err)
		}
	}
	if _, err := sink.Firehose(sink.AWS{Env: func(string) string { return "moon-1" }}, "verdicts"); err == nil {
		t.Error("a region that is none")
	}
}
