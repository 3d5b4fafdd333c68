package guard

import (
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
// delivered, where something is to be done with it or learned from it. complete
// may be nil.
func (g *Guard) respond(ev *event.Event, complete func([]byte) []byte) func(proxy.ReplyHead) *proxy.ReplyFilter {
	stream := g.LearnStream && answer.LearnsStream(ev)
	form := g.LearnAuthorizer && answer.LearnsForm(ev)
	if !stream && !form && complete == nil {
		return nil
	}
	source := ev.Source
	return func(head proxy.ReplyHead) *proxy.ReplyFilter {
		if head.Failed {
			return nil // it is nothing to complete and shows no form
		}
		if stream {
			g.learned.streams.Store(source, answer.Streams(head.Header))
		}
		if !form && complete == nil {
			return nil
		}
		return &proxy.ReplyFilter{Hold: longestReply, Whole: func(reply []byte) ([]byte, *proxy.Answer) {
			if policy, ok := answer.AnswersByPolicy(reply); form && ok {
				g.learned.policy.Store(policy)
			}
			if complete == nil {
				return nil, nil
			}
			return complete(reply), nil
		}}
	}
}

// longestReply is the service's limit on a reply that is not streamed; a longer
// one it refuses in any case (AWS Lambda, "Quotas").
const longestReply = 6<<20 + 100
