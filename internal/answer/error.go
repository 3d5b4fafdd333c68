package answer

// errorType is what the service keeps of an error type header: it must contain
// Function. or Runtime. and a capitalised word, anything else is replaced by
// Runtime.Unknown (runtime interface emulator, fatalerror.go).
const errorType = "Function.MerlonBlocked"

// Fail fails the invocation with an error that callers can catch by its type.
// Sources of batches and of asynchronous events deliver the event again.
func Fail(id string) Reply { return failure(blockedType, refused(id)) }

// blockedType is the type of an error in the place of a result.
const blockedType = "Merlon.Blocked"

func refused(id string) string { return "request refused, verdict " + id }

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
