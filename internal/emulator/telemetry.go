package emulator

import (
	"encoding/json"
	"sync"
	"time"
)

// telemetry is what an environment tells its subscribers ("Lambda Telemetry
// API"). What happened before subscribing closes is kept, because extensions
// that subscribe during INIT hear of its beginning.
type telemetry struct {
	mu            sync.Mutex
	open          bool // until the first INIT is over
	past          []telemetryEvent
	subscriptions []*subscription
	gone          <-chan struct{} // closed when the environment is over
	deliveries    sync.WaitGroup
}

// maxPast bounds what is kept for later subscribers: an extension that prints
// without end during INIT is no reason to keep it all.
const maxPast = 10_000

func newTelemetry(gone <-chan struct{}) *telemetry { return &telemetry{open: true, gone: gone} }

// telemetryEvent is one element of a batch.
type telemetryEvent struct {
	category string // platform, function or extension
	encoded  []byte
}

// fields are a record, in the words of the Telemetry API's schema.
type fields map[string]any

func newTelemetryEvent(category, kind string, record any) telemetryEvent {
	encoded, err := json.Marshal(fields{
		"time": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "type": kind, "record": record,
	})
	if err != nil {
		panic("bug: telemetry does not marshal: " + err.Error())
	}
	return telemetryEvent{category, encoded}
}

// platform emits an event of the platform's own, such as start for platform.start.
func (t *telemetry) platform(name string, record fields) {
	t.emit(newTelemetryEvent("platform", "platform."+name, record))
}

// line emits what a process printed.
func (t *telemetry) line(l Line) {
	t.emit(newTelemetryEvent(string(l.Source), string(l.Source), l.Text))
}

func (t *telemetry) emit(e telemetryEvent) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open && len(t.past) < maxPast {
		t.past = append(t.past, e)
	}
	for _, s := range t.subscriptions {
		s.add(e)
	}
}

// subscribe admits a subscription, or replaces the one that the extension has;
// false once INIT is over.
func (t *telemetry) subscribe(s *subscription) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.open {
		return false
	}
	known := false
	for i, old := range t.subscriptions {
		if old.extension == s.extension {
			old.stop()
			t.subscriptions[i], known = s, true
		}
	}
	if !known {
		t.subscriptions = append(t.subscriptions, s)
	}
	for _, e := range t.past {
		s.add(e)
	}
	t.deliveries.Go(func() { s.deliver(t.gone) })
	return true
}

// closeSubscriptions ends the time in which extensions may subscribe.
func (t *telemetry) closeSubscriptions() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open, t.past = false, nil
}

// flush has everything delivered without waiting for batches to fill; for the
// end of an environment.
func (t *telemetry) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.subscriptions {
		s.hasten()
	}
}

// initPhase tells of an INIT phase: of its start here, of its end through the
// function returned.
func (e *environment) initPhase(phase string) (over func(*fault)) {
	start := time.Now()
	f := e.opts.Function
	e.telemetry.platform("initStart", fields{
		"initializationType": e.opts.initializationType(), "phase": phase, "functionName": f.Name, "functionVersion": f.Version,
		"functionArn": e.opts.functionARN(), "instanceId": e.logStream, "instanceMaxMemory": f.Memory << 20,
	})
	return func(failed *fault) {
		record := fields{"initializationType": e.opts.initializationType(), "phase": phase, "status": StatusSuccess}
		if failed != nil {
			record["status"], record["errorType"] = failed.status, failed.errorType
		}
		e.telemetry.platform("initReport", with(record, "metrics", fields{"durationMs": milliseconds(time.Since(start))}))
	}
}

// initRuntimeDone tells that the runtime polled, or why it never will.
func (e *environment) initRuntimeDone(phase string, failed *fault) {
	record := fields{"initializationType": e.opts.initializationType(), "phase": phase, "status": StatusSuccess}
	if failed != nil {
		record["status"], record["errorType"] = failed.status, failed.errorType
	}
	e.telemetry.platform("initRuntimeDone", record)
}

// extension tells what came of an extension in INIT. environment.mu is held.
func (t *telemetry) extension(x *extension) {
	record := fields{"name": x.name, "state": string(x.phase), "events": append([]string{}, x.events...)}
	if x.errType != "" {
		record["errorType"] = x.errType
	}
	t.platform("extension", record)
}

func (inv *invocation) telemetryRecord() fields {
	record := fields{"requestId": inv.id, "tracing": fields{"type": "X-Amzn-Trace-Id", "value": inv.trace}}
	if inv.TenantID != "" {
		record["tenantId"] = inv.TenantID
	}
	return record
}

func (e *environment) tellStart(inv *invocation) {
	e.telemetry.platform("start", with(inv.telemetryRecord(), "version", e.opts.Function.Version))
}

// tellEnd tells how an invocation ended. The runtime is done before the report
// is written; here both are known at once.
func (e *environment) tellEnd(inv *invocation, f *fault) {
	ended := time.Now()
	duration := milliseconds(ended.Sub(inv.started))
	record := with(inv.telemetryRecord(), "status", StatusSuccess)
	switch {
	case f != nil:
		record["status"], record["errorType"] = f.status, f.errorType
	case inv.result.Status != StatusSuccess:
		record["status"], record["errorType"] = inv.result.Status, inv.result.ErrorType
	}
	done := with(record, "metrics", fields{"durationMs": duration, "producedBytes": len(inv.result.Payload)})
	e.telemetry.platform("runtimeDone", with(done, "spans", []fields{{
		"name": "responseLatency", "start": inv.started.UTC().Format("2006-01-02T15:04:05.000Z"), "durationMs": milliseconds(inv.result.Duration),
	}}))
	metrics := fields{"durationMs": duration}
	if e.opts.Concurrency == 0 { // Managed Instances report nothing else
		metrics["billedDurationMs"], metrics["memorySizeMB"] = int(duration+0.999), e.opts.Function.Memory
		if inv.initDuration > 0 {
			metrics["initDurationMs"] = milliseconds(inv.initDuration)
		}
	}
	e.telemetry.platform("report", with(record, "metrics", metrics))
}

// with returns a copy of the record with one field more.
func with(record fields, name string, value any) fields {
	more := make(fields, len(record)+1)
	for k, v := range record {
		more[k] = v
	}
	more[name] = value
	return more
}
