package sink

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/merlon-security/merlon/internal/report"
)

// Header is one header of every request.
type Header struct{ Name, Value string }

// Endpoint is a receiver that speaks HTTP.
type Endpoint struct {
	// URL is https, or http where the caller has made sure that this is meant.
	URL     string
	Headers []Header
	// Key signs requests of lines and findings; empty for none.
	Key     string
	Version string // the agent's
	Now     func() time.Time
	Network Network
}

// Network is replaced in tests. The zero value is the real one.
type Network struct {
	Dial  func(ctx context.Context, network, addr string) (net.Conn, error)
	Roots *x509.CertPool
}

// maxReply bounds what is read of a reply.
const maxReply = 4 << 10

// client posts to one endpoint.
type client struct {
	http    *http.Client
	headers []Header
	agent   string
	now     func() time.Time
	last    time.Time // when the connection was last used
}

func newClient(e Endpoint) *client {
	return &client{
		headers: e.Headers, agent: "merlon/" + e.Version, now: e.Now,
		http: &http.Client{
			// No Proxy: HTTPS_PROXY is a setting of the function, whose code must not
			// see verdicts.
			Transport: &http.Transport{
				DialContext: e.Network.Dial, DisableCompression: true, MaxConnsPerHost: 1, MaxResponseHeaderBytes: 16 << 10,
				TLSClientConfig: &tls.Config{
					MinVersion: tls.VersionTLS12, RootCAs: e.Network.Roots, ClientSessionCache: tls.NewLRUClientSessionCache(1),
				},
			},
			// A redirect would take verdicts and the token to another host.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// stale is how long a connection may have been idle. While the environment was
// frozen the other side, or a translator in between, has forgotten it.
const stale = 3 * time.Second

// post sends a body and returns the beginning of the reply. Its error is a
// *report.Refusal, which tells what to do and quotes neither address nor reply.
func (c *client) post(ctx context.Context, url string, header map[string]string, body []byte) ([]byte, error) {
	if now := c.now(); now.Sub(c.last) > stale {
		c.http.CloseIdleConnections()
	}
	defer func() { c.last = c.now() }()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, &report.Refusal{Err: errors.New("the address is none"), Final: true}
	}
	req.Header.Set("User-Agent", c.agent)
	for _, h := range c.headers {
		req.Header.Add(h.Name, h.Value)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, &report.Refusal{Err: failure(ctx, err)}
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		// The status is the acknowledgement: what becomes of the body changes nothing.
		reply, _ := io.ReadAll(io.LimitReader(resp.Body, maxReply))
		return reply, nil
	}
	return nil, refused(resp.StatusCode, resp.Header.Get("Retry-After"), "", c.now())
}

// failure says in words of our own why there was no reply. What net/http says
// quotes the address.
func failure(ctx context.Context, err error) error {
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var op *net.OpError
	switch {
	case ctx.Err() != nil:
		return errors.New("no answer in time")
	case errors.As(err, &dns):
		return errors.New("the host's name is not found")
	case errors.As(err, &cert):
		return errors.New("its certificate is not accepted")
	case errors.As(err, &op) && op.Op == "dial":
		return errors.New("it does not take connections")
	}
	return errors.New("the connection broke")
}

// refused makes an error of a reply that acknowledges nothing. code is a
// service's name for what is wrong, which is never a text from outside.
func refused(status int, wait, code string, now time.Time) *report.Refusal {
	text := "status " + strconv.Itoa(status)
	if code != "" {
		text += " " + code
	}
	r := &report.Refusal{Err: errors.New(text), After: retryAfter(wait, now)}
	switch {
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= 500:
	default:
		r.Final = true
	}
	return r
}

// retryAfter reads seconds or a date (RFC 9110 §10.2.3).
func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(s); err == nil && n > 0 && n < 1<<30 {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// fit returns how many items, at most count of at most size bytes together, a
// request may hold; each costs its line and what is added to it.
func fit(queue []report.Item, count, size, added int) int {
	n, total := 0, 0
	for n < len(queue) && n < count {
		if total += len(queue[n].Line) + added; total > size {
			break
		}
		n++
	}
	return n
}
