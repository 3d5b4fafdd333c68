package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// errTimeout is the cause of a context whose function ran out of time.
var errTimeout = errors.New("task timed out")

// invocation is one event on its way through an environment.
type invocation struct {
	Request
	id       string
	passage  string // of this delivery: the id may come again
	arn      string
	trace    string
	started  time.Time
	deadline time.Time

	initDuration time.Duration
	replying     bool // of a pool: a reply has begun; guarded by environment.mu

	// The answer is decided once, by whoever comes first, and published to the
	// caller: result and err are not written after replied is closed.
	replied   chan struct{}
	deciding  sync.Once
	published sync.Once
	result    Result
	err       error

	// For streaming callers: the headers first, then the chunks. Only the
	// caller's goroutine touches its writer, so a late function cannot write
	// into a reply that is already over.
	head   chan http.Header
	chunks *io.PipeReader
	stream *io.PipeWriter
}

func newInvocation(req Request, opts Options) *invocation {
	inv := &invocation{Request: req, replied: make(chan struct{})}
	setDefault(&inv.ContentType, "application/json")
	setDefault(&inv.RequestID, newUUID())
	inv.id, inv.passage = inv.RequestID, newUUID()
	inv.trace = req.TraceID
	setDefault(&inv.trace, newTraceID())
	inv.arn = opts.functionARN()
	if req.Qualifier != "" {
		inv.arn += ":" + req.Qualifier
	}
	if req.Stream != nil {
		inv.head = make(chan http.Header, 1)
		inv.chunks, inv.stream = io.Pipe()
	}
	return inv
}

func (inv *invocation) start(timeout time.Duration) {
	inv.started = time.Now()
	inv.deadline = inv.started.Add(timeout)
}

// decide fixes the answer. Only the first call counts: what the function says
// after its timeout reaches nobody.
func (inv *invocation) decide(result Result, err error) {
	inv.deciding.Do(func() {
		result.RequestID = inv.id
		result.InitDuration = inv.initDuration
		if !inv.started.IsZero() {
			result.Duration = time.Since(inv.started)
		}
		inv.result, inv.err = result, err
		if inv.stream != nil {
			inv.stream.CloseWithError(streamEnd(result, err))
		}
	})
}

// publish lets the caller have the answer.
func (inv *invocation) publish() {
	inv.published.Do(func() { close(inv.replied) })
}

// settle answers the caller.
func (inv *invocation) settle(result Result, err error) {
	inv.decide(result, err)
	inv.publish()
}

// errStreamFault ends a stream whose function failed after it had begun.
var errStreamFault = errors.New("function failed in mid-stream")

func streamEnd(result Result, err error) error {
	if err != nil {
		return err
	}
	if result.FunctionError != "" {
		return errStreamFault
	}
	return io.EOF
}

// decideFault makes what went wrong around the function the answer.
func (inv *invocation) decideFault(f *fault) {
	if f.closed {
		inv.decide(Result{}, ErrClosed)
		return
	}
	contentType := f.contentType
	setDefault(&contentType, "application/json")
	inv.decide(Result{
		Status:        f.status,
		Payload:       f.body(inv.id),
		ContentType:   contentType,
		FunctionError: "Unhandled",
		ErrorType:     f.errorType,
	}, nil)
}

func (inv *invocation) settleFault(f *fault) {
	inv.decideFault(f)
	inv.publish()
}

// deliver copies a streamed response to the caller until the function ends it.
// A caller that went away does not stop the function, which has no way to know.
func (inv *invocation) deliver(ctx context.Context) {
	defer context.AfterFunc(ctx, func() { inv.chunks.Close() })()
	select {
	case header := <-inv.head:
		inv.copyTo(inv.Stream(header))
	case <-inv.replied:
		select {
		case header := <-inv.head: // an empty response: begun and already over
			inv.copyTo(inv.Stream(header))
		default: // failed before the first byte
		}
	case <-ctx.Done():
	}
	inv.chunks.Close() // what still comes is discarded by the sender
}

func (inv *invocation) copyTo(w StreamWriter) {
	buf := make([]byte, 32<<10)
	for {
		n, err := inv.chunks.Read(buf)
		if n > 0 {
			if _, werr := w.Write(buf[:n]); werr != nil {
				return
			}
			w.Flush()
		}
		if err != nil {
			return
		}
	}
}

// interruption turns the end of a context into what happened to the invocation.
func interruption(ctx context.Context) *fault {
	if errors.Is(context.Cause(ctx), errTimeout) {
		return &fault{errorType: "Sandbox.Timedout", message: "Task timed out", status: StatusTimeout}
	}
	return &fault{closed: true}
}

// timedOut words the timeout as the service does.
func timedOut(after time.Duration) *fault {
	return &fault{
		errorType: "Sandbox.Timedout",
		message:   fmt.Sprintf("Task timed out after %.2f seconds", after.Seconds()),
		status:    StatusTimeout,
	}
}
