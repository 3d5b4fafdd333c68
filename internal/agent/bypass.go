package agent

import (
	"context"
	"runtime/debug"
	"time"

	"go.uber.org/zap"

	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/lambdaapi"
	"github.com/merlon-security/merlon/internal/report"
	"github.com/merlon-security/merlon/internal/telemetry"
	"github.com/merlon-security/merlon/internal/verdict"
)

// bypass looks for invocations whose events did not come through the relay. A
// nil bypass looks for nothing.
type bypass struct {
	count    *telemetry.Count
	presence *presence
	listener *telemetry.Listener
	said     bool // the listener's goroutines, one at a time
}

// newBypass starts to count events, if that is wanted; watch does the rest.
func (x *extension) newBypass() *bypass {
	if x.cfg.BypassDetection != config.On || x.policy.Mode == verdict.Off {
		return nil
	}
	if x.upstream() != x.environ["AWS_LAMBDA_RUNTIME_API"] {
		// Whoever stands between may answer events that we never see, and every
		// one of them would look like a bypass.
		x.log.Warn("bypasses are not looked for: there is another proxy upstream of Merlon",
			zap.String("remedy", "unset MERLON_UPSTREAM or MERLON_BYPASS_DETECTION"))
		return nil
	}
	b := &bypass{presence: x.presence}
	b.count = telemetry.NewCount(time.Now(), b.tell)
	return b
}

func (b *bypass) handed(id string) {
	if b != nil {
		b.count.Handed(id)
	}
}

// watch subscribes to what the service tells of invocations. It is for the time
// after registration and before the first event is asked for. That it fails is
// said and changes nothing else: events are inspected all the same.
func (b *bypass) watch(ctx context.Context, x *extension) {
	if b == nil {
		return
	}
	schema := lambdaapi.TelemetrySchema
	if x.concurrent() {
		schema = lambdaapi.TelemetrySchemaManaged
	}
	var err error
	if b.listener, err = telemetry.Listen(ctx, b.take); err == nil {
		err = x.api.Subscribe(ctx, schema, b.listener.URL())
	}
	if err != nil {
		b.stop()
		x.log.Warn("bypasses are not looked for: no telemetry", zap.Error(err))
	}
}

// stop ends the listener. What the service has not delivered by now says
// nothing any more.
func (b *bypass) stop() {
	if b != nil && b.listener != nil {
		b.listener.Close()
	}
}

// take keeps a fault of ours from ending in a closed connection that nobody
// hears of.
func (b *bypass) take(batch []byte) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = verdict.Panic(v, debug.Stack())
			b.presence.log.Error("telemetry", zap.Error(err))
		}
	}()
	return b.count.Take(batch)
}

// tell says loudly once for each environment that invocations go around us, and
// counts them.
func (b *bypass) tell(n telemetry.Bypass) {
	p := b.presence
	if !p.seen.Load() {
		p.check() // the runtime never came at all: that has a remedy of its own
	} else if !b.said {
		p.log.Error("invocations go around Merlon, their events are not inspected", zap.String("event", "bypass"),
			zap.String("function", p.function), zap.Int("invocations", n.Total), zap.String("requestId", n.RequestID),
			zap.String("remedy", "look for a program in the function that polls Lambda's Runtime API itself: a second runtime client, "+
				"a web adapter or another wrapper (AWS_LAMBDA_RUNTIME_API must stay what Merlon sets), or an intruder"))
	}
	b.said = true
	p.reporter.Metric(map[report.Metric]float64{report.Bypassed: float64(n.New)})
	p.reporter.Flush()
}
