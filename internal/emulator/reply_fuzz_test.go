package emulator

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// Whatever a function returns, the client gets one complete answer.
func FuzzReply(f *testing.F) {
	for _, seed := range []string{
		`{"statusCode":200,"headers":{"a":"b","c":1,"":null},"body":"x","cookies":["a=b"]}`,
		`{"statusCode":"404","multiValueHeaders":{"a":["b",2]},"isBase64Encoded":true,"body":"AA=="}`,
		`{"statusCode":1e3}`, `{"statusCode":{}}`, `"text"`, `null`, `[]`, ``, "\x00\xff",
		`{"statusCode":204,"headers":{"Content-Length":"9","X\r\nY":"a\r\nb"}}`,
	} {
		f.Add([]byte(seed))
	}
	l := &Lambda{opts: Options{Logs: func(Line) {}}.withDefaults(), logs: &logs{sink: func(Line) {}}}
	fronts := []Front{{}, {Kind: HTTPAPI}, {Kind: RESTAPI}, {Kind: ALB}, {Kind: ALB, MultiValue: true}}
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, front := range fronts {
			w := httptest.NewRecorder()
			(&frontHandler{lambda: l, Front: front}).reply(w, Result{Payload: payload})
			if w.Code < 200 || w.Code > 999 {
				t.Errorf("%s: %q gives status %d", front.Kind, payload, w.Code)
			}
		}
	})
}

// A prelude means the same wherever the chunks are cut.
func FuzzPrelude(f *testing.F) {
	f.Add([]byte("{\"statusCode\":201,\"headers\":{\"a\":\"b\"}}\x00\x00\x00\x00\x00\x00\x00\x00body"), uint8(3))
	f.Add([]byte("{}\x00\x00\x00\x00\x00\x00\x00\x00\x00"), uint8(1))
	f.Add([]byte("no prelude"), uint8(4))
	front := &frontHandler{}
	render := func(stream []byte, size int) (status int, body string, failed bool) {
		w := httptest.NewRecorder()
		reply := &streamReply{front: front, w: w}
		reply.begin(httpIntegration)
		for len(stream) > 0 {
			n := min(size, len(stream))
			if _, err := reply.Write(stream[:n]); err != nil {
				return 0, "", true
			}
			stream = stream[n:]
		}
		return w.Code, w.Body.String(), reply.prelude
	}
	f.Fuzz(func(t *testing.T, stream []byte, cut uint8) {
		status, body, failed := render(stream, len(stream)+1)
		gotStatus, gotBody, gotFailed := render(stream, int(cut)+1)
		if status != gotStatus || body != gotBody || failed != gotFailed {
			t.Errorf("%q in pieces of %d: %d %q %v, whole: %d %q %v", stream, cut+1, gotStatus, gotBody, gotFailed, status, body, failed)
		}
	})
}

// Lines are cut where CloudWatch would cut them, and nothing is lost.
func TestCollect(t *testing.T) {
	t.Parallel()
	var lines []string
	l := &logs{sink: func(line Line) { lines = append(lines, line.Text) }}
	long := strings.Repeat("x", 2*maxLine+5)
	l.collect(strings.NewReader("one\r\n\n"+long+"\nlast"), Line{}, func(Line) {})
	if lines[0] != "one" || lines[1] != "" || lines[len(lines)-1] != "last" {
		t.Errorf("lines = %.20q", lines)
	}
	if got := strings.Join(lines[2:len(lines)-1], ""); got != long || len(lines) < 6 {
		t.Errorf("the long line became %d lines of %d bytes, want %d bytes", len(lines)-3, len(got), len(long))
	}
	if tail := l.takeTail(); len(tail) != tailSize {
		t.Errorf("tail = %d bytes, want %d", len(tail), tailSize)
	}
}
