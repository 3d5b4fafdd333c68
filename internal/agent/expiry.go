package agent

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/merlon-security/merlon/internal/report"
)

// expiry says of a profile, once a day in each environment, that it is about to
// expire or has. It is asked at every invocation and not at the start alone: an
// environment lives for hours, and a snapshot for weeks.
type expiry struct {
	log      *zap.Logger
	reporter *report.Reporter
	end      atomic.Pointer[time.Time] // nil for never
	told     atomic.Int64              // the day, from the Unix epoch
}

// ahead is how long before the end it is said.
const ahead = 30 * 24 * time.Hour

// set takes the date of a profile; empty for none.
func (e *expiry) set(notAfter string) {
	if end, err := time.Parse(time.DateOnly, notAfter); err == nil {
		e.end.Store(&end)
	}
}

// invoked is told of an event.
func (e *expiry) invoked(now time.Time) {
	end := e.end.Load()
	if end == nil || end.Sub(now) >= ahead {
		return
	}
	if day := now.Unix() / 86400; e.told.Swap(day) == day {
		return
	}
	e.log.Warn("the profile expires: departures will be reported and refuse nothing", zap.String("notAfter", end.Format(time.DateOnly)))
	e.reporter.Metric(map[report.Metric]float64{report.ProfileExpiring: 1})
}
