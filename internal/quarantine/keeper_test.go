package quarantine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/quarantine"
	"github.com/merlon-security/merlon/internal/quarantine/extract"
)

func TestConfigurationThatCannotKeep(t *testing.T) {
	b := newBench(t)
	key := b.id.Recipient().String()
	for _, c := range []struct{ name, target, key, region, want string }{
		{"log without a key", "log", "", "", "MERLON_QUARANTINE_KEY"},
		{"key with a wrong character", "log", key[:61] + string("qp"[b2i(key[61] == 'q')]), "", "not an age X25519 public key"},
		{"private key", "log", b.id.String(), "", "not an age X25519 public key"},
		{"no store", "glacier", "", "", "want pointer"},
		{"bucket that is none", "s3://Evidence", "", "", "not a bucket's name"},
		{"host in place of a bucket", "s3://evil.example:443", "", "", "not a bucket's name"},
		{"prefix that climbs", "s3://evidence/a/../b", "", "", "want a prefix"},
		{"prefix to escape", "s3://evidence/a b", "", "", "want a prefix"},
		{"unknown region", bucket, "", "eu-west-1.evil.example", "region"},
		{"no region", bucket, "", "-", "region"},
		{"queue elsewhere", "https://sqs.eu-west-1.evil.example/123456789012/q", "", "", "want https://sqs."},
		{"queue with a port", "https://sqs.eu-west-1.amazonaws.com:8443/123456789012/q", "", "", "want https://sqs."},
		{"queue without an account", "https://sqs.eu-west-1.amazonaws.com/q", "", "", "want https://sqs."},
		{"queue that climbs", "https://sqs.eu-west-1.amazonaws.com/123456789012/../q", "", "", "want https://sqs."},
	} {
		o := b.options(c.target, false)
		o.Recipient = c.key
		if c.region != "" {
			b.env["AWS_REGION"] = strings.Trim(c.region, "-")
		}
		k, err := quarantine.New(o)
		b.env["AWS_REGION"] = "eu-west-1"
		if err == nil || !strings.Contains(err.Error(), c.want) || k != nil {
			t.Errorf("%s: New = %v, want an error with %q", c.name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), b.id.String()) {
			t.Errorf("%s: the error quotes the private key", c.name)
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestRegions(t *testing.T) {
	for region, want := range map[string]string{
		"eu-central-1": "s3.eu-central-1.amazonaws.com", "us-gov-west-1": "s3.us-gov-west-1.amazonaws.com",
		"ap-southeast-7": "s3.ap-southeast-7.amazonaws.com", "cn-northwest-1": "s3.cn-northwest-1.amazonaws.com.cn",
		"": "", "eu-west": "", "eu-west-0": "", "eu-west-12": "", "xx-west-1": "", "eu-up-1": "", "eu-west-1/": "", "eu-west-1@evil": "",
	} {
		if got, err := quarantine.Host("s3", region); got != want || (err == nil) != (want != "") {
			t.Errorf("host(%q) = %q, %v; want %q", region, got, err, want)
		}
	}
}

// TestKeyWithoutAStore: a key that seals nothing is told.
func TestKeyWithoutAStore(t *testing.T) {
	for _, target := range []string{"pointer", "off"} {
		b := newBench(t)
		b.keeper(target, true)
		if !strings.Contains(b.told(), "MERLON_QUARANTINE_KEY has no effect") {
			t.Errorf("%s: told %q", target, b.told())
		}
	}
}

func TestOffKeepsNothing(t *testing.T) {
	b := newBench(t)
	k := b.keeper("off", false)
	if !k.Usable(decode(`{}`)) {
		t.Error("off is an explicit choice and usable for everything")
	}
	if err := k.Keep(t.Context(), entry(event.SQS, attack)); err != nil || b.out.Len() > 0 {
		t.Errorf("Keep = %v and wrote %d bytes", err, b.out.Len())
	}
}

// TestLogLine pins the format.
func TestLogLine(t *testing.T) {
	b := newBench(t)
	k := b.keeper("log", true)
	e := entry(event.SQS, attack)
	e.Items[0].Record.Pointer = "shardId-1:2"
	if err := k.Keep(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	var l map[string]any
	if err := json.Unmarshal(b.out.Bytes(), &l); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"timestamp": "2026-11-23T12:00:00.000Z", "level": "ERROR", "schema": "merlon.quarantine/1", "verdictId": "0199-v",
		"requestId": "req-1", "function": "arn:aws:lambda:eu-west-1:123456789012:function:orders", "source": "sqs",
		"record": 0.0, "recordId": "e-0", "pointer": "shardId-1:2", "bytes": float64(len(attack)), "part": 1.0, "parts": 1.0,
	} {
		if l[name] != want {
			t.Errorf("%s = %v, want %v", name, l[name], want)
		}
	}
	if l["id"] == "" || l["sealed"] == "" || len(l) != 15 {
		t.Errorf("line has %d members: %v", len(l), l)
	}
	recs := b.opened(&b.out)
	if len(recs) != 1 || string(recs[0].Body) != attack || !recs[0].Sealed || recs[0].RecordID != "e-0" {
		t.Errorf("extracted %+v", recs)
	}
}

// TestLongRecords: however long a record is and whatever its names hold, no line
// exceeds what Lambda passes on, and the record comes back.
func TestLongRecords(t *testing.T) {
	for _, size := range []int{0, 1, 149_999, 200_000, 1_000_000} {
		b := newBench(t)
		k := b.keeper("log", true)
		e := entry(event.Kinesis, strings.Repeat("\x00\xff", size/2))
		e.Items[0].Record.ID, e.Items[0].Record.Pointer = strings.Repeat("\x01<\"", 5000), strings.Repeat("é", 5000)
		if err := k.Keep(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		parts := 0
		for line := range bytes.Lines(b.out.Bytes()) {
			parts++
			if len(line) > 200<<10 || bytes.ContainsAny(line[:len(line)-1], "\n<\x01") {
				t.Errorf("line of %d bytes", len(line))
			}
		}
		if want := 1 + size*4/3/150_000; parts < want {
			t.Errorf("%d bytes in %d lines, want at least %d", size, parts, want)
		}
		recs := b.opened(&b.out)
		if len(recs) != 1 || !bytes.Equal(recs[0].Body, e.Items[0].Body) || recs[0].RecordID != e.Items[0].Record.ID {
			t.Errorf("%d bytes: extracted %d records", size, len(recs))
		}
	}
}

// TestOnceMemoryIsBounded: a flood of records is remembered up to a number.
func TestOnceMemoryIsBounded(t *testing.T) {
	b := newBench(t)
	k := b.keeper("log", true)
	for i := range quarantine.OnceSize + 100 {
		e := entry(event.Kinesis, "x")
		e.Items[0].Record.ID = fmt.Sprint(i)
		b.now = b.now.Add(time.Minute)
		if err := k.Keep(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if n := k.Remembered(); n != quarantine.OnceSize {
		t.Errorf("remembers %d records, want %d", n, quarantine.OnceSize)
	}
}

// TestWithoutANameNothingIsARepeat: two records with the same text may be two.
func TestWithoutANameNothingIsARepeat(t *testing.T) {
	b := newBench(t)
	k := b.keeper("log", true)
	e := entry(event.SNS, "same", "same")
	e.Items[0].Record.ID, e.Items[1].Record.ID = "", ""
	if err := k.Keep(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if n := len(b.opened(&b.out)); n != 2 {
		t.Errorf("%d records kept, want 2", n)
	}
}

func TestConcurrentKeeps(t *testing.T) {
	b := newBench(t)
	k := b.keeper("log", true)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			e := entry(event.Kinesis, strings.Repeat("x", 40_000))
			e.Items[0].Record.ID = fmt.Sprint(i)
			if err := k.Keep(context.Background(), e); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(b.opened(&b.out)); n != 16 {
		t.Errorf("%d records kept, want 16", n)
	}
}

// TestAnyAgeProgramOpens: a sealed payload is a file of the age format.
func TestAnyAgeProgramOpens(t *testing.T) {
	b := newBench(t)
	if err := b.keeper("log", true).Keep(t.Context(), entry(event.SQS, attack)); err != nil {
		t.Fatal(err)
	}
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	res, err := extract.Read(bytes.NewReader(b.out.Bytes()), other)
	if err != nil || len(res.Records) != 0 || len(res.Rejected) != 1 {
		t.Errorf("with another key: %v, %+v", err, res)
	}
	if recs := b.opened(&b.out); len(recs) != 1 {
		t.Errorf("with the key: %d records", len(recs))
	}
}

// TestNothingFromTheEventInTheOpen: what names a record may hold an attack,
// which would be an event of whatever reads the log.
func TestNothingFromTheEventInTheOpen(t *testing.T) {
	b := newBench(t)
	e := entry(event.SQS, attack)
	e.Items[0].Record.ID = `<script>alert(1)</script>`
	e.Items[0].Record.Pointer = `../../etc/passwd' UNION SELECT`
	if err := b.keeper("log", true).Keep(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<", "'", "..", "alert(", " UNION"} {
		if strings.Contains(b.out.String(), bad) {
			t.Errorf("the line holds %q: %s", bad, b.out.String())
		}
	}
}

// TestNamesThatAreNotUTF8: a record with such a name comes back like any other.
func TestNamesThatAreNotUTF8(t *testing.T) {
	b := newBench(t)
	e := entry(event.Kafka, "body")
	e.VerdictID, e.Items[0].Record.ID, e.Items[0].Record.Pointer = "\xff\xfe", "a\xff\u2028", strings.Repeat("\xf0", 1030)
	if err := b.keeper("log", true).Keep(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if recs := b.opened(&b.out); len(recs) != 1 || string(recs[0].Body) != "body" {
		t.Errorf("extracted %+v", recs)
	}
}

// TestDefaultCostsNothing: the Keeper of a function that keeps nothing itself is
// one small value.
func TestDefaultCostsNothing(t *testing.T) {
	o := newBench(t).options("pointer", false)
	n := testing.AllocsPerRun(100, func() {
		if _, err := quarantine.New(o); err != nil {
			t.Fatal(err)
		}
	})
	if n > 1 {
		t.Errorf("New makes %v allocations, want 1", n)
	}
}

func BenchmarkKeep(b *testing.B) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range []int{1 << 10, 256 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			now := start
			k, err := quarantine.New(quarantine.Options{
				Target: "log", Recipient: id.Recipient().String(), Env: func(string) string { return "" }, Out: io.Discard,
				Now: func() time.Time { now = now.Add(time.Minute); return now }, Notify: func(quarantine.Notice) {},
			})
			if err != nil {
				b.Fatal(err)
			}
			e := entry(event.SNS, strings.Repeat("x", size))
			e.Items[0].Record.ID = "" // not a repeat
			b.ReportAllocs()
			for b.Loop() {
				if err := k.Keep(b.Context(), e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestLogThatTakesNothing: a log whose reader has stopped fails the removal in
// the invocation's time, also for the next one.
func TestLogThatTakesNothing(t *testing.T) {
	b := newBench(t)
	o := b.options("log", true)
	r, w := io.Pipe()
	o.Out = w
	k, err := quarantine.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		err := k.Keep(ctx, entry(event.SQS, attack))
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Keep = %v, want the end of the time", err)
		}
	}
	read := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(r)
		read <- all
	}()
	if err := k.Keep(t.Context(), entry(event.SQS, attack)); err != nil {
		t.Errorf("Keep with a log that is read again: %v", err)
	}
	w.Close()
	// The first was begun, and is in the log too; the second never was.
	if n := len(b.opened(bytes.NewReader(<-read))); n != 2 {
		t.Errorf("%d records in the log, want 2", n)
	}
}

// panickyWriter panics at the first write.
type panickyWriter struct {
	bytes.Buffer
	panicked bool
}

func (w *panickyWriter) Write(p []byte) (int, error) {
	if !w.panicked {
		w.panicked = true
		panic("planted")
	}
	return w.Buffer.Write(p)
}

func TestLogThatPanics(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	o := b.options("log", true)
	var out panickyWriter
	o.Out = &out
	k, err := quarantine.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Keep(t.Context(), entry(event.SQS, attack)); err == nil || strings.Contains(err.Error(), "planted") {
		t.Errorf("Keep = %v, want an error that does not quote the panic", err)
	}
	if err := k.Keep(t.Context(), entry(event.SQS, attack)); err != nil {
		t.Errorf("Keep of the same record, when the log works again: %v", err)
	}
	if recs := b.opened(&out); len(recs) != 1 {
		t.Errorf("%d records in the log, want the one that was kept", len(recs))
	}
}
