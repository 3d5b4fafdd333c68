package sink

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/merlon-security/merlon/internal/report"
	"github.com/merlon-security/merlon/internal/verdict"
)

// otlp posts verdicts as logs and summaries as metrics, in the JSON encoding of
// the OpenTelemetry protocol (opentelemetry.io/docs/specs/otlp, "JSON Protobuf
// Encoding"): camel case, 64-bit integers as strings, ids in hexadecimal.
type otlp struct {
	client        *client
	logs, metrics string
}

// OTLP makes a sink for a receiver at the endpoint's URL, to which v1/logs and
// v1/metrics are added.
func OTLP(e Endpoint) report.Sink {
	return &otlp{client: newClient(e), logs: signalURL(e.URL, "logs"), metrics: signalURL(e.URL, "metrics")}
}

// signalURL is the address of a signal. A URL that ends in that of the logs is
// taken for what it is.
func signalURL(base, signal string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base // of the configuration, which has parsed it
	}
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/v1/logs") + "/v1/" + signal
	u.RawPath = ""
	return u.String()
}

func (o *otlp) Name() string { return "otlp" }

func (o *otlp) Takes(report.Kind) bool { return true }

// Batch takes items of one kind: each kind has an address of its own, and half a
// batch must not be sent twice.
func (o *otlp) Batch(queue []report.Item) int {
	n := 1
	for n < len(queue) && queue[n].Kind == queue[0].Kind {
		n++
	}
	return max(1, fit(queue[:n], 200, 512<<10, 0))
}

func (o *otlp) Send(ctx context.Context, batch []report.Item) (report.Receipt, error) {
	address, body := o.logs, any(nil)
	if batch[0].Kind == report.KindSummary {
		address, body = o.metrics, metricsOf(batch)
	} else {
		body = logsOf(batch)
	}
	b, err := json.Marshal(body)
	if err != nil {
		return report.Receipt{}, &report.Refusal{Err: errors.New("a line cannot be encoded"), Final: true}
	}
	reply, err := o.client.post(ctx, address, map[string]string{"Content-Type": "application/json"}, b)
	if err != nil {
		return report.Receipt{}, err
	}
	return report.Receipt{Rejected: min(rejected(reply), len(batch))}, nil
}

// rejected reads how much of a request the receiver will never take.
func rejected(reply []byte) int {
	var r struct {
		PartialSuccess struct {
			RejectedLogRecords json.RawMessage
			RejectedDataPoints json.RawMessage
		}
	}
	if json.Unmarshal(reply, &r) != nil {
		return 0
	}
	count := func(m json.RawMessage) int { // a string or a number
		n, err := strconv.Atoi(strings.Trim(string(m), `"`))
		if err != nil {
			return 0
		}
		return max(0, n)
	}
	return max(count(r.PartialSuccess.RejectedLogRecords), count(r.PartialSuccess.RejectedDataPoints))
}

// The messages of opentelemetry/proto, as far as they are used.
type (
	logsData struct {
		ResourceLogs []resourceLogs `json:"resourceLogs"`
	}
	resourceLogs struct {
		Resource  resource    `json:"resource"`
		ScopeLogs []scopeLogs `json:"scopeLogs"`
	}
	resource struct {
		Attributes []keyValue `json:"attributes"`
	}
	scopeLogs struct {
		Scope      scope       `json:"scope"`
		LogRecords []logRecord `json:"logRecords"`
	}
	scope struct {
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
	}
	logRecord struct {
		TimeUnixNano         string     `json:"timeUnixNano"`
		ObservedTimeUnixNano string     `json:"observedTimeUnixNano"`
		SeverityNumber       int        `json:"severityNumber"`
		SeverityText         string     `json:"severityText"`
		EventName            string     `json:"eventName"`
		Body                 anyValue   `json:"body"`
		Attributes           []keyValue `json:"attributes"`
		TraceID              string     `json:"traceId,omitempty"`
		SpanID               string     `json:"spanId,omitempty"`
	}
	keyValue struct {
		Key   string   `json:"key"`
		Value anyValue `json:"value"`
	}
	anyValue struct {
		String *string    `json:"stringValue,omitempty"`
		Bool   *bool      `json:"boolValue,omitempty"`
		Int    string     `json:"intValue,omitempty"`
		Array  *arrayList `json:"arrayValue,omitempty"`
		Object *keyList   `json:"kvlistValue,omitempty"`
	}
	arrayList struct {
		Values []anyValue `json:"values"`
	}
	keyList struct {
		Values []keyValue `json:"values"`
	}
)

func text(s string) anyValue { return anyValue{String: &s} }

func number(n int) anyValue { return anyValue{Int: strconv.Itoa(n)} }

// attributes collects what is not empty.
type attributes []keyValue

func (a *attributes) text(key, value string) {
	if value != "" {
		*a = append(*a, keyValue{key, text(value)})
	}
}

func (a *attributes) number(key string, n int) { *a = append(*a, keyValue{key, number(n)}) }

func (a *attributes) truth(key string, b bool) { *a = append(*a, keyValue{key, anyValue{Bool: &b}}) }

// logsOf makes a resource for each environment, in the order of the lines.
func logsOf(batch []report.Item) logsData {
	var d logsData
	last := ""
	for _, it := range batch {
		var rec verdict.Record
		if json.Unmarshal(it.Line, &rec) != nil {
			continue // Merlon's own lines always are records
		}
		if last != rec.Env.ID || len(d.ResourceLogs) == 0 {
			last = rec.Env.ID
			d.ResourceLogs = append(d.ResourceLogs, resourceLogs{
				Resource:  resource{resourceOf(rec.Function.Name, rec.Function.Version, rec.Account, rec.Region, rec.Env.ID)},
				ScopeLogs: []scopeLogs{{Scope: scope{"merlon", rec.Agent.Version}}},
			})
		}
		s := &d.ResourceLogs[len(d.ResourceLogs)-1].ScopeLogs[0]
		s.LogRecords = append(s.LogRecords, logOf(&rec, it.Line))
	}
	return d
}

// resourceOf follows the semantic conventions of OpenTelemetry for functions.
func resourceOf(name, version, account, region, env string) []keyValue {
	var a attributes
	a.text("service.name", name)
	a.text("faas.name", name)
	a.text("faas.version", version)
	a.text("faas.instance", env)
	a.text("cloud.provider", "aws")
	a.text("cloud.platform", "aws_lambda")
	a.text("cloud.region", region)
	a.text("cloud.account.id", account)
	return a
}

func logOf(rec *verdict.Record, line []byte) logRecord {
	l := logRecord{
		TimeUnixNano: nano(rec.Time), ObservedTimeUnixNano: nano(rec.Timestamp), SeverityNumber: 9, SeverityText: rec.Level,
		EventName: "merlon.verdict", Body: bodyOf(line), Attributes: attributesOf(rec),
		TraceID: traceID(rec.TraceID), SpanID: hexOf(rec.SpanID, 16),
	}
	switch rec.Level {
	case "WARN":
		l.SeverityNumber = 13
	case "ERROR":
		l.SeverityNumber = 17
	}
	return l
}

func nano(t verdict.Timestamp) string { return strconv.FormatInt(time.Time(t).UnixNano(), 10) }

// attributesOf are what people filter by; the body has everything.
func attributesOf(rec *verdict.Record) []keyValue {
	var a attributes
	a.text("faas.invocation_id", rec.RequestID)
	a.text("aws.lambda.invoked_arn", rec.Function.ARN)
	a.text("merlon.id", rec.ID)
	a.number("merlon.seq", int(rec.Env.Seq))
	a.text("merlon.trigger.type", rec.Trigger.Type)
	a.text("merlon.trigger.source_arn", rec.Trigger.SourceARN)
	if rec.Source != nil {
		a.text("client.address", rec.Source.IP)
	}
	if rec.HTTP != nil {
		a.text("http.request.method", rec.HTTP.Method)
		a.text("http.route", rec.HTTP.Route)
		if rec.HTTP.Status != 0 {
			a.number("http.response.status_code", rec.HTTP.Status)
		}
	}
	a.text("merlon.mode", rec.Mode)
	a.text("merlon.action", rec.Action.String())
	a.text("merlon.would_action", rec.WouldAction.String())
	a.truth("merlon.blocked", rec.Blocked)
	a.text("merlon.reason", string(rec.Reason))
	a.text("merlon.message", rec.Message)
	a.number("merlon.score", rec.Score)
	a.text("merlon.severity", string(rec.Severity))
	a.truth("merlon.fail_open", rec.FailOpen)
	if rec.Repeat != nil {
		a.number("merlon.repeat.count", rec.Repeat.Count)
	}
	if len(rec.Matches) > 0 {
		m := &rec.Matches[0]
		a.text("security_rule.uuid", strconv.Itoa(m.RuleID))
		a.text("security_rule.name", m.Msg)
		a.text("security_rule.category", m.Tags.Class)
		a.text("security_rule.ruleset.name", rec.Ruleset)
	}
	return a
}

// traceID makes a W3C trace id of an X-Ray root, 1-8digits-24digits.
func traceID(root string) string {
	parts := strings.Split(root, "-")
	if len(parts) != 3 || parts[0] != "1" || len(parts[1]) != 8 {
		return ""
	}
	return hexOf(parts[1]+parts[2], 32)
}

// hexOf returns s if it is n digits in hexadecimal that are not all zero.
func hexOf(s string, n int) string {
	if len(s) != n || strings.Trim(s, "0123456789abcdefABCDEF") != "" || strings.Trim(s, "0") == "" {
		return ""
	}
	return strings.ToLower(s)
}

// bodyOf is the line as a value, in the order of its members.
func bodyOf(line []byte) anyValue {
	dec := json.NewDecoder(strings.NewReader(string(line)))
	dec.UseNumber()
	return valueOf(dec)
}

// valueOf reads one value. The lines are Merlon's own: an error ends the value.
func valueOf(dec *json.Decoder) anyValue {
	t, err := dec.Token()
	if err != nil {
		return text("")
	}
	switch t := t.(type) {
	case string:
		return text(t)
	case bool:
		return anyValue{Bool: &t}
	case json.Number:
		return anyValue{Int: t.String()} // a verdict has no other numbers
	case json.Delim:
		if t == '[' {
			list := arrayList{Values: []anyValue{}}
			for dec.More() {
				list.Values = append(list.Values, valueOf(dec))
			}
			_, _ = dec.Token()
			return anyValue{Array: &list}
		}
		object := keyList{Values: []keyValue{}}
		for dec.More() {
			key, err := dec.Token()
			name, ok := key.(string)
			if err != nil || !ok {
				break
			}
			object.Values = append(object.Values, keyValue{name, valueOf(dec)})
		}
		_, _ = dec.Token()
		return anyValue{Object: &object}
	}
	return text("")
}
