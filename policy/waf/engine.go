// Package waf finds attacks: it feeds decoded events to Coraza with the OWASP
// Core Rule Set and says which rules matched where. It is the only importer of
// Coraza. It does not decide what follows from a finding, and it never sees the
// network.
//
// Every event first passes the screen, which proves most of them clean without
// Coraza being entered. Coraza remains the authority: only its matches are
// findings.
package waf

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy/rules"
	"github.com/merlon-security/merlon/policy/screen"
	"github.com/merlon-security/merlon/policy/seclang"
)

// Options fix what is constant for a configuration.
type Options struct {
	Rules rules.Options
	// NoScreen sends every event to Coraza, for comparison.
	NoScreen bool
}

// Engine inspects events. It is immutable but for pools, and safe for
// concurrent use.
type Engine struct {
	waf     coraza.WAF
	set     rules.Set
	program *screen.Program // nil without screen
	scratch sync.Pool
	info    map[int]ruleInfo
	late    atomic.Int32 // evaluations given up on that still run
}

// New compiles the rules.
func New(o Options) (*Engine, error) {
	registerLazy()
	text := rules.SecLang(o.Rules)
	info := map[int]ruleInfo{}
	cfg := coraza.NewWAFConfig().WithRootFS(rules.Data()).WithDirectives(text)
	waf, err := coraza.NewWAF(experimental.WAFConfigWithRuleObserver(cfg, collect(info)))
	if err != nil {
		return nil, fmt.Errorf("compile rules: %w", err)
	}
	e := &Engine{waf: waf, set: o.Rules.Set, info: info}
	if !o.NoScreen && o.Rules.Set == rules.Default {
		if e.program, err = compileScreen(text, o.Rules.Paranoia); err != nil {
			return nil, fmt.Errorf("compile screen: %w", err)
		}
		e.scratch.New = func() any { return e.program.NewScratch() }
	}
	return e, nil
}

func compileScreen(text string, paranoia int) (*screen.Program, error) {
	parsed, err := seclang.Parse(seclang.Source{Name: "rules", Text: rules.StockOperators(text)})
	if err != nil {
		return nil, err
	}
	return screen.Compile(parsed, screen.Options{Paranoia: paranoia, Data: func(name string) ([]byte, error) {
		return fs.ReadFile(rules.Data(), name)
	}})
}

// Inspect looks for attacks in an event. ctx bounds the time: chunks of the
// event that it leaves no time for are named in the result. The error is our
// own fault, never the event's; what had been found before it is in the result.
func (e *Engine) Inspect(ctx context.Context, ev *event.Event) (verdict.Inspection, error) {
	if e.set == rules.CRSOnly {
		return e.inspectStock(ctx, ev)
	}
	res := verdict.Inspection{Scores: make([]int, max(1, ev.Records))}
	for c := range chunks(ev) {
		found, err := e.withinTime(ctx, ev, c)
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			res.Limits = append(res.Limits, "time")
			break
		}
		if err != nil {
			return res, err
		}
		more := found.findings[:min(len(found.findings), maxFindings-len(res.Findings))]
		res.Findings = append(res.Findings, more...)
		res.Scores[c.scoreIndex()] += found.score
	}
	return res, nil
}

// chunkFindings is what one chunk added.
type chunkFindings struct {
	findings []verdict.Finding
	score    int
}

// mostLate bounds the evaluations that go on after their event was given up:
// Coraza cannot be interrupted inside a transaction.
const mostLate = 2

// withinTime inspects a chunk and gives up when ctx ends. Small chunks take
// less time than handing them to a goroutine is worth.
func (e *Engine) withinTime(ctx context.Context, ev *event.Event, c *chunk) (chunkFindings, error) {
	if err := ctx.Err(); err != nil {
		return chunkFindings{}, err
	}
	if _, limited := ctx.Deadline(); !limited || c.size < slowChunk {
		return e.inspectChunk(ctx, ev, c)
	}
	if e.late.Load() >= mostLate {
		return chunkFindings{}, context.DeadlineExceeded
	}
	type outcome struct {
		chunkFindings
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		found, err := e.inspectChunk(ctx, ev, c)
		done <- outcome{found, err}
	}()
	select {
	case o := <-done:
		return o.chunkFindings, o.err
	case <-ctx.Done():
	}
	// Only what has been given up on counts: an environment that runs many
	// invocations at once evaluates many chunks at once.
	e.late.Add(1)
	go func() {
		<-done
		e.late.Add(-1)
	}()
	return chunkFindings{}, ctx.Err()
}

// inspectChunk screens one chunk and gives it to Coraza if anything can match.
// A panic is its error: findings of earlier chunks must not be lost with it, or
// an attack could hide in front of whatever makes the engine fall over.
func (e *Engine) inspectChunk(ctx context.Context, ev *event.Event, c *chunk) (found chunkFindings, err error) {
	defer func() {
		if v := recover(); v != nil {
			found, err = chunkFindings{}, verdict.Panic(v, debug.Stack())
		}
	}()
	var narrow [][2]int
	if e.program != nil {
		s := e.scratch.Get().(*screen.Scratch)
		defer e.scratch.Put(s)
		r := e.program.Scan(s, &c.in)
		if r.Clean {
			return found, nil
		}
		narrow = e.program.Narrow(nil, &c.in, r)
	}
	if !c.in.HasHead {
		narrow = append(narrow, headless[:]...)
	}
	m, err := e.run(&c.in, narrow)
	if err != nil || m.score == 0 {
		return found, err
	}
	return chunkFindings{findings: e.findings(ctx, ev, c, m), score: m.score}, nil
}

// headless are the rules that have no object in an event that is not an HTTP
// request: methods, scanners by user agent, protocol, session fixation by
// referer. They would fire on every such event, or on none for a reason.
var headless = [...][2]int{{911000, 911999}, {913000, 913999}, {920000, 920999}, {943000, 943999}}
