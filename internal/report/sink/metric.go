package sink

import (
	"encoding/json"
	"strconv"

	"github.com/merlon-security/merlon/internal/report"
	"github.com/merlon-security/merlon/internal/verdict"
)

// The messages of opentelemetry/proto/metrics, as far as they are used.
type (
	metricsData struct {
		ResourceMetrics []resourceMetrics `json:"resourceMetrics"`
	}
	resourceMetrics struct {
		Resource     resource       `json:"resource"`
		ScopeMetrics []scopeMetrics `json:"scopeMetrics"`
	}
	scopeMetrics struct {
		Scope   scope    `json:"scope"`
		Metrics []metric `json:"metrics"`
	}
	metric struct {
		Name        string `json:"name"`
		Description string `json:"description"`
		Unit        string `json:"unit"`
		Sum         sum    `json:"sum"`
	}
	sum struct {
		DataPoints  []dataPoint `json:"dataPoints"`
		Temporality int         `json:"aggregationTemporality"`
		Monotonic   bool        `json:"isMonotonic"`
	}
	dataPoint struct {
		StartTimeUnixNano string `json:"startTimeUnixNano"`
		TimeUnixNano      string `json:"timeUnixNano"`
		AsInt             string `json:"asInt"`
	}
)

// delta: a point counts what happened since the one before it.
const delta = 1

// metricsOf makes sums of the counters of summaries.
func metricsOf(batch []report.Item) metricsData {
	var d metricsData
	for _, it := range batch {
		var s verdict.Summary
		if json.Unmarshal(it.Line, &s) != nil {
			continue // Merlon's own lines always are summaries
		}
		start, end := nano(s.Window.Start), nano(s.Window.End)
		var metrics []metric
		for _, m := range [...]struct {
			name, description string
			n                 int
		}{
			{"merlon.inspected", "events that were inspected", s.Inspected},
			{"merlon.blocked", "events that were refused, whole or in part", s.Blocked},
			{"merlon.would_block", "events that block mode would have refused", s.WouldBlock},
			{"merlon.failed_open", "events that were delivered although the inspection failed", s.FailedOpen},
			{"merlon.over_limit", "events that were not inspected whole", s.OverLimit},
			{"merlon.telemetry_dropped", "lines that were lost", s.TelemetryDropped},
		} {
			metrics = append(metrics, metric{m.name, m.description, "1", sum{
				DataPoints: []dataPoint{{start, end, strconv.Itoa(m.n)}}, Temporality: delta, Monotonic: true,
			}})
		}
		d.ResourceMetrics = append(d.ResourceMetrics, resourceMetrics{
			Resource:     resource{resourceOf(s.Function, "", "", s.Region, s.Env.ID)},
			ScopeMetrics: []scopeMetrics{{Scope: scope{"merlon", s.Agent.Version}, Metrics: metrics}},
		})
	}
	return d
}
