package emulator

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxAsync is the largest event of an asynchronous invocation ("Lambda quotas").
const maxAsync = 1 << 20

// InvokeHandler is the Invoke API: POST /2015-03-31/functions/{name}/invocations
// with RequestResponse, Event and DryRun (Lambda API reference, Invoke).
// Signatures are not checked. Requests from web pages are refused.
func (l *Lambda) InvokeHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2015-03-31/functions/{name}/invocations", l.serveInvoke)
	return l.refuseForeign(mux)
}

// serviceError is an exception of the Lambda API.
type serviceError struct {
	status        int
	name, message string
}

func (e *serviceError) Error() string { return e.name + ": " + e.message }

func writeServiceError(w http.ResponseWriter, err error) {
	var e *serviceError
	if !errors.As(err, &e) {
		e = &serviceError{http.StatusInternalServerError, "ServiceException", err.Error()}
	}
	w.Header().Set("X-Amzn-ErrorType", e.name)
	writeJSON(w, e.status, map[string]string{"Type": "User", "Message": e.message, "message": e.message})
}

func (l *Lambda) serveInvoke(w http.ResponseWriter, r *http.Request) {
	req, err := l.parseInvoke(r)
	if err != nil {
		writeServiceError(w, err)
		return
	}
	w.Header().Set("X-Amzn-RequestId", req.RequestID)
	w.Header().Set("X-Amz-Executed-Version", l.opts.Function.Version)
	switch r.Header.Get("X-Amz-Invocation-Type") {
	case "", "RequestResponse":
		l.invokeSync(w, r, req)
	case "Event":
		l.invokeAsync(w, req)
	case "DryRun":
		w.WriteHeader(http.StatusNoContent)
	}
}

func (l *Lambda) parseInvoke(r *http.Request) (Request, error) {
	// The ServeMux unescapes {name}, so an ARN arrives whole.
	qualifier, err := l.matchName(r.PathValue("name"), r.URL.Query())
	if err != nil {
		return Request{}, err
	}
	kind := r.Header.Get("X-Amz-Invocation-Type")
	limit := maxPayload
	switch kind {
	case "", "RequestResponse", "DryRun":
	case "Event":
		limit = maxAsync
	default:
		return Request{}, &serviceError{http.StatusBadRequest, "InvalidParameterValueException",
			"InvocationType " + kind + ": want RequestResponse, Event or DryRun"}
	}
	payload, err := io.ReadAll(io.LimitReader(r.Body, int64(limit)+1))
	if err != nil {
		return Request{}, &serviceError{http.StatusBadRequest, "InvalidRequestContentException", err.Error()}
	}
	if len(payload) > limit {
		return Request{}, &serviceError{http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException",
			"Request must be smaller than " + strconv.Itoa(limit) + " bytes for the InvokeFunction operation"}
	}
	if len(payload) == 0 {
		payload = []byte("{}") // what a function sees when nothing was sent
	}
	if !json.Valid(payload) {
		return Request{}, &serviceError{http.StatusBadRequest, "InvalidRequestContentException",
			"Could not parse request body into json: the payload is not JSON"}
	}
	clientContext, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Amz-Client-Context"))
	if err != nil {
		return Request{}, &serviceError{http.StatusBadRequest, "InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object"}
	}
	return Request{
		Payload:       payload,
		ClientContext: clientContext,
		TraceID:       r.Header.Get("X-Amzn-Trace-Id"),
		TenantID:      r.Header.Get("X-Amz-Tenant-Id"),
		RequestID:     newUUID(),
		Qualifier:     qualifier,
	}, nil
}

// matchName accepts what the API accepts for this function: its name, a partial
// or full ARN, each with or without a qualifier.
func (l *Lambda) matchName(name string, query url.Values) (qualifier string, err error) {
	qualifier = query.Get("Qualifier")
	parts := strings.Split(name, ":")
	if at := slices.Index(parts, "function"); at > 0 && at+1 < len(parts) {
		parts = parts[at+1:]
	}
	name, parts = parts[0], parts[1:]
	if len(parts) == 1 {
		qualifier = parts[0]
	}
	if name != l.opts.Function.Name || len(parts) > 1 {
		return "", &serviceError{http.StatusNotFound, "ResourceNotFoundException",
			"Function not found: arn:aws:lambda:" + l.opts.Region + ":" + l.opts.AccountID + ":function:" + name}
	}
	return qualifier, nil
}

func (l *Lambda) invokeSync(w http.ResponseWriter, r *http.Request, req Request) {
	wantTail := r.Header.Get("X-Amz-Log-Type") == "Tail"
	result, tail, err := l.invokeTail(r, req, wantTail)
	switch {
	case errors.Is(err, ErrClosed):
		writeServiceError(w, &serviceError{http.StatusServiceUnavailable, "ServiceException", err.Error()})
		return
	case err != nil:
		writeServiceError(w, err)
		return
	}
	if result.FunctionError != "" {
		w.Header().Set("X-Amz-Function-Error", result.FunctionError)
	}
	if wantTail {
		w.Header().Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString(tail))
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(result.Payload)))
	w.Write(result.Payload)
}

// invokeTail invokes and, if asked, waits for the end of the invocation to
// return the last of its log. Lines of a process that writes and answers at
// the same moment may come too late for it, as they may in the service.
func (l *Lambda) invokeTail(r *http.Request, req Request, wantTail bool) (Result, []byte, error) {
	if !wantTail {
		result, err := l.Invoke(r.Context(), req)
		return result, nil, err
	}
	l.logs.takeTail()
	inv, finished, err := l.submit(r.Context(), req)
	if err != nil {
		return Result{}, nil, err
	}
	select {
	case <-finished:
		return inv.result, l.logs.takeTail(), inv.err
	case <-r.Context().Done():
		return Result{}, nil, r.Context().Err()
	}
}

// invokeAsync accepts the event and runs it when its turn comes. There is no
// retry and no destination; the outcome is in the log.
func (l *Lambda) invokeAsync(w http.ResponseWriter, req Request) {
	accepted := l.background(func() {
		l.Invoke(l.life, req)
	})
	if !accepted {
		writeServiceError(w, &serviceError{http.StatusServiceUnavailable, "ServiceException", ErrClosed.Error()})
		return
	}
	w.WriteHeader(http.StatusAccepted)
}
