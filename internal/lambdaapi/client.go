package lambdaapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
)

// The headers of the Extensions API.
const (
	headerName       = "Lambda-Extension-Name"
	headerIdentifier = "Lambda-Extension-Identifier"
	headerFeature    = "Lambda-Extension-Accept-Feature"
	headerErrorType  = "Lambda-Extension-Function-Error-Type"
)

// maxReply bounds the reading of a reply. The service's are below 1 KiB; a
// chained one that never ends must not take the memory of the function.
const maxReply = 1 << 20

// A Client talks to one Extensions API for one extension. Register comes
// first; the other calls carry the identifier it received.
type Client struct {
	base       string // http://host:port/
	http       *http.Client
	identifier atomic.Value // string
}

// New makes a client for the API at addr, the host:port that Lambda puts into
// AWS_LAMBDA_RUNTIME_API: the original value, not that of a relay.
func New(addr string) (*Client, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host == "" || port == "" {
		return nil, fmt.Errorf("extensions API at %q: want host:port, as in AWS_LAMBDA_RUNTIME_API", addr)
	}
	return &Client{
		base: "http://" + addr + "/",
		http: &http.Client{
			// A proxy of the customer's, a redirect or a timeout would each be
			// somebody else's word in a conversation with the platform.
			Transport: &http.Transport{
				DialContext:        (&net.Dialer{KeepAlive: -1}).DialContext,
				DisableCompression: true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Identifier returns what Register received, or nothing before it.
func (c *Client) Identifier() string {
	id, _ := c.identifier.Load().(string)
	return id
}

// extensions is where the Extensions API begins.
const extensions = "2020-01-01/extension/"

// call makes one request and decodes a reply of the wanted status into reply
// (nil: not decoded), whatever content type it claims: the SHUTDOWN event of
// some services claims none.
func (c *Client) call(ctx context.Context, method, at string, header http.Header, body any, want int, reply any) (http.Header, error) {
	path := strings.TrimPrefix(at, extensions) // as errors name it
	var sent io.Reader = http.NoBody
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("bug: encode %s: %w", path, err)
		}
		sent = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+at, sent)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	req.Header = header
	if body != nil {
		header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return nil, fmt.Errorf("%s: read reply: %w", path, err)
	}
	if resp.StatusCode != want {
		return nil, newError(path, resp.StatusCode, text)
	}
	if reply == nil {
		return resp.Header, nil
	}
	if err := json.Unmarshal(text, reply); err != nil {
		return nil, fmt.Errorf("%s: decode reply: %w", path, err)
	}
	return resp.Header, nil
}

// identified returns the header every call after Register carries.
func (c *Client) identified() http.Header {
	return http.Header{headerIdentifier: {c.Identifier()}}
}
