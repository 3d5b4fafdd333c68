package awsapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"
)

// credentials sign requests. They are those of the function's role.
type credentials struct {
	id, secret, token string
	expires           time.Time // zero if they do not say
}

// provider finds credentials where Lambda puts them, and nowhere else: in the
// environment, or, for functions restored from a snapshot, at an endpoint on
// this machine. A file that the function's code can write, such as
// $HOME/.aws/config with its credential_process, is never read.
type provider struct {
	env    func(string) string
	client *http.Client
	now    func() time.Time

	mu   sync.Mutex
	last credentials
}

// margin is how long before their end credentials are replaced.
const margin = 30 * time.Second

// get returns credentials. fresh asks for others than the last, which a service
// has called expired.
func (p *provider) get(ctx context.Context, fresh bool) (credentials, error) {
	endpoint := p.env("AWS_CONTAINER_CREDENTIALS_FULL_URI")
	if endpoint == "" {
		c := credentials{id: p.env("AWS_ACCESS_KEY_ID"), secret: p.env("AWS_SECRET_ACCESS_KEY"), token: p.env("AWS_SESSION_TOKEN")}
		if c.id == "" || c.secret == "" {
			return c, errors.New("the environment holds no AWS credentials")
		}
		return c, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !fresh && p.last.id != "" && (p.last.expires.IsZero() || p.now().Before(p.last.expires.Add(-margin))) {
		return p.last, nil
	}
	c, err := p.fetch(ctx, endpoint)
	if err == nil {
		p.last = c
	}
	return c, err
}

// renewable reports whether get can return others than before.
func (p *provider) renewable() bool { return p.env("AWS_CONTAINER_CREDENTIALS_FULL_URI") != "" }

// fetch asks the endpoint (AWS SDKs Reference Guide, "Container credential
// provider"). It must be on this machine or link: its token is a secret.
func (p *provider) fetch(ctx context.Context, endpoint string) (c credentials, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("credentials endpoint: %w", err)
		}
	}()
	u, err := url.Parse(endpoint)
	if err != nil {
		return c, errors.New("AWS_CONTAINER_CREDENTIALS_FULL_URI is not an address")
	}
	if a, err := netip.ParseAddr(u.Hostname()); err != nil || u.Scheme != "http" || !a.IsLoopback() && !a.IsLinkLocalUnicast() {
		return c, errors.New("AWS_CONTAINER_CREDENTIALS_FULL_URI is not on this machine")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, nil)
	if err != nil {
		return c, err
	}
	if token := p.env("AWS_CONTAINER_AUTHORIZATION_TOKEN"); token != "" {
		r.Header.Set("Authorization", token)
	}
	resp, err := p.client.Do(r)
	if err != nil {
		return c, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return c, fmt.Errorf("status %d", resp.StatusCode)
	}
	var reply struct {
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
		Token           string
		Expiration      time.Time
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxReply)).Decode(&reply); err != nil {
		return c, errors.New("the reply is not JSON of credentials") // the cause may quote them
	}
	if reply.AccessKeyID == "" || reply.SecretAccessKey == "" {
		return c, errors.New("the reply holds no credentials")
	}
	return credentials{reply.AccessKeyID, reply.SecretAccessKey, reply.Token, reply.Expiration}, nil
}
