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

// maxReport is the largest error report with Options.Concurrency.
const maxReport = 1 << 20

const (
	headerRequestID    = "Lambda-Runtime-Aws-Request-Id"
	headerErrorType    = "Lambda-Runtime-Function-Error-Type"
	headerErrorBody    = "Lambda-Runtime-Function-Error-Body"
	headerResponseMode = "Lambda-Runtime-Function-Response-Mode"
	// headerInvocationID names one passage of an event, which may come again
	// under its request id. A runtime may repeat it in its reply.
	headerInvocationID = "Lambda-Runtime-Invocation-Id"
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

	on("PUT /2022-07-01/telemetry", (*environment).serveTelemetry)
	if l.opts.SnapStart {
		on("GET "+v+"/runtime/restore/next", (*environment).serveRestoreNext)
		on("POST "+v+"/runtime/restore/error", (*environment).serveRestoreError)
		on("GET "+credentialsPath, (*environment).serveCredentials)
	}
	if l.opts.Concurrency == 0 {
		mux.HandleFunc("PUT /2020-08-15/logs", notSupported("Logs"))
	}
	return l.traced(refuseBrowsers(mux))
}

// notSupported answers a subscription as AWS's own emulator does: clients are
// told to take 202 for "local testing environment" (Telemetry API reference).
func notSupported(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		writeAPIError(w, http.StatusAccepted, name+".NotSupported", name+" API is not supported")
	}
}

func (e *environment) serveNext(w http.ResponseWriter, r *http.Request) {
	if e.pool != nil {
		e.serveNextConcurrently(w, r)
		return
	}
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
	for name, value := range inv.header() {
		if value != "" { // the service leaves empty headers out
			h.Set(name, value)
		}
	}
	if inv.TenantID != "" {
		h.Set("Lambda-Runtime-Aws-Tenant-Id", inv.TenantID)
	}
	h.Set("Content-Length", strconv.Itoa(len(inv.Payload)))
	w.Write(inv.Payload)
}

// header is what a poll tells of an invocation beside the event.
func (inv *invocation) header() map[string]string {
	return map[string]string{
		headerRequestID:                       inv.id,
		"Lambda-Runtime-Deadline-Ms":          strconv.FormatInt(inv.deadline.UnixMilli(), 10),
		"Lambda-Runtime-Invoked-Function-Arn": inv.arn,
		"Lambda-Runtime-Trace-Id":             inv.trace,
		"Lambda-Runtime-Client-Context":       string(inv.ClientContext),
		"Lambda-Runtime-Cognito-Identity":     string(inv.CognitoIdentity),
		"Content-Type":                        inv.ContentType,
	}
}

// serveNextConcurrently answers one of many polls. Headers are there even if
// empty, and the length of the event is not announced: the service passes it
// on while it arrives.
func (e *environment) serveNextConcurrently(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		writeTooLarge(w)
		return
	}
	inv, err := e.pollConcurrently(r.Context())
	switch {
	case err != nil:
		e.logs.platform("GET /runtime/invocation/next: " + err.Error())
		writeAPIError(w, http.StatusInternalServerError, "InternalServerError", "Internal Server Error")
		return
	case inv == nil:
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	for name, value := range inv.header() {
		h.Set(name, value)
	}
	h.Set(headerInvocationID, inv.passage)
	controller := http.NewResponseController(w)
	// Flushing first has net/http send the event in chunks.
	if errors.Join(controller.Flush(), writeAll(w, inv.Payload), controller.Flush()) != nil {
		e.losePoll(inv)
	}
}

func writeAll(w io.Writer, p []byte) error {
	_, err := w.Write(p)
	return err
}

func (e *environment) serveError(w http.ResponseWriter, r *http.Request) {
	inv, ok := e.claim(w, r, runtimeErrorResponse)
	if !ok {
		return
	}
	f, err := e.readFault(r)
	if err != nil {
		e.refuseBody(w, inv, err)
		return
	}
	f.status = StatusError
	inv.settleFault(f)
	e.conclude(w, inv)
}

func (e *environment) serveInitError(w http.ResponseWriter, r *http.Request) {
	e.takeReport(w, r, e.initError, e.report)
}

// takeReport takes what a runtime says of itself outside an invocation, if it
// is legal by now.
func (e *environment) takeReport(w http.ResponseWriter, r *http.Request, legal func() error, take func(*fault)) {
	if err := legal(); err != nil {
		writeInvalidState(w, err)
		return
	}
	f, err := e.readFault(r)
	if errors.Is(err, errTooLarge) {
		writeTooLarge(w)
		return
	}
	if err != nil {
		writeAPIError(w, http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated")
		return
	}
	f.status = StatusFailure
	take(f)
	writeAccepted(w)
}

// readFault takes an error report. Any body is accepted: its JSON shape is a
// convention between runtimes and callers. The X-Ray cause is not kept.
func (e *environment) readFault(r *http.Request) (*fault, error) {
	limit := maxPayload
	if e.pool != nil {
		limit = maxReport
	}
	body, err := readBody(r.Body, limit)
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

// readBody reads a buffered body up to a limit.
func readBody(r io.Reader, limit int) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(body) > limit {
		return nil, errTooLarge
	}
	return body, nil
}

// refuseBody ends an invocation whose answer could not be taken: too large, or
// cut off. The runtime may poll again.
func (e *environment) refuseBody(w http.ResponseWriter, inv *invocation, err error) {
	defer e.endResponse(inv)
	if errors.Is(err, errTooLarge) {
		inv.settleFault(&fault{
			errorType: "Function.ResponseSizeTooLarge",
			message:   "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
			payload:   responseTooLarge,
			status:    StatusError,
		})
		writeTooLarge(w)
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
