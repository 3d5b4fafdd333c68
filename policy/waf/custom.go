package waf

import (
	"context"
	"fmt"
	"strings"

	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy/screen"
	"github.com/merlon-security/merlon/policy/seclang"
)

// The rules of a user have an engine of their own, with a screen and a Coraza
// that know nothing of the Core Rule Set's. The embedded screens would have to
// be analysed anew with every further rule, which takes a third of a second; and
// rules that share no variables and no ids cannot switch each other off.

// ownSetup is what the user's rules run under.
const ownSetup = `SecRuleEngine DetectionOnly
SecRequestBodyAccess Off
SecResponseBodyAccess Off
SecAuditEngine Off
SecArgumentsLimit 100000
`

// lazyOperators are the names that register gives.
var lazyOperators = map[string]string{"rx": "merlonRx", "pm": "merlonPm", "detectSQLi": "merlonDetectSQLi"}

// compileOwn builds screen and Coraza for the user's rules. What seclang.Vet
// takes compiles; the errors below would be ours.
func (e *Engine) compileOwn() error {
	program, err := analyse(e.opts.Custom)
	if err != nil {
		return err
	}
	own := map[int]*seclang.Rule{}
	for i := range e.opts.Custom {
		if r := &e.opts.Custom[i]; r.Marker == "" {
			own[r.ID] = r
		}
	}
	info := map[int]ruleInfo{}
	cfg := coraza.NewWAFConfig().WithDirectives(ownSetup + seclang.Write(e.opts.Custom, lazyOperators))
	if e.waf, err = coraza.NewWAF(experimental.WAFConfigWithRuleObserver(cfg, collect(info))); err != nil {
		return fmt.Errorf("bug: the policy's rules do not compile: %w", err)
	}
	for id := range own {
		if _, read := info[id]; !read {
			return fmt.Errorf("bug: the engine did not read rule %d of the policy", id)
		}
	}
	e.own, e.program = own, program
	return nil
}

// analyse compiles the screen of the user's rules.
func analyse(custom []seclang.Rule) (*screen.Program, error) {
	// The level is of no matter: rules of a user have none.
	program, err := screen.Compile(custom, screen.Options{Paranoia: 1})
	if err != nil {
		return nil, fmt.Errorf("bug: the policy's rules cannot be analysed: %w", err)
	}
	return program, nil
}

// ownFindings turns the matches of the user's rules into findings. A rule that
// denies weighs as much as the threshold, so that it refuses by itself.
func (e *Engine) ownFindings(ctx context.Context, ev *event.Event, c *chunk, m matches) (out chunkFindings) {
	s := search{e: e, ctx: ctx, ev: ev, c: c}
	for _, mr := range m.rules {
		r := e.own[mr.Rule().ID()]
		if r == nil || !Reports(r) {
			continue
		}
		starters, _ := ofChain(mr)
		for _, md := range starters {
			if len(out.findings) >= maxFindings { // what reports must not hide what refuses
				out.score += e.weight(r)
				continue
			}
			f := verdict.Finding{
				RuleID: r.ID, Engine: "policy", Message: r.Msg, Severity: strings.ToLower(r.Severity), Phase: r.Phase,
				Tags: r.Tags, Operator: r.Operator.Name, Record: int(c.record), Action: verdict.ActionMonitor,
			}
			if f.Score = e.weight(r); f.Score > 0 {
				f.Action = verdict.ActionBlock
			}
			s.locate(&f, md, r.ID)
			out.findings = append(out.findings, f)
			out.score += f.Score
		}
	}
	return out
}

// weight is what a match of a user's rule adds to the score.
func (e *Engine) weight(r *seclang.Rule) int {
	if Denies(r) {
		return e.opts.Rules.Threshold
	}
	return 0
}

// Denies reports whether a rule of a user refuses what it matches.
func Denies(r *seclang.Rule) bool { return r.Has("deny") || r.Has("block") }

// Reports reports whether a match of a rule of a user is a finding, and not only
// a variable that is set.
func Reports(r *seclang.Rule) bool { return Denies(r) || !r.Has("nolog") }

// Unscreened returns the rules of a user that the screen cannot judge, with the
// reason: while there is one, every event goes to Coraza.
func Unscreened(custom []seclang.Rule) ([]string, error) {
	program, err := analyse(custom)
	if err != nil {
		return nil, err
	}
	return program.Reasons(), nil
}
