package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/merlon-security/merlon/internal/emulator"
	"github.com/merlon-security/merlon/internal/quarantine/extract"
)

// TestB9ExtensionKilledAroundARemoval kills the extension at each step of a
// removal, with a log that takes bytes only when the test reads them and a Runtime
// API that answers only when the test lets it. A source forgets the record when
// the response arrives: whenever that is, the record must be in the log, and the
// source that has heard nothing sends it again to an environment that removes it.
func TestB9ExtensionKilledAroundARemoval(t *testing.T) {
	bad := sqsMessage("b", "1", "q", union+strings.Repeat(" and so on", 15_000)) // more than a pipe holds
	good := sqsMessage("a", "1", "q", "first")
	events := []struct{ name, event string }{
		{"a record of two", `{"Records":[` + good + `,` + bad + `]}`},
		{"the only record", `{"Records":[` + bad + `]}`},
	}
	for _, c := range []struct {
		step       string
		kept, told bool // the record is in the log, the source has the response
	}{{"writing", false, false}, {"written", true, false}, {"responded", true, true}} {
		for _, ev := range events {
			t.Run(c.step+", "+ev.name, func(t *testing.T) {
				k := newKillable(t)
				k.invoke(t, `{"a":1}`) // the environment is up
				const id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
				at := k.stopAt(c.step, id)
				result := make(chan emulator.Result, 1)
				go func() {
					r, err := k.Invoke(t.Context(), emulator.Request{RequestID: id, Payload: []byte(ev.event)})
					if err != nil {
						t.Errorf("Invoke: %v", err)
					}
					result <- r
				}()
				select {
				case <-at:
				case <-time.After(20 * time.Second):
					t.Fatalf("never came to %q", c.step)
				}
				k.kill(t)
				r := <-result // it is dead
				k.resume()
				if told := k.responded(id); told != c.told {
					t.Errorf("the source has the response: %v, want %v", told, c.told)
				}
				if !c.told && r.Status != emulator.StatusFailure {
					t.Errorf("ended as %s %s, want a failure", r.Status, r.ErrorType)
				}
				if n := k.recordsLike(t, bad); (n == 1) != c.kept {
					t.Errorf("killed when %s: %d records in the log, want one %v", c.step, n, c.kept)
				}
				again := k.invoke(t, ev.event)
				for tries := 0; again.Status == emulator.StatusFailure && tries < 2; tries++ {
					again = k.invoke(t, ev.event) // Lambda noticed the death only now
				}
				var reply struct {
					BatchItemFailures []struct{ ItemIdentifier string }
				}
				if err := json.Unmarshal(again.Payload, &reply); err != nil || len(reply.BatchItemFailures) != 1 || reply.BatchItemFailures[0].ItemIdentifier != "b" {
					t.Errorf("sent again: %s %s: %v", again.Status, again.Payload, err)
				}
				want := 1
				if c.kept {
					want = 2 // another environment cannot know
				}
				if n := k.recordsLike(t, bad); n != want {
					t.Errorf("sent again: %d records in the log, want %d", n, want)
				}
			})
		}
	}
}

// killable is a protected function whose extension writes its log to a pipe of
// the test's, and reaches Lambda through the test.
type killable struct {
	*env
	id   *age.X25519Identity
	pid  string   // the file that names the running extension
	pipe *os.File // its log, held open for writing too: it outlives the extension

	mu      sync.Mutex
	changed *sync.Cond
	log     bytes.Buffer
	paused  bool   // the log is not read
	step    string // where to stop, in the invocation of request
	request string
	at      chan struct{}   // closed when step is reached
	done    map[string]bool // requests whose response Lambda has
}

func newKillable(t *testing.T) *killable {
	t.Helper()
	dir := t.TempDir()
	k := &killable{pid: filepath.Join(dir, "pid"), done: map[string]bool{}}
	k.changed = sync.NewCond(&k.mu)
	var err error
	if k.id, err = age.GenerateX25519Identity(); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(dir, "log")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if k.pipe, err = os.OpenFile(fifo, os.O_RDWR, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.pipe.Close() })
	go k.read()

	lambda := freePort(t)
	api := httptest.NewServer(k.between(&url.URL{Scheme: "http", Host: lambda}))
	t.Cleanup(api.Close)
	script := fmt.Sprintf("#!/bin/sh\necho $$ >'%s'\nAWS_LAMBDA_RUNTIME_API='%s' exec '%s' >'%s'\n",
		k.pid, api.Listener.Addr(), filepath.Join(optDir, "extensions", "merlon"), fifo)
	if err := os.Mkdir(filepath.Join(dir, "extensions"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "extensions", "merlon"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(optDir, "merlon-wrapper"), filepath.Join(dir, "merlon-wrapper")); err != nil {
		t.Fatal(err)
	}
	k.env = start(t, "plain", dir, func(o *emulator.Options) {
		block(o)
		o.Listen, o.RuntimeAPI = lambda, api.Listener.Addr().String()
		o.Function.Env["MERLON_QUARANTINE"] = "log"
		o.Function.Env["MERLON_QUARANTINE_KEY"] = k.id.Recipient().String()
	})
	t.Cleanup(func() {
		if t.Failed() {
			k.mu.Lock()
			defer k.mu.Unlock()
			t.Logf("log of the extension:\n%.1500s", k.log.String())
		}
	})
	return k
}

// between stands between the extension and Lambda, and stops at the steps of a
// response until the extension is dead.
func (k *killable) between(lambda *url.URL) http.Handler {
	forward := httputil.NewSingleHostReverseProxy(lambda)
	forward.FlushInterval = -1
	forward.ErrorLog = log.New(io.Discard, "", 0) // connections of the dead
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(r.URL.Path, "/")
		if parts[len(parts)-1] != "response" {
			forward.ServeHTTP(w, r)
			return
		}
		id := parts[len(parts)-2]
		body, err := io.ReadAll(r.Body) // only then is a connection that breaks noticed
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if k.reached("written", id) {
			<-r.Context().Done()
			return
		}
		answer := httptest.NewRecorder()
		forward.ServeHTTP(answer, r)
		k.mu.Lock()
		k.done[id] = answer.Code == http.StatusAccepted
		k.mu.Unlock()
		if k.reached("responded", id) {
			<-r.Context().Done()
			return
		}
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()) // the extension may be dead
	})
}

// stopAt sets the step at which everything waits for the extension's end.
func (k *killable) stopAt(step, request string) <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.step, k.request, k.at = step, request, make(chan struct{})
	return k.at
}

// reached reports whether a step is the one to stop at, and says that it is there.
func (k *killable) reached(step, request string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.step != step || k.request != request {
		return false
	}
	k.step = ""
	close(k.at)
	return true
}

// read reads the log, and stops where the first bytes of a quarantined record
// are in it if that is the step.
func (k *killable) read() {
	buf := make([]byte, 512)
	for {
		n, err := k.pipe.Read(buf)
		if err != nil {
			return // the test is over
		}
		k.mu.Lock()
		k.log.Write(buf[:n])
		if begun := k.step == "writing" && bytes.Contains(k.log.Bytes(), []byte(`"sealed":"`)); begun {
			k.step, k.paused = "", true
			close(k.at)
		}
		k.changed.Broadcast()
		for k.paused {
			k.changed.Wait()
		}
		k.mu.Unlock()
	}
}

// kill ends the extension, which Lambda notices.
func (k *killable) kill(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(k.pid)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// resume lets the log be read again: what a dead extension had written stays.
func (k *killable) resume() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.paused = false
	k.changed.Broadcast()
}

// responded reports whether Lambda has the response to a request.
func (k *killable) responded(id string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.done[id]
}

// recordsLike counts the whole records in the log that are the given one. Lines
// that were cut short are in it as they are.
func (k *killable) recordsLike(t *testing.T, want string) (n int) {
	t.Helper()
	mark := fmt.Sprintf("\nread up to %s\n", t.Name())
	k.mu.Lock()
	before := strings.Count(k.log.String(), mark)
	k.mu.Unlock()
	if _, err := k.pipe.WriteString(mark); err != nil {
		t.Fatal(err)
	}
	k.mu.Lock()
	for strings.Count(k.log.String(), mark) == before {
		k.changed.Wait()
	}
	text := k.log.String()
	k.mu.Unlock()
	res, err := extract.Read(strings.NewReader(text), k.id)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range res.Records {
		if string(r.Body) == want {
			n++
		}
	}
	return n
}
