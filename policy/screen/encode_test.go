package screen_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/merlon-security/merlon/policy/screen"
)

// reload writes a program and reads it again.
func reload(t testing.TB, p *screen.Program) (*screen.Program, []byte) {
	t.Helper()
	data, err := p.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	q, err := screen.Load(data)
	if err != nil {
		t.Fatal(err)
	}
	return q, data
}

func TestLoadedProgramScansTheSame(t *testing.T) {
	for level := 1; level <= 4; level++ {
		p := compileCRS(t, level)
		q, data := reload(t, p)
		again, err := q.MarshalBinary()
		if err != nil || !slices.Equal(again, data) {
			t.Errorf("level %d: a loaded program writes another form", level)
		}
		if !reflect.DeepEqual(p.Classes(), q.Classes()) || !slices.Equal(p.HeadRules(), q.HeadRules()) || p.Paranoia() != q.Paranoia() {
			t.Errorf("level %d: classes, head rules or level differ after loading", level)
		}
		a, b := p.NewScratch(), q.NewScratch()
		w := writer{rand.New(rand.NewPCG(3, uint64(level)))}
		for range 500 {
			in := w.transaction()
			x, y := p.Scan(a, in), q.Scan(b, in)
			if x.Clean != y.Clean || !slices.Equal(x.Hits, y.Hits) || !slices.Equal(p.Narrow(nil, in, x), q.Narrow(nil, in, y)) {
				t.Fatalf("level %d: loaded program says %+v, compiled %+v: %+v", level, y, x, in)
			}
		}
	}
}

func TestLoadRefusesDamage(t *testing.T) {
	_, data := reload(t, compileCRS(t, 1))
	t.Logf("%d bytes", len(data))
	for _, n := range []int{0, 5, 19, 20, 100, len(data) / 2, len(data) - 1} {
		if _, err := screen.Load(data[:n]); err == nil {
			t.Errorf("Load of the first %d bytes succeeded", n)
		}
	}
	for i := 0; i < len(data); i += len(data)/300 + 1 {
		bad := slices.Clone(data)
		bad[i] ^= 0x41
		if _, err := screen.Load(bad); err == nil {
			t.Errorf("Load with byte %d changed succeeded", i)
		}
	}
}

func TestConcurrentScans(t *testing.T) {
	p := compileCRS(t, 2)
	w := writer{rand.New(rand.NewPCG(5, 5))}
	var (
		inputs []*screen.Input
		want   [][]screen.Hit
	)
	s := p.NewScratch()
	for range 200 {
		in := w.transaction()
		inputs = append(inputs, in)
		want = append(want, slices.Clone(p.Scan(s, in).Hits))
	}
	fresh, _ := reload(t, p) // with automata still to make
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s := fresh.NewScratch()
			for i, in := range inputs {
				if got := fresh.Scan(s, in); !slices.Equal(got.Hits, want[i]) {
					t.Errorf("concurrent Scan = %+v, want %+v", got.Hits, want[i])
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestBenignScansDoNotAllocate(t *testing.T) {
	p := compileCRS(t, 1)
	s := p.NewScratch()
	for _, row := range benchInputs[:2] {
		for range 3 {
			p.Scan(s, row.in)
		}
		if n := testing.AllocsPerRun(20, func() { p.Scan(s, row.in) }); n > 0 {
			t.Errorf("Scan(%s) allocates %v times", row.name, n)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, level := range []int{1, 4} {
		_, data := reload(b, compileCRS(b, level))
		b.Run(string(rune('0'+level)), func(b *testing.B) {
			b.ReportAllocs()
			before := processorTime()
			for b.Loop() {
				if _, err := screen.Load(data); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(processorTime()-before)/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(len(data)), "file-bytes")
		})
	}
}
