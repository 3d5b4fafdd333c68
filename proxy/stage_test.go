package proxy_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/proxy"
)

// A script plays a runtime and the service around a relay, step by step. Every
// step waits for what it names, and at the end nothing may be left over: no
// request upstream and no report that the script did not expect.
type script []step

type step func(*stage)

type stage struct {
	*testing.T
	relay   *proxy.Relay
	service *httptest.Server
	calls   chan *call
	pending []*call // arrived and not replied to, oldest first
	reports chan proxy.Event
	idles   chan time.Duration
	heard   chan string // what a reply's header said to Outcome.Response
	clients map[string]*client
	// An overrun of idle work is reported only where the script causes it: on a
	// machine that stops the process for that long, one happens anywhere.
	overruns bool
}

// A call is a request that arrived at the service and waits for its reply.
type call struct {
	r     *http.Request
	body  string
	reply chan func(http.ResponseWriter)
}

type client struct {
	cancel context.CancelFunc
	reply  chan reply
}

type reply struct {
	status int
	header http.Header
	body   string
	err    error
}

func (s script) play(t *testing.T, opts proxy.Options) {
	t.Helper()
	st := &stage{T: t, calls: make(chan *call, 256), reports: make(chan proxy.Event, 256),
		idles: make(chan time.Duration, 256), heard: make(chan string, 256), clients: map[string]*client{}}
	st.service = httptest.NewUnstartedServer(st)
	st.service.Config.MaxHeaderBytes = 16 << 20
	st.service.Start()
	t.Cleanup(st.service.Close)
	t.Cleanup(st.service.CloseClientConnections)
	opts.Upstream, opts.Observer = st.service.Listener.Addr().String(), st
	if opts.Inspector == nil {
		opts.Inspector = inspector{st}
	}
	_, st.overruns = opts.Inspector.(stuck)
	st.relay = startRelay(t, opts)
	for _, do := range s {
		do(st)
	}
	if n := len(st.pending); n != 0 {
		t.Errorf("%d requests were not replied to", n)
	}
	select {
	case c := <-st.calls:
		t.Errorf("unexpected request upstream: %s %s", c.r.Method, c.r.RequestURI)
	case e := <-st.reports:
		t.Errorf("unexpected report: %v %q %d %v", e.Kind, e.RequestID, e.Status, e.Err)
	case <-st.idles:
		t.Error("unexpected idle call")
	case said := <-st.heard:
		t.Errorf("Response heard %q", said)
	default:
	}
}

// ServeHTTP is the service: it hands every request to the script.
func (st *stage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c := &call{r: r, body: string(body), reply: make(chan func(http.ResponseWriter), 1)}
	st.calls <- c
	select {
	case write := <-c.reply:
		write(w)
	case <-r.Context().Done():
	}
}

func (st *stage) Observe(e proxy.Event) {
	if e.Kind != proxy.IdleOverrun || st.overruns {
		st.reports <- e
	}
}

// inspector judges an event by what it says.
type inspector struct{ st *stage }

func (i inspector) Inspect(_ context.Context, inv *proxy.Invocation) proxy.Outcome {
	switch string(inv.Body) {
	case "refuse":
		return proxy.Outcome{Answer: &proxy.Answer{Header: http.Header{"Content-Type": {"text/x"}}, Body: []byte("no")}}
	case "refuse as error":
		return proxy.Outcome{Answer: &proxy.Answer{Error: true, Body: []byte("no")}}
	case "shorten":
		return proxy.Outcome{Replace: []byte("short")}
	case "complete":
		return whole(func(reply []byte) ([]byte, *proxy.Answer) { return append(reply, " and more"...), nil })
	case "complete nothing":
		return whole(func([]byte) ([]byte, *proxy.Answer) { return nil, nil })
	case "complete and panic":
		return whole(func([]byte) ([]byte, *proxy.Answer) { panic("whole broke") })
	case "replace":
		return whole(func([]byte) ([]byte, *proxy.Answer) { return nil, withheld })
	case "replace by error":
		return whole(func([]byte) ([]byte, *proxy.Answer) {
			return nil, &proxy.Answer{Error: true, Header: http.Header{"X-Ours": {"yes"}}, Body: []byte("withheld")}
		})
	case "listen":
		return proxy.Outcome{Response: func(h proxy.ReplyHead) *proxy.ReplyFilter {
			i.st.heard <- fmt.Sprintf("%s %t %d", h.Header.Get("X-Said"), h.Failed, h.Length)
			return nil
		}}
	case "listen and panic":
		return proxy.Outcome{Response: func(proxy.ReplyHead) *proxy.ReplyFilter { panic("response broke") }}
	case "watch":
		return proxy.Outcome{Response: watch}
	case "guard":
		return proxy.Outcome{Response: func(h proxy.ReplyHead) *proxy.ReplyFilter { f := watch(h); f.Cuts = true; return f }}
	case "hold and guard":
		return proxy.Outcome{Response: func(h proxy.ReplyHead) *proxy.ReplyFilter { f := watch(h); f.Cuts, f.Hold = true, 8; return f }}
	case "panic":
		panic("inspector broke")
	}
	return proxy.Outcome{}
}

var withheld = &proxy.Answer{Header: http.Header{"X-Ours": {"yes"}}, Body: []byte("withheld")}

// whole holds replies back that are no errors, as long as the service takes them.
func whole(f func([]byte) ([]byte, *proxy.Answer)) proxy.Outcome {
	return proxy.Outcome{Response: func(h proxy.ReplyHead) *proxy.ReplyFilter {
		if h.Failed {
			return nil
		}
		return &proxy.ReplyFilter{Hold: 6<<20 + 100, Whole: f}
	}}
}

// watch cuts before a piece that has the word cut in it, or after a body that has
// the word late, and breaks at the word panic. It sees nothing across pieces.
func watch(proxy.ReplyHead) *proxy.ReplyFilter {
	cut := &proxy.Cut{Instead: withheld, ErrorType: "Function.Cut", ErrorBody: []byte("{}")}
	late := false
	return &proxy.ReplyFilter{
		Piece: func(p []byte) *proxy.Cut {
			late = late || bytes.Contains(p, []byte("late"))
			switch {
			case bytes.Contains(p, []byte("panic")):
				panic("piece broke")
			case bytes.Contains(p, []byte("cut")):
				return cut
			}
			return nil
		},
		End: func(_ http.Header, err error) *proxy.Cut {
			if err == nil && late {
				return cut
			}
			return nil
		},
	}
}

func (i inspector) Idle(_ context.Context, until time.Time) { i.st.idles <- time.Until(until) }

const runtimeAPI = "/2018-06-01/runtime/"

// --- the runtime's side

// polls sends a poll on a connection of its own.
func polls(name string) step { return sends(name, "GET", runtimeAPI+"invocation/next", "") }

// answers sends a reply for an invocation.
func answers(name, id, body string) step {
	return sends(name, "POST", runtimeAPI+"invocation/"+id+"/response", body)
}

// sends sends any request; header is a list of names and values.
func sends(name, method, path, body string, header ...string) step {
	return func(st *stage) {
		ctx, cancel := context.WithCancel(context.Background())
		st.Cleanup(cancel)
		req, err := http.NewRequestWithContext(ctx, method, "http://"+st.relay.Addr()+path, strings.NewReader(body))
		if err != nil {
			st.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			if header[i] == "Host" {
				req.Host = header[i+1]
			}
			req.Header.Add(header[i], header[i+1])
		}
		c := &client{cancel: cancel, reply: make(chan reply, 1)}
		st.clients[name] = c
		go func() { c.reply <- roundTrip(req) }()
	}
}

func roundTrip(req *http.Request) reply {
	transport := &http.Transport{DisableCompression: true, MaxResponseHeaderBytes: 16 << 20}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{status: resp.StatusCode, header: resp.Header, body: string(body), err: err}
}

// hangsUp closes a client's connection.
func hangsUp(name string) step { return func(st *stage) { st.clients[name].cancel() } }

// gets waits for a client's reply.
func gets(name string, status int, body string) step {
	return func(st *stage) {
		st.Helper()
		got := wait(st.T, st.clients[name].reply)
		if got.err != nil || got.status != status || got.body != body {
			st.Fatalf("%s got %d %.80q (%v), want %d %.80q", name, got.status, got.body, got.err, status, body)
		}
	}
}

// getsHeader waits for a client's reply and looks at one header of it.
func getsHeader(name string, status int, header string, want ...string) step {
	return func(st *stage) {
		st.Helper()
		got := wait(st.T, st.clients[name].reply)
		values := got.header.Values(header)
		if got.err != nil || got.status != status || fmt.Sprintf("%q", values) != fmt.Sprintf("%q", want) {
			st.Fatalf("%s got %d, %s: %q (%v), want %d, %q", name, got.status, header, values, got.err, status, want)
		}
	}
}

// getsCutOff waits for a client's connection to break.
func getsCutOff(name string) step {
	return func(st *stage) {
		st.Helper()
		if got := wait(st.T, st.clients[name].reply); got.err == nil {
			st.Fatalf("%s got %d %q, want a broken connection", name, got.status, got.body)
		}
	}
}

// --- the service's side

// arrives waits for the next request upstream.
func arrives(method, path string) step {
	return func(st *stage) {
		st.Helper()
		c := wait(st.T, st.calls)
		if c.r.Method != method || c.r.RequestURI != path {
			st.Fatalf("upstream got %s %s, want %s %s", c.r.Method, c.r.RequestURI, method, path)
		}
		st.pending = append(st.pending, c)
	}
}

func pollArrives() step { return arrives("GET", runtimeAPI+"invocation/next") }

// answerArrives waits for a reply for an invocation with this body.
func answerArrives(id, verb, body string) step {
	return func(st *stage) {
		st.Helper()
		arrives("POST", runtimeAPI+"invocation/"+id+"/"+verb)(st)
		if got := st.pending[len(st.pending)-1].body; got != body {
			st.Fatalf("reply for %s is %q, want %q", id, got, body)
		}
	}
}

// event replies to the oldest request with an invocation due in a minute.
func event(id, body string) step { return eventDue(id, body, time.Minute) }

func eventDue(id, body string, in time.Duration) step {
	return func(st *stage) {
		deadline := strconv.FormatInt(time.Now().Add(in).UnixMilli(), 10)
		says(http.StatusOK, body, "Content-Type", "application/json",
			"Lambda-Runtime-Aws-Request-Id", id, "Lambda-Runtime-Deadline-Ms", deadline)(st)
	}
}

// says replies to the oldest request.
func says(status int, body string, header ...string) step {
	return func(st *stage) {
		st.respond(func(w http.ResponseWriter) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Add(header[i], header[i+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		})
	}
}

func accepts() step { return says(http.StatusAccepted, `{"status":"OK"}`) }

// breaks closes the connection of the oldest request without a reply.
func breaks() step {
	return func(st *stage) {
		st.respond(func(http.ResponseWriter) { panic(http.ErrAbortHandler) })
	}
}

func (st *stage) respond(write func(http.ResponseWriter)) {
	st.pending[0].reply <- write
	st.pending = st.pending[1:]
}

// --- what the relay reports and does in between

func reports(kind proxy.Kind, id string) step { return reportsStatus(kind, id, 0) }

func reportsStatus(kind proxy.Kind, id string, status int) step {
	return func(st *stage) {
		st.Helper()
		if e := wait(st.T, st.reports); e.Kind != kind || e.RequestID != id || e.Status != status {
			st.Fatalf("reported %v %q %d (%v), want %v %q %d", e.Kind, e.RequestID, e.Status, e.Err, kind, id, status)
		}
	}
}

// hears waits for a call of Outcome.Response.
func hears(said string) step {
	return func(st *stage) {
		st.Helper()
		if got := wait(st.T, st.heard); got != said {
			st.Fatalf("Response heard %q, want %q", got, said)
		}
	}
}

// idles waits for a call of Idle with at most this much time.
func idles(atMost time.Duration) step {
	return func(st *stage) {
		st.Helper()
		if got := wait(st.T, st.idles); got > atMost {
			st.Fatalf("idle for %v, want at most %v", got, atMost)
		}
	}
}
