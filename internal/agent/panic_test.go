package agent

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/guard"
)

func TestContained(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	if err := contained(func() error { return cause }); err != cause {
		t.Errorf("error %v, want the work's own", err)
	}
	if err := contained(func() error { return nil }); err != nil {
		t.Errorf("error %v of work that has none", err)
	}
	err := contained(func() error { panic("planted") })
	if err == nil || !strings.HasPrefix(err.Error(), "bug: ") || strings.Contains(err.Error(), "planted") {
		t.Errorf("error %v, want a bug that is not quoted", err)
	}
}

// An engine that panics while it comes up is one that did not come up.
func TestEngineThatPanics(t *testing.T) {
	t.Parallel()
	var e engine // nothing was made
	if err := e.warm(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "bug: ") {
		t.Fatalf("error %v, want a bug", err)
	}
	if _, err := e.Inspect(t.Context(), nil); err == nil {
		t.Error("an event is inspected by an engine that is none")
	}
	look := e.InspectResponse(t.Context(), nil, guard.ResponseHead{})
	if look == nil {
		t.Fatal("a response passes an engine that is none")
	}
	if _, err := look.Write(nil); err == nil {
		t.Error("a response is inspected by an engine that is none")
	}
}

// said tells of the first line.
type said struct {
	strings.Builder
	first chan struct{}
}

func (s *said) Write(p []byte) (int, error) {
	if s.Len() == 0 {
		defer close(s.first)
	}
	return s.Builder.Write(p)
}

// A fault in the extension's poll must not end the environment.
func TestPollThatPanics(t *testing.T) {
	t.Parallel()
	out := &said{first: make(chan struct{})}
	x := newExtension(nil, out) // its client of Lambda is nil
	ctx, cancel := context.WithCancel(t.Context())
	writing := make(chan struct{})
	go func() {
		defer close(writing)
		x.reporter.Run(ctx)
	}()
	ended := make(chan error, 1)
	go func() { ended <- x.untilShutdown(ctx) }()
	select {
	case err := <-ended:
		t.Fatalf("the extension ends: %v", err)
	case <-out.first:
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the extension ends with %v, want no error", err)
	}
	<-writing
	if n := strings.Count(out.String(), "SHUTDOWN will not be noticed"); n != 1 {
		t.Errorf("%d lines about the poll, want one:\n%s", n, out.String())
	}
}
