package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/emulator"
)

// tellNonce answers with the nonce of its own event, wherever the event has it,
// and prints it. An event that asks for company is answered once as many are
// here at the same time.
func tellNonce(_ context.Context, event []byte) ([]byte, error) {
	var e struct {
		Nonce                 string `json:"nonce"`
		Company               int    `json:"company"`
		QueryStringParameters struct{ Nonce string }
		Records               []struct{ Body string }
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, err
	}
	switch {
	case e.QueryStringParameters.Nonce != "":
		e.Nonce = e.QueryStringParameters.Nonce
		fmt.Println("saw", e.Nonce)
		return json.Marshal(map[string]any{"statusCode": 200, "body": e.Nonce})
	case e.Records != nil:
		for _, r := range e.Records {
			fmt.Println("saw", r.Body)
		}
		return []byte(`{"batchItemFailures":[]}`), nil
	}
	fmt.Println("saw", e.Nonce)
	if e.Company > 0 {
		company.Done()
		company.Wait()
	}
	return json.Marshal(e.Nonce)
}

// company is awaited by as many invocations as companions.
var company sync.WaitGroup

const companions = 32

// concurrently makes the environment one of Managed Instances.
func concurrently(n int) func(*emulator.Options) {
	return func(o *emulator.Options) {
		kept(o)
		o.Concurrency = n
	}
}

// racing runs the extension with the race detector where the tests have it. The
// detector makes INIT slow, so the runtime is sent to the proxy without the
// launcher, which would not wait for it.
func racing(t *testing.T, o *emulator.Options) {
	if !raceDetector {
		return
	}
	opt := t.TempDir()
	cmd := exec.Command("go", "build", "-race", "-o", filepath.Join(opt, "extensions", "merlon"), ".")
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, msg)
	}
	o.Opt, o.InitTimeout = opt, time.Minute
	o.Function.Command = o.Function.Command[1:]
	o.RuntimeAPI = o.Function.Env["MERLON_LISTEN"]
	o.Function.Env["GORACE"] = "halt_on_error=1"
}

// TestConcurrentInvocations runs 64 invocations of every kind at once, some of
// them while others are held in their handlers: every caller gets its own
// answer, every benign event arrives once, and no attack does.
func TestConcurrentInvocations(t *testing.T) {
	const many, rounds = 64, 4
	e := protected(t, "nonce", func(o *emulator.Options) {
		concurrently(many)(o)
		o.Function.Timeout = 60 * time.Second
		racing(t, o)
	})
	if err := e.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(e.URLHandler(emulator.Front{Kind: emulator.HTTPAPI}))
	defer srv.Close()

	// Handlers wait for one more, which comes when attacks beside them have been
	// refused.
	var held, callers sync.WaitGroup
	for i := range companions - 1 {
		held.Go(func() { benignDirect(t, e, fmt.Sprintf("held-%d", i), companions) })
		callers.Go(func() { attackDirect(t, e, fmt.Sprintf("beside-%d", i)) })
	}
	callers.Wait()
	benignDirect(t, e, "last", companions)
	held.Wait()

	kinds := []func(*testing.T, *env, string, string){
		func(t *testing.T, e *env, _, nonce string) { benignDirect(t, e, nonce, 0) },
		func(t *testing.T, e *env, _, nonce string) { attackDirect(t, e, nonce) },
		benignRequest, attackRequest, mixedBatch,
	}
	for round := range rounds {
		for i := range many {
			callers.Go(func() { kinds[i%len(kinds)](t, e, srv.URL, fmt.Sprintf("r%d-%d", round, i)) })
		}
		callers.Wait()
	}
	e.close(t)

	text, wanted := e.text(), companions
	for round := range rounds {
		for i := range many {
			nonce := fmt.Sprintf("saw r%d-%d\n", round, i)
			want := 1
			if kind := i % len(kinds); kind == 1 || kind == 3 {
				want = 0
			}
			wanted += want
			if got := strings.Count(text, nonce); got != want {
				t.Errorf("%q is in the log %d times, want %d", nonce, got, want)
			}
		}
	}
	if got := strings.Count(text, "function: saw "); got != wanted {
		t.Errorf("the handlers saw %d events, want %d", got, wanted)
	}
	for line := range strings.Lines(text) {
		relay := strings.Contains(line, `"message":"relay"`) && !strings.Contains(line, `"poll-abandoned"`) // as at every shutdown
		if relay || strings.Contains(line, "DATA RACE") || strings.Contains(line, "panic") {
			t.Errorf("in the log: %s", line)
		}
	}
}

func benignDirect(t *testing.T, e *env, nonce string, company int) {
	r, err := e.Invoke(t.Context(), emulator.Request{Payload: fmt.Appendf(nil, `{"nonce":%q,"company":%d}`, nonce, company)})
	if want := `"` + nonce + `"`; err != nil || string(r.Payload) != want {
		t.Errorf("%s: got %s %s %v, want %s", nonce, r.ErrorType, r.Payload, err, want)
	}
}

func attackDirect(t *testing.T, e *env, nonce string) {
	r, err := e.Invoke(t.Context(), emulator.Request{Payload: fmt.Appendf(nil, `{"nonce":%q,"q":%q}`, nonce, union)})
	if err != nil || r.ErrorType != "Function.MerlonBlocked" || !bytes.Contains(r.Payload, []byte(`"errorType":"Merlon.Blocked"`)) {
		t.Errorf("%s: got %s %s %v, want a refusal", nonce, r.ErrorType, r.Payload, err)
	}
}

func benignRequest(t *testing.T, _ *env, base, nonce string) {
	if status, _, body := send(t, base, "GET", "/?nonce="+nonce, "", "", ""); status != 200 || body != nonce {
		t.Errorf("%s: got %d %s", nonce, status, body)
	}
}

func attackRequest(t *testing.T, _ *env, base, nonce string) {
	if status, _, body := send(t, base, "GET", "/?nonce="+nonce+"&q="+url.QueryEscape(union), "", "", ""); status != 403 {
		t.Errorf("%s: got %d %s, want 403", nonce, status, body)
	}
}

func mixedBatch(t *testing.T, e *env, _, nonce string) {
	payload := fmt.Sprintf(`{"Records":[%s,%s]}`, sqsMessage("bad-"+nonce, "1", "orders", union), sqsMessage("good-"+nonce, "1", "orders", nonce))
	r, err := e.Invoke(t.Context(), emulator.Request{Payload: []byte(payload)})
	if want := `{"batchItemFailures":[{"itemIdentifier":"bad-` + nonce + `"}]}`; err != nil || string(r.Payload) != want {
		t.Errorf("%s: got %s %s %v, want %s", nonce, r.ErrorType, r.Payload, err, want)
	}
}

// TestA2HelloCarriesConcurrency: the launcher passes on what the extension is
// not told, and the extension runs concurrently by its own variable.
func TestA2HelloCarriesConcurrency(t *testing.T) {
	e := protected(t, "nonce", concurrently(8))
	benignDirect(t, e, "one", 0)
	attackDirect(t, e, "two")
	e.await(t, `"message":"runtime attached"`, `"maxConcurrency":8`)
}
