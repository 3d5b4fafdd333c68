package proxy

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Observer hears what happened in the relay that someone should know of. It is
// called from the relay's own goroutines, so it must be safe for concurrent
// use and must not block.
type Observer interface {
	Observe(Event)
}

// Event is one occurrence. It never carries payload bytes: of a panic it says
// the runtime's own message or else only the type of the value, because code
// likes to panic with what it choked on.
type Event struct {
	Kind      Kind
	RequestID string // the invocation concerned; empty if none
	Status    int    // the upstream status, where one was received
	Err       error  // the cause, where there is one
	Stack     []byte // of a panic
}

// panicked describes a recovered panic v of the named call.
func panicked(kind Kind, id, call string, v any) Event {
	e := Event{Kind: kind, RequestID: id, Stack: debug.Stack()}
	if fault, ok := v.(runtime.Error); ok {
		e.Err = fmt.Errorf("%s: panic: %w", call, fault)
	} else {
		e.Err = fmt.Errorf("%s: panic with a value of type %T", call, v)
	}
	return e
}

// Kind names what happened. The set is closed.
type Kind uint8

// The kinds of Event.
const (
	// DoublePoll is a poll that arrived while an invocation was unanswered: a
	// runtime that restarted itself, or something in the function's process
	// that found our port. It passed upstream, where the service repeats the
	// same event.
	DoublePoll Kind = iota + 1
	// PollAbandoned is a downstream poll that closed before its event arrived.
	PollAbandoned
	// EventHeld is an event whose poll had vanished; the next poll gets it.
	EventHeld
	// HeldDelivered is a held event that a later poll received.
	HeldDelivered
	// HeldExpired is a held event whose deadline passed first; it was dropped.
	HeldExpired
	// UnknownAnswer is a reply for an invocation that is not open here: never
	// delivered, already answered, or being answered. It passed upstream.
	UnknownAnswer
	// AnswerTruncated is a reply of the runtime that broke off midway. The
	// service saw it break off too.
	AnswerTruncated
	// NotHeld is a reply that could not be given to ReplyFilter.Whole, because it
	// was too long, broke off, or ended in an error. It went by in pieces.
	NotHeld
	// ReplyReplaced is a reply of the function's for which the Inspector sent
	// another.
	ReplyReplaced
	// ReplyCut is a reply of the function's that the Inspector ended.
	ReplyCut
	// ForeignRequest is a request that no runtime sends; it was refused.
	ForeignRequest
	// InspectorPanic is a panic in the Inspector; Err holds it.
	InspectorPanic
	// AnswerRefused is a reply in the function's place that the service did not
	// accept: Status says why, or Err when no status was received.
	AnswerRefused
	// NotInspected is an event that carried no request id and so could neither
	// be inspected nor answered. It passed.
	NotInspected
	// IdleOverrun is an Idle call that did not return in its time. The poll was
	// forwarded without it.
	IdleOverrun
	// UpstreamError is a request that the service did not answer.
	UpstreamError
	// RelayFault is a fault of the relay's own.
	RelayFault
	// ConnectionShed is a connection from below that was closed because there
	// were too many: something in the function opens one after another.
	ConnectionShed
)

var kindNames = [...]string{
	DoublePoll:      "double-poll",
	PollAbandoned:   "poll-abandoned",
	EventHeld:       "event-held",
	HeldDelivered:   "held-event-delivered",
	HeldExpired:     "held-event-expired",
	UnknownAnswer:   "unknown-answer",
	AnswerTruncated: "answer-truncated",
	NotHeld:         "reply-not-held",
	ReplyReplaced:   "reply-replaced",
	ReplyCut:        "reply-cut",
	ForeignRequest:  "foreign-request",
	InspectorPanic:  "inspector-panic",
	AnswerRefused:   "answer-refused",
	NotInspected:    "not-inspected",
	IdleOverrun:     "idle-overrun",
	UpstreamError:   "upstream-error",
	RelayFault:      "relay-fault",
	ConnectionShed:  "connection-shed",
}

// String returns the name used in logs and metrics.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

type discardObserver struct{}

func (discardObserver) Observe(Event) {}
