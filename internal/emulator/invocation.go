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
	arn      string
	trace    string
	started  time.Time
	deadline time.Time

	initDuration time.Duration

	// replied closes when the caller's answer is final; result and err are
	// written before and never after.
	replied chan struct{}
	once    sync.Once
	result  Result
	err     error

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
	inv.id = inv.RequestID
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

// settle gives the caller its answer. Only the first call counts: what the
// function says after its timeout reaches nobody.
func (inv *invocation) settle(result Result, err error) {
	inv.once.Do(func() {
		result.RequestID = inv.id
		result.InitDuration = inv.initDuration
		if !inv.started.IsZero() {
			result.Duration = time.Since(inv.started)
		}
		inv.result, inv.err = result, err
		if inv.stream != nil {
			inv.stream.CloseWithError(streamEnd(result, err))
		}
		close(inv.replied)
	})
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

// settleFault answers with what went wrong around the function.
func (inv *invocation) settleFault(f *fault) {
	if f.closed {
		inv.settle(Result{}, ErrClosed)
		return
	}
	contentType := f.contentType
	setDefault(&contentType, "application/json")
	inv.settle(Result{
		Status:        f.status,
		Payload:       f.body(inv.id),
		ContentType:   contentType,
		FunctionError: "Unhandled",
		ErrorType:     f.errorType,
	}, nil)
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
