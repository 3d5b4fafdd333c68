package quarantine_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/quarantine"
)

// TestB10PointerOnlyWhereEveryRecordHasOne: the default keeps nothing, so it is
// good only where the source does.
func TestB10PointerOnlyWhereEveryRecordHasOne(t *testing.T) {
	b := newBench(t)
	k := b.keeper("pointer", false)
	for _, c := range []struct {
		name  string
		spans []event.Record
		want  bool
	}{
		{"none", nil, false},
		{"all", []event.Record{{Pointer: "a"}, {Pointer: "b"}}, true},
		{"one without", []event.Record{{Pointer: "a"}, {ID: "b"}}, false},
	} {
		if got := k.Usable(&event.Event{Source: event.Kinesis, Spans: c.spans}); got != c.want {
			t.Errorf("%s: Usable = %v, want %v", c.name, got, c.want)
		}
	}
	if n := strings.Count(b.told(), "cannot be read again"); n != 2 { // the 1st and the 2nd
		t.Errorf("told %d times: %s", n, b.told())
	}
	if err := k.Keep(t.Context(), entry(event.SQS, attack)); err == nil {
		t.Error("Keep took a record without a pointer")
	}
	e := entry(event.Kinesis, attack)
	e.Items[0].Record.Pointer = "shard:1"
	if err := k.Keep(t.Context(), e); err != nil || b.out.Len() > 0 {
		t.Errorf("Keep = %v and wrote %d bytes", err, b.out.Len())
	}
}

// TestB10CapFailsTheRecord: over the cap Keep returns an error, and so the record
// is failed instead of removed; a minute later there is room again.
func TestB10CapFailsTheRecord(t *testing.T) {
	b := newBench(t)
	k := b.keeper("log", true)
	big := strings.Repeat("x", quarantine.LogBytesPerMinute*5/8)
	if err := k.Keep(t.Context(), entry(event.Kinesis, big)); err != nil {
		t.Fatal(err)
	}
	was := b.out.Len()
	e := entry(event.Kinesis, big+"y")
	if err := k.Keep(t.Context(), e); err == nil || !strings.Contains(err.Error(), "over the cap") {
		t.Errorf("Keep over the cap = %v", err)
	}
	if b.out.Len() != was {
		t.Errorf("wrote %d bytes over the cap", b.out.Len()-was)
	}
	b.now = b.now.Add(time.Minute)
	if err := k.Keep(t.Context(), e); err != nil {
		t.Errorf("Keep a minute later = %v", err)
	}
	b.now = b.now.Add(-24 * time.Hour)
	if err := k.Keep(t.Context(), entry(event.Kinesis, big+"z")); err != nil {
		t.Errorf("Keep after the clock was set back = %v", err)
	}
}

// TestB10OnceForEachRecord: an SQS message that comes again, with another
// receipt handle and receive count, is not written again; another body is.
func TestB10OnceForEachRecord(t *testing.T) {
	b := newBench(t)
	k := b.keeper("log", true)
	message := func(receives, body string) quarantine.Entry {
		return entry(event.SQS, `{"messageId":"m-0","receiptHandle":"`+receives+`","body":"`+body+`","attributes":{"ApproximateReceiveCount":"`+receives+`"}}`)
	}
	for i, c := range []struct {
		e    quarantine.Entry
		want int // records in the log afterwards
	}{{message("1", "a"), 1}, {message("2", "a"), 1}, {message("3", "a"), 1}, {message("1", "b"), 2}} {
		if err := k.Keep(t.Context(), c.e); err != nil {
			t.Fatal(err)
		}
		if got := len(b.opened(bytes.NewReader(b.out.Bytes()))); got != c.want {
			t.Errorf("after %d: %d records, want %d", i, got, c.want)
		}
	}
	if !strings.Contains(b.told(), "came again () sqs 2 ") {
		t.Errorf("repeats are not counted: %s", b.told())
	}
}

// TestB9ShortWriteIsAnError: Keep returns nil only for lines written whole, and
// what failed once is not a repeat the next time.
func TestB9ShortWriteIsAnError(t *testing.T) {
	for _, w := range []*shortWriter{{0, nil}, {100, nil}, {100, errBroken}, {170_000, errBroken}} {
		b := newBench(t)
		o := b.options("log", true)
		o.Out = w
		k, err := quarantine.New(o)
		if err != nil {
			t.Fatal(err)
		}
		e := entry(event.Kinesis, strings.Repeat("x", 150_000))
		if err := k.Keep(t.Context(), e); err == nil {
			t.Errorf("Keep = nil after %+v", w)
		}
		w.n = 1 << 20
		if err := k.Keep(t.Context(), e); err != nil || w.n == 1<<20 {
			t.Errorf("Keep again = %v, wrote %d", err, 1<<20-w.n)
		}
	}
}

func TestB11QueueIsItsOwnSource(t *testing.T) {
	b := newBench(t)
	k := b.keeper(queue, true)
	from := func(arn string) *event.Event {
		return decode(`{"Records":[{"messageId":"m","body":"x","eventSource":"aws:sqs","eventSourceARN":"` + arn + `"}]}`)
	}
	for range 3 {
		if k.Usable(from("arn:aws:sqs:eu-west-1:123456789012:evidence")) {
			t.Error("the quarantine queue is usable for its own messages")
		}
	}
	for _, arn := range []string{
		"arn:aws:sqs:eu-west-1:123456789012:orders", "arn:aws:sqs:eu-west-2:123456789012:evidence", "arn:aws:sqs:eu-west-1:210987654321:evidence",
	} {
		if !k.Usable(from(arn)) {
			t.Errorf("not usable for %s", arn)
		}
	}
	if n := strings.Count(b.told(), "own events"); n != 2 { // of three: the 1st and the 2nd
		t.Errorf("told %d times: %s", n, b.told())
	}
}

func TestB11BucketIsItsOwnSource(t *testing.T) {
	k := newBench(t).keeper(bucket, true)
	s3 := func(name, key string) *event.Event {
		return decode(`{"Records":[{"eventSource":"aws:s3","s3":{"bucket":{"name":"` + name + `"},"object":{"key":"` + key + `","name":"evidence"}}}]}`)
	}
	bridge := func(name string) *event.Event {
		return decode(`{"detail-type":"Object Created","source":"aws.s3","detail":{"bucket":{"name":"` + name + `"},"object":{"name":"evidence"}}}`)
	}
	for name, c := range map[string]struct {
		ev   *event.Event
		want bool
	}{
		"its own notification":           {s3("evidence", "k"), false},
		"its own, through EventBridge":   {bridge("evidence"), false},
		"another bucket":                 {s3("uploads", "k"), true},
		"another, through EventBridge":   {bridge("uploads"), true},
		"a payload that names it":        {decode(`{"Records":[{"messageId":"m","body":"{\"s3\":{\"bucket\":{\"name\":\"evidence\"}}}","eventSource":"aws:sqs"}]}`), true},
		"an object key that is its name": {s3("uploads", "evidence"), true},
	} {
		if got := k.Usable(c.ev); got != c.want {
			t.Errorf("%s: Usable = %v, want %v", name, got, c.want)
		}
	}
}

// logsEvent is what a subscription sends.
func logsEvent(group string, messages ...string) string {
	type logEvent struct {
		ID      string `json:"id"`
		Message string `json:"message"`
	}
	data := struct {
		MessageType string     `json:"messageType"`
		LogGroup    string     `json:"logGroup"`
		LogEvents   []logEvent `json:"logEvents"`
	}{"DATA_MESSAGE", group, nil}
	for _, m := range messages {
		data.LogEvents = append(data.LogEvents, logEvent{"1", m})
	}
	text, _ := json.Marshal(data) // strings
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(text) // a buffer
	_ = z.Close()
	return `{"awslogs":{"data":"` + base64.StdEncoding.EncodeToString(b.Bytes()) + `"}}`
}

func TestB11LogIsItsOwnSource(t *testing.T) {
	b := newBench(t)
	k := b.keeper("log", true)
	for name, c := range map[string]struct {
		event string
		want  bool
	}{
		"its own group":               {logsEvent("/aws/lambda/orders", "x"), false},
		"another group":               {logsEvent("/aws/lambda/users", "x"), true},
		"another group that names it": {logsEvent("/aws/lambda/users", `{"logGroup":"/aws/lambda/orders"}`), true},
		"a group that cannot be told": {`{"awslogs":{"data":"!"}}`, false},
		"a group that is not there":   {`{"awslogs":{"data":"H4sIAAAAAAAA/6uuBQBDv6ajAgAAAA=="}}`, false},
		"another source":              {`{"Records":[{"messageId":"m","body":"x","eventSource":"aws:sqs"}]}`, true},
	} {
		if got := k.Usable(decode(c.event)); got != c.want {
			t.Errorf("%s: Usable = %v, want %v: %s", name, got, c.want, b.told())
		}
	}
}

// TestB11UnknownOwnGroup: where the function's log group is not known, any may
// be.
func TestB11UnknownOwnGroup(t *testing.T) {
	b := newBench(t)
	delete(b.env, "AWS_LAMBDA_LOG_GROUP_NAME")
	if b.keeper("log", true).Usable(decode(logsEvent("/aws/lambda/users", "x"))) {
		t.Error("log is usable for a log that may be its own")
	}
}

// TestB11FixedPoint: a function that reads another's log gets that one's
// quarantine lines. They are data: what is in them is sealed, and extracting from
// the event finds the record that was removed, not a wrapping of it.
func TestB11FixedPoint(t *testing.T) {
	b := newBench(t)
	if err := b.keeper("log", true).Keep(t.Context(), entry(event.SQS, attack)); err != nil {
		t.Fatal(err)
	}
	line := strings.TrimSpace(b.out.String())
	b.out.Reset()
	reader := b.keeper("log", true)
	if !reader.Usable(decode(logsEvent("/aws/lambda/users", line))) {
		t.Fatal("the log of another function is usable")
	}
	// Even removed, the line comes back as the line it was, once.
	for range 3 {
		if err := reader.Keep(t.Context(), entry(event.CWLogs, line)); err != nil {
			t.Fatal(err)
		}
	}
	again := b.opened(&b.out)
	if len(again) != 1 || string(again[0].Body) != line {
		t.Fatalf("kept %d records of %q", len(again), line)
	}
	recs := b.opened(bytes.NewReader(again[0].Body))
	if len(recs) != 1 || string(recs[0].Body) != attack {
		t.Errorf("the line holds %+v", recs)
	}
}
