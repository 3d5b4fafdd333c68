package answer

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
