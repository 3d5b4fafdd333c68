package quarantine_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/quarantine"
	"github.com/merlon-security/merlon/internal/quarantine/extract"
)

const (
	bucket = "s3://evidence/merlon"
	queue  = "https://sqs.eu-west-1.amazonaws.com/123456789012/evidence"
	attack = `{"messageId":"m-1","body":"1' UNION SELECT password FROM users -- "}`
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// bench is a Keeper under test, with all it touches.
type bench struct {
	t       *testing.T
	id      *age.X25519Identity
	env     map[string]string
	out     bytes.Buffer
	mu      sync.Mutex
	now     time.Time
	notices []quarantine.Notice
}

func newBench(t *testing.T) *bench {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, id: id, now: start, env: map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_LAMBDA_FUNCTION_NAME": "orders", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/orders",
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI", "AWS_SESSION_TOKEN": "session",
	}}
}

// options are those of a target; sealed adds the key.
func (b *bench) options(target string, sealed bool) quarantine.Options {
	o := quarantine.Options{
		Target: target, Out: &b.out,
		Env: func(name string) string { b.mu.Lock(); defer b.mu.Unlock(); return b.env[name] },
		Now: func() time.Time { b.mu.Lock(); defer b.mu.Unlock(); return b.now },
		Notify: func(n quarantine.Notice) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.notices = append(b.notices, n)
		},
	}
	if sealed {
		o.Recipient = b.id.Recipient().String()
	}
	return o
}

func (b *bench) keeper(target string, sealed bool) *quarantine.Keeper {
	b.t.Helper()
	k, err := quarantine.New(b.options(target, sealed))
	if err != nil {
		b.t.Fatal(err)
	}
	return k
}

// told returns the notices as text.
func (b *bench) told() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var s strings.Builder
	for _, n := range b.notices {
		fmt.Fprintf(&s, "%s (%s) %s %d %v\n", n.Message, n.Remedy, n.Source, n.Count, n.Err)
	}
	return s.String()
}

// opened extracts what was kept and fails the test if anything is rejected.
func (b *bench) opened(r io.Reader) []extract.Record {
	b.t.Helper()
	res, err := extract.Read(r, b.id)
	if err != nil || len(res.Rejected) > 0 {
		b.t.Fatalf("extract: %v, rejected %v", err, res.Rejected)
	}
	return res.Records
}

// entry is one with a record of each body.
func entry(source event.Source, bodies ...string) quarantine.Entry {
	e := quarantine.Entry{VerdictID: "0199-v", RequestID: "req-1", FunctionARN: "arn:aws:lambda:eu-west-1:123456789012:function:orders", Source: source}
	for i, b := range bodies {
		e.Items = append(e.Items, quarantine.Item{Index: i, Record: event.Record{ID: fmt.Sprintf("e-%d", i)}, Body: []byte(b)})
	}
	return e
}

func decode(s string) *event.Event {
	return event.Decode([]byte(s), http.Header{}, event.DefaultLimits())
}

var errBroken = errors.New("broken pipe")

// shortWriter takes n bytes and then fails, or says nothing and stops.
type shortWriter struct {
	n   int
	err error
}

func (w *shortWriter) Write(p []byte) (int, error) {
	n := min(w.n, len(p))
	w.n -= n
	if n < len(p) {
		return n, w.err
	}
	return n, nil
}
