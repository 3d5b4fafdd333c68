package emulator_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/emulator"
)

const integration = "application/vnd.awslambda.http-integration-response"

// collector is a caller that takes streams.
type collector struct {
	header http.Header
	body   strings.Builder
	pieces int
}

func (c *collector) Write(p []byte) (int, error) { c.pieces++; return c.body.Write(p) }
func (c *collector) Flush()                      {}

func (c *collector) request(payload string) emulator.Request {
	return emulator.Request{Payload: []byte(payload), Stream: func(h http.Header) emulator.StreamWriter {
		c.header = h
		return c
	}}
}

func TestStreamingCaller(t *testing.T) {
	t.Parallel()
	l, _ := start(t, emulator.Options{Function: function(t, "stream")})
	var whole collector
	result, err := l.Invoke(t.Context(), whole.request(`{}`))
	if err != nil || result.FunctionError != "" || whole.body.String() != "one two three" {
		t.Errorf("Invoke = %q %s %v, want the three pieces", whole.body.String(), result.Payload, err)
	}
	if got := whole.header.Get("Content-Type"); got != "application/octet-stream" {
		t.Errorf("Content-Type = %q", got)
	}
	// A buffered caller gets the concatenation.
	if got := string(invoke(t, l, `{}`).Payload); got != "one two three" {
		t.Errorf("buffered = %q", got)
	}
	var broken collector
	result, err = l.Invoke(t.Context(), broken.request(`{"do":"fail"}`))
	if err != nil || result.FunctionError != "Unhandled" || broken.body.String() != "one two " {
		t.Errorf("Invoke = %q %+v %v, want two pieces and an error", broken.body.String(), result, err)
	}
	if !strings.Contains(string(result.Payload), "broke off") {
		t.Errorf("payload = %s, want the handler's error", result.Payload)
	}
}

// streamFront serves a function URL whose runtime is the test.
func streamFront(t *testing.T) (runtimeClient, *httptest.Server) {
	t.Helper()
	l, c := external(t, emulator.Options{})
	server := httptest.NewServer(l.URLHandler(emulator.Front{Stream: true}))
	t.Cleanup(server.Close)
	return c, server
}

// respond begins a streamed response that the test writes piece by piece.
func (c runtimeClient) respond(id, contentType string) (w *io.PipeWriter, answered <-chan int) {
	c.t.Helper()
	r, w := io.Pipe()
	req, err := http.NewRequestWithContext(c.t.Context(), "POST", "http://"+c.api+"/2018-06-01/runtime/invocation/"+id+"/response", r)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
	status := make(chan int, 1)
	go func() {
		defer close(status)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			status <- resp.StatusCode
		}
	}()
	return w, status
}

func TestStreamingURL(t *testing.T) {
	t.Parallel()
	c, server := streamFront(t)
	replies := make(chan *http.Response, 1)
	go func() {
		resp, err := http.Get(server.URL + "/report")
		if err != nil {
			t.Error(err)
		}
		replies <- resp
	}()
	id := c.next().header.Get("Lambda-Runtime-Aws-Request-Id")
	w, answered := c.respond(id, integration)
	for _, piece := range []string{`{"statusCode":201,"headers":{"X-Kind":"slow"},`, `"cookies":["a=b","c=d"]}` + "\x00\x00\x00", "\x00\x00\x00\x00\x00first\n"} {
		io.WriteString(w, piece)
	}
	// The status and the first line are out while the function still writes.
	resp := <-replies
	defer resp.Body.Close()
	body := bufio.NewReader(resp.Body)
	if line, err := body.ReadString('\n'); line != "first\n" {
		t.Errorf("first line = %q, %v", line, err)
	}
	if resp.StatusCode != 201 || resp.Header.Get("X-Kind") != "slow" || strings.Join(resp.Header["Set-Cookie"], " ") != "a=b c=d" {
		t.Errorf("reply = %d %v", resp.StatusCode, resp.Header)
	}
	io.WriteString(w, "second")
	w.Close()
	if rest, err := io.ReadAll(body); string(rest) != "second" || err != nil {
		t.Errorf("rest = %q, %v", rest, err)
	}
	if status := <-answered; status != http.StatusAccepted {
		t.Errorf("the runtime was answered %d, want 202", status)
	}
}

func TestStreamingURLFaults(t *testing.T) {
	t.Parallel()
	c, server := streamFront(t)
	tests := []struct {
		name, contentType, body string
		abort                   bool
		status                  int
		want                    string
		cut                     bool
	}{
		{"no prelude declared", "text/plain", "plain", false, 200, "plain", false},
		{"empty", "text/plain", "", false, 200, "", false},
		{"prelude without end", integration, `{"statusCode":200}`, false, 502, "Internal Server Error", false},
		{"prelude is no JSON", integration, "oops\x00\x00\x00\x00\x00\x00\x00\x00x", false, 502, "Internal Server Error", false},
		{"broken off before the first byte", "text/plain", "", true, 502, "Internal Server Error", false},
		{"broken off later", "text/plain", "half", true, 200, "half", true},
	}
	for _, test := range tests {
		type reply struct {
			status int
			body   string
			err    error
		}
		replies := make(chan reply, 1)
		go func() {
			resp, err := http.Get(server.URL)
			if err != nil {
				replies <- reply{err: err}
				return
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			replies <- reply{resp.StatusCode, string(body), err}
		}()
		id := c.next().header.Get("Lambda-Runtime-Aws-Request-Id")
		w, answered := c.respond(id, test.contentType)
		if test.body != "" {
			io.WriteString(w, test.body)
		}
		if test.abort {
			w.CloseWithError(io.ErrClosedPipe)
		} else {
			w.Close()
		}
		<-answered
		got := <-replies
		if got.status != test.status || got.body != test.want || (got.err != nil) != test.cut {
			t.Errorf("%s: %d %q %v, want %d %q (cut: %v)", test.name, got.status, got.body, got.err, test.status, test.want, test.cut)
		}
	}
}
