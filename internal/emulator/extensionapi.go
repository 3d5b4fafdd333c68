package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

const headerExtensionID = "Lambda-Extension-Identifier"

// extensionError is a refusal of the Extensions API: always 403, told apart by type.
type extensionError struct {
	errorType, message string
}

func (e *extensionError) Error() string { return e.errorType + ": " + e.message }

func writeExtensionError(w http.ResponseWriter, err error) {
	var refusal *extensionError
	if !errors.As(err, &refusal) {
		refusal = &extensionError{"Extension.InvalidExtensionState", err.Error()}
	}
	writeAPIError(w, http.StatusForbidden, refusal.errorType, refusal.message)
}

func (e *environment) serveRegister(w http.ResponseWriter, r *http.Request) {
	name := r.Header.Get("Lambda-Extension-Name")
	events, err := parseRegistration(name, r.Body)
	if err != nil {
		writeExtensionError(w, err)
		return
	}
	x, err := e.register(name, events)
	if err != nil {
		writeExtensionError(w, err)
		return
	}
	f := e.opts.Function
	answer := map[string]string{
		"functionName":    f.Name,
		"functionVersion": f.Version,
		"handler":         f.Handler,
	}
	features := strings.Split(r.Header.Get("Lambda-Extension-Accept-Feature"), ",")
	if slices.ContainsFunc(features, func(s string) bool { return strings.TrimSpace(s) == "accountId" }) {
		answer["accountId"] = e.opts.AccountID
	}
	w.Header().Set(headerExtensionID, x.id)
	writeJSON(w, http.StatusOK, answer)
}

// parseRegistration reads {"events":[…]}. A null list is an empty one: that is
// what aws-lambda-go sends for the internal extension of WithEnableSIGTERM.
func parseRegistration(name string, r io.Reader) ([]string, error) {
	if name == "" {
		return nil, &extensionError{"Extension.InvalidExtensionName", "Empty extension name"}
	}
	body, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		return nil, &extensionError{"InvalidRequestFormat", err.Error()}
	}
	var request struct {
		Events            []string `json:"events"`
		ConfigurationKeys []string `json:"configurationKeys"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, &extensionError{"InvalidRequestFormat", err.Error()}
	}
	if len(request.ConfigurationKeys) > 0 {
		return nil, &extensionError{"InvalidRequestFormat", "configurationKeys are deprecated; use environment variables instead"}
	}
	return request.Events, nil
}

// register admits an extension. A name that is no file in extensions/ is an
// internal extension, a part of the runtime's process.
func (e *environment) register(name string, events []string) (*extension, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	at := slices.IndexFunc(e.extensions, func(x *extension) bool { return x.name == name })
	external := at >= 0 && e.extensions[at].external

	for _, event := range events {
		allowed := event == eventInvoke && e.pool == nil || event == eventShutdown && external
		if !allowed {
			return nil, &extensionError{"Extension.InvalidEventType", event + ": InvalidEventType"}
		}
	}
	if !external {
		switch {
		case !e.registrationOpen:
			return nil, &extensionError{"Extension.RegistrationClosed", "Extension registration closed already"}
		case at >= 0:
			return nil, &extensionError{"Extension.InvalidExtensionState", "Extension with this name already registered"}
		case len(e.extensions) >= maxExtensions:
			return nil, &extensionError{"Extension.TooManyExtensions", fmt.Sprintf("Extension limit (%d) reached", maxExtensions)}
		}
		at = len(e.extensions)
		e.extensions = append(e.extensions, newExtension(name, false))
	}
	x := e.extensions[at]
	if x.phase != extensionStarted {
		return nil, x.transitionError(extensionRegistered)
	}
	x.phase, x.events = extensionRegistered, slices.Clone(events)
	e.wake()
	return x, nil
}

// identify finds the caller by its identifier. mu must be held.
func (e *environment) identify(r *http.Request) (*extension, error) {
	id := r.Header.Get(headerExtensionID)
	switch {
	case id == "":
		return nil, &extensionError{"Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"}
	case !uuidPattern.MatchString(id):
		return nil, &extensionError{"Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"}
	}
	for _, x := range e.extensions {
		if strings.EqualFold(x.id, id) && x.registered() {
			return x, nil
		}
	}
	return nil, &extensionError{"Extension.UnknownExtensionIdentifier", "Unknown extension " + id}
}

func (e *environment) serveEventNext(w http.ResponseWriter, r *http.Request) {
	x, err := e.extensionPoll(r)
	if err != nil {
		writeExtensionError(w, err)
		return
	}
	event, ok := e.nextEvent(x)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	// The SHUTDOWN event comes without identifier and JSON content type in
	// AWS's emulator. Clients must not depend on either.
	if event.kind == eventInvoke {
		w.Header().Set("Lambda-Extension-Event-Identifier", newUUID())
		w.Header().Set("Content-Type", "application/json")
	}
	w.Write(event.body)
}

// nextEvent blocks for the extension's next event. An event that was sent
// before the environment ended is still delivered.
func (e *environment) nextEvent(x *extension) (event extensionEvent, ok bool) {
	select {
	case event = <-x.inbox:
		return event, true
	case <-e.gone:
	}
	select {
	case event = <-x.inbox:
		return event, true
	default:
		return extensionEvent{}, false
	}
}

// extensionPoll announces that the extension is idle. One poll at a time.
func (e *environment) extensionPoll(r *http.Request) (*extension, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x, err := e.identify(r)
	if err != nil {
		return nil, err
	}
	if x.phase != extensionRegistered && x.phase != extensionRunning {
		return nil, x.transitionError(extensionReady)
	}
	x.phase = extensionReady
	e.wake()
	return x, nil
}

func (e *environment) serveExtensionInitError(w http.ResponseWriter, r *http.Request) {
	e.serveExtensionError(w, r, extensionInitError, "Extension.InitError", extensionRegistered)
}

func (e *environment) serveExtensionExitError(w http.ResponseWriter, r *http.Request) {
	e.serveExtensionError(w, r, extensionExitError, "Extension.ExitError",
		extensionRegistered, extensionReady, extensionRunning)
}

// serveExtensionError takes an extension's last words. The exit that follows
// ends the environment, with the type told here instead of Extension.Crash.
func (e *environment) serveExtensionError(w http.ResponseWriter, r *http.Request, to extensionPhase, errorType string, from ...extensionPhase) {
	reason, err := e.extensionFailed(r, to, from)
	if err != nil {
		writeExtensionError(w, err)
		return
	}
	io.Copy(io.Discard, io.LimitReader(r.Body, 1<<20))
	e.report(&fault{errorType: errorType, message: reason, status: StatusFailure})
	writeAccepted(w)
}

func (e *environment) extensionFailed(r *http.Request, to extensionPhase, from []extensionPhase) (string, error) {
	const header = "Lambda-Extension-Function-Error-Type"
	e.mu.Lock()
	defer e.mu.Unlock()
	x, err := e.identify(r)
	if err != nil {
		return "", err
	}
	reason := r.Header.Get(header)
	if reason == "" {
		return "", &extensionError{"Extension.MissingHeader", header + " not found"}
	}
	// Repeating it is allowed; the first report stays.
	if x.phase != to && !slices.Contains(from, x.phase) {
		return "", x.transitionError(to)
	}
	x.phase, x.errType = to, reason
	return reason, nil
}
