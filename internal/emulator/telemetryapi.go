package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// subscriptionRequest is the body of PUT /2022-07-01/telemetry.
type subscriptionRequest struct {
	SchemaVersion string    `json:"schemaVersion"`
	Types         []string  `json:"types"`
	Buffering     buffering `json:"buffering"`
	Destination   struct {
		Protocol string `json:"protocol"`
		URI      string `json:"URI"`
		Port     int    `json:"port"`
	} `json:"destination"`
}

type buffering struct {
	MaxItems  int `json:"maxItems"`
	MaxBytes  int `json:"maxBytes"`
	TimeoutMs int `json:"timeoutMs"`
}

// managedSchema is the only schema on Managed Instances.
const managedSchema = "2025-01-29"

var (
	telemetrySchemas = []string{"2022-07-01", "2022-12-13", managedSchema}
	telemetryTypes   = []string{"platform", "function", "extension"}
)

// serveTelemetry takes a subscription: after register, before INIT is over.
func (e *environment) serveTelemetry(w http.ResponseWriter, r *http.Request) {
	if e.opts.NoTelemetry {
		notSupported("Telemetry")(w, r)
		return
	}
	x, err := e.subscriber(r)
	if err != nil {
		writeExtensionError(w, err)
		return
	}
	s, err := e.readSubscription(r.Body)
	if err != nil {
		writeAPIError(w, http.StatusBadRequest, "ValidationError", err.Error())
		return
	}
	s.extension = x.name
	if !e.telemetry.subscribe(s) {
		writeExtensionError(w, errSubscriptionClosed)
		return
	}
	e.telemetry.platform("telemetrySubscription", fields{"name": x.name, "state": "Subscribed", "types": s.types})
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, `"OK"`)
}

var errSubscriptionClosed = &extensionError{"Telemetry.SubscriptionClosed", "Telemetry API subscription is closed already"}

// subscriber identifies the caller. One that has polled is ready for events and
// too late, even while INIT still waits for others.
func (e *environment) subscriber(r *http.Request) (*extension, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x, err := e.identify(r)
	if err == nil && x.phase != extensionRegistered {
		return nil, errSubscriptionClosed
	}
	return x, err
}

func (e *environment) readSubscription(r io.Reader) (*subscription, error) {
	body, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		return nil, err
	}
	request := subscriptionRequest{Buffering: buffering{MaxItems: 10_000, MaxBytes: 256 << 10, TimeoutMs: 1000}}
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, err
	}
	address, err := request.destination()
	if err := errors.Join(err, request.check(e.opts.Concurrency > 0)); err != nil {
		return nil, err
	}
	return newSubscription(request, address), nil
}

func (r *subscriptionRequest) check(managed bool) error {
	var errs []error
	if !slices.Contains(telemetrySchemas, r.SchemaVersion) || managed && r.SchemaVersion != managedSchema {
		errs = append(errs, fmt.Errorf("schemaVersion %q is not supported", r.SchemaVersion))
	}
	if len(r.Types) == 0 {
		errs = append(errs, errors.New("types: want at least one"))
	}
	for _, t := range r.Types {
		if !slices.Contains(telemetryTypes, t) {
			errs = append(errs, fmt.Errorf("types: %q is none of %s", t, strings.Join(telemetryTypes, ", ")))
		}
	}
	for _, b := range []struct {
		name            string
		value, low, top int
	}{
		{"maxItems", r.Buffering.MaxItems, 1000, 10_000},
		{"maxBytes", r.Buffering.MaxBytes, 256 << 10, 1 << 20},
		{"timeoutMs", r.Buffering.TimeoutMs, 25, 30_000},
	} {
		if b.value < b.low || b.value > b.top {
			errs = append(errs, fmt.Errorf("buffering.%s is %d: want %d to %d", b.name, b.value, b.low, b.top))
		}
	}
	return errors.Join(errs...)
}

// destination returns where to deliver. sandbox.localdomain is the name of the
// sandbox in service, where it resolves; here it means this machine.
func (r *subscriptionRequest) destination() (*url.URL, error) {
	d := r.Destination
	switch d.Protocol {
	case "TCP":
		if d.Port < 1 || d.Port > 65535 || d.Port == 9001 {
			return nil, fmt.Errorf("destination.port is %d: want a port other than 9001", d.Port)
		}
		return &url.URL{Scheme: "tcp", Host: "127.0.0.1:" + strconv.Itoa(d.Port)}, nil
	case "HTTP":
		u, err := url.Parse(d.URI)
		if err != nil || u.Scheme != "http" || u.Port() == "" || u.Port() == "9001" ||
			u.Hostname() != "sandbox.localdomain" && u.Hostname() != "sandbox" {
			return nil, fmt.Errorf("destination.URI %q: want http://sandbox.localdomain:PORT/PATH, with a port other than 9001", d.URI)
		}
		u.Host = "127.0.0.1:" + u.Port()
		return u, nil
	}
	return nil, fmt.Errorf("destination.protocol %q: want HTTP or TCP", d.Protocol)
}

func newSubscription(r subscriptionRequest, to *url.URL) *subscription {
	return &subscription{
		types: r.Types, to: to,
		maxItems: r.Buffering.MaxItems, maxBytes: r.Buffering.MaxBytes,
		timeout: time.Duration(r.Buffering.TimeoutMs) * time.Millisecond,
		kick:    make(chan struct{}, 1), hurry: make(chan struct{}), stopped: make(chan struct{}),
	}
}
