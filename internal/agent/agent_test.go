package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/agent"
	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/verdict"
)

func load(t *testing.T, file string, environ ...string) (mode verdict.Mode, threshold, paranoia int, closed bool, err error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.yaml")
	if werr := os.WriteFile(path, []byte(file), 0o644); werr != nil {
		t.Fatal(werr)
	}
	cfg, faults := config.Parse(append(environ, "MERLON_POLICY="+path))
	if ferr := faults.Err(); ferr != nil {
		t.Fatal(ferr)
	}
	p, err := agent.LoadPolicy(&cfg)
	return p.Mode, p.Threshold, cfg.Paranoia, p.FailClosed, err
}

const head = "apiVersion: merlon.dev/v1\nkind: Policy\n"

func TestEnvironmentGoesBeforeTheFile(t *testing.T) {
	mode, threshold, paranoia, closed, err := load(t, head+"mode: block\nthreshold: 9\nparanoia: 3\nonFault: closed\n")
	if mode != verdict.Block || threshold != 9 || paranoia != 3 || !closed || err != nil {
		t.Errorf("the file alone: %v %d %d %v %v", mode, threshold, paranoia, closed, err)
	}
	mode, threshold, paranoia, closed, err = load(t, head+"mode: block\nthreshold: 9\nparanoia: 3\nonFault: closed\n",
		"MERLON_MODE=monitor", "MERLON_THRESHOLD=7", "MERLON_PARANOIA=2", "MERLON_ON_FAULT=open")
	if mode != verdict.Monitor || threshold != 7 || paranoia != 2 || closed || err != nil {
		t.Errorf("with the environment: %v %d %d %v %v", mode, threshold, paranoia, closed, err)
	}
}

// TestBrokenFileKeepsItsMode checks that a fault in one part of a policy file
// does not disarm the function.
func TestBrokenFileKeepsItsMode(t *testing.T) {
	for _, broken := range []string{
		"exceptions:\n  - {rule: nonsense, reason: x}\n", "threshhold: 3\n", "exceptions: [\n",
	} {
		mode, threshold, _, closed, err := load(t, head+"mode: block # since May\nonFault: \"closed\"\n"+broken)
		if err == nil || !strings.Contains(err.Error(), "policy.yaml") {
			t.Errorf("%q: error %v, want one that names the file", broken, err)
		}
		if mode != verdict.Block || !closed || threshold != 5 {
			t.Errorf("%q: mode %v, closed %v, threshold %d; want block, true and the default 5", broken, mode, closed, threshold)
		}
	}
}
