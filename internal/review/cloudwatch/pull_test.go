package cloudwatch_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/merlon-security/merlon/internal/awsapi/awstest"
	"github.com/merlon-security/merlon/internal/review/cloudwatch"
)

const (
	group  = "/aws/lambda/orders"
	key    = "AKIDEXAMPLE"
	secret = "wJalrXUtnFEMI"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// logs is CloudWatch Logs on the wire: it checks every signature with the SDK's
// signer, gives pages, some of them empty, and forgets tokens when told to.
type logs struct {
	t *testing.T
	*httptest.Server

	mu       sync.Mutex
	events   []event
	size     int // of a page
	calls    int
	served   int
	from     []int64 // the start times that were asked for
	throttle func(call int) bool
	cut      func(call int) bool // the connection breaks inside the answer
	epoch    int                 // of tokens
}

type event struct {
	EventID       string `json:"eventId"`
	Timestamp     int64  `json:"timestamp"`
	IngestionTime int64  `json:"ingestionTime"`
	LogStreamName string `json:"logStreamName"`
	Message       string `json:"message"`
}

func newLogs(t *testing.T, n int) *logs {
	l := &logs{t: t, size: 100, throttle: func(int) bool { return false }, cut: func(int) bool { return false }}
	for i := range n {
		l.add(i)
	}
	l.Server = httptest.NewServer(l)
	t.Cleanup(l.Close)
	return l
}

func (l *logs) add(i int) {
	ms := start.Add(time.Duration(i) * time.Second).UnixMilli()
	l.events = append(l.events, event{
		EventID: fmt.Sprintf("%056d", i), Timestamp: ms, IngestionTime: ms + 500, LogStreamName: "2026/11/23/[$LATEST]" + strconv.Itoa(i%3),
		Message: fmt.Sprintf(`{"schema":"merlon.verdict/1","id":"%d","text":"a \"quote\"</script>"}`+"\n", i),
	})
}

func (l *logs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = verify(r, body)
	}
	if err != nil {
		l.t.Error(err)
		refuse(w, http.StatusForbidden, "InvalidSignatureException", err.Error())
		return
	}
	if got := r.Header.Get("X-Amz-Target"); got != "Logs_20140328.FilterLogEvents" {
		l.t.Errorf("target %q", got)
	}
	if l.throttle(l.calls) {
		refuse(w, http.StatusBadRequest, "ThrottlingException", "Rate exceeded")
		return
	}
	if l.cut(l.calls) {
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, `{"events":[`)
		return // the server closes a connection whose answer is short
	}
	l.answer(w, body)
}

func refuse(w http.ResponseWriter, status int, kind, text string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"__type":%q,"message":%q}`, kind, text)
}

// answer is what the API reference says of FilterLogEvents.
func (l *logs) answer(w http.ResponseWriter, body []byte) {
	var in struct {
		LogGroupName, FilterPattern, NextToken string
		StartTime, EndTime                     int64
		Limit                                  *int
	}
	if err := json.Unmarshal(body, &in); err != nil {
		l.t.Errorf("%s: %v", body, err)
	}
	switch {
	case in.LogGroupName != group:
		refuse(w, http.StatusBadRequest, "ResourceNotFoundException", "The specified log group does not exist.")
		return
	case in.StartTime >= in.EndTime:
		refuse(w, http.StatusBadRequest, "InvalidParameterException", "endTime is not after startTime")
		return
	case in.Limit != nil && (*in.Limit < 1 || *in.Limit > 10_000):
		refuse(w, http.StatusBadRequest, "InvalidParameterException", "limit")
		return
	}
	from := 0
	// A token is of this query, and of this time.
	prefix := fmt.Sprintf("%d/%d/%d/", l.epoch, in.StartTime, in.EndTime)
	if in.NextToken != "" {
		at, ok := strings.CutPrefix(in.NextToken, prefix)
		n, err := strconv.Atoi(at)
		if !ok || err != nil {
			refuse(w, http.StatusBadRequest, "InvalidParameterException", "The specified nextToken is invalid.")
			return
		}
		from = n
	}
	var out struct {
		Events    []event `json:"events"`
		NextToken string  `json:"nextToken,omitempty"`
	}
	out.Events = []event{}
	to := min(from+l.size, len(l.events))
	if l.calls%4 == 0 { // nothing found so far, look further
		to = from
	}
	for _, e := range l.events[from:to] {
		if e.Timestamp >= in.StartTime && e.Timestamp < in.EndTime {
			out.Events = append(out.Events, e)
		}
	}
	if to < len(l.events) {
		out.NextToken = prefix + strconv.Itoa(to)
	}
	l.served++
	l.from = append(l.from, in.StartTime)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if err := json.NewEncoder(w).Encode(&out); err != nil {
		l.t.Error(err)
	}
}

// verify checks the signature, and that it covers what the request is.
func verify(r *http.Request, body []byte) error {
	_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	signed, _, _ := strings.Cut(rest, ",")
	for _, name := range []string{"host", "x-amz-date", "x-amz-target"} {
		if !slices.Contains(strings.Split(signed, ";"), name) {
			return fmt.Errorf("%s is not signed", name)
		}
	}
	return awstest.Compare(r, body, "logs", "eu-west-1", map[string]string{key: secret})
}

// pull makes a download from the service.
func (l *logs) pull(file string) *cloudwatch.Pull {
	cfg := aws.Config{Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider(key, secret, "")}
	return &cloudwatch.Pull{
		Client: cloudwatch.NewClient(cfg, l.URL, func(int) time.Duration { return 0 }),
		Query:  cloudwatch.Query{Group: group, Since: start, Until: start.Add(time.Hour)}, File: file,
	}
}

// messages reads what a download holds.
func messages(t *testing.T, file string) (out []string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		var e cloudwatch.Event
		if err := json.Unmarshal(sc.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		out = append(out, e.Message)
	}
	return out
}

func (l *logs) want() (out []string) {
	for _, e := range l.events {
		out = append(out, e.Message)
	}
	return out
}

func TestPullsAllPagesOnce(t *testing.T) {
	t.Parallel()
	l := newLogs(t, 1234)
	l.throttle = func(call int) bool { return call%3 != 0 && call%7 != 0 }
	l.cut = func(call int) bool { return call%11 == 0 }
	file := filepath.Join(t.TempDir(), "orders.jsonl")
	p := l.pull(file)
	var shares []float64
	p.Progress = func(x cloudwatch.Progress) { shares = append(shares, x.Share) }
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := messages(t, file); !slices.Equal(got, l.want()) {
		t.Errorf("%d events, want %d in order", len(got), len(l.events))
	}
	// An answer may be lost on its way and asked for again.
	if l.calls < l.served+5 || len(shares) == 0 || len(shares) > l.served || !slices.IsSorted(shares) || shares[len(shares)-1] != 1 {
		t.Errorf("%d calls, %d answered, progress %v", l.calls, l.served, shares)
	}
	// A later query costs what is new, and finds what came late.
	for i := range 2 {
		l.add(3590 + i) // CloudWatch had them, and did not show them yet
	}
	for i := range 3 {
		l.add(3700 + i)
	}
	before := l.served
	for range 2 {
		p = l.pull(file)
		p.Query.Until = start.Add(2 * time.Hour)
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := messages(t, file); !slices.Equal(got, l.want()) {
		t.Errorf("%d events, want %d in order", len(got), len(l.events))
	}
	if asked := l.from[before:]; slices.Min(asked) < start.Add(time.Hour-10*time.Minute).UnixMilli() {
		t.Errorf("it began anew: %v", asked)
	}
	// Another that begins earlier needs all of it, once more.
	p = l.pull(file)
	p.Query.Since = start.Add(-time.Hour)
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := messages(t, file); !slices.Equal(got, l.want()) {
		t.Errorf("%d events, want %d, each once", len(got), len(l.events))
	}
}

// TestGoesOnAfterEveryBreak breaks a download off after each page, with half a
// page in the file, and goes on.
func TestGoesOnAfterEveryBreak(t *testing.T) {
	t.Parallel()
	l := newLogs(t, 950)
	file := filepath.Join(t.TempDir(), "orders.jsonl")
	broken := 0
	for ; broken < 50; broken++ {
		ctx, cancel := context.WithCancel(t.Context())
		p := l.pull(file)
		p.Query.Since = start.Add(-time.Duration(broken) * time.Minute) // "24h" is another time in each run
		p.Progress = func(x cloudwatch.Progress) {
			if x.Pages > 0 && x.Share < 1 {
				cancel()
			}
		}
		err := p.Run(ctx)
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(`{"eventId":"half`); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := messages(t, file); !slices.Equal(got, l.want()) || broken < 9 {
		t.Errorf("%d events after %d breaks, want %d", len(got), broken, len(l.events))
	}
}

func TestExpiredTokensCostNoEvent(t *testing.T) {
	t.Parallel()
	l := newLogs(t, 500)
	file := filepath.Join(t.TempDir(), "orders.jsonl")
	p := l.pull(file)
	notes := 0
	p.Progress = func(x cloudwatch.Progress) {
		if x.Note != "" {
			notes++
		} else if x.Pages == 3 {
			l.mu.Lock()
			l.epoch++
			l.mu.Unlock()
		}
	}
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := messages(t, file); !slices.Equal(got, l.want()) || notes != 1 {
		t.Errorf("%d events, %d notes", len(got), notes)
	}
}

func TestSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	l := newLogs(t, 10)
	dir := t.TempDir()
	file := filepath.Join(dir, "orders.jsonl")
	p := l.pull(file)
	p.Query.Group = "/aws/lambda/nobody"
	if err := p.Run(t.Context()); err == nil || !strings.Contains(err.Error(), `"/aws/lambda/nobody" (needs logs:FilterLogEvents)`) {
		t.Errorf("no such group: %v", err)
	}
	l.throttle = func(int) bool { return true }
	before := l.calls
	if err := l.pull(file).Run(t.Context()); err == nil || l.calls-before != cloudwatch.Attempts {
		t.Errorf("always throttled: %v after %d calls", err, l.calls-before)
	}
	l.throttle = func(int) bool { return false }
	if err := l.pull(file).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	p = l.pull(file)
	p.Query.Group = "/aws/lambda/bills"
	if err := p.Run(t.Context()); err == nil || !strings.Contains(err.Error(), `holds events of "/aws/lambda/orders"`) {
		t.Errorf("another group in the file: %v", err)
	}
	mine := filepath.Join(dir, "mine.txt")
	if err := os.WriteFile(mine, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.pull(mine).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "is no download") {
		t.Errorf("a file of somebody else: %v", err)
	}
	if b, err := os.ReadFile(mine); err != nil || !bytes.Equal(b, []byte("precious")) {
		t.Errorf("it holds %q now, %v", b, err)
	}
}
