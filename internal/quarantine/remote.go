package quarantine

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// remote sends signed requests to one service. It is not the service's SDK:
// that reads settings which the function's author, or its code, can place.
type remote struct {
	service, region string
	creds           provider
	client          *http.Client
	limit           time.Duration // of one put
	now             func() time.Time
	skew            atomic.Int64 // the service's clock less ours, in nanoseconds
}

// network is replaced in tests. The zero value is the real one.
type network struct {
	dial  func(ctx context.Context, network, addr string) (net.Conn, error)
	roots *x509.CertPool
}

func newRemote(o Options, service, region string, n network) *remote {
	client := &http.Client{
		// No Proxy: HTTPS_PROXY is a setting of the function, and what is sent
		// here is not its traffic.
		Transport: &http.Transport{
			DialContext: n.dial, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: n.roots},
			DisableCompression: true, MaxIdleConns: 1, IdleConnTimeout: 5 * time.Second, MaxResponseHeaderBytes: 16 << 10,
		},
		// A redirect would take the payload to a host that is in no table.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &remote{
		service: service, region: region, client: client, limit: storeCap, now: o.Now,
		creds: provider{env: o.Env, client: client, now: o.Now},
	}
}

// attempts bounds the requests for one thing: a connection that died while the
// environment was frozen, a service, a clock and credentials that are out of
// order, once each.
const attempts = 5

// maxReply bounds what is read of a reply.
const maxReply = 4 << 10

// do sends a request until the service acknowledges it, and returns the reply.
func (r *remote) do(ctx context.Context, method, url string, header map[string]string, body []byte) ([]byte, error) {
	var last *refusal
	broken := false
	for range attempts {
		c, err := r.creds.get(ctx, last.expired())
		if err != nil {
			return nil, err
		}
		reply, refused, err := r.send(ctx, c, method, url, header, body)
		if err != nil && ctx.Err() == nil && !broken {
			broken = true
			continue
		}
		if err != nil || refused == nil {
			return reply, err
		}
		if !r.again(last, refused) {
			return nil, refused
		}
		last = refused
	}
	return nil, last
}

func (r *remote) send(ctx context.Context, c credentials, method, url string, header map[string]string, body []byte) ([]byte, *refusal, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	sign(req, c, r.region, r.service, body, r.now().Add(time.Duration(r.skew.Load())))
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if resp.StatusCode == http.StatusOK {
		return reply, nil, err
	}
	return nil, &refusal{service: r.service, status: resp.StatusCode, code: errorCode(reply), date: resp.Header.Get("Date")}, nil
}

// again reports whether another request may fare better, and sets the clock by
// that of the service if that was what was wrong: one that stood still with a
// frozen environment is behind.
func (r *remote) again(last, now *refusal) bool {
	if last != nil && last.code == now.code && last.status == now.status {
		return false // it has had its second chance
	}
	switch {
	case now.expired():
		return r.creds.renewable()
	case now.skewed():
		theirs, err := http.ParseTime(now.date)
		if err == nil {
			r.skew.Store(int64(theirs.Sub(r.now())))
		}
		return err == nil
	}
	return now.status >= 500
}

// refusal is a reply that acknowledges nothing.
type refusal struct {
	service    string
	status     int
	code, date string
}

func (r *refusal) Error() string {
	text := fmt.Sprintf("%s answered %d %s", r.service, r.status, r.code)
	if r.status/100 == 3 {
		text += ": it is not in the region this function names"
	}
	return text
}

func (r *refusal) expired() bool {
	return r != nil && (r.code == "ExpiredToken" || r.code == "ExpiredTokenException")
}

func (r *refusal) skewed() bool {
	return r.code == "RequestTimeTooSkewed" || r.code == "RequestExpired" || r.code == "InvalidSignatureException" || r.code == "SignatureDoesNotMatch"
}

// errorCode reads the code of an error reply of S3, which is XML, or of SQS,
// which is JSON; empty if it has none.
func errorCode(reply []byte) string {
	code := between(string(reply), "<Code>", "<")
	if code == "" {
		code = between(string(reply), `"__type":"`, `"`)
		code = code[strings.IndexByte(code, '#')+1:] // "com.amazonaws.sqs#QueueDoesNotExist"
	}
	if len(code) > 64 || reduce(code) != strings.ReplaceAll(code, ".", "_") {
		return ""
	}
	return code
}

func between(s, before, after string) string {
	_, s, _ = strings.Cut(s, before)
	s, _, ok := strings.Cut(s, after)
	if !ok {
		return ""
	}
	return s
}
