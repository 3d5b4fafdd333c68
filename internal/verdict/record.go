package verdict

import (
	"crypto/rand"
	"encoding/hex"
	"time"
)

// Schema names the format of a Record. A field is only ever added to it.
const Schema = "merlon.verdict/1"

// Record is one verdict as it is written: a JSON object on one line of the
// function's log, and the same object to every other sink. Every value in it
// has been redacted or comes from a closed set, from Lambda or from our own
// configuration, except Source and HTTP, which hold what the front end reports
// about the caller.
type Record struct {
	Schema    string    `json:"schema"`
	ID        string    `json:"id"`        // UUIDv7: sorts by time, unique across environments
	Time      Timestamp `json:"time"`      // when the decision was taken
	Timestamp Timestamp `json:"timestamp"` // when the line was written; Lambda's JSON log format reads it
	Level     string    `json:"level"`     // INFO, WARN (would have been refused), ERROR (refused, or a fault)

	Function  Function `json:"function"`
	Account   string   `json:"account,omitempty"`
	Region    string   `json:"region,omitempty"`
	Env       Env      `json:"env"`
	Agent     Version  `json:"agent"`
	Policy    Version  `json:"policy"`
	Profile   *Version `json:"profile,omitempty"`
	Ruleset   string   `json:"ruleset"` // "crs-4.25.0"
	RequestID string   `json:"requestId"`
	TraceID   string   `json:"traceId,omitempty"` // X-Ray Root
	SpanID    string   `json:"spanId,omitempty"`  // X-Ray Parent

	Trigger   Trigger    `json:"trigger"`
	Source    *Source    `json:"source,omitempty"`
	Principal *Principal `json:"principal,omitempty"`
	HTTP      *HTTP      `json:"http,omitempty"`

	Mode        string   `json:"mode"`
	ModeSetBy   string   `json:"modeSetBy,omitempty"` // the setting of the policy: mode, blockTriggers, modes[0]
	Action      Action   `json:"action"`
	WouldAction Action   `json:"wouldAction"`
	Blocked     bool     `json:"blocked"`
	Reason      Reason   `json:"reason"`
	Message     string   `json:"message"` // one sentence for people
	Score       int      `json:"score"`
	Threshold   int      `json:"threshold"`
	Severity    Severity `json:"severity,omitempty"`
	Matches     []Match  `json:"matches,omitempty"` // at most MaxMatches, heaviest first
	MatchCount  int      `json:"matchCount,omitempty"`
	Limits      []string `json:"limits,omitempty"`  // which limits were reached
	Skipped     int      `json:"skipped,omitempty"` // bytes of the event that were not inspected

	Removed      []Removed `json:"removed,omitempty"`      // at most MaxRemoved, in the order of the event
	RemovedCount int       `json:"removedCount,omitempty"` // how many records were removed

	Response Response `json:"response"`
	Repeat   *Repeat  `json:"repeat,omitempty"`
	Latency  Latency  `json:"latency"`

	Error        string   `json:"error,omitempty"` // our own fault, without payload
	FailOpen     bool     `json:"failOpen,omitempty"`
	ConfigFaults []string `json:"configFaults,omitempty"` // names of the variables that took their default
	Dropped      []string `json:"dropped,omitempty"`      // fields left out to keep the line under its limit
	MAC          string   `json:"mac,omitempty"`          // over the line, when a key is configured
}

// MaxMatches bounds Record.Matches; MatchCount tells how many there were.
const MaxMatches = 10

// MaxRemoved bounds Record.Removed; RemovedCount tells how many there were.
const MaxRemoved = 20

// Removed is a record that was taken out of a batch event.
type Removed struct {
	Record int `json:"record"` // index in the event
	// ID is what the source calls the record, and Pointer where it can be read
	// again: both as the event says, and only what looks like one.
	ID      string `json:"id,omitempty"`
	Pointer string `json:"pointer,omitempty"`
}

// Function is the function that was protected.
type Function struct {
	Name       string `json:"name"`
	ARN        string `json:"arn,omitempty"`
	Version    string `json:"version,omitempty"`
	Alias      string `json:"alias,omitempty"`
	CodeID     string `json:"codeId,omitempty"`
	CodeSHA256 string `json:"codeSha256,omitempty"`
}

// Env is the execution environment.
type Env struct {
	ID        string `json:"id"`
	Seq       uint64 `json:"seq"` // counts this environment's lines from 1: a gap is a lost line
	ColdStart bool   `json:"coldStart"`
}

// Version is the version of a part of the decision.
type Version struct {
	Version string `json:"version"`
}

// Trigger is what invoked the function.
type Trigger struct {
	Type      string `json:"type"`
	SourceARN string `json:"sourceArn,omitempty"`
	// Asserted is true where the event itself says so and a caller with
	// lambda:InvokeFunction could have written anything.
	Asserted bool `json:"asserted"`
}

// Source is where the request came from, as the front end saw it.
type Source struct {
	IP            string `json:"ip,omitempty"`
	IPClaimed     string `json:"ipClaimed,omitempty"` // from X-Forwarded-For: the client's word
	Country       string `json:"country,omitempty"`
	UserAgentHash string `json:"userAgentHash,omitempty"`
	ID            string `json:"id,omitempty"`
}

// Principal is who the front end says the caller is.
type Principal struct {
	Type string `json:"type"`
	ID   string `json:"id,omitempty"`
}

// HTTP describes the request of an HTTP trigger without its content.
type HTTP struct {
	Method   string `json:"method"`
	Route    string `json:"route,omitempty"` // the template, not the raw path
	PathHash string `json:"pathHash,omitempty"`
	Status   int    `json:"status,omitempty"` // what we answered
}

// Match is a Finding as it may be shown.
type Match struct {
	Engine   string     `json:"engine"`
	RuleID   int        `json:"ruleId"`
	Msg      string     `json:"msg"`
	Phase    int        `json:"phase,omitempty"`
	Severity string     `json:"severity,omitempty"`
	Score    int        `json:"score"`
	Action   string     `json:"action,omitempty"` // of a rule of the user's own: block or monitor
	Tags     Taxonomies `json:"tags"`
	Field    string     `json:"field"` // path of the value
	Place    string     `json:"place"`
	OnName   bool       `json:"onName,omitempty"`
	Op       string     `json:"op,omitempty"`
	Record   *int       `json:"record,omitempty"`
	Evidence Evidence   `json:"evidence"`
}

// Taxonomies are the public names for what a rule looks for.
type Taxonomies struct {
	Class  string   `json:"class,omitempty"` // sqli, xss, rce …
	OWASP  []string `json:"owasp,omitempty"`
	CAPEC  []string `json:"capec,omitempty"`
	CWE    []string `json:"cwe,omitempty"`
	ATTACK []string `json:"attack,omitempty"` // MITRE ATT&CK techniques
}

// Response says what the caller got from us.
type Response struct {
	Overridden bool `json:"overridden"`
	Status     int  `json:"status,omitempty"`
	Cut        bool `json:"cut,omitempty"` // the function's own response had begun, and was broken off
}

// MaxRepeatIDs bounds Repeat.IDs.
const MaxRepeatIDs = 20

// Repeat says that a line stands for several equal verdicts, the last of which
// it shows.
type Repeat struct {
	Count  int      `json:"count"`
	Window string   `json:"window"` // from the first to the last of them, as in "8.5s"
	IDs    []string `json:"ids"`    // of the first MaxRepeatIDs: callers were told them
}

// Latency is what the decision cost, in microseconds of wall time.
type Latency struct {
	InspectUs int64 `json:"inspectUs"`
	TotalUs   int64 `json:"totalUs"`
}

// Timestamp is a time written as RFC 3339 with milliseconds, in UTC.
type Timestamp time.Time

// MarshalText implements encoding.TextMarshaler.
func (t Timestamp) MarshalText() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, "2006-01-02T15:04:05.000Z"), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Timestamp) UnmarshalText(b []byte) error {
	v, err := time.Parse(time.RFC3339, string(b))
	*t = Timestamp(v)
	return err
}

// NewID returns a UUIDv7 (RFC 9562 §5.7) for now. crypto/rand reads the
// kernel's generator at each call, so environments restored from one snapshot
// do not share identifiers.
func NewID(now time.Time) string {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic("bug: crypto/rand.Read never returns an error: " + err.Error())
	}
	ms := uint64(now.UnixMilli())
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
