package config

// The closed choices. The zero value of each is the documented default, so a
// Config that nobody parsed is a harmless one.

// Mode is what Merlon does with a finding.
type Mode uint8

const (
	ModeMonitor Mode = iota // report, deliver
	ModeOff                 // kill switch: the runtime talks to the real Runtime API
	ModeBlock               // refuse
)

func (m Mode) String() string { return name(m, "monitor", "off", "block") }

// OnFault is what happens when Merlon itself cannot do its work.
type OnFault uint8

const (
	FaultOpen   OnFault = iota // the function runs unprotected, loudly
	FaultClosed                // the function does not run
)

func (o OnFault) String() string { return name(o, "open", "closed") }

// OnLimit is what happens in block mode to an event that was not wholly
// inspected. It is not OnFault: a limit is within the sender's reach.
type OnLimit uint8

const (
	LimitBlock OnLimit = iota
	LimitPass
)

func (o OnLimit) String() string { return name(o, "block", "pass") }

// Introspection is what a question about a GraphQL schema counts as.
type Introspection uint8

const (
	IntrospectionAllow Introspection = iota // tools ask all day
	IntrospectionBlock                      // a finding like others
)

func (i Introspection) String() string { return name(i, "allow", "block") }

// Evidence is how much of a payload a verdict may show.
type Evidence uint8

const (
	EvidenceRedacted Evidence = iota // rule, place and a short masked excerpt
	EvidenceNone                     // rule and place
	EvidenceRaw                      // the matched value
)

func (e Evidence) String() string { return name(e, "redacted", "none", "raw") }

// Rules names the rule set the engine loads.
type Rules uint8

const (
	RulesDefault Rules = iota // CRS, our packs and the overlays
	RulesCRSOnly              // stock CRS; what the regression suite runs
)

func (r Rules) String() string { return name(r, "default", "crs-only") }

// LogLevel is the lowest level of our own log lines. Verdicts are not log
// lines and are not affected.
type LogLevel uint8

const (
	LogInfo LogLevel = iota
	LogDebug
	LogWarn
	LogError
)

func (l LogLevel) String() string { return name(l, "info", "debug", "warn", "error") }

// InvokeMode is how a function URL or an API expects the response.
type InvokeMode uint8

const (
	InvokeAuto InvokeMode = iota // buffered, as long as nothing is learned from the function's replies
	InvokeBuffered
	InvokeStream
)

func (i InvokeMode) String() string { return name(i, "auto", "buffered", "stream") }

// Authorizer is the form in which an HTTP API authorizer refuses.
type Authorizer uint8

const (
	AuthorizerAuto Authorizer = iota // learned from the function's own replies
	AuthorizerSimple
	AuthorizerIAM
)

func (a Authorizer) String() string { return name(a, "auto", "simple", "iam") }

// SQS is what the queue hears about a removed message.
type SQS uint8

const (
	SQSReturn SQS = iota // reported as failed until its third receive
	SQSAck               // acknowledged at once
)

func (s SQS) String() string { return name(s, "return", "ack") }

// Async is what Lambda hears of an asynchronous event that is refused whole.
type Async uint8

const (
	AsyncSuccess Async = iota // nothing is retried, the event is in quarantine
	AsyncError                // Lambda retries, then uses the dead-letter queue or destination
)

func (a Async) String() string { return name(a, "success", "error") }

// Direct is what a direct caller gets in place of the function's result.
type Direct uint8

const (
	DirectError   Direct = iota // a function error
	DirectRespond               // a result that says so
)

func (d Direct) String() string { return name(d, "error", "respond") }

// ProfileMode is what a departure from the behavioural profile leads to.
type ProfileMode uint8

const (
	ProfileOff ProfileMode = iota
	ProfileLearn
	ProfileAlert
	ProfileEnforce
)

func (p ProfileMode) String() string { return name(p, "off", "learn", "alert", "enforce") }

// Responses is what is done with findings in the function's responses.
type Responses uint8

const (
	ResponsesOff Responses = iota
	ResponsesMonitor
	ResponsesBlock
)

func (r Responses) String() string { return name(r, "off", "monitor", "block") }

// AWSGateway is what is done with the function's calls to AWS.
type AWSGateway uint8

const (
	AWSOff AWSGateway = iota
	AWSObserve
	AWSEnforce
)

func (a AWSGateway) String() string { return name(a, "off", "observe", "enforce") }

// Switch is on or off.
type Switch uint8

const (
	Off Switch = iota
	On
)

func (s Switch) String() string { return name(s, "off", "on") }

// TelemetryFormat is the encoding sent to the telemetry endpoint.
type TelemetryFormat uint8

const (
	TelemetryOTLP TelemetryFormat = iota
	TelemetryNDJSON
	TelemetryOCSF
)

func (t TelemetryFormat) String() string { return name(t, "otlp", "ndjson", "ocsf") }

// Summaries is whether windows of time are summed up in a line.
type Summaries uint8

const (
	SummariesOn Summaries = iota
	SummariesOff
)

func (s Summaries) String() string { return name(s, "on", "off") }

// name returns the word for v. A value outside the list can only come from a
// conversion in our own code and is printed as such.
func name[T ~uint8](v T, words ...string) string {
	if int(v) < len(words) {
		return words[v]
	}
	return "invalid"
}
