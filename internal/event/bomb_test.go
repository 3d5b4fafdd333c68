package event_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/event/eventtest"
)

// kinesisOf is an event of one record with this data.
func kinesisOf(data string) string {
	return `{"Records":[{"eventSource":"aws:kinesis","kinesis":{"data":"` + encode64(data) + `"}}]}`
}

// Twice the size costs at most twice the memory, with some room for slices that
// grow in steps, and what comes out is bounded by what went in and the limits.
func TestHostileEventsCostInProportion(t *testing.T) {
	lim := event.Limits{Bytes: 8 << 20, Nodes: 1 << 20, Decoded: 32 << 20, Nesting: 8, Depth: 500}
	for _, h := range eventtest.Hostile() {
		cost := func(n int) float64 {
			raw := []byte(h.Make(n))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			ev := event.Decode(raw, nil, lim)
			runtime.ReadMemStats(&after)
			total := 0
			for i := range ev.Leaves {
				total += len(ev.Leaves[i].Value)
			}
			if total > 10*n+1<<16 {
				t.Errorf("%s: %d bytes of leaves out of %d", h.Name, total, n)
			}
			return float64(after.TotalAlloc - before.TotalAlloc)
		}
		cost(100 << 10)
		if small, large := cost(200<<10), cost(400<<10); large > 2.7*small+1<<20 {
			t.Errorf("%s: %.1f MB for 200 KB, %.1f MB for 400 KB", h.Name, small/1e6, large/1e6)
		}
	}
}

func TestHostileEventsNameTheirLimit(t *testing.T) {
	t.Parallel()
	for _, h := range eventtest.Hostile() {
		ev := decode(h.Make(5 << 20))
		if got := strings.Join(ev.Limits, ","); got != h.Limit {
			t.Errorf("%s: limits %q, want %q", h.Name, got, h.Limit)
		}
		if n := len(ev.Leaves); n > event.DefaultLimits().Nodes*3/2 {
			t.Errorf("%s: %d leaves", h.Name, n)
		}
	}
}

func TestBombsNameTheirLimit(t *testing.T) {
	t.Parallel()
	bombs := append(eventtest.Bombs(),
		eventtest.HostileEvent{Name: "a zlib bomb in a record", Limit: "decoded", Make: func(n int) string { return kinesisOf(zlibbed(attack + strings.Repeat("0 ", n/2))) }},
		eventtest.HostileEvent{Name: "a bomb that is text at the start", Make: func(n int) string {
			return `["` + encode64(deflated(t, strings.Repeat("text ", 200)+strings.Repeat("\x01", n))) + `"]`
		}})
	for _, h := range bombs {
		raw := h.Make(40 << 20)
		ev := decode(raw)
		if got := strings.Join(ev.Limits, ","); got != h.Limit {
			t.Errorf("%s: limits %q, want %q", h.Name, got, h.Limit)
		}
		total := 0
		for i := range ev.Leaves {
			total += len(ev.Leaves[i].Value)
		}
		if most := 2*event.DefaultLimits().Decoded + 2*len(raw); total > most {
			t.Errorf("%s: %d bytes of leaves, want at most %d", h.Name, total, most)
		}
	}
}

// The worst events by what they cost per byte.
func BenchmarkDecodeHostile(b *testing.B) {
	for _, h := range eventtest.Hostile() {
		raw := []byte(h.Make(1 << 20))
		b.Run(strings.ReplaceAll(h.Name, " ", "-"), func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				event.Decode(raw, nil, event.DefaultLimits())
			}
		})
	}
}
