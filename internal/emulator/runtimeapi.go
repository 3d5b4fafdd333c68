package emulator

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// maxPayload is the largest event and the largest buffered response: 6 MiB and
// 100 bytes ("Lambda quotas"; the sum is the service's own).
const maxPayload = 6<<20 + 100

const (
	headerRequestID    = "Lambda-Runtime-Aws-Request-Id"
	headerErrorType    = "Lambda-Runtime-Function-Error-Type"
	headerErrorBody    = "Lambda-Runtime-Function-Error-Body"
	headerResponseMode = "Lambda-Runtime-Function-Response-Mode"
)

// apiHandler is everything behind AWS_LAMBDA_RUNTIME_API. Each call is served
// by the environment that exists when it arrives.
func (l *Lambda) apiHandler() http.Handler {
	mux := http.NewServeMux()
	on := func(pattern string, serve func(*environment, http.ResponseWriter, *http.Request)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			env := l.environment()
			if env == nil {
				// The environment was taken down and its processes with it:
				// whoever calls is a stray, or a client that tries once more
				// after its connection ended.
				panic(http.ErrAbortHandler)
			}
			serve(env, w, r)
		})
	}
	const v = "/2018-06-01"
	mux.HandleFunc("GET "+v+"/ping", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "pong") })
	on("GET "+v+"/runtime/invocation/next", (*environment).serveNext)
	on("POST "+v+"/runtime/invocation/{id}/response", (*environment).serveResponse)
	on("POST "+v+"/runtime/invocation/{id}/error", (*environment).serveError)
	on("POST "+v+"/runtime/init/error", (*environment).serveInitError)

	const x = "/2020-01-01/extension"
	on("POST "+x+"/register", (*environment).serveRegister)
	on("GET "+x+"/event/next", (*environment).serveEventNext)
	on("POST "+x+"/init/error", (*environment).serveExtensionInitError)
	on("POST "+x+"/exit/error", (*environment).serveExtensionExitError)

	mux.HandleFunc("PUT /2022-07-01/telemetry", notSupported("Telemetry"))
	mux.HandleFunc("PUT /2020-08-15/logs", notSupported("Logs"))
	return refuseBrowsers(mux)
}

// notSupported answers a subscription as AWS's own emulator does: clients are
// told to take 202 for "local testing environment" (Telemetry API reference).
func notSupported(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		writeAPIError(w, http.StatusAccepted, name+".NotSupported", name+" API is not supported")
	}
}

func (e *environment) serveNext(w http.ResponseWriter, _ *http.Request) {
	inv, err := e.poll()
	if err != nil {
		writeInvalidState(w, err)
		return
	}
	if inv == nil {
		// The environment is over; so is this connection, as if both ends
		// of it had been killed.
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	setIf := func(name, value string) {
		if value != "" { // the service leaves empty headers out
			h.Set(name, value)
		}
	}
	setIf(headerRequestID, inv.id)
	setIf("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
	setIf("Lambda-Runtime-Invoked-Function-Arn", inv.arn)
	setIf("Lambda-Runtime-Trace-Id", inv.trace)
	setIf("Lambda-Runtime-Client-Context", string(inv.ClientContext))
	setIf("Lambda-Runtime-Cognito-Identity", string(inv.CognitoIdentity))
	setIf("Lambda-Runtime-Aws-Tenant-Id", inv.TenantID)
	h.Set("Content-Type", inv.ContentType)
	h.Set("Content-Length", strconv.Itoa(len(inv.Payload)))
	w.Write(inv.Payload)
}

func (e *environment) serveError(w http.ResponseWriter, r *http.Request) {
	inv, err := e.beginResponse(r.PathValue("id"), runtimeErrorResponse)
	switch {
	case err != nil:
		writeInvalidState(w, err)
		return
	case inv == nil:
		writeInvalidRequestID(w)
		return
	}
	f, err := readFault(r)
	if err != nil {
		e.refuseBody(w, inv, err)
		return
	}
	f.status = StatusError
	inv.settleFault(f)
	e.endResponse()
	writeAccepted(w)
}

func (e *environment) serveInitError(w http.ResponseWriter, r *http.Request) {
	if err := e.initError(); err != nil {
		writeInvalidState(w, err)
		return
	}
	f, err := readFault(r)
	if err != nil {
		writeAPIError(w, http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated")
		return
	}
	f.status = StatusFailure
	e.report(f)
	writeAccepted(w)
}

// readFault takes an error report. Any body is accepted: its JSON shape is a
// convention between runtimes and callers. The X-Ray cause is not kept.
func readFault(r *http.Request) (*fault, error) {
	body, err := readBody(r.Body)
	if err != nil {
		return nil, err
	}
	return &fault{
		errorType:   normalErrorType(r.Header.Get(headerErrorType)),
		message:     "the runtime reported an error",
		payload:     body,
		contentType: r.Header.Get("Content-Type"),
	}, nil
}

// errTooLarge means a body over maxPayload.
//
//lint:ignore ST1005 the service's own words
var errTooLarge = fmt.Errorf("Exceeded maximum allowed payload size (%d bytes).", maxPayload)

// readBody reads a buffered body up to the service's limit.
func readBody(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxPayload+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxPayload {
		return nil, errTooLarge
	}
	return body, nil
}

// refuseBody ends an invocation whose answer could not be taken: too large, or
// cut off. The runtime may poll again.
func (e *environment) refuseBody(w http.ResponseWriter, inv *invocation, err error) {
	defer e.endResponse()
	if errors.Is(err, errTooLarge) {
		inv.settleFault(&fault{
			errorType: "Function.ResponseSizeTooLarge",
			message:   "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
			payload:   responseTooLarge,
			status:    StatusError,
		})
		writeAPIError(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", errTooLarge.Error())
	} else {
		inv.settleFault(truncated)
		writeAPIError(w, http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated")
	}
}

var responseTooLarge = []byte(`{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}`)

var truncated = &fault{
	errorType: "Runtime.TruncatedResponse",
	message:   "Runtime.TruncatedResponse",
	status:    StatusFailure,
}
