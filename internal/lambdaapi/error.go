package lambdaapi

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Error is a refusal of the service.
type Error struct {
	Call    string // the path below /extension/
	Status  int
	Type    string // the service's errorType, such as Extension.InvalidExtensionName; empty if it gave none
	Message string // the service's errorMessage
}

// Error says what was refused and what to do about it.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s: status %d", e.Call, e.Status)
	if e.Type != "" {
		text += " " + e.Type
	}
	if e.Message != "" {
		text += fmt.Sprintf(" (%q)", e.Message)
	}
	if remedy := e.remedy(); remedy != "" {
		text += ": " + remedy
	}
	return text
}

// remedy names what a person can do. The types are those of AWS's emulator,
// internal/lambda/rapi/handler/constants.go.
func (e *Error) remedy() string {
	switch e.Type {
	case "Extension.InvalidExtensionName":
		return "the name must be that of the executable in /opt/extensions"
	case "Extension.RegistrationClosed":
		return "the runtime has started already: register earlier"
	case "Extension.InvalidExtensionState":
		return "the call came out of order: register once, then poll for events"
	case "Extension.TooManyExtensions":
		return "a function may have ten extensions: remove a layer"
	case "Extension.InvalidEventType":
		return "Managed Instances allow SHUTDOWN only: do not subscribe to INVOKE"
	case "Extension.MissingExtensionIdentifier", "Extension.InvalidExtensionIdentifier", "Extension.UnknownExtensionIdentifier":
		return "register first, with this environment's service"
	case "Telemetry.NotSupported":
		return "this is a local emulator without the Telemetry API"
	case "Telemetry.SubscriptionClosed":
		return "subscribe before the first poll for an event"
	case "Extension.MissingHeader":
		return "bug: a required header is missing"
	}
	if e.Status >= http.StatusInternalServerError {
		return "the environment is failing: exit promptly"
	}
	return ""
}

// newError reads a refusal. A body of another shape is no reason to lose the
// status.
func newError(call string, status int, body []byte) *Error {
	e := &Error{Call: call, Status: status}
	var wire struct {
		Message string `json:"errorMessage"`
		Type    string `json:"errorType"`
	}
	if json.Unmarshal(body, &wire) == nil {
		e.Message, e.Type = wire.Message, wire.Type
	}
	return e
}
