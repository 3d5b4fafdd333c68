package report

import (
	"context"
	"time"
)

// Kind says what a line is.
type Kind uint8

// The kinds of lines that leave the function's log.
const (
	KindVerdict Kind = iota
	KindSummary
)

// Item is a line on its way to a Sink. The line is all there is of it: it ends
// in a line end, is no longer than maxLine, and holds its own schema.
type Item struct {
	Kind Kind
	Time time.Time
	Line []byte
}

// Sink takes lines for somewhere else than the function's log. Its methods are
// called one at a time.
type Sink interface {
	// Name is for logs, from a closed set.
	Name() string
	// Takes reports whether lines of a kind are wanted at all.
	Takes(k Kind) bool
	// Batch returns how many items at the head of the queue, which is not empty,
	// fit into one request; zero if the first never will.
	Batch(queue []Item) int
	// Send delivers a batch of one request. It returns when the receiver has
	// acknowledged it, and at once when ctx ends.
	Send(ctx context.Context, batch []Item) (Receipt, error)
}

// Receipt is what a receiver said of a batch it answered for.
type Receipt struct {
	Again    []Item // of the batch, in its order: to be sent once more
	Rejected int    // how many the receiver will never take
}

// Refusal is an error of Send that says what to do next. Any other error is
// taken for a connection that failed.
type Refusal struct {
	Err   error
	Final bool          // sending the batch again is no use
	After time.Duration // how long the receiver asks to be left alone; zero if it does not say
}

func (r *Refusal) Error() string { return r.Err.Error() }

func (r *Refusal) Unwrap() error { return r.Err }
