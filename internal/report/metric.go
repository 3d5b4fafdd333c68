package report

import (
	"encoding/json"
	"math"
	"slices"
)

// Metric queues a line in CloudWatch's embedded metric format ("Embedded metric
// format specification"), which the service turns into metrics without an API
// call. function is the only dimension: every further one is billed.
func (r *Reporter) Metric(function string, values map[string]float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.name = function
	if len(r.queue) >= maxQueue {
		r.dropped++
		return
	}
	r.queue = append(r.queue, r.metricLine(values, function))
}

// namespace is the CloudWatch namespace of Merlon's metrics.
const namespace = "Merlon"

type emfDirective struct {
	Timestamp int64      `json:"Timestamp"`
	Metrics   []emfGroup `json:"CloudWatchMetrics"`
}

type emfGroup struct {
	Namespace  string     `json:"Namespace"`
	Dimensions [][]string `json:"Dimensions"`
	Metrics    []emfUnit  `json:"Metrics"`
}

type emfUnit struct {
	Name string `json:"Name"`
	Unit string `json:"Unit"`
}

func (r *Reporter) metricLine(values map[string]float64, function string) []byte {
	now := r.now()
	group := emfGroup{Namespace: namespace, Dimensions: [][]string{{"function"}}}
	if function == "" {
		function = "unknown" // an empty dimension voids the whole line
	}
	line := map[string]any{
		"schema": "merlon.metric/1", "function": function, "envId": r.env,
		"timestamp": now.UTC().Format("2006-01-02T15:04:05.000Z"), "level": "WARN",
	}
	names := make([]string, 0, len(values))
	for n, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) { // JSON has no word for them
			names = append(names, n)
		}
	}
	slices.Sort(names)
	for _, n := range names {
		group.Metrics = append(group.Metrics, emfUnit{Name: n, Unit: "Count"})
		line[n] = values[n]
	}
	line["_aws"] = emfDirective{Timestamp: now.UnixMilli(), Metrics: []emfGroup{group}}
	b, err := json.Marshal(line)
	if err != nil {
		panic("bug: strings and numbers always marshal: " + err.Error())
	}
	return append(b, '\n')
}
