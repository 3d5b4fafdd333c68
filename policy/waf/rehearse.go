package waf

import (
	"context"
	"errors"
	"fmt"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/policy/rules"
)

// rehearsal is a plain attack.
const rehearsal = `{"name":"1' UNION SELECT name FROM users -- "}`

// Rehearse puts a small attack through what most events never reach, so that
// the first that does finds memory mapped, and a transaction and the commonest
// patterns made: 1 ms while the environment initialises, and half of what that
// event would take when the processor is rationed. It is an error if nothing is
// found.
func (e *Engine) Rehearse(ctx context.Context) error {
	if e.opts.Rules.Set != rules.Default {
		return nil // stock rules see HTTP requests only
	}
	res, err := e.Inspect(ctx, event.Decode([]byte(rehearsal), nil, event.DefaultLimits()))
	switch {
	case err != nil:
		return fmt.Errorf("rehearse: %w", err)
	case len(res.Findings) == 0 || res.Scores[0] == 0:
		return errors.New("rehearse: bug: a plain injection is not found")
	}
	return nil
}
