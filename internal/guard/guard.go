// Package guard is the sentence of the program: decode, inspect, decide,
// answer, report. It owns the order of these and what happens when one of them
// fails; it knows the rule engine only as something that inspects, and the
// reports only as something that takes them.
package guard

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/merlon-security/merlon/internal/answer"
	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
	"github.com/merlon-security/merlon/proxy"
)

// Engine finds attacks in a decoded event.
type Engine interface {
	Inspect(ctx context.Context, ev *event.Event) (verdict.Inspection, error)
}

// Reporter takes verdicts. It must not block.
type Reporter interface {
	Add(verdict.Record)
	Count(verdict.Count)
	Idle(ctx context.Context, until time.Time)
}

// Guard inspects invocations. It is safe for concurrent use.
type Guard struct {
	Engine   Engine
	Policy   *policy.Policy
	Answers  answer.Settings
	Reporter Reporter
	Redactor verdict.Redactor
	Limits   event.Limits
	// Memory is what all events share; nil bounds each alone.
	Memory *Memory
	// Keeper is where removed records go; without one only records that can be
	// read again at their source are removed.
	Keeper Keeper
	// Budget is the share of an invocation's remaining time that inspection may
	// use, in percent.
	Budget int
	// LearnStream and LearnAuthorizer have refusals take the form of the function's
	// own replies, where the event does not tell which one its caller expects.
	LearnStream, LearnAuthorizer bool
	// Responses are looked at if they have an engine.
	Responses Responses
	// Deployment is copied into every record.
	Deployment Deployment
	Now        func() time.Time

	warm     atomic.Bool
	learned  learned
	normal   atomic.Pointer[normal]
	learning atomic.Pointer[learning]
}

// Deployment is what is the same for all verdicts of an environment.
type Deployment struct {
	Function     verdict.Function
	Account      string
	Region       string
	AgentVersion string
	Ruleset      string
	ConfigFaults []string
}

// reserve is kept back from every deadline for the answer and the reports.
const reserve = 200 * time.Millisecond

// Judgement is the outcome for one event, with what was decided and why.
type Judgement struct {
	Event   *event.Event
	Verdict verdict.Verdict
	ID      string
	Reply   *answer.Reply // set if the event is refused
	Latency time.Duration

	removed removed
}

// Inspect implements proxy.Inspector.
func (g *Guard) Inspect(ctx context.Context, inv *proxy.Invocation) proxy.Outcome {
	if g.Policy.Mode == verdict.Off {
		return proxy.Outcome{}
	}
	j := g.Judge(ctx, inv.Body, inv.Header, inv.Deadline)
	g.keep(ctx, &j, inv)
	cold := !g.warm.Swap(true)
	var out proxy.Outcome
	if j.Reply != nil {
		out.Answer = outgoing(j.Reply)
	} else {
		out.Replace, out.Response = j.removed.rest, g.observe(&j, g.respond(ctx, &j, inv, cold))
	}
	if worthALine(&j.Verdict) {
		g.Reporter.Add(g.record(&j, inv, cold))
	}
	g.Reporter.Count(g.count(&j))
	return out
}

// worthALine: what is delivered although we failed or left a part of it out is
// reported like what is refused. Nothing unprotected is silent.
func worthALine(v *verdict.Verdict) bool {
	return v.Action != verdict.ActionAllow || v.Fault != nil || len(v.Limits) > 0
}

// Idle implements proxy.Inspector.
func (g *Guard) Idle(ctx context.Context, until time.Time) { g.Reporter.Idle(ctx, until) }

// Recovered implements proxy.Recoverer: a panic that got past Judge is a fault
// like any other. The event is decoded once more, so that a refusal has the shape
// its caller expects.
func (g *Guard) Recovered(_ context.Context, inv *proxy.Invocation, cause any) proxy.Outcome {
	fault := verdict.Panic(cause, debug.Stack())
	j := Judgement{Event: g.decodeAgain(inv), ID: verdict.NewID(g.Now())}
	g.conclude(&j, inv.Body, verdict.Inspection{}, fault)
	g.Reporter.Add(g.record(&j, inv, !g.warm.Swap(true)))
	g.Reporter.Count(g.count(&j))
	if j.Reply == nil {
		return proxy.Outcome{}
	}
	return proxy.Outcome{Answer: outgoing(j.Reply)}
}

func (g *Guard) decodeAgain(inv *proxy.Invocation) (ev *event.Event) {
	defer func() {
		if recover() != nil {
			ev = &event.Event{Source: event.Direct}
		}
	}()
	return event.Decode(inv.Body, inv.Header, g.limits())
}

// Judge decodes an event, inspects it and decides. deadline is the
// invocation's; zero means there is none.
func (g *Guard) Judge(ctx context.Context, body []byte, header http.Header, deadline time.Time) Judgement {
	start := g.Now()
	j := Judgement{ID: verdict.NewID(start)}
	if !deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, g.allowance(deadline.Sub(start)))
		defer cancel()
	}
	var held *lease
	defer func() { held.release() }()
	found, err := g.look(ctx, &j, &held, body, header)
	if j.Event == nil {
		j.Event = &event.Event{Source: event.Direct}
	}
	g.conclude(&j, body, found, err)
	if len(j.Verdict.Records) > 0 && j.Verdict.Action.Blocked() {
		g.remove(ctx, &j, body, header, found)
	}
	j.Latency = g.Now().Sub(start)
	return j
}

// allowance is the time that inspection may take of what is left.
func (g *Guard) allowance(left time.Duration) time.Duration {
	return max(0, min(left*time.Duration(g.Budget)/100, left-reserve))
}

// look decodes and inspects. A panic in either is an error: the invocation goes
// on, by the policy for faults.
func (g *Guard) look(ctx context.Context, j *Judgement, held **lease, body []byte, header http.Header) (found verdict.Inspection, err error) {
	defer verdict.Recover(&err)
	lim := g.limits()
	lim.Until, _ = ctx.Deadline() // zero where there is none
	j.Event, *held = g.decode(ctx, body, header, lim)
	err = g.search(ctx, j.Event, &found)
	return found, err
}

// limits are those of the deployment, and what the policy wants to be told.
func (g *Guard) limits() event.Limits {
	lim := g.Limits
	lim.Introspection = g.Policy.Introspection
	return lim
}

// search applies the policy's own rules and the engine's. Should the engine
// panic, found is what the policy's found.
func (g *Guard) search(ctx context.Context, ev *event.Event, found *verdict.Inspection) error {
	until, _ := ctx.Deadline()
	own, ownErr := g.Policy.Own(ev, until, g.Now)
	if n := g.normal.Load(); n != nil {
		own = own.And(g.Policy.Departures(ev, n.profile.Check(ev), n.behaviour, g.Now()))
	}
	*found = own
	rest, err := g.Engine.Inspect(ctx, ev)
	*found = own.And(rest)
	return errors.Join(ownErr, err)
}

func (g *Guard) conclude(j *Judgement, body []byte, found verdict.Inspection, fault error) {
	e := policy.Evidence{
		Source: j.Event.Source, Findings: found.Findings, Scores: found.Scores,
		Limits: slices.Concat(found.Limits, j.Event.Limits), Skipped: j.Event.Skipped,
		Fault: fault, Refusable: g.refusable(j.Event), Retried: answer.Retried(j.Event), Now: g.Now(),
	}
	if j.Event.HTTP != nil {
		e.Route, e.Path = j.Event.HTTP.Route, j.Event.HTTP.Method+" "+j.Event.HTTP.Path
	}
	// Only an event that may have to be refused is looked at for how.
	if (len(e.Limits) > 0 || slices.ContainsFunc(e.Scores, positive)) && answer.Batch(j.Event) {
		g.removable(&e, j, body)
	}
	j.Verdict = g.Policy.Decide(e)
	if j.Verdict.Action == verdict.ActionBlock && len(j.Verdict.Records) == 0 {
		r := g.refusal(j, fault)
		j.Reply = &r
	}
}

// refusal is the answer in place of an event that is refused whole. For a fault
// of ours it is an error wherever somebody may try again: a success would have
// the event forgotten that nobody has looked at.
func (g *Guard) refusal(j *Judgement, fault error) answer.Reply {
	if fault != nil && g.Policy.FailClosed && (answer.Retried(j.Event) || j.Event.Source == event.Direct) {
		return answer.Fail(j.ID)
	}
	return answer.Refuse(j.Event, j.ID, g.settings(j.Event))
}

func (g *Guard) refusable(ev *event.Event) bool {
	return answer.Refusable(ev) || g.Policy.Named(ev.Source) && answer.OnNamed(ev.Source)
}

func positive(score int) bool { return score > 0 }

func outgoing(r *answer.Reply) *proxy.Answer {
	h := http.Header{"Content-Type": {r.ContentType}}
	if r.ErrorType != "" {
		h.Set("Lambda-Runtime-Function-Error-Type", r.ErrorType)
	}
	if r.Streaming {
		h.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
	}
	return &proxy.Answer{Error: r.Error, Header: h, Body: r.Body}
}
