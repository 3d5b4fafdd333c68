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
	"slices"
	"sync"
	"sync/atomic"

	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental"
	"github.com/corazawaf/coraza/v3/types"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy/leak"
	"github.com/merlon-security/merlon/policy/rules"
	"github.com/merlon-security/merlon/policy/screen"
	"github.com/merlon-security/merlon/policy/seclang"
)

// Options fix what is constant for a configuration.
type Options struct {
	Rules rules.Options
	// Custom are the user's own rules, as seclang.Vet has taken them. Empty, they
	// cost nothing.
	Custom    []seclang.Rule
	Responses Responses
	// NoScreen sends every event to Coraza, for comparison.
	NoScreen bool
	// Log gets the lines that Coraza writes about matched rules to a web server's
	// error log, which is where the Core Rule Set's own tests look for them. They
	// hold what matched; nothing that ships sets this.
	Log func(line string)
}

// Engine inspects events. It is immutable but for pools, and safe for
// concurrent use.
type Engine struct {
	opts    Options
	program *screen.Program // nil without screen
	scratch sync.Pool
	chunks  sync.Pool
	late    atomic.Int32 // evaluations given up on that still run
	custom  *Engine      // of the user's own rules; nil without any
	// pages and errors are of the rules about responses; nil if these are not looked
	// at, errors also if pages has all rules.
	pages, errors *Engine
	leaks         *leak.Set
	mine          bool // this is that engine

	build sync.Once // of what follows
	waf   coraza.WAF
	pool  sync.Mutex // see open
	info  map[int]ruleInfo
	fault error
	own   map[int]*seclang.Rule // the rules of a user by id
}

// New makes the engine with the screen ready, which most events never get
// past. Coraza is built by Warm, or by the first event that needs it.
func New(o Options) (*Engine, error) {
	e := newEngine(o)
	if len(o.Custom) > 0 {
		e.custom = newEngine(o)
		e.custom.mine = true
	}
	var err error
	if o.Responses.On {
		e.leaks = leak.New(o.Responses.Environ)
		if e.pages, err = newPart(o, rules.Pages); err != nil {
			return nil, err
		}
		if o.Rules.Set == rules.Default {
			if e.errors, err = newPart(o, rules.Errors); err != nil {
				return nil, err
			}
		}
	}
	if o.NoScreen || o.Rules.Set != rules.Default {
		return e, e.Warm()
	}
	if e.program, err = screen.Load(rules.Screen(rules.Requests, o.Rules.Paranoia)); err != nil {
		return nil, fmt.Errorf("load screen: %w", err)
	}
	return e, nil
}

func newEngine(o Options) *Engine {
	e := &Engine{opts: o}
	e.chunks.New = func() any { return new(chunk) }
	e.scratch.New = func() any { return e.program.NewScratch() }
	return e
}

// Warm builds Coraza. It is called while the execution environment
// initialises, when the processor is not yet rationed.
func (e *Engine) Warm() error {
	e.build.Do(func() {
		register()
		if e.mine {
			e.fault = e.compileOwn()
			return
		}
		info := map[int]ruleInfo{}
		cfg := coraza.NewWAFConfig().WithRootFS(rules.Data()).WithDirectives(rules.SecLang(e.opts.Rules))
		if e.opts.Log != nil {
			cfg = cfg.WithErrorCallback(func(m types.MatchedRule) { e.opts.Log(m.ErrorLog()) })
		}
		e.waf, e.fault = coraza.NewWAF(experimental.WAFConfigWithRuleObserver(cfg, collect(info)))
		if e.fault != nil {
			e.fault = fmt.Errorf("compile rules: %w", e.fault)
		}
		e.info = info
	})
	if e.custom != nil {
		return errors.Join(e.fault, e.custom.Warm())
	}
	return e.fault
}

// Inspect looks for attacks in an event. ctx bounds the time: what it leaves no
// time for is named in the result. The error is our own fault, never the
// event's; what had been found before it is in the result.
//
// The screen sees the whole event before Coraza sees any of it. It is a hundred
// times cheaper, so a long event that has nothing to find is through in time,
// and what there is to find is known early.
func (e *Engine) Inspect(ctx context.Context, ev *event.Event) (verdict.Inspection, error) {
	res := verdict.Inspection{Scores: make([]int, max(1, ev.Records))}
	var err error
	if e.custom != nil {
		err = e.custom.inspect(ctx, ev, &res)
	}
	if e.opts.Rules.Set == rules.CRSOnly {
		err = errors.Join(err, e.inspectStock(ctx, ev, &res))
	} else {
		err = errors.Join(err, e.inspect(ctx, ev, &res))
	}
	return res, err
}

// inspect adds to the result what one set of rules finds.
func (e *Engine) inspect(ctx context.Context, ev *event.Event, res *verdict.Inspection) error {
	suspects, err := e.screen(ctx, ev, res)
	for _, s := range suspects {
		if err != nil {
			break
		}
		var found chunkFindings
		found, err = within(ctx, e, s.size >= slowChunk, func() (chunkFindings, error) { return e.evaluate(ctx, ev, s) })
		if outOfTime(err) {
			res.Limit("time")
			err = nil
			break
		}
		if s.folded {
			found.dropRepeated(res.Findings)
		}
		more := found.findings[:min(len(found.findings), maxFindings-len(res.Findings))]
		res.Findings = append(res.Findings, more...)
		res.Scores[s.scoreIndex()] += found.score
	}
	return err
}

// suspect is a chunk in which rules may match, reduced to the arguments that they
// look at, with the rules that cannot.
type suspect struct {
	*chunk
	narrow [][2]int
}

// screen returns the chunks that Coraza has to see.
func (e *Engine) screen(ctx context.Context, ev *event.Event, res *verdict.Inspection) (suspects []suspect, err error) {
	c := e.chunks.Get().(*chunk)
	for walk := newChunker(ev); walk.next(c); {
		s, err := within(ctx, e, c.size >= slowScan, func() (suspect, error) { return e.scan(c) })
		if outOfTime(err) {
			res.Limit("time")
			return suspects, nil // c may still be in use
		}
		if err != nil {
			return suspects, err
		}
		if s.chunk != nil {
			suspects = append(suspects, s)
			c = new(chunk)
		}
	}
	e.chunks.Put(c)
	return suspects, nil
}

// scan puts one chunk to the screen. A clean one gives no suspect.
func (e *Engine) scan(c *chunk) (suspect, error) {
	if e.mine {
		if err := e.Warm(); err != nil {
			return suspect{}, err
		}
		if e.opts.NoScreen {
			return suspect{chunk: c, narrow: e.program.Narrow(nil, &c.in, screen.Result{Always: true})}, nil
		}
	}
	if e.program == nil {
		return suspect{chunk: c}, nil
	}
	s := e.scratch.Get().(*screen.Scratch)
	defer e.scratch.Put(s)
	r := e.program.Scan(s, &c.in)
	if r.Clean {
		return suspect{}, nil
	}
	narrow := e.program.Narrow(nil, &c.in, r)
	if !r.All {
		c.reduce(r.Args)
	}
	return suspect{chunk: c, narrow: narrow}, nil
}

// chunkFindings is what one chunk added.
type chunkFindings struct {
	findings []verdict.Finding
	score    int
}

// evaluate puts one chunk to Coraza.
func (e *Engine) evaluate(ctx context.Context, ev *event.Event, s suspect) (found chunkFindings, err error) {
	narrow := s.narrow
	if !s.in.HasHead {
		narrow = append(narrow, headless[:]...)
	}
	m, err := e.run(&s.in, narrow)
	if err != nil {
		return found, err
	}
	if e.mine {
		return e.ownFindings(ctx, ev, s.chunk, m), nil
	}
	if m.score == 0 && !slices.ContainsFunc(m.rules, func(r types.MatchedRule) bool { return reports(r.Rule()) }) {
		return found, nil
	}
	return chunkFindings{findings: e.findings(ctx, ev, s.chunk, m), score: m.score}, nil
}

// headless are the rules that have no object in an event that is not an HTTP
// request: methods, scanners by user agent, protocol, session fixation by
// referer. They would fire on every such event, or on none for a reason.
var headless = [...][2]int{{911000, 911999}, {913000, 913999}, {920000, 920999}, {943000, 943999}}
