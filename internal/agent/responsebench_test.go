package agent

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/guard"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
	"github.com/merlon-security/merlon/proxy"
)

type silent struct{ guard.Reporter }

func (silent) Add(verdict.Record)  {}
func (silent) Count(verdict.Count) {}

// BenchmarkResponses is what looking at a reply costs between the relay's two
// connections, with nothing to find in it: parsing what a front end parses, and the
// rules. cpu-us is of the process, collector included.
func BenchmarkResponses(b *testing.B) {
	const request = `{"version":"2.0","rawPath":"/","requestContext":{"domainName":"x.lambda-url.eu-west-1.on.aws","http":{"method":"GET","path":"/"}}}`
	for _, setting := range []struct {
		name  string
		mode  config.Responses
		bytes int
	}{{"off", config.ResponsesOff, 0}, {"64KB", config.ResponsesBlock, 64 << 10}, {"full", config.ResponsesBlock, 0}} {
		cfg := config.Default()
		cfg.Responses, cfg.ResponseBytes = setting.mode, setting.bytes
		p := policy.Default()
		p.Mode = verdict.Block
		w, err := NewEngine(cfg, p, true)
		if err != nil {
			b.Fatal(err)
		}
		g := NewGuard(cfg, p, &engine{waf: w}, silent{})
		for _, size := range []int{1 << 10, 64 << 10, 6 << 20} {
			text := orders(size * 4 / 5) // as JSON in JSON it takes more
			reply, err := json.Marshal(map[string]any{"statusCode": 200, "headers": map[string]string{"content-type": "application/json"}, "body": text})
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%s/buffered/%d", setting.name, size), func(b *testing.B) {
				measured(b, func() { answers(b, g, request, "application/json", len(reply), reply) })
			})
		}
		text := []byte(`{"statusCode":200,"headers":{"content-type":"application/json"}}` + strings.Repeat("\x00", 8) + orders(6<<20))
		b.Run(fmt.Sprintf("%s/stream/%d", setting.name, 6<<20), func(b *testing.B) {
			measured(b, func() { answers(b, g, request, "application/vnd.awslambda.http-integration-response", -1, text) })
		})
	}
}

// orders is a text of some size as an API returns it.
func orders(size int) string {
	var s strings.Builder
	s.WriteString(`[`)
	for i := 0; s.Len() < size; i++ {
		fmt.Fprintf(&s, `{"id":"%08x","name":"blue cotton shirt","price":%d.99,"createdAt":"2026-03-%02dT10:00:00Z","text":"shipped by carrier with invoice and tracking number to the warehouse before noon"},`,
			i*2654435761%(1<<32), i%500, 1+i%28)
	}
	return s.String()[:size]
}

// answers has a function reply once. A stream comes in pieces of 32 KB.
func answers(b *testing.B, g *guard.Guard, request, kind string, length int, reply []byte) {
	out := g.Inspect(b.Context(), &proxy.Invocation{ID: "1", Body: []byte(request)})
	if out.Response == nil {
		return
	}
	f := out.Response(proxy.ReplyHead{Header: http.Header{"Content-Type": {kind}}, Length: int64(length)})
	switch {
	case f == nil:
	case f.Hold > 0:
		if other, instead := f.Whole(reply); other != nil || instead != nil {
			b.Fatalf("a benign reply became %.200q %v", other, instead)
		}
	default:
		for rest := reply; len(rest) > 0; {
			n := min(32<<10, len(rest))
			if cut := f.Piece(rest[:n]); cut != nil {
				b.Fatalf("a benign stream is cut: %+v", cut)
			}
			rest = rest[n:]
		}
		if cut := f.End(nil, nil); cut != nil {
			b.Fatalf("a benign stream is cut: %+v", cut)
		}
	}
}

func measured(b *testing.B, do func()) {
	b.ReportAllocs()
	before := cpu(b)
	for b.Loop() {
		do()
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-us/op")
}

// cpu is the process's time so far, in microseconds.
func cpu(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return (u.Utime.Sec+u.Stime.Sec)*1e6 + u.Utime.Usec + u.Stime.Usec
}
