package runtimes_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/emulator"
)

var soakSize = flag.Int("merlon.soak", 300, "invocations of TestSoak")

// tally is what the soaked function remembers of nonces: how often each came.
var tally = map[int]int{}

// soaked answers every kind of event of the soak, and counts what it is given.
func soaked(_ context.Context, event json.RawMessage) (any, error) {
	var in struct {
		Nonce   int    `json:"nonce"`
		Do      string `json:"do"`
		Records []struct {
			MessageID string `json:"messageId"`
		}
	}
	if err := json.Unmarshal(event, &in); err != nil {
		return nil, err
	}
	if in.Do == "tally" {
		twice := []int{}
		for nonce, n := range tally {
			if n != 1 {
				twice = append(twice, nonce)
			}
		}
		return map[string]any{"distinct": len(tally), "twice": twice}, nil
	}
	if in.Nonce == 0 && len(in.Records) > 0 {
		if _, err := fmt.Sscanf(in.Records[0].MessageID, "good-%d", &in.Nonce); err != nil {
			return nil, err
		}
	}
	tally[in.Nonce]++
	switch in.Do {
	case "error":
		return nil, fmt.Errorf("refused %d", in.Nonce)
	case "stream":
		return io.MultiReader(strings.NewReader(fmt.Sprint(in.Nonce)), io.LimitReader(endless{}, 48<<10)), nil
	case "break":
		return io.MultiReader(strings.NewReader(fmt.Sprint(in.Nonce)), broken{}), nil
	}
	if len(in.Records) > 0 {
		var seen []string
		for _, r := range in.Records {
			seen = append(seen, r.MessageID)
		}
		return map[string]any{"batchItemFailures": []string{}, "nonce": in.Nonce, "seen": seen}, nil
	}
	return map[string]any{"nonce": in.Nonce, "size": len(event)}, nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("broke off") }

// soaking is one kind of invocation: its event, and what is wrong with the
// answer, if anything is.
type soaking struct {
	name      string
	share     int // of a thousand
	stream    bool
	async     bool // through the Invoke API, which answers before the function
	delivered bool // the function has to see it
	event     func(nonce int) string
	wrong     func(nonce int, got caller) string
}

func want(status, text string) func(int, caller) string {
	return func(nonce int, got caller) string {
		text := strings.ReplaceAll(text, "%d", fmt.Sprint(nonce))
		if got.status != status || !strings.Contains(got.detail, text) {
			return fmt.Sprintf("got %.300s, want %s with %q", got.detail, status, text)
		}
		return ""
	}
}

// orderOf has the leaves of an ordinary JSON body, about size bytes of them.
func orderOf(nonce, size int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"nonce":%d,"items":[`, nonce)
	for i := 0; b.Len() < size; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"sku":"A%d-%d","amount":%d,"note":"ring twice and wait"}`, nonce%977, i, i+nonce%7)
	}
	return b.String() + "]}"
}

func sqs(id, body string) string {
	return fmt.Sprintf(`{"messageId":%q,"receiptHandle":"AQEB","body":%q,"attributes":{"ApproximateReceiveCount":"1"},"messageAttributes":{},"md5OfBody":"x","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-1:123456789012:orders","awsRegion":"us-east-1"}`, id, body)
}

func soakings() []soaking {
	const answered = `"nonce":%d,`
	sized := func(n int) func(int) string { return func(nonce int) string { return orderOf(nonce, n) } }
	plain := func(what string) func(int) string {
		return func(nonce int) string { return fmt.Sprintf(`{"nonce":%d,"do":%q}`, nonce, what) }
	}
	return []soaking{
		{name: "tiny", share: 400, delivered: true, event: plain("answer"), wrong: want("success", answered)},
		{name: "1 KB", share: 200, delivered: true, event: sized(1 << 10), wrong: want("success", answered)},
		{name: "16 KB", share: 60, delivered: true, event: sized(16 << 10), wrong: want("success", answered)},
		{name: "1 MB", share: 1, delivered: true, event: sized(1 << 20), wrong: want("success", answered)},
		{name: "SQS with a bad record", share: 80, delivered: true, event: func(nonce int) string {
			return fmt.Sprintf(`{"Records":[%s,%s,%s]}`, sqs(fmt.Sprintf("good-%d", nonce), orderOf(nonce, 200)),
				sqs(fmt.Sprintf("bad-%d", nonce), `{"q":"1' UNION SELECT password FROM users -- "}`), sqs("also-good", `{"a":1}`))
		}, wrong: func(nonce int, got caller) string {
			if w := want("success", `"seen":["good-%d","also-good"]`)(nonce, got); w != "" {
				return w
			}
			return want("success", `[{"itemIdentifier":"bad-%d"}]`)(nonce, got)
		}},
		{name: "attack", share: 80, event: func(nonce int) string {
			return fmt.Sprintf(`{"nonce":%d,"q":"%d' UNION SELECT password FROM users -- "}`, nonce, nonce)
		}, wrong: want("error Function.MerlonBlocked", "")},
		{name: "error", share: 60, delivered: true, event: plain("error"), wrong: want("error Runtime.Unknown", `refused %d"`)},
		{name: "stream", share: 60, stream: true, delivered: true, event: plain("stream"), wrong: want("success", "4915")},
		{name: "stream that fails", share: 29, stream: true, delivered: true, event: plain("break"), wrong: want("error Runtime.Unknown", "stream map[Content-Type:[application/octet-stream]] %d")},
		{name: "asynchronous", share: 30, async: true, delivered: true, event: plain("answer"), wrong: want("202", "")},
	}
}

// TestSoak sends a mixture of everything through one environment: every event
// has to be answered once and, unless refused, delivered once; and the extension
// must not grow.
func TestSoak(t *testing.T) {
	n := *soakSize
	fresh := runSoak(t, min(n, 200))
	long := runSoak(t, n)
	t.Logf("%d invocations in %.0f s; goroutines %d, after %d invocations %d; %s", n, long.took.Seconds(), long.goroutines, min(n, 200), fresh.goroutines, long.samples)
	if long.goroutines > fresh.goroutines+4 {
		t.Errorf("%d goroutines after %d invocations, %d after %d", long.goroutines, n, fresh.goroutines, min(n, 200))
	}
	long.samples.check(t, n)
}

type soakRun struct {
	took       time.Duration
	goroutines int
	samples    samples
}

func runSoak(t *testing.T, n int) (run soakRun) {
	t.Helper()
	c := clients(t)[0]
	o := c.options(t, parityCase{function: "soak"}, true)
	o.Function.Env["MERLON_QUARANTINE"] = "off"
	// The platform's and the extension's lines of 100,000 invocations would be
	// what grows most; only those of the end are kept.
	e := startBlocking(t, o, 4000)
	server := httptest.NewServer(e.InvokeHandler())
	defer server.Close()
	process := extensionProcess(t, o.Function.Env["MERLON_LISTEN"])

	kinds, seed := soakings(), rand.New(rand.NewPCG(7, uint64(n)))
	delivered, began := 0, time.Now()
	counts := map[string]int{}
	for nonce := 1; nonce <= n; nonce++ {
		k := pick(kinds, seed)
		counts[k.name]++
		if k.delivered {
			delivered++
		}
		var got caller
		if k.async {
			got = invokeAsync(t, server, k.event(nonce))
		} else {
			got = e.take(t, step{payload: k.event(nonce), stream: k.stream})
		}
		if w := k.wrong(nonce, got); w != "" {
			t.Fatalf("invocation %d, %s: %s", nonce, k.name, w)
		}
		if nonce%max(n/400, 1) == 0 {
			run.samples = append(run.samples, process.sample(t, nonce))
		}
	}
	run.took = time.Since(began)
	if got := e.take(t, step{payload: do("tally")}); !strings.Contains(got.detail, fmt.Sprintf(`{"distinct":%d,"twice":[]}`, delivered)) {
		t.Errorf("the function was given %.500s, want %d events once each", got.detail, delivered)
	}
	for _, k := range kinds {
		if n >= 3000 && counts[k.name] == 0 {
			t.Errorf("no invocation of kind %q", k.name)
		}
	}
	run.goroutines = e.countGoroutines(t, process)
	return run
}

func pick(kinds []soaking, seed *rand.Rand) soaking {
	at := seed.IntN(1000)
	for _, k := range kinds {
		if at -= k.share; at < 0 {
			return k
		}
	}
	panic("bug: the shares are less than a thousand")
}

func invokeAsync(t *testing.T, server *httptest.Server, payload string) caller {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/2015-03-31/functions/orders/invocations", bytes.NewReader([]byte(payload)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Amz-Invocation-Type", "Event")
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return caller{status: fmt.Sprint(resp.StatusCode)}
}

var goroutineHead = regexp.MustCompile(`^goroutine \d+ `)

// countGoroutines ends the extension with SIGQUIT, upon which Go's runtime
// prints every goroutine, and counts them: no code of the extension's helps.
func (e *environment) countGoroutines(t *testing.T, p process) int {
	t.Helper()
	if err := e.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(p.pid, syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); !errors.Is(syscall.Kill(p.pid, 0), syscall.ESRCH); {
		if time.Now().After(deadline) {
			t.Fatal("the extension lives a minute after SIGQUIT")
		}
		time.Sleep(5 * time.Millisecond)
	}
	e.close(t) // and all its lines are here
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, l := range e.lines {
		if l.Source == emulator.SourceExtension && goroutineHead.MatchString(l.Text) {
			n++
		}
	}
	if n < 3 {
		t.Errorf("%d goroutines in the extension's last words, want some", n)
	}
	return n
}
