package guard

import (
	"context"
	"encoding/base64"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/merlon-security/merlon/internal/answer"
	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
	"github.com/merlon-security/merlon/proxy"
)

// ResponseEngine finds in the function's responses what must not go out.
type ResponseEngine interface {
	// InspectResponse begins to look at a response to ev. It returns nil if nothing
	// that is looked for can be in it.
	InspectResponse(ctx context.Context, ev *event.Event, head ResponseHead) ResponseInspection
}

// ResponseHead is what is known of a response before its body.
type ResponseHead struct {
	Status int // 0 if no front end makes HTTP of it
	Header []event.Header
	Failed bool // the function reports an error
	Stream bool // pieces go out as they are written
}

// ResponseInspection looks at one response, piece by piece.
type ResponseInspection interface {
	// Write looks at the next piece and returns what it is the first to show.
	Write(p []byte) ([]verdict.Finding, error)
	// Close looks at what is left. The score is that of all findings.
	Close() (findings []verdict.Finding, score int, err error)
	// Limits names what kept parts of the response from being looked at.
	Limits() []string
}

// Responses say what is done about the function's responses. The zero value does
// not look at them.
type Responses struct {
	Engine ResponseEngine
	// Block withholds what is found where the policy blocks. Without it findings
	// are reported.
	Block bool
	// Bytes of a response that are looked at; 0 for all.
	Bytes int
}

// limitBytes is the limit that every longer response reaches, as configured: it is
// no reason for a line of its own.
const limitBytes = "response-bytes"

// A response is the function's reply to one event, on its way through us.
type response struct {
	g    *Guard
	ctx  context.Context   //nolint:containedctx // of one response
	inv  *proxy.Invocation // without its body
	ev   *event.Event      // without its leaves
	cold bool

	id       string
	failed   bool
	prelude  *answer.Prelude // nil unless the reply may begin with one that has not ended
	begun    bool            // the engine has been asked
	look     ResponseInspection
	found    verdict.Inspection
	fault    error
	sent     bool // pieces have gone out
	withheld bool
	cost     time.Duration
}

// newResponse begins the part that we take in one reply. What is kept of the event
// until then is what a verdict says of it.
func (g *Guard) newResponse(ctx context.Context, ev *event.Event, inv *proxy.Invocation, cold, failed bool) *response {
	return &response{g: g, ctx: ctx, inv: inv, ev: ev, cold: cold, id: verdict.NewID(g.Now()), failed: failed}
}

// lean is an event without what only its inspection needs.
func lean(ev *event.Event) *event.Event {
	out := &event.Event{Source: ev.Source, Mixed: ev.Mixed, JSON: ev.JSON, Caller: ev.Caller}
	if ev.HTTP != nil {
		h := *ev.HTTP
		h.Body = ""
		out.HTTP = &h
	}
	return out
}

// streams reports whether a reply is to be passed on as it comes. Only some
// runtimes say so: aws-lambda-go sends every reply in chunks and never names the
// mode, but gives an encoded result the type of JSON, and a stream another. What
// is taken for a stream and is none is looked at in windows instead of whole; the
// other way round it would be held back.
func (g *Guard) streams(ev *event.Event, head proxy.ReplyHead) bool {
	if head.Failed {
		return false
	}
	kind, _, _ := strings.Cut(head.Header.Get("Content-Type"), ";")
	return answer.Streams(head.Header) || head.Length > longestReply ||
		head.Length < 0 && (!strings.EqualFold(strings.TrimSpace(kind), "application/json") || g.settings(ev).Stream)
}

// filter is what a response wants of the reply's body.
func (r *response) filter(head proxy.ReplyHead, complete func([]byte) []byte) *proxy.ReplyFilter {
	f := &proxy.ReplyFilter{Piece: r.piece, End: r.end, Cuts: r.g.Responses.Block}
	if r.g.streams(r.ev, head) && complete == nil {
		if answer.HasPrelude(head.Header.Get("Content-Type")) {
			r.prelude = new(answer.Prelude)
		} else {
			r.begin(answer.Given{Status: streamStatus(r.ev), Header: []event.Header{{Name: "content-type", Value: head.Header.Get("Content-Type")}}}, true)
		}
		return f
	}
	f.Hold = longestReply
	f.Whole = func(body []byte) ([]byte, *proxy.Answer) {
		if cut := r.whole(body); cut != nil {
			return nil, cut.Instead
		}
		if complete == nil {
			return nil, nil
		}
		return complete(body), nil
	}
	return f
}

// streamStatus is that of a stream without a prelude.
func streamStatus(ev *event.Event) int {
	if ev.Source.IsHTTP() {
		return http.StatusOK
	}
	return 0
}

// whole looks at a reply that was held back.
func (r *response) whole(body []byte) *proxy.Cut {
	given := answer.Given{Body: body}
	if !r.failed {
		given = answer.Read(r.ev, body, r.g.Responses.Bytes)
	}
	ctx, cancel := r.allowance()
	defer cancel()
	r.ctx = ctx
	r.begin(given, false)
	return r.end(nil, nil)
}

// allowance is the time that looking at a whole reply may take.
func (r *response) allowance() (context.Context, context.CancelFunc) {
	if r.inv.Deadline.IsZero() {
		return context.WithCancel(r.ctx)
	}
	return context.WithTimeout(r.ctx, r.g.allowance(r.inv.Deadline.Sub(r.g.Now())))
}

// begin looks at what is known first of all: the head and the start of the body.
func (r *response) begin(given answer.Given, stream bool) {
	r.begun = true
	r.engine(func() (fs []verdict.Finding, err error) {
		head := ResponseHead{Status: given.Status, Header: given.Header, Failed: r.failed, Stream: stream}
		if r.look = r.g.Responses.Engine.InspectResponse(r.ctx, r.ev, head); r.look != nil {
			fs, err = r.look.Write(given.Body)
		}
		return fs, err
	})
}

// piece looks at a piece of a reply that is not held back.
func (r *response) piece(p []byte) *proxy.Cut {
	switch {
	case r.withheld:
		return nil
	case r.prelude != nil:
		given, known := r.prelude.Write(p)
		if !known {
			r.sent = true
			return nil
		}
		r.prelude = nil
		r.begin(given, true)
	case r.look == nil && r.fault == nil && !r.begun:
		// Held back in vain: nothing is known of its form.
		r.begin(answer.Given{Status: streamStatus(r.ev), Body: p}, true)
	case r.look != nil:
		r.engine(func() ([]verdict.Finding, error) { return r.look.Write(p) })
	}
	cut := r.decide(false)
	r.sent = true
	return cut
}

// end looks at what is left when a reply has gone by.
func (r *response) end(trailer http.Header, err error) *proxy.Cut {
	if r.prelude != nil {
		r.begin(r.prelude.End(), true)
		r.prelude = nil
	}
	if r.look != nil {
		r.engine(func() ([]verdict.Finding, error) {
			fs, _, err := r.look.Close()
			return fs, err
		})
	}
	if err == nil && !r.withheld {
		r.trailers(trailer)
	}
	cut := r.decide(true)
	if err != nil {
		return nil
	}
	return cut
}

// trailers looks at what a reply that fails midway says of its error there (AWS
// Lambda, "Custom runtimes: response streaming"). It is an error of the function
// like one of its own endpoint.
func (r *response) trailers(trailer http.Header) {
	said := slices.Clone(trailer[errorTypeTrailer])
	for _, body := range trailer[errorBodyTrailer] {
		if plain, err := base64.StdEncoding.DecodeString(body); err == nil {
			body = string(plain)
		}
		said = append(said, body)
	}
	if len(said) == 0 {
		return
	}
	r.engine(func() ([]verdict.Finding, error) {
		look := r.g.Responses.Engine.InspectResponse(r.ctx, r.ev, ResponseHead{Failed: true})
		if look == nil {
			return nil, nil
		}
		fs, err := look.Write([]byte(strings.Join(said, "\n")))
		if err != nil {
			return fs, err
		}
		last, _, err := look.Close()
		return append(fs, last...), err
	})
}

const (
	errorTypeTrailer = "Lambda-Runtime-Function-Error-Type"
	errorBodyTrailer = "Lambda-Runtime-Function-Error-Body"
)

// engine calls the engine and adds up what it finds. A panic in it is an error.
func (r *response) engine(call func() ([]verdict.Finding, error)) {
	start := r.g.Now()
	defer func() { r.cost += r.g.Now().Sub(start) }()
	fs, err := func() (fs []verdict.Finding, err error) {
		defer verdict.Recover(&err)
		return call()
	}()
	r.found.Findings = append(r.found.Findings, fs...)
	if err != nil && r.fault == nil {
		r.fault, r.look = err, nil
	}
}

// decide weighs what has been found so far. It withholds the reply, or reports at
// its end.
func (r *response) decide(last bool) *proxy.Cut {
	if r.withheld || !last && len(r.found.Findings) == 0 && r.fault == nil {
		return nil
	}
	defer func() {
		if v := recover(); v != nil { // what was found must not pass for a second fault
			r.fault = verdict.Panic(v, debug.Stack())
		}
	}()
	v := r.verdict()
	if v.Action != verdict.ActionBlock && !last {
		return nil
	}
	var reply answer.Reply
	if v.Action == verdict.ActionBlock {
		r.withheld = true
		reply = answer.Withhold(r.ev, r.failed, r.id, r.g.settings(r.ev))
	}
	r.report(&v, &reply)
	if !r.withheld {
		return nil
	}
	broken := answer.Withhold(r.ev, true, r.id, r.g.settings(r.ev)) // once it has begun it can only fail
	return &proxy.Cut{Instead: outgoing(&reply), ErrorType: broken.ErrorType, ErrorBody: broken.Body}
}

// verdict is the policy's, with reasons that say that it is about a response.
func (r *response) verdict() verdict.Verdict {
	e := policy.Evidence{
		Source: r.ev.Source, Findings: slices.Clone(r.found.Findings), Scores: []int{0}, Fault: r.fault, Refusable: true, Now: r.g.Now(),
	}
	for i := range e.Findings {
		e.Findings[i].Record = -1
		e.Scores[0] += e.Findings[i].Score
	}
	if h := r.ev.HTTP; h != nil {
		e.Route, e.Path = h.Route, h.Method+" "+h.Path
	}
	v := r.g.Policy.Decide(e)
	if v.Action == verdict.ActionBlock && !r.g.Responses.Block {
		v.Action, v.Message = verdict.ActionMonitor, v.Message+"; responses are in monitor"
	}
	if r.look != nil {
		v.Limits = r.look.Limits()
	}
	switch {
	case v.Reason == verdict.RuleMatch:
		v.Reason = verdict.ResponseMatch
	case v.Reason == verdict.EngineFault:
		v.Reason = verdict.ResponseFault
	case len(v.Limits) > 0 && v.Reason == verdict.Clean:
		v.Reason = verdict.ResponseLimit
	}
	v.Message = "response: " + v.Message
	return v
}

// report writes the verdict about a response that is not clean. It counts no
// event: the one that the response answers has been counted.
func (r *response) report(v *verdict.Verdict, reply *answer.Reply) {
	limited := slices.ContainsFunc(v.Limits, func(l string) bool { return l != limitBytes })
	if v.Action == verdict.ActionAllow && v.Fault == nil && !limited {
		return
	}
	j := Judgement{Event: r.ev, Verdict: *v, ID: r.id, Latency: r.cost}
	if r.withheld {
		j.Reply = reply
	}
	rec := r.g.record(&j, r.inv, r.cold)
	if r.withheld && r.sent {
		rec.Response = verdict.Response{Overridden: true, Cut: true}
		if rec.HTTP != nil {
			rec.HTTP.Status = 0 // the front has sent the function's, if any
		}
	}
	rec.Latency.TotalUs = rec.Latency.InspectUs // the function's own time is not ours
	r.g.Reporter.Add(rec)
}
