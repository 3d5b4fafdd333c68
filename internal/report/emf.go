package report

import (
	"math"
	"slices"

	"github.com/merlon-security/merlon/internal/verdict"
)

// Metric is the name of a metric. The set is closed: each name, with each value
// of each dimension, is billed.
type Metric string

// The metrics that are not part of a summary.
const (
	Unprotected      Metric = "Unprotected"
	Bypassed         Metric = "Bypassed"
	ConfigFault      Metric = "ConfigFault"
	ConfigUnknown    Metric = "ConfigUnknown"
	TelemetryDropped Metric = "TelemetryDropped"
	ProfileMissing   Metric = "ProfileMissing"
	ProfileExpiring  Metric = "ProfileExpiring"
	Verdicts         Metric = "Verdicts" // by action
)

// namespace is the CloudWatch namespace of Merlon's metrics.
const namespace = "Merlon"

// Metric queues a line of metrics, which CloudWatch makes metrics of without an
// API call.
func (r *Reporter) Metric(values map[Metric]float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full() {
		return
	}
	r.queue = append(r.queue, r.metrics(values))
	r.wake()
}

// metrics makes a line in the embedded metric format, with the function as its
// only dimension.
func (r *Reporter) metrics(values map[Metric]float64) []byte {
	return r.metricLine(values, "")
}

// metricLine adds the action as a second dimension where one is given.
func (r *Reporter) metricLine(values map[Metric]float64, action string) []byte {
	now := r.o.Now()
	env := verdict.Env{ID: r.env, Seq: r.next(seqMetric)}
	line := map[string]any{
		"schema": "merlon.metric/1", "function": r.function(), "env": map[string]any{"id": env.ID, "seq": env.Seq},
		"timestamp": verdict.Timestamp(now), "level": "WARN",
	}
	names := make([]Metric, 0, len(values))
	for n, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) { // JSON has no word for them
			names = append(names, n)
		}
	}
	slices.Sort(names)
	units := make([]verdict.EMFUnit, 0, len(names))
	for _, n := range names {
		units = append(units, verdict.EMFUnit{Name: string(n), Unit: "Count"})
		line[string(n)] = values[n]
	}
	dimensions := []string{"function"}
	if action != "" {
		dimensions = append(dimensions, "action")
		line["action"] = action
	}
	line["_aws"] = emf(now.UnixMilli(), dimensions, units)
	return r.seal(marshal(line), env)
}

func emf(ms int64, dimensions []string, units []verdict.EMFUnit) *verdict.EMF {
	return &verdict.EMF{Timestamp: ms, Metrics: []verdict.EMFGroup{{Namespace: namespace, Dimensions: [][]string{dimensions}, Metrics: units}}}
}

// function is the dimension; an empty one voids the whole line.
func (r *Reporter) function() string {
	if r.o.Function == "" {
		return "unknown"
	}
	return r.o.Function
}

// summarize queues the lines of a window that is over: the summary, and the
// number of verdicts for each action but allow.
func (r *Reporter) summarize(w *window) {
	if w.sum.Inspected == 0 || !r.o.Summaries || r.full() {
		return
	}
	now := r.o.Now()
	s := w.summary()
	s.Timestamp, s.Function, s.Region = verdict.Timestamp(now), r.function(), r.o.Region
	s.Env, s.Agent = verdict.Env{ID: r.env, Seq: r.next(seqSummary)}, verdict.Version{Version: r.o.Version}
	s.TelemetryDropped, r.dropped = r.dropped, 0
	for _, o := range r.outboxes {
		s.TelemetryDropped += o.takeDropped()
	}
	s.EMF = emf(now.UnixMilli(), []string{"function"}, units(&s))
	r.push(Item{Kind: KindSummary, Time: now, Line: r.seal(marshal(&s), s.Env)})
	for _, a := range []verdict.Action{verdict.ActionMonitor, verdict.ActionBlock, verdict.ActionStrip} {
		if n := w.actions[a]; n > 0 && !r.full() {
			r.queue = append(r.queue, r.metricLine(map[Metric]float64{Verdicts: float64(n)}, a.String()))
		}
	}
}

// units names the metrics of a summary: those that counted something, since a
// metric that is always zero costs as much as another.
func units(s *verdict.Summary) []verdict.EMFUnit {
	all := []verdict.EMFUnit{{Name: "Inspected", Unit: "Count"}}
	for _, m := range [...]struct {
		name string
		n    int
	}{
		{"Blocked", s.Blocked}, {"WouldBlock", s.WouldBlock}, {"FailedOpen", s.FailedOpen},
		{"OverLimit", s.OverLimit}, {"TelemetryDropped", s.TelemetryDropped},
	} {
		if m.n > 0 {
			all = append(all, verdict.EMFUnit{Name: m.name, Unit: "Count"})
		}
	}
	if len(s.InspectUs) > 0 {
		all = append(all, verdict.EMFUnit{Name: "InspectUs", Unit: "Microseconds"})
	}
	return all
}
