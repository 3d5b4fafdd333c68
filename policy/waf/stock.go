package waf

import (
	"context"
	"fmt"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
)

// inspectStock runs the rule set as its authors configure it, with Coraza's own
// body processors, on the request that an HTTP event describes.
func (e *Engine) inspectStock(ctx context.Context, ev *event.Event, res *verdict.Inspection) (err error) {
	if ev.HTTP == nil {
		// The set is made for HTTP requests. An event that is none is not clean
		// for it, it is not inspected.
		res.Limit("rule-set")
		return nil
	}
	tx := e.open()
	defer e.finish(tx, &err)
	tx.ProcessConnection(ev.Caller.IP, 0, "", 0)
	tx.ProcessURI(ev.HTTP.Target+ev.HTTP.Rest, ev.HTTP.Method, ev.HTTP.Protocol)
	for _, h := range ev.HTTP.Headers {
		tx.AddRequestHeader(h.Name, h.Value)
	}
	tx.ProcessRequestHeaders()
	if _, _, err := tx.WriteRequestBody([]byte(ev.HTTP.Body)); err != nil {
		return fmt.Errorf("write request body: %w", err)
	}
	if _, err := tx.ProcessRequestBody(); err != nil {
		return fmt.Errorf("evaluate rules: %w", err)
	}
	tx.ProcessLogging() // the phase of the rules that report
	m := matches{rules: tx.MatchedRules()}
	if m.score, err = score(tx); err != nil {
		return err
	}
	res.Scores[0] += m.score
	c := chunk{record: -1}
	c.in.HasHead = true
	for i := range ev.Leaves {
		if asArgument(&ev.Leaves[i]) && !ev.Leaves[i].Folded {
			c.add(&ev.Leaves[i], int32(i))
		}
	}
	res.Findings = append(res.Findings, e.findings(ctx, ev, &c, m)...)
	return nil
}
