package agent

import (
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/merlon-security/merlon/internal/hello"
	"github.com/merlon-security/merlon/internal/report"
)

// presence watches for signs that the function's runtime talks to us: the hello
// of the launcher, and events that pass through the relay. The commonest
// mistake is a layer attached without the variable that routes the runtime
// through it, and nothing else would show it.
type presence struct {
	log      *zap.Logger
	reporter *report.Reporter
	function string

	seen  atomic.Bool
	once  sync.Once
	timer *time.Timer
	hello atomic.Pointer[hello.Hello]
}

// patience is how long after registration a hello is waited for. The launcher
// says it before it starts the runtime, milliseconds after the last extension
// has registered.
const patience = 5 * time.Second

func (p *presence) watch() {
	p.timer = time.AfterFunc(patience, func() {
		// Nobody hears of a fault in a check: that is repeated at SHUTDOWN.
		_ = contained(func() error { p.check(); return nil })
	})
}

func (p *presence) stop() {
	if p.timer != nil {
		p.timer.Stop()
	}
}

func (p *presence) onHello(h hello.Hello) {
	p.hello.Store(&h)
	p.seen.Store(true)
	p.log.Info("runtime attached", zap.String("via", h.Via), zap.String("executionEnv", h.ExecutionEnv),
		zap.String("handler", h.Handler), zap.String("logStream", h.LogStream), zap.String("program", h.Program), zap.Int("maxConcurrency", h.MaxConcurrency))
}

// check says loudly, once for each environment, that nobody came.
func (p *presence) check() {
	if p.seen.Load() {
		return
	}
	p.unprotected("the runtime does not talk to Merlon, events are not inspected",
		"managed runtimes: set AWS_LAMBDA_EXEC_WRAPPER=/opt/merlon-wrapper; provided.* runtimes: merlon layer wrap function.zip, "+
			"or import github.com/merlon-security/merlon/layer/lambdago; images: ENTRYPOINT [\"/opt/merlon-wrapper\", …]")
}

func (p *presence) unprotected(message, remedy string) {
	p.once.Do(func() {
		p.log.Error(message, zap.String("event", "unprotected"), zap.String("function", p.function), zap.String("remedy", remedy))
		p.reporter.Metric(map[report.Metric]float64{report.Unprotected: 1})
	})
}
