package waf_test

import (
	"context"
	"testing"

	"github.com/merlon-security/merlon/policy/rules"
	"github.com/merlon-security/merlon/policy/waf"
)

func TestRehearsal(t *testing.T) {
	t.Parallel()
	for level := 1; level <= 4; level++ {
		e, err := waf.New(waf.Options{Rules: rules.Options{Paranoia: level, Threshold: 100}})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Rehearse(t.Context()); err != nil {
			t.Errorf("paranoia %d: %v", level, err)
		}
	}
}

// TestRehearsalNoticesBlindness gives up before anything is inspected: an
// engine that finds nothing is not fit to serve.
func TestRehearsalNoticesBlindness(t *testing.T) {
	t.Parallel()
	e, err := waf.New(waf.Options{Rules: rules.Options{Paranoia: 1, Threshold: 5}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Rehearse(ctx); err == nil {
		t.Error("no error from a rehearsal that finds nothing")
	}
}
