package emulator_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/merlon-security/merlon/internal/emulator"
)

// A caller that leaves does not disturb the function: its answer is taken and
// thrown away, and the next invocation finds the same environment.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	for _, streaming := range []bool{false, true} {
		l, c := external(t, emulator.Options{})
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		req := emulator.Request{Payload: []byte("{}")}
		var stream collector
		if streaming {
			req = stream.request("{}")
		}
		go func() {
			_, err := l.Invoke(ctx, req)
			left <- err
		}()
		id := c.next().header.Get("Lambda-Runtime-Aws-Request-Id")
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("streaming %v: Invoke = %v, want context.Canceled", streaming, err)
		}
		w, answered := c.respond(id, "text/plain")
		for range 100 {
			if _, err := io.WriteString(w, "a line that nobody reads any more\n"); err != nil {
				t.Fatal(err)
			}
		}
		w.Close()
		if status := <-answered; status != http.StatusAccepted {
			t.Errorf("streaming %v: the runtime was answered %d, want 202", streaming, status)
		}
		p := invokeBeside(t, l, emulator.Request{Payload: []byte("{}")})
		id = c.next().header.Get("Lambda-Runtime-Aws-Request-Id")
		c.expect("response", c.post("/invocation/"+id+"/response", `"next"`), 202, "OK")
		if result := p.wait(t); string(result.Payload) != `"next"` {
			t.Errorf("streaming %v: next Invoke = %s %s", streaming, result.Status, result.Payload)
		}
	}
}

// What stands in line leaves it when its caller does.
func TestCallerLeavesTheLine(t *testing.T) {
	t.Parallel()
	l, c := external(t, emulator.Options{})
	p := invokeBeside(t, l, emulator.Request{Payload: []byte("{}")})
	id := c.next().header.Get("Lambda-Runtime-Aws-Request-Id")
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if _, err := l.Invoke(ctx, emulator.Request{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Invoke = %v, want context.Canceled", err)
	}
	c.expect("response", c.post("/invocation/"+id+"/response", `"first"`), 202, "OK")
	if result := p.wait(t); string(result.Payload) != `"first"` {
		t.Errorf("Invoke = %s %s", result.Status, result.Payload)
	}
}

// BenchmarkInvoke is the floor of every end-to-end measurement: aws-lambda-go
// in a process of its own, nothing in between.
func BenchmarkInvoke(b *testing.B) {
	l, err := emulator.Start(b.Context(), emulator.Options{Function: function(b, "echo")})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close(context.Background())
	if err := l.Warm(b.Context()); err != nil {
		b.Fatal(err)
	}
	req := emulator.Request{Payload: []byte(`{"do":"nothing"}`)}
	for b.Loop() {
		if _, err := l.Invoke(b.Context(), req); err != nil {
			b.Fatal(err)
		}
	}
}
