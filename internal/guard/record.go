package guard

import (
	"strings"
	"time"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/proxy"
)

// record turns a judgement into the record of it. Everything that came with the
// event is redacted or reduced here, once, for all sinks.
func (g *Guard) record(j *Judgement, inv *proxy.Invocation, cold bool) verdict.Record {
	v, d := &j.Verdict, &g.Deployment
	trace := inv.Header.Get("Lambda-Runtime-Trace-Id")
	rec := verdict.Record{
		Schema: verdict.Schema, ID: j.ID, Time: verdict.Timestamp(g.Now()), Level: level(v),
		Function: d.Function, Account: d.Account, Region: d.Region, Env: verdict.Env{ColdStart: cold},
		Agent: verdict.Version{Version: d.AgentVersion}, Policy: verdict.Version{Version: g.Policy.Version}, Ruleset: d.Ruleset,
		RequestID: inv.ID, TraceID: traceField(trace, "Root"), SpanID: traceField(trace, "Parent"),
		Mode: v.Mode.String(), ModeSetBy: v.ModeSetBy, Action: v.Action, WouldAction: v.WouldAction, Blocked: v.Action.Blocked(),
		Reason: v.Reason, Message: v.Message, Score: v.Score, Threshold: v.Threshold, Severity: v.Severity,
		MatchCount: len(v.Findings), Limits: v.Limits, Skipped: v.Skipped, FailOpen: v.FailOpen, ConfigFaults: d.ConfigFaults,
		Latency: verdict.Latency{InspectUs: j.Latency.Microseconds(), TotalUs: g.Now().Sub(received(inv, g.Now())).Microseconds()},
	}
	if n := g.normal.Load(); n != nil {
		rec.Profile = &verdict.Version{Version: n.version}
	}
	rec.Function.ARN = inv.Header.Get("Lambda-Runtime-Invoked-Function-Arn")
	rec.Account = accountOf(rec.Function.ARN)
	rec.Function.Alias = qualifier(rec.Function.ARN, d.Function.Version)
	if v.Fault != nil {
		rec.Error = token(v.Fault.Error())
	}
	g.describe(&rec, j)
	describeRemoved(&rec, j)
	for i := range v.Findings {
		if i == verdict.MaxMatches {
			rec.Dropped = append(rec.Dropped, "matches")
			break
		}
		rec.Matches = append(rec.Matches, g.match(&v.Findings[i]))
	}
	return rec
}

// describe adds what the event says of its origin.
func (g *Guard) describe(rec *verdict.Record, j *Judgement) {
	ev := j.Event
	rec.Trigger = verdict.Trigger{Type: string(ev.Source), SourceARN: ev.Caller.SourceARN, Asserted: true}
	c := ev.Caller
	src := verdict.Source{IP: c.IP, IPClaimed: c.IPClaimed, UserAgentHash: g.Redactor.Hash(ev.Header("user-agent")), ID: g.sender(ev)}
	if src != (verdict.Source{}) {
		rec.Source = &src
	}
	if c.PrincipalType != "" {
		rec.Principal = &verdict.Principal{Type: c.PrincipalType, ID: g.Redactor.Hash(c.PrincipalID)}
	}
	if ev.HTTP != nil {
		rec.HTTP = &verdict.HTTP{Method: method(ev.HTTP.Method), Route: route(ev.HTTP.Route)}
		path, _, _ := strings.Cut(ev.HTTP.Target, "?")
		rec.HTTP.PathHash = g.Redactor.Hash(path)
	}
	if j.Reply != nil {
		rec.Response = verdict.Response{Overridden: true, Status: j.Reply.Status}
		if rec.HTTP != nil {
			rec.HTTP.Status = j.Reply.Status
		}
	}
}

// count is what a judgement adds to the environment's counters.
func (g *Guard) count(j *Judgement) verdict.Count {
	v, ev := &j.Verdict, j.Event
	c := verdict.Count{
		Trigger: string(ev.Source), Source: ev.Caller.IP, Action: v.Action, WouldAction: v.WouldAction,
		FailOpen: v.FailOpen, OverLimit: len(v.Limits) > 0, InspectUs: j.Latency.Microseconds(),
	}
	if c.Source == "" {
		c.Source = g.sender(ev)
	}
	if ev.HTTP != nil {
		c.Route = route(ev.HTTP.Route)
	}
	return c
}

// sender is the keyed hash by which the sender of an event that names no address
// can be recognised: who sent it, and through which resource.
func (g *Guard) sender(ev *event.Event) string {
	c := ev.Caller
	if c.IP != "" || c.PrincipalID == "" {
		return ""
	}
	return g.Redactor.Hash(string(ev.Source) + "\n" + c.SourceARN + "\n" + c.PrincipalType + "\n" + c.PrincipalID)
}

// Explain is what a verdict may show of its findings: all of them, redacted.
func (g *Guard) Explain(v *verdict.Verdict) []verdict.Match {
	out := make([]verdict.Match, len(v.Findings))
	for i := range v.Findings {
		out[i] = g.match(&v.Findings[i])
	}
	return out
}

func (g *Guard) match(f *verdict.Finding) verdict.Match {
	m := verdict.Match{
		Engine: f.Engine, RuleID: f.RuleID, Msg: f.Message, Phase: f.Phase, Severity: f.Severity, Score: f.Score,
		Tags: verdict.Taxonomy(f.Tags), Field: g.field(f), Place: f.Place.String(), OnName: f.IsName, Op: f.Operator,
		Evidence: g.Redactor.Redact(f.Name, f.Place, f.Value),
	}
	if f.Action != verdict.Undecided {
		m.Action = f.Action.String()
	}
	if f.Record >= 0 {
		r := f.Record
		m.Record = &r
	}
	return m
}

// field prints a path. Where the name itself is what matched it is the
// caller's text like any value, so only the path above it is shown.
func (g *Guard) field(f *verdict.Finding) string {
	p := f.Path
	if f.IsName && len(p) > 0 && g.Redactor.Mode != verdict.EvidenceRaw {
		p = p[:len(p)-1]
	}
	return g.Redactor.Path(p)
}

func level(v *verdict.Verdict) string {
	switch {
	case v.Action.Blocked() || v.Fault != nil:
		return "ERROR"
	case v.WouldAction.Blocked() || len(v.Limits) > 0:
		return "WARN"
	}
	return "INFO"
}

func received(inv *proxy.Invocation, now time.Time) time.Time {
	if inv.Received.IsZero() {
		return now
	}
	return inv.Received
}

// traceField reads one field of an X-Ray trace header, Root=…;Parent=…;Sampled=….
func traceField(header, name string) string {
	for part := range strings.SplitSeq(header, ";") {
		if k, v, ok := strings.Cut(strings.TrimSpace(part), "="); ok && k == name {
			return token(v)
		}
	}
	return ""
}

// token keeps a short text from outside fit for a log field.
func token(s string) string {
	const most = 200
	if len(s) > most {
		s = s[:most]
	}
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e {
			return '?'
		}
		return r
	}, s)
}

// method returns a request method; what is none is the caller's text.
func method(s string) string {
	for _, c := range []byte(s) {
		if c < 'A' || c > 'Z' {
			return "?"
		}
	}
	if len(s) > 16 {
		return "?"
	}
	return s
}

// route returns a route key or resource template; what holds anything that
// neither can hold is the caller's text.
func route(s string) string {
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(" /{}+$-._~:%", c) >= 0) {
			return "?"
		}
	}
	if len(s) > 200 {
		return "?"
	}
	return s
}

// accountOf and qualifier read arn:aws:lambda:region:account:function:name:qualifier.
func accountOf(arn string) string { return arnPart(arn, 4) }

func qualifier(arn, version string) string {
	if q := arnPart(arn, 7); q != version {
		return q
	}
	return ""
}

func arnPart(arn string, i int) string {
	parts := strings.SplitN(arn, ":", 8)
	if i >= len(parts) {
		return ""
	}
	return token(parts[i])
}
