package awsapi

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

// Options say where a Client finds what it needs.
type Options struct {
	Env func(name string) string // the environment of the process
	Now func() time.Time
	// MaxReply bounds what is read of a reply; 0 for what an acknowledgement takes.
	MaxReply int64
}

// Network is replaced in tests. The zero value is the real one.
type Network struct {
	Dial  func(ctx context.Context, network, addr string) (net.Conn, error)
	Roots *x509.CertPool
}

// Client sends signed requests to one service. It is not the service's SDK: that
// reads settings which the function's author, or its code, can place.
type Client struct {
	service, region string
	creds           provider
	client          *http.Client
	now             func() time.Time
	most            int64        // bytes of a reply that are read
	skew            atomic.Int64 // the service's clock less ours, in nanoseconds
}

// New makes a Client.
func New(o Options, service, region string, n Network) *Client {
	client := &http.Client{
		// No Proxy: HTTPS_PROXY is a setting of the function, and what is sent
		// here is not its traffic.
		Transport: &http.Transport{
			DialContext: n.Dial, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: n.Roots},
			DisableCompression: true, MaxIdleConns: 1, IdleConnTimeout: 5 * time.Second, MaxResponseHeaderBytes: 16 << 10,
		},
		// A redirect would take the payload to a host that is in no table.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if o.MaxReply == 0 {
		o.MaxReply = maxReply
	}
	return &Client{
		service: service, region: region, client: client, now: o.Now, most: o.MaxReply,
		creds: provider{env: o.Env, client: client, now: o.Now},
	}
}

// attempts bounds the requests for one thing: a connection that died while the
// environment was frozen, a service, a clock and credentials that are out of
// order, once each.
const attempts = 5

// maxReply bounds what is read of a reply that only acknowledges.
const maxReply = 4 << 10

// Do sends a request until the service acknowledges it, and returns the reply.
func (r *Client) Do(ctx context.Context, method, url string, header map[string]string, body []byte) ([]byte, error) {
	var last *Refusal
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

func (r *Client) send(ctx context.Context, c credentials, method, url string, header map[string]string, body []byte) ([]byte, *Refusal, error) {
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
	reply, err := io.ReadAll(io.LimitReader(resp.Body, r.most))
	if resp.StatusCode == http.StatusOK {
		return reply, nil, err
	}
	return nil, &Refusal{Service: r.service, Status: resp.StatusCode, Code: errorCode(reply), Wait: resp.Header.Get("Retry-After"), date: resp.Header.Get("Date")}, nil
}

// again reports whether another request may fare better, and sets the clock by
// that of the service if that was what was wrong: one that stood still with a
// frozen environment is behind.
func (r *Client) again(last, now *Refusal) bool {
	if last != nil && last.Code == now.Code && last.Status == now.Status {
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
	return now.Status >= 500
}

// Refusal is a reply that acknowledges nothing.
type Refusal struct {
	Service string
	Status  int
	Code    string // as the service names it; empty if it does not
	Wait    string // its Retry-After
	date    string
}

func (r *Refusal) Error() string {
	text := fmt.Sprintf("%s answered %d %s", r.Service, r.Status, r.Code)
	if r.Status/100 == 3 {
		text += ": it is not in the region this function names"
	}
	return text
}

func (r *Refusal) expired() bool {
	return r != nil && (r.Code == "ExpiredToken" || r.Code == "ExpiredTokenException")
}

func (r *Refusal) skewed() bool {
	return r.Code == "RequestTimeTooSkewed" || r.Code == "RequestExpired" || r.Code == "InvalidSignatureException" || r.Code == "SignatureDoesNotMatch"
}

// errorCode reads the code of an error reply of S3, which is XML, or of the
// services that speak JSON; empty if it has none.
func errorCode(reply []byte) string {
	code := between(string(reply), "<Code>", "<")
	if code == "" {
		code = between(string(reply), `"__type":"`, `"`)
		code = code[strings.IndexByte(code, '#')+1:] // "com.amazonaws.sqs#QueueDoesNotExist"
	}
	if len(code) > 64 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") != "" {
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
