package waf

import "github.com/merlon-security/merlon/policy/seclang"

// NewOwn makes the engine of a user's rules alone.
func NewOwn(custom []seclang.Rule) *Engine {
	e := newEngine(Options{Custom: custom})
	e.opts.Rules.Threshold, e.mine = 5, true
	return e
}
