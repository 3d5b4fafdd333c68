package emulator

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
)

// Every web page can send requests to 127.0.0.1, and with a name that first
// resolves to the attacker and then to 127.0.0.1 (DNS rebinding) it can read
// the answers. Invoke runs the function with whatever credentials it has, so
// what comes from a foreign page is refused: Host must be this machine, and
// Origin, if a browser sent one, too.

// refuseForeign guards the fronts.
func (l *Lambda) refuseForeign(h http.Handler) http.Handler {
	return guard(h, func(host string) bool {
		return isLoopback(host) || slices.Contains(l.opts.AllowedHosts, host)
	})
}

// refuseBrowsers guards the Runtime API. Its clients put all sorts of hosts
// there (a relay passes on its own address), but never a foreign name.
func refuseBrowsers(h http.Handler) http.Handler {
	return guard(h, func(host string) bool {
		_, err := netip.ParseAddr(host)
		return err == nil || host == "localhost"
	})
}

func guard(h http.Handler, allowed func(host string) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !allowed(hostname(r.Host)) {
			writeForbidden(w, "Host "+r.Host+" is not this machine")
			return
		}
		for _, origin := range r.Header.Values("Origin") {
			u, err := url.Parse(origin)
			if err != nil || !allowed(u.Hostname()) {
				writeForbidden(w, "Origin "+origin+" is not this machine")
				return
			}
		}
		// Requests without Origin (images, links) still say where they come from.
		if r.Header.Get("Sec-Fetch-Site") == "cross-site" {
			writeForbidden(w, "cross-site request")
			return
		}
		h.ServeHTTP(w, r)
	})
}

func writeForbidden(w http.ResponseWriter, message string) {
	writeAPIError(w, http.StatusForbidden, "Emulator.ForeignRequest", message)
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// hostname is the Host header without port and brackets.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	if n := len(host); n > 1 && host[0] == '[' && host[n-1] == ']' {
		return host[1 : n-1]
	}
	return host
}
