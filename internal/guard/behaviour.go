package guard

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
	"github.com/merlon-security/merlon/profile"
	"github.com/merlon-security/merlon/proxy"
)

// Profile knows what is normal for the function.
type Profile interface {
	Check(ev *event.Event) []profile.Departure
}

// Learner finds out what is normal for the function.
type Learner interface {
	Observe(ev *event.Event) *profile.Sample
	Commit(s *profile.Sample) (profile.Delta, bool)
}

// normal is a profile with what departures from it lead to.
type normal struct {
	profile   Profile
	version   string
	behaviour policy.Behaviour
}

// SetProfile has events compared with a profile of this version from the next one
// on.
func (g *Guard) SetProfile(p Profile, version string, b policy.Behaviour) {
	g.normal.Store(&normal{p, version, b})
}

// learning is a learner with who hears of what it learned.
type learning struct {
	learner Learner
	tell    func(profile.Delta)
}

// SetLearner has events learned from that nothing was found in, once the function
// has taken them. tell must not block.
func (g *Guard) SetLearner(l Learner, tell func(profile.Delta)) { g.learning.Store(&learning{l, tell}) }

// observe looks at an event that is delivered whole and in which nothing was
// found, and returns respond with what waits for the function's reply to it.
func (g *Guard) observe(j *Judgement, respond func(proxy.ReplyHead) *proxy.ReplyFilter) func(proxy.ReplyHead) *proxy.ReplyFilter {
	l := g.learning.Load()
	if l == nil || j.Verdict.Reason != verdict.Clean || len(j.Verdict.Findings) > 0 || j.Verdict.Fault != nil {
		return respond
	}
	s := l.learner.Observe(j.Event)
	switch {
	case s == nil:
		return respond
	case s.Empty():
		l.commit(s)
		return respond
	}
	isHTTP := j.Event.HTTP != nil
	return func(head proxy.ReplyHead) *proxy.ReplyFilter {
		var f proxy.ReplyFilter
		if respond != nil {
			if base := respond(head); base != nil {
				f = *base
			}
		}
		if head.Failed {
			return &f
		}
		return watch(f, func(reply []byte) {
			if taken(isHTTP, reply) {
				l.commit(s)
			}
		})
	}
}

func (l *learning) commit(s *profile.Sample) {
	if d, ok := l.learner.Commit(s); ok {
		l.tell(d)
	}
}

// replyHead is how much of a reply is looked at for whether the function took the
// event: status codes stand at the front of what functions answer.
const replyHead = 16 << 10

// watch adds to a filter that done is called with the beginning of a reply that
// ended without an error.
func watch(f proxy.ReplyFilter, done func(reply []byte)) *proxy.ReplyFilter {
	var begun []byte
	add := func(p []byte) {
		begun = append(begun, p[:min(len(p), replyHead-len(begun))]...)
	}
	whole, piece, end := f.Whole, f.Piece, f.End
	if f.Hold > 0 {
		f.Whole = func(body []byte) (other []byte, instead *proxy.Answer) {
			if whole != nil {
				other, instead = whole(body)
			}
			if instead == nil {
				done(body[:min(len(body), replyHead)])
			}
			return other, instead
		}
	}
	f.Piece = func(p []byte) *proxy.Cut {
		add(p)
		if piece == nil {
			return nil
		}
		return piece(p)
	}
	f.End = func(trailer http.Header, err error) *proxy.Cut {
		if err == nil && trailer.Get("Lambda-Runtime-Function-Error-Type") == "" {
			done(begun)
		}
		if end == nil {
			return nil
		}
		return end(trailer, err)
	}
	return &f
}

// taken reports whether a reply says that the function took the event: of an HTTP
// reply its status, which is 200 where it has none; of any other that no record
// failed. A reply whose beginning does not tell counts as one that says no: a
// scanner's 404 must not become a route.
func taken(isHTTP bool, reply []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(reply))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return len(reply) < replyHead || !isHTTP // a text, a list, nothing: 200
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return false
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return false
		}
		switch key {
		case "statusCode":
			var status int
			return isHTTP && json.Unmarshal(value, &status) == nil && status >= 200 && status < 400
		case "batchItemFailures":
			var failures []json.RawMessage
			if !isHTTP && (json.Unmarshal(value, &failures) != nil || len(failures) > 0) {
				return false
			}
		}
	}
	return true
}
