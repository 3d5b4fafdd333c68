package screen_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/merlon-security/merlon/policy/screen"
)

// TestArgumentsOfNoAccount checks that Coraza finds the same without the
// arguments that the screen leaves out, as often for each rule. It looks at paranoia level
// 2: at higher ones counters of argument names mostly want all of them.
func TestArgumentsOfNoAccount(t *testing.T) {
	const level = 2
	w := writer{rand.New(rand.NewPCG(*seed, 41))}
	p := compileCRS(t, level)
	s, classes := p.NewScratch(), p.Classes()
	counted := func(in *screen.Input, without [][2]int) (out []matched) {
		for _, m := range runStock(t, in, without) {
			if class := classes[m.id]; class == screen.Value || class == screen.Head {
				out = append(out, m)
			}
		}
		return out
	}
	compared, dropped, found := 0, 0, map[int]bool{}
	for range *cases / 4 {
		in := w.several()
		r := p.Scan(s, in)
		less := part(in, r)
		if r.Clean || len(less.Args) == len(in.Args) {
			continue
		}
		ranges, without := p.Narrow(nil, in, r), headless(p, in)
		got, want := counted(less, ranges), counted(in, without)
		for range 16 { // some rules flip with the order of a map
			if slices.Equal(got, want) {
				break
			}
			got, want = counted(less, ranges), counted(in, without)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("with arguments %v of %d alone %v, with all %v: %+v", r.Args, len(in.Args), only(got, want), only(want, got), in)
		}
		compared++
		dropped += len(in.Args) - len(less.Args)
		for _, m := range want {
			found[m.id] = true
		}
	}
	t.Logf("%d transactions compared, %d arguments dropped, %d rules matched", compared, dropped, len(found))
	if compared < *cases/20 || len(found) < 40 {
		t.Error("the comparison shows nothing")
	}
}

// several is a transaction of some arguments, one or two of them suspicious.
func (w writer) several() *screen.Input {
	in := browser()
	if w.IntN(3) == 0 {
		in = &screen.Input{}
	}
	names := []string{"name", "note", "id", "a[b][c]", "items", "items", "q"}
	for range 2 + w.IntN(8) {
		value := pick(w, []string{"hello", "John Smith", "a@example.org", "2026-01-02T03:04:05Z", "42", "", "Größe", "true", "USB-C cable 2 m"})
		in.Args = append(in.Args, screen.Arg{Name: pick(w, names), Value: value, Origin: screen.Origin(w.IntN(3))})
	}
	for range 1 + w.IntN(2) {
		if a := &in.Args[w.IntN(len(in.Args))]; w.IntN(9) == 0 {
			a.Name = w.value()
		} else {
			a.Value = w.value()
		}
	}
	return in
}
