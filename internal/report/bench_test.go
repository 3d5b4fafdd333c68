package report_test

import (
	"io"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/report"
	"github.com/merlon-security/merlon/internal/verdict"
)

// BenchmarkCount is what a clean invocation pays for being counted, the
// summaries included.
func BenchmarkCount(b *testing.B) {
	r := report.New(report.Options{Out: io.Discard, Env: "env", Now: time.Now, Function: "orders", Summaries: true})
	b.ReportAllocs()
	for b.Loop() {
		r.Count(verdict.Count{Trigger: "apigw-v2", Route: "GET /orders/{id}", Source: "192.0.2.17", Action: verdict.ActionAllow, WouldAction: verdict.ActionAllow, InspectUs: 90})
		r.Idle(b.Context(), time.Now().Add(time.Hour))
	}
}

// BenchmarkAdd is what a verdict pays until its line is written, unsigned and
// signed.
func BenchmarkAdd(b *testing.B) {
	for name, key := range map[string]*verdict.Signer{"plain": nil, "signed": verdict.NewSigner("a-secret-for-all-the-lines-of-this-test")} {
		b.Run(name, func(b *testing.B) {
			r := report.New(report.Options{Out: io.Discard, Env: "env", Now: time.Now, Function: "orders", Signer: key, PerMinute: 1 << 30})
			rec := attack("id", "apigw-v2", "GET /orders/{id}", "192.0.2.17", 942100, 9100808)
			rec.RemovedCount = 1 // never counted away
			b.ReportAllocs()
			for b.Loop() {
				r.Add(rec)
				r.Flush()
			}
		})
	}
}
