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
	"fmt"
	"io/fs"
	"sync"

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
}

// New compiles the rules.
func New(o Options) (*Engine, error) {
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
	parsed, err := seclang.Parse(seclang.Source{Name: "rules", Text: text})
	if err != nil {
		return nil, err
	}
	return screen.Compile(parsed, screen.Options{Paranoia: paranoia, Data: func(name string) ([]byte, error) {
		return fs.ReadFile(rules.Data(), name)
	}})
}

// Inspect looks for attacks in an event. ctx bounds the time: chunks of the
// event that it leaves no time for are named in the result. The error is our
// own fault, never the event's.
func (e *Engine) Inspect(ctx context.Context, ev *event.Event) (verdict.Inspection, error) {
	if e.set == rules.CRSOnly {
		return e.inspectStock(ev)
	}
	res := verdict.Inspection{Scores: make([]int, max(1, ev.Records))}
	for _, c := range chunks(ev) {
		if ctx.Err() != nil {
			res.Limits = append(res.Limits, "time")
			break
		}
		if err := e.inspectChunk(ev, &c, &res); err != nil {
			return res, err
		}
	}
	return res, nil
}

// inspectChunk screens one chunk and gives it to Coraza if anything can match.
func (e *Engine) inspectChunk(ev *event.Event, c *chunk, res *verdict.Inspection) error {
	var narrow [][2]int
	if e.program != nil {
		s := e.scratch.Get().(*screen.Scratch)
		defer e.scratch.Put(s)
		r := e.program.Scan(s, &c.in)
		if r.Clean {
			return nil
		}
		narrow = e.program.Narrow(nil, &c.in, r)
	}
	if !c.in.HasHead {
		narrow = append(narrow, headless[:]...)
	}
	m, err := e.run(&c.in, narrow)
	if err != nil {
		return err
	}
	if m.score > 0 {
		res.Scores[c.scoreIndex()] += m.score
		res.Findings = append(res.Findings, e.findings(ev, c, m, narrow)...)
	}
	return nil
}

// headless are the rules that have no object in an event that is not an HTTP
// request: methods, scanners by user agent, protocol, session fixation by
// referer. They would fire on every such event, or on none for a reason.
var headless = [...][2]int{{911000, 911999}, {913000, 913999}, {920000, 920999}, {943000, 943999}}
