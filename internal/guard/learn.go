package guard

import (
	"net/http"
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

// listen has the relay tell what the function answers to an event that is
// delivered, where there is something to learn from it.
func (g *Guard) listen(out *proxy.Outcome, ev *event.Event) {
	switch {
	case g.LearnStream && answer.LearnsStream(ev):
		source := ev.Source
		out.Replied = func(h http.Header) { g.learned.streams.Store(source, answer.Streams(h)) }
	case g.LearnAuthorizer && answer.LearnsForm(ev) && out.Complete == nil:
		out.Complete = func(reply []byte) []byte {
			if policy, ok := answer.AnswersByPolicy(reply); ok {
				g.learned.policy.Store(policy)
			}
			return nil
		}
	}
}
