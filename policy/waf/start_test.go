package waf_test

import (
	"testing"

	"github.com/merlon-security/merlon/policy/rules"
	"github.com/merlon-security/merlon/policy/screen"
	"github.com/merlon-security/merlon/policy/waf"
)

// BenchmarkStart measures what a cold start waits for: the screen before
// registration, Coraza after it.
func BenchmarkStart(b *testing.B) {
	o := waf.Options{Rules: rules.Options{Paranoia: 1, Threshold: 5}}
	b.Run("screen", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := screen.Load(rules.Screen(rules.Requests, 1)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("coraza", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			e, err := waf.New(o)
			if err != nil {
				b.Fatal(err)
			}
			if err := e.Warm(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
