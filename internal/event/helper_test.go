package event_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/merlon-security/merlon/internal/event"
)

// awsSamples is the directory of sample events that AWS publishes with its Go
// runtime library, as the module cache holds it.
var awsSamples = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-lambda-go").Output()
	if err != nil {
		return "", fmt.Errorf("find aws-lambda-go: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "events", "testdata"), nil
})

// samples returns the published events by file name.
func samples(t testing.TB) map[string][]byte {
	t.Helper()
	dir, err := awsSamples()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) < 100 {
		t.Fatalf("%d sample events in %s (%v), want at least 100", len(files), dir, err)
	}
	out := map[string][]byte{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(f)] = data
	}
	return out
}

func decode(raw string) *event.Event { return event.Decode([]byte(raw), nil, event.DefaultLimits()) }

// leaves prints the leaves of an event, one a line: place path name=value.
func leaves(ev *event.Event) []string {
	var out []string
	for i := range ev.Leaves {
		l := &ev.Leaves[i]
		text := fmt.Sprintf("%s %s %s=%s", l.Place, ev.Path(l), l.Name, l.Value)
		if l.NameOnly {
			text = fmt.Sprintf("%s %s %s", l.Place, ev.Path(l), l.Name)
		}
		out = append(out, text)
	}
	return out
}

// wantLeaves fails the test for every leaf that an event does not have.
func wantLeaves(t *testing.T, ev *event.Event, want ...string) {
	t.Helper()
	have := map[string]bool{}
	for _, l := range leaves(ev) {
		have[l] = true
	}
	for _, w := range want {
		if !have[w] {
			t.Errorf("no leaf %q in\n  %s", w, strings.Join(leaves(ev), "\n  "))
		}
	}
}

func header(name, value string) http.Header { return http.Header{name: {value}} }
