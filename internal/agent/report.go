package agent

import (
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/report"
	"github.com/merlon-security/merlon/internal/report/sink"
	"github.com/merlon-security/merlon/internal/verdict"
)

// newReporter makes the reporter of the configuration. A sink that cannot be set
// up is a fault like any other.
func (x *extension) newReporter() *report.Reporter {
	env := verdict.NewID(time.Now())
	return report.New(report.Options{
		Out: x.out, Env: env, Now: time.Now,
		Function: x.environ["AWS_LAMBDA_FUNCTION_NAME"], Region: x.environ["AWS_REGION"], Version: Version,
		Signer: verdict.NewSigner(x.cfg.VerdictKey.Reveal()), PerMinute: x.cfg.VerdictsPerMinute,
		Summaries: x.cfg.Summaries == config.SummariesOn, Awake: x.concurrent(),
		Sinks: x.sinks(env), Notify: x.sinkNotice,
	})
}

// sinks makes what the configuration names beside the log. None costs nothing
// before it is first used: no connection, no certificate is read.
func (x *extension) sinks(env string) (all []report.Sink) {
	if x.cfg.TelemetryURL.IsSet() {
		all = append(all, x.endpoint())
	}
	aws := sink.AWS{Env: func(name string) string { return x.environ[name] }, Now: time.Now}
	if x.cfg.Firehose != "" {
		s, err := sink.Firehose(aws, x.cfg.Firehose)
		all = x.addSink(all, s, "MERLON_FIREHOSE", err)
	}
	if x.cfg.LogGroup != "" {
		s, err := sink.LogGroup(aws, x.cfg.LogGroup, x.stream(env))
		all = x.addSink(all, s, "MERLON_LOG_GROUP", err)
	}
	return all
}

func (x *extension) addSink(all []report.Sink, s report.Sink, name string, err error) []report.Sink {
	if err != nil {
		x.faults = append(x.faults, config.Fault{Name: name, Kind: config.Invalid, Text: name + ": " + err.Error()})
		return all
	}
	return append(all, s)
}

func (x *extension) endpoint() report.Sink {
	e := sink.Endpoint{URL: x.cfg.TelemetryURL.Reveal(), Key: x.cfg.TelemetryKey.Reveal(), Version: Version, Now: time.Now}
	for _, h := range x.cfg.TelemetryHeaders {
		e.Headers = append(e.Headers, sink.Header{Name: h.Name, Value: h.Value.Reveal()})
	}
	switch x.cfg.TelemetryFormat {
	case config.TelemetryNDJSON:
		return sink.NDJSON(e)
	case config.TelemetryOCSF:
		return sink.OCSF(e)
	}
	return sink.OTLP(e)
}

// stream names the log stream of this environment, as Lambda names its own: no
// two environments share one.
func (x *extension) stream(env string) string {
	version := x.environ["AWS_LAMBDA_FUNCTION_VERSION"]
	return strings.NewReplacer("$", "", ":", "-", "*", "-").Replace(x.environ["AWS_LAMBDA_FUNCTION_NAME"]+"/"+version) + "/" + env
}

func (x *extension) sinkNotice(n report.Notice) {
	x.log.Warn(n.Message, zap.String("sink", n.Sink), zap.Int("dropped", n.Dropped), zap.Error(n.Err))
}
