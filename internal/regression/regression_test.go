// Package regression_test runs the Core Rule Set's own regression tests against
// a function behind Merlon: go-ftw sends each request to an HTTP front of the
// emulator, the front makes an event of it, the relay hands the event to the
// guard and then to the function, and the rules tell on the way what matched.
//
// What is tested is that the rules see through an event what they see in front
// of a web server, so the rule set is the unmodified one (MERLON_RULES=crs-only).
// The function replies as the tests ask it to, and its replies are looked at too.
package regression_test

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	schema "github.com/coreruleset/ftw-tests-schema/v2/types"
	ftwconfig "github.com/coreruleset/go-ftw/v2/config"
	"github.com/coreruleset/go-ftw/v2/output"
	"github.com/coreruleset/go-ftw/v2/runner"
	"github.com/coreruleset/go-ftw/v2/test"
	"github.com/rs/zerolog"

	"github.com/merlon-security/merlon/internal/emulator"
)

var full = flag.Bool("merlon.full", false, "run all of the Core Rule Set's tests, not one in 200")

// What the pinned rule set has. The floors below mean
// nothing without them.
const (
	wantTests   = 4674
	wantIgnored = 7
	wantAlerts  = 3658 // requests alone, for which a rule has to match
)

// fronts are the ways to the function, with the least number of tests that pass
// and of alerts that are refused.
var fronts = []struct {
	name          string
	front         emulator.Front
	pass, refused int
}{
	{"function-url", emulator.Front{Kind: emulator.FunctionURL}, 4657, 3649},
	{"http-api", emulator.Front{Kind: emulator.HTTPAPI}, 4657, 3649},
	{"rest-api", emulator.Front{Kind: emulator.RESTAPI}, 4650, 3649},
	{"alb", emulator.Front{Kind: emulator.ALB}, 4660, 3652},
	{"alb-multi", emulator.Front{Kind: emulator.ALB, MultiValue: true}, 4663, 3654},
}

// TestCoreRuleSet reads after each request in the log which rules matched.
func TestCoreRuleSet(t *testing.T) {
	t.Parallel()
	s := readSuite(t)
	if len(s.all) != wantTests || len(s.ignored) != wantIgnored {
		t.Fatalf("%d tests, %d ignored; want %d, %d", len(s.all), len(s.ignored), wantTests, wantIgnored)
	}
	st := newStack(t, "MERLON_RULES=crs-only", "MERLON_PARANOIA=4", "MERLON_MODE=monitor")
	for _, f := range fronts {
		t.Run(f.name, func(t *testing.T) { // one after the other: go-ftw reads logs through a package variable
			named := s.failing[f.name]
			files := s.sample(named, func(*schema.Test) bool { return true })
			cfg := ftwconfig.NewDefaultConfig()
			cfg.LogFile = st.logged.Name()
			judge(t, s, send(t, st, f.front, cfg, files), named, wantTests-wantIgnored, f.pass)
		})
	}
}

// TestCoreRuleSetRefuses looks at replies only: a request that a rule has to
// match is refused where everything that scores 3 is.
func TestCoreRuleSetRefuses(t *testing.T) {
	t.Parallel()
	s := readSuite(t)
	// A limit would refuse as well. Here only rules may.
	st := newStack(t, "MERLON_RULES=crs-only", "MERLON_PARANOIA=4", "MERLON_MODE=block", "MERLON_THRESHOLD=3", "MERLON_ON_LIMIT=pass")
	for _, f := range fronts {
		t.Run(f.name, func(t *testing.T) {
			named := s.delivered[f.name]
			files := s.sample(named, s.alerts)
			for _, file := range files {
				for i := range file.Tests {
					// In cloud mode go-ftw passes whatever names no status.
					file.Tests[i].Stages[0].Output = schema.Output{Status: 403}
				}
			}
			judge(t, s, send(t, st, f.front, ftwconfig.NewCloudConfig(), files), named, wantAlerts, f.refused)
		})
	}
}

// alerts reports whether a test is one request that a rule has to match, and not
// the reply to it.
func (s *suite) alerts(c *schema.Test) bool {
	return c.RuleId/10000 != 95 && len(c.Stages) == 1 && len(c.Stages[0].Output.Log.ExpectIds) > 0 && !slices.Contains(s.changed, c.IdString())
}

// send runs tests through a front.
func send(t *testing.T, st *stack, front emulator.Front, cfg *ftwconfig.FTWConfiguration, files []*test.FTWTest) *runner.RunStats {
	t.Helper()
	zerolog.SetGlobalLevel(zerolog.Disabled)
	host, port := st.front(t, front)
	cfg.TestOverride.Overrides.DestAddr, cfg.TestOverride.Overrides.Port = &host, &port
	running := ftwconfig.NewRunnerConfiguration(cfg)
	running.ConnectTimeout, running.ReadTimeout = time.Minute, time.Minute // its second is short on a busy machine
	ctx, err := runner.Run(running, files, output.NewOutput("quiet", io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	if err := st.records.faults(); err != nil {
		t.Error(err)
	}
	return ctx.Stats
}

// judge compares a run with the failures that are named for it. One that is
// named and does not happen is as wrong as one that is not named.
func judge(t *testing.T, s *suite, stats *runner.RunStats, named []string, want, floor int) {
	t.Helper()
	t.Logf("%s: run %d, pass %d, fail %d", t.Name(), stats.Run, len(stats.Success), len(stats.Failed))
	for _, id := range stats.Failed {
		if !slices.Contains(named, id) {
			t.Errorf("%s fails and is not named in expectations.yaml\n%smatched: %v", id, describe(s.all[id]), stats.TriggeredRules[id])
		}
	}
	for _, id := range named {
		if !slices.Contains(stats.Failed, id) {
			t.Errorf("%s is named in expectations.yaml and does not fail", id)
		}
	}
	passed := len(stats.Success)
	switch {
	case stats.Run != passed+len(stats.Failed):
		t.Errorf("of %d tests %d passed and %d failed: the others say nothing", stats.Run, passed, len(stats.Failed))
	case *full && (stats.Run != want || passed < floor):
		t.Errorf("run %d, pass %d; want %d, at least %d", stats.Run, passed, want, floor)
	case !*full && passed < want/250:
		t.Errorf("pass %d in the sample, want at least %d", passed, want/250)
	}
}

// TestDocumentedFigures holds the table in docs/DETECTION.md against the floors.
func TestDocumentedFigures(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/DETECTION.md")
	if err != nil {
		t.Fatal(err)
	}
	thousands := func(n int) string { return fmt.Sprintf("%d,%03d", n/1000, n%1000) }
	for _, f := range fronts {
		sent := wantTests - wantIgnored
		row := fmt.Sprintf("| %s | %s | %d | %d | %s |", thousands(sent), thousands(f.pass), sent-f.pass, wantIgnored, thousands(f.refused))
		if !strings.Contains(string(doc), row) {
			t.Errorf("docs/DETECTION.md has no row %q for %s", row, f.name)
		}
	}
}
