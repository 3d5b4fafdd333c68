package screen_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/merlon-security/merlon/policy/screen"
)

var (
	cases = flag.Int("merlon.cases", 2000, "made-up transactions of the differential test")
	seed  = flag.Uint64("merlon.seed", 1, "seed of the differential test")
)

// judge compares the screen at every level with stock Coraza.
type judge struct {
	programs [5]*screen.Program
	scratch  [5]*screen.Scratch
	classes  map[int]screen.Class

	events, clean, hits, narrowed, flips int
	exercised                            map[int]bool
}

func newJudge(t testing.TB) *judge {
	j := &judge{exercised: map[int]bool{}}
	for level := 1; level <= 4; level++ {
		j.programs[level] = compileCRS(t, level)
		j.scratch[level] = j.programs[level].NewScratch()
	}
	j.classes = j.programs[4].Classes()
	return j
}

// check runs one transaction through all engines.
func (j *judge) check(t *testing.T, in *screen.Input) {
	t.Helper()
	without := headless(j.programs[4], in)
	stock := runStock(t, in, without)
	for level := 1; level <= 4; level++ {
		got := j.programs[level].Scan(j.scratch[level], in)
		want := findings(stock, j.classes, level)
		j.events++
		if got.Clean {
			j.clean++
		}
		j.hits += len(got.Hits)
		for _, id := range want {
			if !slices.ContainsFunc(got.Hits, func(h screen.Hit) bool { return h.RuleID == id }) {
				t.Errorf("level %d: stock matches %d, Scan does not say so: %+v", level, id, in)
			}
			j.exercised[id] = true
		}
		if got.Clean && len(want) > 0 || got.Always {
			t.Errorf("level %d: Scan = %+v, stock %v: %+v", level, got, want, in)
		}
	}
	j.narrow(t, in, stock, without)
}

// headless is what to leave out of a transaction without a head: the rules about heads.
func headless(p *screen.Program, in *screen.Input) (without [][2]int) {
	if in.HasHead {
		return nil
	}
	for _, id := range p.HeadRules() {
		without = append(without, [2]int{id, id})
	}
	return without
}

// part is a transaction without the arguments that the screen finds of no account.
func part(in *screen.Input, r screen.Result) *screen.Input {
	if r.All {
		return in
	}
	less := *in
	less.Args = nil
	for _, i := range r.Args {
		less.Args = append(less.Args, in.Args[i])
	}
	return &less
}

// narrow checks that Coraza finds the same, in the same order, without the
// rules that cannot match and without the arguments that they do not match.
func (j *judge) narrow(t *testing.T, in *screen.Input, stock []matched, without [][2]int) {
	t.Helper()
	p := j.programs[4]
	got := p.Scan(j.scratch[4], in)
	if got.Clean {
		return
	}
	j.narrowed++
	ranges := p.Narrow(nil, in, got)
	less := part(in, got)
	narrow := runStock(t, less, ranges)
	if slices.Equal(narrow, stock) {
		return
	}
	// Coraza keeps elements in maps and caches transformed values by the address
	// of a name and its place: some rules flip with the order, and how often
	// depends on which rules ran before. The usual outcome must be one of stock's.
	usual, outcomes := map[string]int{}, map[string]bool{fmt.Sprint(stock): true}
	for range 64 { // enough for three rules that flip by themselves
		j.flips++
		usual[fmt.Sprint(runStock(t, less, ranges))]++
		outcomes[fmt.Sprint(runStock(t, in, without))] = true
	}
	most := ""
	for o, n := range usual {
		if n > usual[most] {
			most = o
		}
	}
	if !outcomes[most] {
		t.Errorf("narrowed %v, stock %v: %+v", only(narrow, stock), only(stock, narrow), in)
	}
}

func (j *judge) report(t *testing.T) {
	t.Logf("%d scans: %d clean, %d hits; %d narrowed, %d repetitions for order; %d rules matched at least once",
		j.events, j.clean, j.hits, j.narrowed, j.flips, len(j.exercised))
}

// TestDifferentialRegression runs the Core Rule Set's own requests.
func TestDifferentialRegression(t *testing.T) {
	j := newJudge(t)
	all := regression()
	if len(all) < 4000 {
		t.Fatalf("%d requests, want at least 4000", len(all))
	}
	for _, in := range append(all, vectors()...) {
		if j.check(t, in); t.Failed() {
			break
		}
	}
	j.report(t)
	silent := []int{}
	for id, class := range j.classes {
		if (class == screen.Value || class == screen.Head) && !j.exercised[id] {
			silent = append(silent, id)
		}
	}
	slices.Sort(silent)
	t.Logf("never matched: %v", silent)
	if len(silent) > 0 {
		t.Errorf("%d rules were never matched: the comparison shows nothing about them", len(silent))
	}
}

// TestDifferentialMillion runs made-up transactions, as many as -merlon.cases says.
func TestDifferentialMillion(t *testing.T) {
	j := newJudge(t)
	w := writer{rand.New(rand.NewPCG(*seed, 99))}
	for range *cases {
		j.check(t, w.transaction())
		if t.Failed() {
			break
		}
	}
	j.report(t)
	if j.clean == 0 || j.narrowed == 0 {
		t.Error("no clean or no suspicious transaction: the comparison shows nothing")
	}
}

// only lists the rules of a that b has not.
func only(a, b []matched) (out []matched) {
	for _, m := range a {
		if !slices.Contains(b, m) {
			out = append(out, m)
		}
	}
	return out
}
