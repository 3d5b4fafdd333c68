package proxy

import (
	"context"
	"net/http"
	"time"
)

// Inspector is the whole coupling between the relay and whoever judges the
// events that pass through it. The relay calls it and does not know why it
// decides what it decides.
type Inspector interface {
	// Inspect is called once per invocation, before the function sees the
	// event (and again when the service repeats an unanswered one: the id is
	// then the same), and concurrently on execution environments that run several
	// invocations at once. It must not keep inv.Body after returning unless
	// the outcome hands it back.
	Inspect(ctx context.Context, inv *Invocation) Outcome

	// Idle is called between the end of an invocation and the forwarding of
	// the next poll, with the moment by which it must have returned. The
	// execution environment may be frozen as soon as the poll is forwarded.
	Idle(ctx context.Context, until time.Time)
}

// Recoverer is implemented by an Inspector that decides for itself what happens
// to an event after Inspect panicked. Without it the event passes.
type Recoverer interface {
	// Recovered is called in Inspect's place with what it panicked with.
	Recovered(ctx context.Context, inv *Invocation, cause any) Outcome
}

// Invocation is one event as the Runtime API handed it out.
type Invocation struct {
	ID       string      // Lambda-Runtime-Aws-Request-Id
	Header   http.Header // the response headers of GET …/invocation/next; read-only
	Body     []byte      // the event, exactly as received; read-only
	Deadline time.Time   // Lambda-Runtime-Deadline-Ms, monotonic; zero if absent or unreadable
	Received time.Time   // when the last byte of the event had arrived
}

// Outcome is what happens to an invocation. The zero Outcome lets the event
// pass byte for byte.
type Outcome struct {
	// Replace, when not nil, is delivered instead of the event.
	Replace []byte
	// Answer, when not nil, is sent upstream in the function's place; the
	// function never sees the event. It takes precedence over Replace.
	Answer *Answer
	// Response, when not nil, is told of the function's own reply to this
	// invocation as it begins, and returns what it wants of its body; nil lets it
	// pass. It is asked again about a second reply, be it one that the runtime
	// repeats because the first did not reach the service, or one that somebody
	// in the function sends beside it. Without it a reply is not looked at.
	Response func(ReplyHead) *ReplyFilter
}

// Answer is a reply made in the function's place.
type Answer struct {
	// Error sends the reply to …/error instead of …/response.
	Error bool
	// Header carries Content-Type, Lambda-Runtime-Function-Error-Type or
	// Lambda-Runtime-Function-Response-Mode as the reply needs them.
	Header http.Header
	Body   []byte
}
