package answer

import "github.com/merlon-security/merlon/internal/event"

// errorType is what the service keeps of an error type header: it must contain
// Function. or Runtime. and a capitalised word, anything else is replaced by
// Runtime.Unknown (runtime interface emulator, fatalerror.go).
const errorType = "Function.MerlonBlocked"

// refuseError fails the invocation with an error that callers can catch by its
// type.
func refuseError(id string) Reply { return failure("Merlon.Blocked", "request refused, verdict "+id) }

// Fail fails an invocation whose event could not be taken apart. Sources of
// batches and of asynchronous events deliver it again.
func Fail(id string) Reply { return refuseError(id) }

func failure(kind, message string) Reply {
	return Reply{
		Error: true, ErrorType: errorType, ContentType: "application/json",
		Body: marshal(struct {
			ErrorMessage string   `json:"errorMessage"`
			ErrorType    string   `json:"errorType"`
			StackTrace   []string `json:"stackTrace"`
		}{message, kind, []string{}}),
	}
}

// refuseAuthorizer denies access. Payload format 2.0 has a simple form, which
// an API that expects a policy reads as a failure: both keep the caller out.
// For format 1.0 the message Unauthorized gives the caller a 401, where a Deny
// policy would be cached for the caller's identity (API Gateway, "Lambda
// authorizers").
func refuseAuthorizer(ev *event.Event) Reply {
	if ev.Has("routeArn") {
		return reply(map[string]any{"isAuthorized": false})
	}
	if ev.Has("requestContext") && !ev.Has("methodArn") {
		return reply(map[string]any{"isAuthorized": false, "ttlOverride": 0}) // AppSync
	}
	return failure("Unauthorized", "Unauthorized")
}
