package guard

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/merlon-security/merlon/internal/answer"
	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/proxy"
)

// learned is what the function's own replies showed of the form in which its
// callers expect answers: the last reply counts.
type learned struct {
	streams sync.Map // event.Source to bool
	policy  atomic.Bool
}

// settings are those for the answer to an event.
func (g *Guard) settings(ev *event.Event) answer.Settings {
	s := g.Answers
	if g.LearnStream && answer.LearnsStream(ev) {
		streams, _ := g.learned.streams.Load(ev.Source)
		s.Stream = streams == true
	}
	if g.LearnAuthorizer && answer.LearnsForm(ev) {
		s.Policy = g.learned.policy.Load()
	}
	return s
}

// respond has the relay hand over what the function replies to an event that is
// delivered, where something is to be done with it or learned from it.
func (g *Guard) respond(ctx context.Context, j *Judgement, inv *proxy.Invocation, cold bool) func(proxy.ReplyHead) *proxy.ReplyFilter {
	ev, complete := j.Event, j.removed.complete
	inspect := g.Responses.Engine != nil && answer.Awaited(ev)
	stream := g.LearnStream && answer.LearnsStream(ev)
	form := g.LearnAuthorizer && answer.LearnsForm(ev)
	if !inspect && !stream && !form && complete == nil {
		return nil
	}
	// The event itself may be large; nothing holds it while the function works.
	ev = lean(ev)
	inv = &proxy.Invocation{ID: inv.ID, Header: inv.Header, Deadline: inv.Deadline, Received: inv.Received}
	return func(head proxy.ReplyHead) *proxy.ReplyFilter {
		if stream && !head.Failed {
			g.learned.streams.Store(ev.Source, answer.Streams(head.Header))
		}
		change := complete
		if form && change == nil {
			change = g.learnForm
		}
		if head.Failed {
			change = nil // it is nothing to complete and shows no form
		}
		switch {
		case inspect:
			return g.newResponse(ctx, ev, inv, cold, head.Failed).filter(head, change)
		case change == nil:
			return nil
		}
		return &proxy.ReplyFilter{Hold: longestReply, Whole: func(reply []byte) ([]byte, *proxy.Answer) { return change(reply), nil }}
	}
}

// learnForm notes in which form an authorizer answers, and changes nothing.
func (g *Guard) learnForm(reply []byte) []byte {
	if policy, ok := answer.AnswersByPolicy(reply); ok {
		g.learned.policy.Store(policy)
	}
	return nil
}

// longestReply is the service's limit on a reply that is not streamed; a longer
// one it refuses in any case (AWS Lambda, "Quotas").
const longestReply = 6<<20 + 100
