package emulator

import (
	"encoding/json"
	"regexp"
	"strings"
)

// fault is why an environment or an invocation ended badly. The first one
// counts: a runtime that dies after its extension did is a consequence.
type fault struct {
	errorType string
	message   string
	// payload is what the runtime itself reported (…/error, …/init/error). It
	// reaches the caller unchanged.
	payload     []byte
	contentType string
	status      Status
	log         string // what the function's log gets besides
	closed      bool   // the emulator was closed: nobody's fault
}

// body is the invocation error the caller sees, in the service's shape.
func (f *fault) body(requestID string) []byte {
	if f.payload != nil {
		return f.payload
	}
	body, err := json.Marshal(map[string]string{
		"errorType":    f.errorType,
		"errorMessage": "RequestId: " + requestID + " Error: " + f.message,
	})
	if err != nil {
		panic("bug: two strings do not marshal: " + err.Error())
	}
	return body
}

// errorTypePattern is how the service recognises a type it keeps.
var errorTypePattern = regexp.MustCompile(`(Runtime|Function)\.[A-Z][a-zA-Z]+`)

// normalErrorType maps what a runtime put into
// Lambda-Runtime-Function-Error-Type to what the platform keeps of it. It is
// kept whole if a known namespace occurs anywhere in it.
func normalErrorType(header string) string {
	switch {
	case errorTypePattern.MatchString(header):
		return header
	case strings.HasPrefix(header, "Function."):
		return "Function.Unknown"
	default:
		return "Runtime.Unknown"
	}
}
