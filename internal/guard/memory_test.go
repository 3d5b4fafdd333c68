package guard_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/event/eventtest"
	"github.com/merlon-security/merlon/internal/guard"
	"github.com/merlon-security/merlon/internal/verdict"
)

// sized is a guard whose events share the memory of one that decodes to n bytes.
func sized(e guard.Engine, r *records, n int) *guard.Guard {
	g := blocking(e, r)
	g.Limits.Bytes, g.Limits.Decoded, g.Limits.Nodes = n, n, 2000
	g.Memory = guard.NewMemory(g.Limits)
	return g
}

func bomb(bytes int) string {
	return fmt.Sprintf(`{"Records":[{"eventSource":"aws:kinesis","kinesis":{"data":%q}}]}`,
		base64.StdEncoding.EncodeToString(eventtest.Gzip(strings.Repeat("a plain word ", bytes/13))))
}

// Events that decode to more than there is for all of them at once wait for each
// other; each is decoded whole in the end, and none runs into the others' limit.
func TestE4EventsShareOneMemory(t *testing.T) {
	t.Parallel()
	g := sized(clean, &records{}, 256<<10)
	raw := bomb(200 << 10)
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			j := g.Judge(t.Context(), []byte(raw), nil, time.Time{})
			if len(j.Event.Limits) > 0 || j.Verdict.Action != verdict.ActionAllow {
				t.Errorf("limits %v, %v", j.Event.Limits, j.Verdict.Action)
			}
		})
	}
	all.Wait()
	if !g.Memory.Whole() {
		t.Error("memory was not given back")
	}
}

// inside holds an inspection until it may go on.
type inside struct {
	entered chan struct{}
	leave   chan struct{}
}

func (i *inside) Inspect(context.Context, *event.Event) (verdict.Inspection, error) {
	i.entered <- struct{}{}
	<-i.leave
	return verdict.Inspection{}, nil
}

// An event that gets no memory in its time is not passed in silence: its verdict
// names the limit, and it is refused in its own form.
func TestE4NoMemoryIsALimit(t *testing.T) {
	t.Parallel()
	in := &inside{make(chan struct{}), make(chan struct{})}
	g := sized(in, &records{}, 256<<10)
	full := strings.Repeat("x", 600<<10) // more than there is: it takes everything
	first := make(chan guard.Judgement, 1)
	go func() { first <- g.Judge(t.Context(), []byte(full), nil, time.Time{}) }()
	<-in.entered
	second := make(chan guard.Judgement, 1)
	go func() {
		second <- g.Judge(t.Context(), []byte(`{"version":"2.0","rawPath":"/","requestContext":{"http":{"method":"GET"}},"headers":{}}`), nil, time.Now().Add(2*time.Second))
	}()
	<-in.entered // inspected as far as it was read
	close(in.leave)
	j := <-second
	if !slices.Contains(j.Event.Limits, "memory") || !j.Verdict.Action.Blocked() || j.Verdict.Reason != verdict.LimitReached {
		t.Errorf("limits %v, %v, %v; want a refusal for memory", j.Event.Limits, j.Verdict.Action, j.Verdict.Reason)
	}
	if !j.Event.Source.IsHTTP() {
		t.Errorf("refused as %s, want the form of its trigger", j.Event.Source)
	}
	<-first
	if !g.Memory.Whole() {
		t.Error("memory was not given back")
	}
}

// A fault of the engine gives memory back too.
func TestE4MemorySurvivesPanics(t *testing.T) {
	t.Parallel()
	g := sized(engineFunc(func() { panic("out of cheese") }), &records{}, 256<<10)
	for range 8 {
		g.Judge(t.Context(), []byte(bomb(200<<10)), nil, time.Time{})
	}
	if !g.Memory.Whole() {
		t.Error("memory was not given back")
	}
}

type engineFunc func()

func (f engineFunc) Inspect(context.Context, *event.Event) (verdict.Inspection, error) {
	f()
	return verdict.Inspection{}, nil
}
