package emulator

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
)

// maxStream is the most a streamed response may carry ("Response streaming for
// Lambda functions": 200 MB).
const maxStream = 200 << 20

func (e *environment) serveResponse(w http.ResponseWriter, r *http.Request) {
	inv, ok := e.claim(w, r, runtimeResponding)
	if !ok {
		return
	}
	// "streaming" is the only value that exists; buffered is the absence of it.
	mode := r.Header.Get(headerResponseMode)
	if mode != "" && !strings.EqualFold(mode, "streaming") {
		inv.settleFault(&fault{
			errorType: "Runtime.InvalidResponseModeHeader",
			message:   "Invalid function response mode",
			status:    StatusFailure,
		})
		e.endResponse(inv)
		writeAPIError(w, http.StatusBadRequest, "InvalidFunctionResponseMode", "Invalid function response mode")
		return
	}
	result := Result{
		Status:      StatusSuccess,
		ContentType: r.Header.Get("Content-Type"),
		Streaming:   mode != "",
	}
	var err error
	// What decides is how the caller invoked, not what the runtime declares:
	// aws-lambda-go declares nothing, and a buffered caller of a streaming
	// function gets the concatenation.
	if inv.stream != nil {
		err = inv.forward(r)
	} else {
		result.Payload, err = readBody(r.Body, maxPayload)
	}
	if err != nil {
		e.refuseBody(w, inv, err)
		return
	}
	if f := trailerFault(r.Trailer); f != nil {
		inv.settleFault(f)
	} else {
		inv.settle(result, nil)
	}
	e.conclude(w, inv)
}

// claim begins a reply, or refuses it.
func (e *environment) claim(w http.ResponseWriter, r *http.Request, to runtimePhase) (*invocation, bool) {
	inv, err := e.beginResponse(r.PathValue("id"), r.Header.Get(headerInvocationID), to)
	switch {
	case errors.Is(err, errTooLate):
		writeTooLate(w)
	case err != nil:
		writeInvalidState(w, err)
	case inv == nil:
		writeInvalidRequestID(w)
	}
	return inv, inv != nil
}

// conclude ends a reply that was taken whole.
func (e *environment) conclude(w http.ResponseWriter, inv *invocation) {
	if e.endResponse(inv) {
		writeAccepted(w)
	} else {
		writeTooLate(w)
	}
}

// forward passes the response on as it arrives.
func (inv *invocation) forward(r *http.Request) error {
	header := http.Header{}
	if ct := r.Header.Values("Content-Type"); ct != nil {
		header["Content-Type"] = ct
	}
	inv.head <- header // capacity 1; one response per invocation

	body := io.LimitReader(r.Body, maxStream+1)
	buf := make([]byte, 32<<10)
	var total int64
	listening := true
	for {
		n, err := body.Read(buf)
		if total += int64(n); total > maxStream {
			return errTooLarge
		}
		if n > 0 && listening {
			// The caller may be gone; the function cannot know and goes on.
			_, werr := inv.stream.Write(buf[:n])
			listening = werr == nil
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err // io.ErrUnexpectedEOF: the runtime's end was cut off
		}
	}
}

// trailerFault is an error that a runtime reported after it had begun to
// answer, when only trailers are left to say so ("Building a custom runtime",
// response streaming). The trailers are complete once the body has been read.
// Runtimes declare them always and leave them empty on success.
func trailerFault(trailer http.Header) *fault {
	errorType := trailer.Get(headerErrorType)
	encoded := trailer.Get(headerErrorBody)
	if errorType == "" && encoded == "" {
		return nil
	}
	f := &fault{
		errorType: normalErrorType(errorType),
		message:   "the runtime reported an error in mid-stream",
		status:    StatusError,
	}
	if body, err := base64.StdEncoding.DecodeString(encoded); err == nil && len(body) > 0 {
		f.payload = body
	}
	return f
}
