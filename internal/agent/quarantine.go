package agent

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/guard"
	"github.com/merlon-security/merlon/internal/quarantine"
)

// keeper lets the guard keep records in quarantine.
type keeper struct{ q *quarantine.Keeper }

func (k keeper) Usable(ev *event.Event) bool { return k.q.Usable(ev) }

func (k keeper) Keep(ctx context.Context, kept guard.Kept) error {
	e := quarantine.Entry{VerdictID: kept.VerdictID, RequestID: kept.RequestID, FunctionARN: kept.FunctionARN, Source: kept.Source}
	for _, r := range kept.Records {
		e.Items = append(e.Items, quarantine.Item(r))
	}
	return k.q.Keep(ctx, e)
}

// newKeeper makes the quarantine of the configuration. A store that cannot be
// set up is a fault like any other; without one, only records that can be read
// again at their source are removed.
func (x *extension) newKeeper() guard.Keeper {
	q, err := quarantine.New(quarantine.Options{
		Target: x.cfg.Quarantine.String(), Recipient: x.cfg.QuarantineKey.Reveal(),
		Env: func(name string) string { return x.environ[name] }, Out: x.out, Now: time.Now, Notify: x.quarantineNotice,
	})
	if err != nil {
		x.faults = append(x.faults, config.Fault{Name: "MERLON_QUARANTINE", Kind: config.Invalid, Text: err.Error()})
		return nil
	}
	return keeper{q}
}

func (x *extension) quarantineNotice(n quarantine.Notice) {
	x.log.Warn(n.Message, zap.String("remedy", n.Remedy), zap.String("source", string(n.Source)), zap.Uint64("count", n.Count), zap.Error(n.Err))
}
