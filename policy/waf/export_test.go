package waf

import (
	"fmt"

	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental"

	"github.com/merlon-security/merlon/policy/rules"
	"github.com/merlon-security/merlon/policy/seclang"
)

// NewOwn makes the engine of a user's rules alone.
func NewOwn(custom []seclang.Rule) *Engine {
	e := newEngine(Options{Custom: custom})
	e.opts.Rules.Threshold, e.mine = 5, true
	return e
}

// Without is an engine like e over rules that lack one.
func Without(e *Engine, id int) (*Engine, error) {
	w := newEngine(e.opts)
	w.program = e.program
	w.build.Do(func() {
		register()
		w.info = map[int]ruleInfo{}
		cfg := coraza.NewWAFConfig().WithRootFS(rules.Data()).
			WithDirectives(rules.SecLang(e.opts.Rules)).WithDirectives(fmt.Sprintf("SecRuleRemoveById %d", id))
		w.waf, w.fault = coraza.NewWAF(experimental.WAFConfigWithRuleObserver(cfg, collect(w.info)))
	})
	return w, w.fault
}
