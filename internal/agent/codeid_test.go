package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/agent"
)

func TestA14CodeIDFollowsTheFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if id := agent.CodeID("$LATEST", "", dir); id != "" {
		t.Errorf("CodeID of an empty directory = %q, want none", id)
	}
	write("index.js", "one")
	first := agent.CodeID("$LATEST", "", dir)
	if !strings.HasPrefix(first, "files:") || first != agent.CodeID("$LATEST", "", dir) {
		t.Errorf("CodeID = %q, want the same files:… twice", first)
	}
	write("index.js", "other")
	if id := agent.CodeID("$LATEST", "", dir); id == first {
		t.Error("CodeID did not change with the code")
	}
}
