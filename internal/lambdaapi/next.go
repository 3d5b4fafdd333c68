package lambdaapi

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// Event is what the service wants the extension to know.
type Event struct {
	Type     EventType
	Deadline time.Time // by when the extension must be done; zero if not given

	RequestID   string // Invoke only
	FunctionARN string // Invoke only
	TraceID     string // Invoke only: the value of X-Amzn-Trace-Id

	Reason ShutdownReason // Shutdown only
}

// ShutdownReason says why the environment ends.
type ShutdownReason uint8

// The reasons of a shutdown. The zero value belongs to other events.
const (
	_ ShutdownReason = iota
	Spindown
	Timeout
	Failure
)

// String returns the reason as the documentation writes it.
func (r ShutdownReason) String() string {
	switch r {
	case Spindown:
		return "spindown"
	case Timeout:
		return "timeout"
	case Failure:
		return "failure"
	}
	return "none"
}

// reasonOf reads a shutdownReason. Services differ in case, and emit reasons no
// page names (ReleaseFail, SandboxTerminated): what is unknown is a failure.
func reasonOf(text string) ShutdownReason {
	switch strings.ToLower(text) {
	case "spindown":
		return Spindown
	case "timeout":
		return Timeout
	}
	return Failure
}

// Next waits for the next event. The wait has no bound, and the environment may
// be frozen during it; the first call tells the service that the extension is
// ready, so INIT does not end before it.
func (c *Client) Next(ctx context.Context) (Event, error) {
	var wire struct {
		EventType          string `json:"eventType"`
		DeadlineMs         int64  `json:"deadlineMs"`
		RequestID          string `json:"requestId"`
		InvokedFunctionARN string `json:"invokedFunctionArn"`
		ShutdownReason     string `json:"shutdownReason"`
		Tracing            struct {
			Value string `json:"value"`
		} `json:"tracing"`
	}
	if _, err := c.call(ctx, http.MethodGet, extensions+"event/next", c.identified(), nil, http.StatusOK, &wire); err != nil {
		return Event{}, err
	}
	event := Event{
		Type:        EventType(wire.EventType),
		RequestID:   wire.RequestID,
		FunctionARN: wire.InvokedFunctionARN,
		TraceID:     wire.Tracing.Value,
	}
	if wire.DeadlineMs != 0 {
		event.Deadline = time.UnixMilli(wire.DeadlineMs)
	}
	if event.Type == Shutdown {
		event.Reason = reasonOf(wire.ShutdownReason)
	}
	return event, nil
}
