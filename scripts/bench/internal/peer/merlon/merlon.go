// Package merlon is the extension's own work on one event, assembled as the
// extension assembles it.
package merlon

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/merlon-security/merlon/internal/agent"
	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/guard"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/scripts/bench/internal/peer"
	"github.com/merlon-security/merlon/scripts/bench/internal/sample"
)

// Engine is a guard with the default rules, in block mode.
type Engine struct {
	guard  *guard.Guard
	header http.Header
}

// New compiles the rules.
func New() (*Engine, error) {
	cfg, faults := config.Parse([]string{"MERLON_MODE=block"})
	if len(faults) > 0 {
		return nil, fmt.Errorf("configuration: %v", faults)
	}
	p, err := agent.LoadPolicy(&cfg)
	if err != nil {
		return nil, err
	}
	e, err := agent.NewEngine(cfg, p, true)
	if err != nil {
		return nil, err
	}
	return &Engine{guard: agent.NewGuard(cfg, p, e, nowhere{}), header: http.Header{
		"Content-Type":                        {"application/json"},
		"Lambda-Runtime-Aws-Request-Id":       {"8476a536-e9f4-11e8-9739-2dfe598c3fcd"},
		"Lambda-Runtime-Deadline-Ms":          {"1773342238390"},
		"Lambda-Runtime-Invoked-Function-Arn": {"arn:aws:lambda:eu-west-1:123456789012:function:orders"},
		"Lambda-Runtime-Trace-Id":             {"Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1"},
	}}, nil
}

// Name implements peer.Engine.
func (*Engine) Name() string { return "merlon" }

// patience is the deadline of an invocation: far enough for the largest event
// within a quarter of it, near enough that the time limit is armed as it is on
// Lambda.
const patience = 5 * time.Minute

// Inspect implements peer.Engine.
func (m *Engine) Inspect(e *sample.Event) (peer.Outcome, error) {
	j := m.guard.Judge(context.Background(), e.Lambda, m.header, time.Now().Add(patience))
	v := &j.Verdict
	return peer.Outcome{Attack: v.WouldAction.Blocked(), Partial: len(v.Limits) > 0}, v.Fault
}

// nowhere takes reports and drops them.
type nowhere struct{}

func (nowhere) Add(verdict.Record)              {}
func (nowhere) Count(verdict.Count)             {}
func (nowhere) Idle(context.Context, time.Time) {}
