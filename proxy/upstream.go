package proxy

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// maxHeaderBytes bounds a message's header block in both directions. The X-Ray
// cause of an error alone may be just under 1 MiB, which is Go's default for
// all headers together; the slack lets exactly 8 MiB of headers pass.
const maxHeaderBytes = 8<<20 + 64<<10

// An upstream sends requests to the service, one for one: nothing is
// redirected, decompressed, proxied or timed out.
type upstream struct {
	addr      string // host:port
	transport *http.Transport
	lines     *lines // for polls
}

func newUpstream(addr string) *upstream {
	// Keep-alive probes would only be woken for after every freeze of the
	// execution environment; both ends live on this machine.
	dialer := &net.Dialer{KeepAlive: -1}
	dial := func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", addr) }
	return &upstream{
		addr:  addr,
		lines: &lines{dial: dial},
		transport: &http.Transport{
			DialContext:            dialer.DialContext,
			DisableCompression:     true,
			MaxIdleConnsPerHost:    1024, // Managed Instances reply concurrently; the default keeps two
			MaxResponseHeaderBytes: maxHeaderBytes,
		},
	}
}

// request makes the upstream's copy of r with the given context. The body is
// r's own and is streamed.
func (u *upstream) request(ctx context.Context, r *http.Request) *http.Request {
	out := (&http.Request{
		Method: r.Method,
		URL:    u.target(r),
		Header: make(http.Header, len(r.Header)+1),
		Host:   u.addr, // a chained relay may check it
	}).WithContext(ctx)
	copyHeaders(out.Header, r.Header)
	suppressUserAgent(out.Header)
	if r.ContentLength == 0 || r.Body == nil {
		return out
	}
	out.Body, out.ContentLength = r.Body, r.ContentLength
	if r.ContentLength < 0 {
		shareTrailer(out, r)
	}
	return out
}

// shareTrailer gives both requests one Trailer map. net/http fills it when the
// inbound body reaches its end and writes it out right after, so an error that
// a runtime announces mid-stream arrives (httputil.ReverseProxy loses it and
// the service records a success). A map that is empty, not nil, also carries
// trailers the runtime did not declare.
func shareTrailer(out, in *http.Request) {
	if in.Trailer == nil {
		in.Trailer = http.Header{}
	}
	out.Trailer = in.Trailer
}

// target keeps the request target byte for byte. An opaque URL is written as it
// stands, except that one beginning with // would gain a scheme, and that an
// absolute target names us and not the upstream.
func (u *upstream) target(r *http.Request) *url.URL {
	target := &url.URL{Scheme: "http", Host: u.addr}
	switch {
	case strings.HasPrefix(r.RequestURI, "//"):
		target.Path, target.RawPath = r.URL.Path, r.URL.RawPath
		target.RawQuery, target.ForceQuery = r.URL.RawQuery, r.URL.ForceQuery
	case strings.HasPrefix(r.RequestURI, "/"), r.RequestURI == "*":
		target.Opaque = r.RequestURI
	default:
		target.Opaque = r.URL.RequestURI()
	}
	return target
}

// suppressUserAgent keeps net/http from presenting itself for a client that
// sent no User-Agent; for requests an empty value, not nil, does that.
func suppressUserAgent(h http.Header) {
	if _, sent := h["User-Agent"]; !sent {
		h["User-Agent"] = []string{""}
	}
}

// roundTrip sends one request and returns the reply with its body unread.
func (u *upstream) roundTrip(req *http.Request) (*http.Response, error) {
	return u.transport.RoundTrip(req)
}

// close lets idle connections go.
func (u *upstream) close() {
	u.lines.close()
	u.transport.CloseIdleConnections()
}
