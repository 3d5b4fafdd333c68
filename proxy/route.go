package proxy

import (
	"net/http"
	"path"
	"strings"
)

// controlPrefix is the part of the path space that belongs to the relay's own
// host process. It never goes upstream.
const controlPrefix = "/merlon/"

// A route is what the relay makes of a request. Everything it does not know
// passes through.
type route uint8

const (
	passThrough route = iota
	nextInvocation
	invocationResponse
	invocationError
	restoreNext
)

// routeOf recognises the calls that carry events and replies, and the one that
// waits behind a snapshot, under any API version, and returns the invocation's id for replies. The path is taken
// decoded and cleaned: a poll spelled in a way that the service might
// nevertheless understand must not bring in an event uninspected.
func routeOf(r *http.Request) (route, string) {
	switch r.Method {
	case http.MethodGet, http.MethodPost:
	default:
		return passThrough, ""
	}
	_, rest, _ := strings.Cut(strings.TrimPrefix(path.Clean(r.URL.Path), "/"), "/")
	if rest == "runtime/restore/next" && r.Method == http.MethodGet {
		return restoreNext, ""
	}
	rest, found := strings.CutPrefix(rest, "runtime/invocation/")
	if !found {
		return passThrough, ""
	}
	if r.Method == http.MethodGet {
		if rest == "next" {
			return nextInvocation, ""
		}
		return passThrough, ""
	}
	id, verb, _ := strings.Cut(rest, "/")
	switch verb {
	case "response":
		return invocationResponse, id
	case "error":
		return invocationError, id
	}
	return passThrough, ""
}

// isControl reports whether a request is for the relay's own host process.
func isControl(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, controlPrefix)
}
