package event_test

import (
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/event"
)

// kinesisOf is an event of one record with this data.
func kinesisOf(data string) string {
	return `{"Records":[{"eventSource":"aws:kinesis","kinesis":{"data":"` + encode64(data) + `"}}]}`
}

// hostile makes events of about n bytes that cost a careless decoder more than
// their size, by what they are; limit is the one that they run into at five
// megabytes, if any.
var hostile = []struct {
	name, limit string
	make        func(t testing.TB, n int) string
}{
	{"base64 of JSON", "", func(t testing.TB, n int) string { return kinesisOf(`{"a":"` + strings.Repeat("b ", n*3/8) + `"}`) }},
	{"base64 of pictures", "", func(t testing.TB, n int) string {
		return `["` + encode64(strings.Repeat("\xff\xd8\x00\x01\x9c", n*3/20)) + `"]`
	}},
	{"many short base64 texts", "leaves", func(t testing.TB, n int) string {
		return `[` + strings.Repeat(`"`+encode64("some words here")+`",`, n/23) + `1]`
	}},
	{"base64 that could be deflate", "", func(t testing.TB, n int) string {
		return `[` + strings.Repeat(`"`+encode64("\x05\xff\xd8\x00\x01\x9c\x33\x21\x05\xff\xd8\x00\x01\x9c\x33\x21\x05\xff")+`",`, n/27) + `1]`
	}},
	{"percent signs", "", func(t testing.TB, n int) string { return `["` + strings.Repeat("%252525", n/7) + `"]` }},
	{"percent signs in many strings", "leaves", func(t testing.TB, n int) string { return `[` + strings.Repeat(`"%25",`, n/6) + `1]` }},
	{"XML", "leaves", func(t testing.TB, n int) string { return `["<a>` + strings.Repeat("<b>x</b>", n/8) + `</a>"]` }},
	{"deep XML", "", func(t testing.TB, n int) string {
		return `["` + strings.Repeat("<b>", n/7) + "x" + strings.Repeat("</b>", n/7) + `"]`
	}},
	{"unfinished XML", "", func(t testing.TB, n int) string { return `["` + strings.Repeat("<b c='", n/6) + `>"]` }},
	{"XML in XML", "nesting", func(t testing.TB, n int) string {
		s := strings.Repeat("x", n/4)
		for range 12 {
			s = "<a>" + strings.NewReplacer("&", "&amp;", "<", "&lt;").Replace(s) + "</a>"
		}
		return `["` + s + `"]`
	}},
	{"billion laughs", "", func(t testing.TB, n int) string {
		return `["<!DOCTYPE a [<!ENTITY a '` + strings.Repeat("&b;", n/6) + `'>]><a>` + strings.Repeat("&a;", n/6) + `</a>"]`
	}},
	{"GraphQL", "", func(t testing.TB, n int) string { return `{"query":"{` + strings.Repeat("a{b}", n/4) + `}"}` }},
	{"GraphQL strings", "leaves", func(t testing.TB, n int) string {
		return `{"query":"{a(` + strings.Repeat(`b:\"c\"`, n/7) + `)}"}`
	}},
	{"unfinished block strings", "", func(t testing.TB, n int) string {
		return `{"query":"{a(b:\"\"\"` + strings.Repeat(`\\\"\"\"`, n/8) + `)}"}`
	}},
	{"JSON Lines", "leaves", func(t testing.TB, n int) string { return `["` + strings.Repeat(`{}\n`, n/4) + `"]` }},
	{"byte lists", "leaves", func(t testing.TB, n int) string { return `{"headers":[` + strings.Repeat(`{"a":[65]},`, n/11) + `1]}` }},
	{"attribute types", "leaves", func(t testing.TB, n int) string {
		return `{"a":` + strings.Repeat(`{"L":[`, 200) + strings.Repeat(`{"S":"b"},`, n/10) + `1` + strings.Repeat(`]}`, 200) + `}`
	}},
	{"records", "leaves", func(t testing.TB, n int) string {
		return `{"Records":[{"eventSource":"aws:sqs","messageId":"1"}` + strings.Repeat(`,{"messageId":"1"}`, n/18) + `]}`
	}},
	{"tokens", "", func(t testing.TB, n int) string { return `[` + strings.Repeat(`"eyJh.eyJi.c",`, n/14) + `1]` }},
	{"keys", "leaves", func(t testing.TB, n int) string {
		var b strings.Builder
		b.WriteByte('{')
		for i := range n / 11 {
			b.WriteString(`"` + strconv.Itoa(i+1_000_000) + `":1,`)
		}
		return b.String() + `"z":1}`
	}},
	{"an aggregate", "leaves", func(t testing.TB, n int) string {
		return kinesisOf("\xf3\x89\x9a\xc2" + strings.Repeat("\x1a\x05\x1a\x03abc", n*3/28) + strings.Repeat("\x00", 16))
	}},
}

// Twice the size costs at most twice the memory, with some room for slices that
// grow in steps, and what comes out is bounded by what went in and the limits.
func TestHostileEventsCostInProportion(t *testing.T) {
	lim := event.Limits{Bytes: 8 << 20, Nodes: 1 << 20, Decoded: 32 << 20, Nesting: 8, Depth: 500}
	for _, h := range hostile {
		cost := func(n int) float64 {
			raw := []byte(h.make(t, n))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			ev := event.Decode(raw, nil, lim)
			runtime.ReadMemStats(&after)
			total := 0
			for i := range ev.Leaves {
				total += len(ev.Leaves[i].Value)
			}
			if total > 10*n+1<<16 {
				t.Errorf("%s: %d bytes of leaves out of %d", h.name, total, n)
			}
			return float64(after.TotalAlloc - before.TotalAlloc)
		}
		cost(100 << 10)
		if small, large := cost(200<<10), cost(400<<10); large > 2.7*small+1<<20 {
			t.Errorf("%s: %.1f MB for 200 KB, %.1f MB for 400 KB", h.name, small/1e6, large/1e6)
		}
	}
}

func TestHostileEventsNameTheirLimit(t *testing.T) {
	t.Parallel()
	for _, h := range hostile {
		ev := decode(h.make(t, 5<<20))
		if got := strings.Join(ev.Limits, ","); got != h.limit {
			t.Errorf("%s: limits %q, want %q", h.name, got, h.limit)
		}
		if n := len(ev.Leaves); n > event.DefaultLimits().Nodes*3/2 {
			t.Errorf("%s: %d leaves", h.name, n)
		}
	}
	zeros := strings.Repeat("0 ", 20<<20)
	for name, tt := range map[string]struct{ raw, limit string }{
		"a gzip bomb in a record":          {kinesisOf(gzipped(t, attack+zeros)), "decoded"},
		"a zlib bomb in a record":          {kinesisOf(zlibbed(attack + zeros)), "decoded"},
		"a gzip bomb in any string":        {`["` + encode64(gzipped(t, attack+zeros)) + `"]`, "decoded"},
		"a deflate bomb in any string":     {`["` + encode64(deflated(t, attack+zeros)) + `"]`, "decoded"},
		"a bomb in each of ten records":    {`[` + strings.Repeat(`"`+encode64(gzipped(t, attack+zeros[:8<<20]))+`",`, 10) + `1]`, "decoded"},
		"base64 in base64, thirty times":   {`["` + layered(30) + `"]`, "nesting"},
		"gzip in gzip, twenty times":       {kinesisOf(zippedTimes(t, 20)), "nesting"},
		"a bomb that is text at the start": {`["` + encode64(deflated(t, strings.Repeat("text ", 200)+strings.Repeat("\x01", 20<<20))) + `"]`, ""},
	} {
		ev := decode(tt.raw)
		if got := strings.Join(ev.Limits, ","); got != tt.limit {
			t.Errorf("%s: limits %q, want %q", name, got, tt.limit)
		}
		total := 0
		for i := range ev.Leaves {
			total += len(ev.Leaves[i].Value)
		}
		if most := 2*event.DefaultLimits().Decoded + 2*len(tt.raw); total > most {
			t.Errorf("%s: %d bytes of leaves, want at most %d", name, total, most)
		}
	}
}

func layered(n int) string {
	s := attack
	for range n {
		s = encode64(s)
	}
	return s
}

func zippedTimes(t testing.TB, n int) string {
	s := attack
	for range n {
		s = gzipped(t, s)
	}
	return s
}

// The worst events by what they cost per byte.
func BenchmarkDecodeHostile(b *testing.B) {
	for _, h := range hostile {
		raw := []byte(h.make(b, 1<<20))
		b.Run(strings.ReplaceAll(h.name, " ", "-"), func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				event.Decode(raw, nil, event.DefaultLimits())
			}
		})
	}
}
