package screen_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/merlon-security/merlon/policy/screen"
)

// leaves makes a benign JSON-like event: n leaves with names that recur per
// record, and notes of the given length in one of eight.
func leaves(n, note int) *screen.Input {
	return salted(n, note, 0)
}

// salted makes such an event whose values, enumerations aside, are those of no other salt.
func salted(n, note, salt int) *screen.Input {
	in := &screen.Input{
		HasHead: true, Method: "POST", URI: "/orders", Protocol: "HTTP/1.1", RemoteAddr: "192.0.2.7",
		Headers: []screen.Header{
			{Name: "Host", Value: "api.example.com"}, {Name: "User-Agent", Value: "okhttp/4.12.0"}, {Name: "Accept", Value: "application/json"},
			{Name: "Content-Type", Value: "application/json"}, {Name: "Content-Length", Value: "1024"},
		},
	}
	const prose = "The quick brown fox jumps over the lazy dog, and then it runs away from all of it. Delivery by Tuesday if possible; ring twice. "
	names := []string{"id", "customer", "email", "created", "status", "amount", "city", "note"}
	for k := range n {
		i := k + salt*n
		v := ""
		switch k % 8 {
		case 0:
			v = fmt.Sprintf("a1b2c3d4-%04x-4f60-9abc-def0%08d", i&0xffff, i*7919%99999999)
		case 1:
			v = fmt.Sprintf("Jane Q. Sample %d", i)
		case 2:
			v = fmt.Sprintf("user%d@example.com", i)
		case 3:
			v = fmt.Sprintf("2026-05-%02dT%02d:%02d:%02dZ", i%28+1, i/7%24, i%60, i/11%60)
		case 4:
			v = []string{"open", "paid", "shipped"}[i%3]
		case 5:
			v = fmt.Sprintf("%d.%02d", i*3, i%100)
		case 6:
			v = []string{"Berlin", "São Paulo", "New York"}[i%3]
		case 7:
			v = fmt.Sprintf("%d: %s", i, strings.Repeat(prose, note/len(prose)+1))[:note]
		}
		in.Args = append(in.Args, screen.Arg{Name: names[k%8], Value: v})
	}
	return in
}

func form() *screen.Input {
	in := leaves(20, 60)
	in.Headers[3].Value = "application/x-www-form-urlencoded"
	return in
}

// tinyGet is a health check.
func tinyGet() *screen.Input {
	return &screen.Input{
		HasHead: true, Method: "GET", URI: "/health", Protocol: "HTTP/1.1", RemoteAddr: "192.0.2.7",
		Headers: []screen.Header{{Name: "Host", Value: "api.example.com"}, {Name: "User-Agent", Value: "curl/8.5.0"}, {Name: "Accept", Value: "*/*"}},
	}
}

var benchInputs = []struct {
	name string
	in   *screen.Input
}{
	{"tiny-get", tinyGet()}, {"browser-get", browser()}, {"json-1k", leaves(40, 60)}, {"form-1k", form()},
}

// benchEvents are rotated, so that values come back only where they would.
var benchEvents = []struct {
	name string
	many int
	make func(salt int) *screen.Input
}{
	{"tiny-get", 1, func(int) *screen.Input { return tinyGet() }},
	{"browser-get", 200, func(salt int) *screen.Input {
		in := browser()
		in.URI = fmt.Sprintf("/items/%d?page=%d&sort=name", salt*37, salt)
		in.Headers[4].Value = fmt.Sprintf("session=%x; theme=dark", salt*7919123)
		return in
	}},
	{"json-1k", 200, func(salt int) *screen.Input { return salted(40, 60, salt) }},
	{"json-16k", 40, func(salt int) *screen.Input { return salted(616, 60, salt) }},
	{"json-256k", 4, func(salt int) *screen.Input { return salted(856, 2300, salt) }},
	{"json-6m", 1, func(salt int) *screen.Input { return salted(904, 52000, salt) }},
	{"form-1k", 200, func(salt int) *screen.Input { return salted(20, 60, salt) }},
	{"sqs-10x1k", 60, func(salt int) *screen.Input { return salted(400, 60, salt) }},
}

// processorTime is what the process has used: on a shared machine the clock mostly shows the neighbours.
func processorTime() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func BenchmarkScan(b *testing.B) {
	for _, level := range []int{1, 2} {
		p := compileCRS(b, level)
		for _, row := range benchEvents {
			var events []*screen.Input
			for salt := range row.many {
				events = append(events, row.make(salt))
			}
			b.Run(fmt.Sprintf("pl%d/%s", level, row.name), func(b *testing.B) {
				s := p.NewScratch()
				p.Scan(s, events[0]) // the first scan makes automata
				b.ReportAllocs()
				hits, n, before := 0, 0, processorTime()
				for b.Loop() {
					hits += len(p.Scan(s, events[n%len(events)]).Hits)
					n++
				}
				b.ReportMetric(float64(processorTime()-before)/float64(b.N), "cpu-ns/op")
				b.ReportMetric(float64(hits)/float64(n), "hits/op")
			})
		}
	}
}

// BenchmarkCold is the first event of an environment: nothing cached, no automaton made.
func BenchmarkCold(b *testing.B) {
	_, data := reload(b, compileCRS(b, 1))
	for _, row := range benchInputs {
		b.Run(row.name, func(b *testing.B) {
			before := processorTime()
			for b.Loop() {
				p, err := screen.Load(data)
				if err != nil {
					b.Fatal(err)
				}
				p.Scan(p.NewScratch(), row.in)
			}
			b.ReportMetric(float64(processorTime()-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// adversarial are the repetitions that cost engines most.
var adversarial = []string{
	"a", " ", "'", "1", "<", "<a ", "\\", "%25", "../", "$(", ";a=", "(", "&#", "select ", "/*", "or 1 ", "é", "QUJD", "word ",
}

func BenchmarkAdversarial(b *testing.B) {
	p := compileCRS(b, 1)
	for _, unit := range adversarial {
		for _, size := range []int{4 << 10, 64 << 10} {
			b.Run(fmt.Sprintf("%q/%dk", unit, size>>10), func(b *testing.B) {
				in := &screen.Input{Args: []screen.Arg{{Name: "leaf", Value: strings.Repeat(unit, size/len(unit))}}}
				s := p.NewScratch()
				p.Scan(s, in)
				b.SetBytes(int64(size))
				before := processorTime()
				for b.Loop() {
					p.Scan(s, in)
				}
				b.ReportMetric(float64(processorTime()-before)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}
