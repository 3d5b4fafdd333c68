package emulator_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/emulator"
)

// logBook collects lines and lets tests wait for one.
type logBook struct {
	mu      sync.Mutex
	lines   []emulator.Line
	changed chan struct{}
}

func newLogBook() *logBook { return &logBook{changed: make(chan struct{})} }

func (b *logBook) add(line emulator.Line) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, line)
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *logBook) find(source emulator.Source, text string) (emulator.Line, <-chan struct{}, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, line := range b.lines {
		if line.Source == source && strings.Contains(line.Text, text) {
			return line, nil, true
		}
	}
	return emulator.Line{}, b.changed, false
}

func (b *logBook) has(source emulator.Source, text string) bool {
	_, _, ok := b.find(source, text)
	return ok
}

func (b *logBook) count(source emulator.Source, text string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, line := range b.lines {
		if line.Source == source && strings.Contains(line.Text, text) {
			n++
		}
	}
	return n
}

// await blocks until the line is there, or the test's own time is over.
func (b *logBook) await(t *testing.T, source emulator.Source, text string) emulator.Line {
	t.Helper()
	for {
		line, changed, ok := b.find(source, text)
		if ok {
			return line
		}
		select {
		case <-changed:
		case <-t.Context().Done():
			t.Fatalf("no %s line with %q", source, text)
		case <-time.After(30 * time.Second): // a hang, not a measurement
			t.Fatalf("no %s line with %q; have %q", source, text, b.all())
		}
	}
}

func (b *logBook) all() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for _, line := range b.lines {
		all = append(all, string(line.Source)+": "+line.Text)
	}
	return all
}

// function describes a function that the test binary plays.
func function(t testing.TB, name string) emulator.Function {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return emulator.Function{
		Name:     "orders",
		Command:  []string{self},
		TaskRoot: t.TempDir(),
		Timeout:  30 * time.Second,
		Env:      map[string]string{"TEST_FUNCTION": name},
	}
}

// optWith makes an opt directory with extensions that the test binary plays.
func optWith(t *testing.T, extensions ...string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	opt := t.TempDir()
	if err := os.Mkdir(filepath.Join(opt, "extensions"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range extensions {
		if err := os.Symlink(self, filepath.Join(opt, "extensions", name)); err != nil {
			t.Fatal(err)
		}
	}
	return opt
}

// start runs the emulator for the length of the test.
func start(t *testing.T, opts emulator.Options) (*emulator.Lambda, *logBook) {
	t.Helper()
	book := newLogBook()
	opts.Logs = book.add
	l, err := emulator.Start(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
		if t.Failed() {
			t.Logf("log:\n%s", strings.Join(book.all(), "\n"))
		}
	})
	return l, book
}

func invoke(t *testing.T, l *emulator.Lambda, payload string) emulator.Result {
	t.Helper()
	result, err := l.Invoke(t.Context(), emulator.Request{Payload: []byte(payload)})
	if err != nil {
		t.Fatalf("Invoke(%.80s): %v", payload, err)
	}
	return result
}
