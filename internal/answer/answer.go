// Package answer makes the replies that Merlon gives in a function's place, one
// file per kind of trigger, each in the shape its caller expects. It knows what
// a reply looks like and not why one is given: every refusal of a trigger reads
// the same, whatever the cause.
package answer

import (
	"strings"

	"github.com/merlon-security/merlon/internal/event"
)

// Settings shape refusals.
type Settings struct {
	Status  int  // HTTP status
	Custom  bool // Body replaces the default body
	Body    string
	Headers []event.Header // added to HTTP refusals, for instance for CORS
	Stream  bool           // the callers of this function's HTTP front expect a stream
}

// Reply is an answer for the Runtime API.
type Reply struct {
	Error       bool   // POST …/error instead of …/response
	ErrorType   string // Lambda-Runtime-Function-Error-Type
	ContentType string
	Streaming   bool // Lambda-Runtime-Function-Response-Mode: streaming
	Body        []byte
	Status      int // HTTP status the caller sees; 0 where there is none
}

// Refusable reports whether an event can be refused without losing data,
// stalling its source or hanging a deployment. Batches are not among them:
// failing a batch for one bad record would take the good ones with it.
func Refusable(ev *event.Event) bool {
	switch ev.Source {
	case event.RESTAPI, event.HTTPAPI, event.FunctionURL, event.ALB:
		return !exempt(ev)
	case event.WebSocket:
		// The connection is gone; there is nobody to refuse.
		return !ev.IsDisconnect()
	case event.Cognito:
		// Refusing these locks a user out for good, or after the deed is done.
		return !ev.HasTrigger("PostConfirmation_", "PostAuthentication_", "TokenGeneration_")
	case event.Authorizer, event.AppSync, event.Lex, event.Direct:
		return true
	case event.SNS, event.S3, event.EventBridge, event.SES, event.CodeCommit:
		return ev.Records <= 1
	}
	return false
}

// exempt are requests whose refusal protects nothing and breaks the front end:
// CORS preflights and health checks, which carry no body.
func exempt(ev *event.Event) bool {
	h := ev.HTTP
	if h == nil || h.Body != "" {
		return false
	}
	if h.Method == "OPTIONS" {
		return ev.Header("origin") != "" && ev.Header("access-control-request-method") != ""
	}
	return ev.Source == event.ALB && strings.HasPrefix(ev.Header("user-agent"), "ELB-HealthChecker/")
}

// Refuse makes the refusal of an event. id is the verdict's, for the caller to
// quote.
func Refuse(ev *event.Event, id string, s Settings) Reply {
	switch ev.Source {
	case event.RESTAPI, event.HTTPAPI, event.FunctionURL, event.ALB:
		return refuseHTTP(ev, id, s)
	case event.WebSocket:
		return reply(map[string]any{"statusCode": 403})
	case event.Authorizer:
		return refuseAuthorizer(ev)
	}
	return refuseError(id)
}
