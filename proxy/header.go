package proxy

import "net/http"

// copyHeaders adds every end-to-end header of src to dst: names, order of
// values, repeated and empty values included. Joining repeated values would
// let a payload be split across two that only the function puts together
// again, and Managed Instances send headers whose value is empty.
//
// Headers nominated by Connection are copied: the relay stands in for a direct
// connection, so they are addressed to whoever is behind it.
func copyHeaders(dst, src http.Header) {
	for name, values := range src {
		if !describesConnection(name) {
			dst[name] = append(dst[name], values...)
		}
	}
}

// describesConnection reports whether a header (in canonical form) belongs to
// one connection and not to the message (RFC 9110 §7.6.1). Content-Length and
// Trailer are among them because net/http writes its own from the Request or
// Response: a copied length could let a second message hide behind the first.
func describesConnection(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer",
		"Transfer-Encoding", "Upgrade", "Content-Length":
		return true
	}
	return false
}

// suppress stops net/http from inventing a value for a header that the other
// side did not send.
func suppress(h http.Header, name string) {
	if _, sent := h[name]; !sent {
		h[name] = nil
	}
}
