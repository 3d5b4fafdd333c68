package config

import "time"

// first is the release in which the first capabilities ship.
const first = "0.1.0"

// decisionVars decide what is refused.
func decisionVars() []Var {
	return []Var{
		{Name: "MERLON_MODE", Since: first, Readers: Extension | Wrapper, Policy: "mode",
			Doc:     "`monitor` reports and delivers. `block` refuses events at or over the threshold. `off` is the kill switch: the runtime talks to Lambda directly, whatever else is configured; as such it works in the environment only.",
			binding: oneOf(func(c *Config) *Mode { return &c.Mode }, ModeOff, ModeMonitor, ModeBlock)},
		{Name: "MERLON_BLOCK_TRIGGERS", Since: first, Readers: Extension, Policy: "blockTriggers", Default: "every trigger",
			Doc:     "The event sources whose events may be refused in block mode; the others stay in monitor.",
			binding: members(func(c *Config) *[]string { return &c.BlockTriggers }, Triggers)},
		{Name: "MERLON_ON_FAULT", Since: first, Readers: Extension | Wrapper, Policy: "onFault",
			Doc:     "When Merlon itself cannot work: `open` runs the function unprotected and says so, `closed` does not run it. An invalid value counts as `closed` when the mode is `block`.",
			binding: oneOf(func(c *Config) *OnFault { return &c.OnFault }, FaultOpen, FaultClosed)},
		{Name: "MERLON_ON_LIMIT", Since: first, Readers: Extension, Policy: "onLimit",
			Doc:     "In block mode, what happens to an event too large or too deep to inspect whole.",
			binding: oneOf(func(c *Config) *OnLimit { return &c.OnLimit }, LimitBlock, LimitPass)},
		{Name: "MERLON_INTROSPECTION", Since: first, Readers: Extension, Policy: "introspection",
			Doc:     "Whether a GraphQL query for the schema (`__schema`, `__type`) is a finding. `allow` suits development, where tools ask all day; `block` suits an API whose clients know its schema.",
			binding: oneOf(func(c *Config) *Introspection { return &c.Introspection }, IntrospectionAllow, IntrospectionBlock)},
		{Name: "MERLON_PARANOIA", Since: first, Readers: Extension, Policy: "paranoia",
			Doc:     "Paranoia level of the OWASP Core Rule Set. Higher finds more and errs more.",
			binding: number(func(c *Config) *int { return &c.Paranoia }, 1, 4)},
		{Name: "MERLON_THRESHOLD", Since: first, Readers: Extension, Policy: "threshold",
			Doc:     "Anomaly score from which an event, or a record of a batch, is refused. One critical rule scores 5.",
			binding: number(func(c *Config) *int { return &c.Threshold }, 1, 100)},
		{Name: "MERLON_BUDGET", Since: first, Readers: Extension,
			Doc:     "Share of the invocation's remaining time that inspection may use.",
			binding: percent(func(c *Config) *int { return &c.BudgetPercent }, 1, 90)},
		{Name: "MERLON_RULES", Since: first, Readers: Extension,
			Doc:     "`default` is the Core Rule Set set up for Lambda; `crs-only` is the unmodified Core Rule Set, for regression tests.",
			binding: oneOf(func(c *Config) *Rules { return &c.Rules }, RulesDefault, RulesCRSOnly)},
		{Name: "MERLON_POLICY", Since: first, Readers: Extension, Default: "none",
			Doc:     "Path of the policy file.",
			binding: absolutePath(func(c *Config) *string { return &c.Policy })},
	}
}

// answerVars shape what a refused caller sees.
func answerVars() []Var {
	return []Var{
		{Name: "MERLON_BLOCK_STATUS", Since: first, Readers: Extension,
			Doc:     "HTTP status of a refusal.",
			binding: number(func(c *Config) *int { return &c.BlockStatus }, 400, 599)},
		{Name: "MERLON_BLOCK_BODY", Since: first, Readers: Extension, Default: `{"message":"Forbidden","requestId":…}`,
			Doc:     "HTTP body of a refusal, sent as it stands; may be empty.",
			binding: text(func(c *Config) *string { return &c.BlockBody })},
		{Name: "MERLON_BLOCK_HEADERS", Since: first, Readers: Extension, Default: "none",
			Doc:     "HTTP headers added to a refusal, for instance CORS.",
			binding: headerList(func(c *Config) *[]Header { return &c.BlockHeaders })},
		{Name: "MERLON_INVOKE_MODE", Since: first, Readers: Extension,
			Doc:     "How HTTP callers expect responses, so that a refusal comes in their form: `stream` for streaming function URLs. `auto` learns it from the function's own replies, for each kind of front end, and is `buffered` until then.",
			binding: oneOf(func(c *Config) *InvokeMode { return &c.InvokeMode }, InvokeAuto, InvokeBuffered, InvokeStream)},
		{Name: "MERLON_AUTHORIZER", Since: first, Readers: Extension,
			Doc:     "Form in which an HTTP API authorizer refuses; `auto` learns it from the function's own replies and is `simple` until then. `iam` has REST and WebSocket authorizers refuse with a Deny policy too, which API Gateway caches; otherwise they answer `Unauthorized`.",
			binding: oneOf(func(c *Config) *Authorizer { return &c.Authorizer }, AuthorizerAuto, AuthorizerSimple, AuthorizerIAM)},
		{Name: "MERLON_SQS", Since: first, Readers: Extension,
			Doc:     "A message removed from an SQS batch is reported as failed until its third receive (`return`) or acknowledged at once (`ack`).",
			binding: oneOf(func(c *Config) *SQS { return &c.SQS }, SQSReturn, SQSAck)},
		{Name: "MERLON_ASYNC", Since: first, Readers: Extension,
			Doc:     "What Lambda hears of an asynchronous event (SNS, S3, EventBridge, SES, IoT, CodeCommit, CloudWatch Logs) that is refused whole: `success`, with the event in quarantine, or `error`, with which Lambda tries twice more and then uses the dead-letter queue or failure destination.",
			binding: oneOf(func(c *Config) *Async { return &c.Async }, AsyncSuccess, AsyncError)},
		{Name: "MERLON_DIRECT", Since: first, Readers: Extension,
			Doc:     "How a direct invoke is refused: with a function `error` that the caller can catch, or with `respond`, a result `{\"merlon\":\"blocked\",\"id\":…}` that raises no error metric.",
			binding: oneOf(func(c *Config) *Direct { return &c.Direct }, DirectError, DirectRespond)},
		{Name: "MERLON_QUARANTINE", Since: first, Readers: Extension,
			Doc:     "Where removed records are kept before the source forgets them. `log` seals them to `MERLON_QUARANTINE_KEY`; `off` keeps the verdict only.",
			binding: quarantine(func(c *Config) *Quarantine { return &c.Quarantine })},
		{Name: "MERLON_QUARANTINE_KEY", Since: first, Readers: Extension, Secret: true, Default: "none",
			Doc:     "age X25519 public key (`age1…`) to which quarantined payloads are sealed.",
			binding: ageRecipient(func(c *Config) *Secret { return &c.QuarantineKey })},
		{Name: "MERLON_RESPONSES", Since: first, Readers: Extension,
			Doc:     "What is done about the function's responses: `monitor` looks for what must not go out and reports it, `block` withholds it where an attack would be refused. Either holds a response back until it has been looked at, unless it is streamed.",
			binding: oneOf(func(c *Config) *Responses { return &c.Responses }, ResponsesOff, ResponsesMonitor, ResponsesBlock)},
		{Name: "MERLON_RESPONSE_BYTES", Since: first, Readers: Extension,
			Doc:     "How many bytes of a response are looked at, from its beginning; `0` for all of it, at up to 7 ms of CPU for each megabyte.",
			binding: number(func(c *Config) *int { return &c.ResponseBytes }, 0, 1<<30)},
	}
}

// reportVars decide what is said, and to whom.
func reportVars() []Var {
	return []Var{
		{Name: "MERLON_EVIDENCE", Since: first, Readers: Extension,
			Doc:     "How much of a payload a verdict shows: rule and place (`none`), a masked excerpt (`redacted`) or the matched value (`raw`).",
			binding: oneOf(func(c *Config) *Evidence { return &c.Evidence }, EvidenceNone, EvidenceRedacted, EvidenceRaw)},
		{Name: "MERLON_VERDICT_KEY", Since: first, Readers: Extension, Secret: true, Default: "none",
			Doc:     "Secret that signs Merlon's lines and keys the hashes in verdicts; without one there are neither. Give all functions of an account the same, so that hashes can be compared: `openssl rand -base64 32`.",
			binding: secretText(func(c *Config) *Secret { return &c.VerdictKey })},
		{Name: "MERLON_SUMMARIES", Since: first, Readers: Extension,
			Doc:     "One line for each 200 invocations or 10 seconds with invocations, which counts them and carries the metrics. Without it nothing shows that clean events were inspected.",
			binding: oneOf(func(c *Config) *Summaries { return &c.Summaries }, SummariesOn, SummariesOff)},
		{Name: "MERLON_VERDICTS_PER_MINUTE", Since: first, Readers: Extension,
			Doc:     "How many verdicts an environment writes in a minute. Further ones are counted in the summary.",
			binding: number(func(c *Config) *int { return &c.VerdictsPerMinute }, 1, 100_000)},
		{Name: "MERLON_LOG_LEVEL", Since: first, Readers: Extension | Wrapper,
			Doc:     "Lowest level of Merlon's own log lines. Verdicts are always written.",
			binding: oneOf(func(c *Config) *LogLevel { return &c.LogLevel }, LogDebug, LogInfo, LogWarn, LogError)},
		{Name: "MERLON_CODE_ID", Since: first, Readers: Extension, Default: "the function's version",
			Doc:     "Identity of the deployed code, for instance a commit, as verdicts should name it.",
			binding: identifier(func(c *Config) *string { return &c.CodeID })},
		{Name: "MERLON_TELEMETRY_URL", Since: first, Readers: Extension, Secret: true, Default: "none",
			Doc:     "Endpoint that receives verdicts and summaries beside the log. Treated as a secret, since addresses of webhooks are. To one of OTLP, `/v1/logs` and `/v1/metrics` are added.",
			binding: endpoint(func(c *Config) *Secret { return &c.TelemetryURL })},
		{Name: "MERLON_TELEMETRY_FORMAT", Since: first, Readers: Extension,
			Doc:     "What is sent to the telemetry endpoint: OpenTelemetry's protocol as JSON over HTTP, the lines themselves, or a Detection Finding (class 2004) of OCSF for each verdict.",
			binding: oneOf(func(c *Config) *TelemetryFormat { return &c.TelemetryFormat }, TelemetryOTLP, TelemetryNDJSON, TelemetryOCSF)},
		{Name: "MERLON_TELEMETRY_HEADERS", Since: first, Readers: Extension, Secret: true, Default: "none",
			Doc:     "HTTP headers sent to the telemetry endpoint, for instance its token.",
			binding: secretHeaderList(func(c *Config) *[]SecretHeader { return &c.TelemetryHeaders })},
		{Name: "MERLON_TELEMETRY_KEY", Since: first, Readers: Extension, Secret: true, Default: "none",
			Doc:     "Secret that the receiver shares, with which requests in the formats `ndjson` and `ocsf` are signed.",
			binding: secretText(func(c *Config) *Secret { return &c.TelemetryKey })},
		{Name: "MERLON_TELEMETRY_PLAIN", Since: first, Readers: Extension,
			Doc:     "Accepts an `http://` telemetry endpoint that is not on this machine. Verdicts and headers then travel in the clear.",
			binding: oneOf(func(c *Config) *Switch { return &c.TelemetryPlain }, Off, On)},
		{Name: "MERLON_FIREHOSE", Since: first, Readers: Extension, Default: "none",
			Doc:     "Stream of Amazon Data Firehose, in the function's region, that receives the lines. The role needs `firehose:PutRecordBatch`.",
			binding: named(func(c *Config) *string { return &c.Firehose }, 64, "", "a name of 1 to 64 letters, digits and -_.")},
		{Name: "MERLON_LOG_GROUP", Since: first, Readers: Extension, Default: "none",
			Doc:     "Log group of its own, in the function's region, that receives the lines. It must exist; the role needs `logs:CreateLogStream` and `logs:PutLogEvents`.",
			binding: named(func(c *Config) *string { return &c.LogGroup }, 512, "/#", "a name of 1 to 512 letters, digits and -_./#")},
	}
}

// attachmentVars decide how Merlon stands between Lambda and the runtime.
func attachmentVars() []Var {
	return []Var{
		{Name: "MERLON_LISTEN", Since: first, Readers: Extension | Wrapper,
			Doc:     "Address of the proxy. Change it only if another program in the function uses the port; there is no fallback port.",
			binding: listenAddress(func(c *Config) *addrPort { return &c.Listen })},
		{Name: "MERLON_UPSTREAM", Since: first, Readers: Extension, Default: "`AWS_LAMBDA_RUNTIME_API`",
			Doc:     "Address of the Runtime API, if another proxy stands between Merlon and Lambda.",
			binding: upstreamAddress(func(c *Config) *string { return &c.Upstream })},
		{Name: "MERLON_NEXT_WRAPPER", Since: first, Readers: Wrapper, Default: "none",
			Doc:     "Another product's wrapper script, run between Merlon's and the runtime.",
			binding: wrapperPath(func(c *Config) *string { return &c.NextWrapper })},
		{Name: "MERLON_BYPASS_DETECTION", Since: first, Readers: Extension,
			Doc:     "`on` subscribes to Lambda's Telemetry API and compares the invocations that the runtime answered with the events that passed Merlon. More answers than events: something fetches them elsewhere.",
			binding: oneOf(func(c *Config) *Switch { return &c.BypassDetection }, Off, On)},
	}
}

// behaviourVars concern what the function does rather than what it is sent.
func behaviourVars() []Var {
	return []Var{
		{Name: "MERLON_PROFILE", Since: first, Readers: Extension, Default: "none",
			Doc:     "Path of the behavioural profile, for instance `/var/task/profile.yaml` ([PROFILE.md](PROFILE.md)); or the profile itself, as `inline:` and base64 of it or of what gzip made of it.",
			binding: pathOrInline(func(c *Config) *string { return &c.Profile })},
		{Name: "MERLON_PROFILE_MODE", Since: first, Readers: Extension, Default: "what the profile says; off without one",
			Doc:     "What a departure from the profile leads to: `alert` reports it, `enforce` has it weigh as much as the threshold, where the profile does not say less of its dimension. `learn` compares nothing and tells the log what is new.",
			binding: oneOf(func(c *Config) *ProfileMode { return &c.ProfileMode }, ProfileOff, ProfileLearn, ProfileAlert, ProfileEnforce)},
		{Name: "MERLON_PROFILE_KEY", Since: first, Readers: Extension, Default: "none",
			Doc:     "Public keys (`merlon-public-1:…`, a comma list) one of which must have signed the profile. Without one, no signature is asked for.",
			binding: publicKeys(func(c *Config) *[]string { return &c.ProfileKeys })},
		{Name: "MERLON_PROFILE_GRACE", Since: first, Readers: Extension, Default: "none",
			Doc:     "Date until which departures are reported and refuse nothing where the profile names other code (`metadata.code`) than runs.",
			binding: date(func(c *Config) *time.Time { return &c.ProfileGrace })},
		{Name: "MERLON_PROFILE_MIN_VERSION", Since: first, Readers: Extension, Default: "0",
			Doc:     "Lowest version of the profile that is accepted, against rollback.",
			binding: number(func(c *Config) *int { return &c.ProfileMinVersion }, 0, 1<<30)},
		{Name: "MERLON_AWS", Readers: Extension | Wrapper,
			Doc:     "Whether the function's calls to AWS go through Merlon, and whether those outside the profile are refused.",
			binding: oneOf(func(c *Config) *AWSGateway { return &c.AWS }, AWSOff, AWSObserve, AWSEnforce)},
		{Name: "MERLON_VAULT", Readers: Extension | Wrapper,
			Doc:     "Keeps the function's AWS credentials out of its process; calls are signed by Merlon.",
			binding: oneOf(func(c *Config) *Switch { return &c.Vault }, Off, On)},
		{Name: "MERLON_VAULT_EXCEPT", Readers: Extension | Wrapper, Default: "none",
			Doc:     "AWS services, such as `sts`, whose calls keep the function's own credentials.",
			binding: serviceList(func(c *Config) *[]string { return &c.VaultExcept })},
	}
}
