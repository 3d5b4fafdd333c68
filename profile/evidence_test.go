package profile

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// dump is all there is in evidence, in order.
func dump(e *Evidence) string {
	var b strings.Builder
	for _, env := range sortedKeys(e.Samples) {
		fmt.Fprintln(&b, env, e.Samples[env])
	}
	e.each(func(el Element, p *Proof) { fmt.Fprintln(&b, el.Place, el.Mark, *p) })
	return b.String()
}

type told struct {
	el Element
	p  Proof
}

// randomTold makes observations over few enough places that they meet, and over
// enough that some collapse.
func randomTold(r *rand.Rand, n int, sources uint64) []told {
	all := make([]told, n)
	for i := range all {
		at := Place{"function-url", "GET"}
		for range 1 + r.IntN(3) {
			at = append(at, fmt.Sprintf("/s%d", r.IntN(2+r.IntN(40))))
		}
		if r.IntN(2) == 0 {
			at = append(at, "#body")
			for range 1 + r.IntN(3) {
				at = append(at, fmt.Sprintf(".m%d", r.IntN(2+r.IntN(100))))
			}
		}
		mark := fmt.Sprintf("%c%d", aspectNames[r.IntN(8)], r.IntN(6))
		if r.IntN(4) == 0 {
			mark = fmt.Sprintf("c%d", r.IntN(50))
		}
		day := Day(r.IntN(9))
		all[i] = told{Element{at, mark}, Proof{First: day, Last: day, Days: []Day{day}, Sources: []uint64{1 + r.Uint64N(sources)}}}
	}
	return all
}

// TestEvidenceIsALattice: whatever the order, however often, and in whichever
// groups observations are joined, the result is the same.
func TestEvidenceIsALattice(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 7))
		all := randomTold(r, 3000, []uint64{40, 2000}[seed%2])
		whole := NewEvidence()
		for _, o := range all {
			whole.Add(o.el, o.p)
		}
		want := dump(whole)
		if !strings.Contains(want, "/*") || !strings.Contains(want, ".*") || !strings.Contains(want, "c*") {
			t.Fatal("nothing collapsed: the test has too few names")
		}
		parts := make([]*Evidence, 1+r.IntN(20))
		for i := range parts {
			parts[i] = NewEvidence()
		}
		for _, i := range append(r.Perm(len(all)), r.Perm(len(all))...) {
			parts[r.IntN(len(parts))].Add(all[i].el, all[i].p)
		}
		for len(parts) > 1 { // any grouping
			i := r.IntN(len(parts) - 1)
			parts[i].Merge(parts[i+1])
			if r.IntN(3) == 0 {
				parts[i].Merge(parts[i+1])
			}
			parts = append(parts[:i+1], parts[i+2:]...)
		}
		if got := dump(parts[0]); got != want {
			t.Fatalf("seed %d: another order gives other evidence:\n%s", seed, firstDifference(got, want))
		}
		parts[0].Merge(parts[0])
		if got := dump(parts[0]); got != want {
			t.Fatalf("seed %d: merging evidence with itself changes it:\n%s", seed, firstDifference(got, want))
		}
	}
}

func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range x {
		if i >= len(y) || x[i] != y[i] {
			return fmt.Sprintf("line %d: %s\n      and %s", i, x[i], strings.Join(y[min(i, len(y)):min(i+1, len(y))], ""))
		}
	}
	return fmt.Sprintf("%d and %d lines", len(x), len(y))
}

// TestEstimate checks the estimate of distinct sources against their number.
func TestEstimate(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 3, 15, 100, 5000} {
		var p Proof
		for i := range n {
			p.join(&Proof{Days: []Day{1}, Sources: []uint64{sourceOf(fmt.Sprintf("10.%d.%d.1", i/256, i%256))}})
		}
		if got := p.estimate(); got < 0.4*float64(n) || got > 2.5*float64(n) || n < maxSources && got != float64(n) {
			t.Errorf("%d sources are estimated at %.1f", n, got)
		}
	}
}

// TestSources: one customer is one source, however many addresses it has.
func TestSources(t *testing.T) {
	t.Parallel()
	same := [][2]string{{"192.0.2.1", "192.0.2.254"}, {"2001:db8:1::1", "2001:db8:1:ffff::2"}, {"::ffff:192.0.2.1", "192.0.2.7"}}
	for _, s := range same {
		if sourceOf(s[0]) != sourceOf(s[1]) || sourceOf(s[0]) == 0 {
			t.Errorf("%s and %s are two sources", s[0], s[1])
		}
	}
	if sourceOf("192.0.2.1") == sourceOf("192.0.3.1") || sourceOf("2001:db8:1::1") == sourceOf("2001:db8:2::1") {
		t.Error("two networks are one source")
	}
	if sourceOf("nonsense") != 0 || sourceOf("") != 0 {
		t.Error("what is no address is a source")
	}
}

// TestEvidenceFile: what is written is read as it was, and what is no evidence
// is refused with its line.
func TestEvidenceFile(t *testing.T) {
	t.Parallel()
	e := NewEvidence()
	for _, o := range randomTold(rand.New(rand.NewPCG(9, 9)), 2000, 40) {
		e.Add(o.el, o.p)
	}
	e.Count("a", 7)
	e.Count("b", 9)
	var out strings.Builder
	if err := (&EvidenceFile{"orders", "version:7", e}).Write(&out); err != nil {
		t.Fatal(err)
	}
	f, err := ReadEvidence(strings.NewReader(out.String()))
	if err != nil {
		t.Fatal(err)
	}
	if f.Function != "orders" || f.Code != "version:7" || dump(f.Evidence) != dump(e) {
		t.Errorf("evidence of %s, %s changes in a file: %s", f.Function, f.Code, firstDifference(dump(f.Evidence), dump(e)))
	}
	lines := strings.SplitAfter(out.String(), "\n")
	for _, tt := range []struct{ text, want string }{
		{"", "empty"},
		{"{}\n", "line 1: schema"},
		{lines[0] + "{\n", "line 2"},
		{lines[0] + `{"p":["sqs"],"m":"Z9"}` + "\n", `line 2: mark "Z9"`},
		{lines[0] + `{"p":["sqs"],"m":"T0","sources":["x"]}` + "\n", `line 2: source "x"`},
		{lines[0] + `{"p":["sqs"],"m":"T0","more":1}` + "\n", "line 2"},
	} {
		if _, err := ReadEvidence(strings.NewReader(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: error %v, want %q", tt.text, err, tt.want)
		}
	}
}

func FuzzReadEvidence(f *testing.F) {
	f.Add(`{"schema":"merlon.evidence/1","function":"f"}` + "\n" + `{"env":"a","samples":3}` + "\n" + `{"p":["sqs",".a"],"m":"T0","first":1,"last":2,"days":[1,2],"sources":["0000000000000001"]}` + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ReadEvidence(strings.NewReader(text))
		if err != nil {
			return
		}
		var out strings.Builder
		if err := e.Write(&out); err != nil {
			t.Fatal(err)
		}
		again, err := ReadEvidence(strings.NewReader(out.String()))
		if err != nil || dump(again.Evidence) != dump(e.Evidence) {
			t.Fatalf("evidence changes in a file: %v", err)
		}
		d, _ := e.Evidence.Build(Options{Settled: Settled{}})
		if _, err := Parse(d.Canonical()); err != nil && !strings.Contains(err.Error(), "is no trigger") && !strings.Contains(err.Error(), ".route:") {
			t.Fatalf("a profile of it is refused: %v\n%s", err, d.Canonical())
		}
	})
}

// TestFewSendersCollapseNothing: a sender who makes up names cannot have all names
// taken for normal; as many senders as there are names can.
func TestFewSendersCollapseNothing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		senders  uint64
		collapse bool
	}{{1, false}, {8, false}, {400, true}} {
		r := rand.New(rand.NewPCG(tt.senders, 1))
		e := NewEvidence()
		add := func(source uint64, mark string, at ...string) {
			e.Add(Element{append(Place{"function-url", "POST"}, at...), mark}, Proof{First: 1, Last: 1, Days: []Day{1}, Sources: []uint64{source}})
		}
		for i := range 6000 { // everybody's
			add(1000+uint64(i%50), "T0", "/orders", "#body", fmt.Sprintf(".field%d", i%12))
			add(1000+uint64(i%50), ".", fmt.Sprintf("/route%d", i%12))
			add(1000+uint64(i%50), "capplication/json", "/orders", "#body")
		}
		for i := range 3000 {
			source := 1 + r.Uint64N(tt.senders)
			add(source, "T0", "/orders", "#body", fmt.Sprintf(".x%d", i))
			add(source, ".", fmt.Sprintf("/x%d", i))
			add(source, fmt.Sprintf("ctext/x%d", i), "/orders", "#body")
		}
		text := dump(e)
		for _, any := range []string{"POST /*]", ".*]", " c* "} {
			if strings.Contains(text, any) != tt.collapse {
				t.Errorf("%d senders of names: %q is there: %v, want %v", tt.senders, any, !tt.collapse, tt.collapse)
			}
		}
	}
}
