package proxy

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// isForeign reports whether a request carries what no runtime sends: the Host
// of someone else (DNS rebinding), an Origin or Sec-Fetch-Site (a browser, such
// as a headless one that renders a caller's page inside the function), or
// X-Forwarded-* (a request somebody was tricked into relaying). port is ours.
//
// Sec-Fetch-Mode is no sign of a browser: Node's fetch sends it.
func isForeign(r *http.Request, port string) bool {
	if !isOurHost(r.Host, port) {
		return true
	}
	for name := range r.Header {
		switch {
		case name == "Origin", name == "Sec-Fetch-Site", strings.HasPrefix(name, "X-Forwarded-"):
			return true
		}
	}
	return false
}

// isOurHost accepts the loopback forms clients use for an address they were
// given as 127.0.0.1:PORT. An empty Host is an HTTP/1.0 client's and names
// nobody else.
func isOurHost(hostport, port string) bool {
	if hostport == "" {
		return true
	}
	host, given, err := net.SplitHostPort(hostport)
	if err != nil {
		host, given = strings.Trim(hostport, "[]"), port
	}
	if given != port {
		return false
	}
	return isLoopback(host)
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
