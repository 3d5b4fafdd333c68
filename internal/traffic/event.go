package traffic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/merlon-security/merlon/internal/emulator"
)

// Event is a Lambda event with the carrier that made it.
type Event struct {
	Carrier string
	Source  string // what identifies the event: the carrier's name up to "+"
	Payload []byte
}

// Carriers lists the names of what makes events, sorted. What follows a "+" is
// how the carrier is used.
func Carriers() []string {
	return slices.Sorted(maps.Keys(carry))
}

// Events makes the events of a vector.
func (v *Vector) Events() ([]Event, error) {
	var out []Event
	for _, c := range v.carriers {
		before := len(out)
		for i := range v.messages {
			m := &v.messages[i]
			if _, isFront := fronts[c]; m.onlyHTTP && !isFront {
				continue
			}
			payload, err := carry[c](m)
			if err != nil {
				return nil, fmt.Errorf("%s on %s: %w", v.Name, c, err)
			}
			source, _, _ := strings.Cut(c, "+")
			out = append(out, Event{c, source, payload})
		}
		if len(out) == before {
			return nil, fmt.Errorf("%s on %s: nothing in it that this can carry", v.Name, c)
		}
	}
	return out, nil
}

var fronts = map[string]emulator.Front{
	"function-url": {Kind: emulator.FunctionURL},
	"apigw-v2":     {Kind: emulator.HTTPAPI},
	"apigw-v1":     {Kind: emulator.RESTAPI},
	"alb":          {Kind: emulator.ALB},
	"alb+multi":    {Kind: emulator.ALB, MultiValue: true},
}

// throughFront is the event that the emulator's front makes of the request.
func throughFront(f emulator.Front) func(*message) ([]byte, error) {
	return func(m *message) ([]byte, error) {
		method := m.method
		if method == "" {
			method = http.MethodGet
			if len(m.body) > 0 {
				method = http.MethodPost
			}
		}
		u, err := url.ParseRequestURI(m.target)
		if err != nil {
			return nil, err
		}
		r, err := http.NewRequest(method, u.String(), bytes.NewReader(m.body))
		if err != nil {
			return nil, err
		}
		r.RequestURI, r.RemoteAddr = m.target, "198.51.100.23:40112"
		r.Header.Set("User-Agent", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15")
		r.Header.Set("Accept", "application/json, text/plain, */*")
		if m.media != "" {
			r.Header.Set("Content-Type", m.media)
		}
		for _, h := range m.headers {
			name, value, ok := strings.Cut(h, ": ")
			if !ok {
				return nil, fmt.Errorf("%q is no header", h)
			}
			r.Header.Set(name, value)
		}
		return f.Event(r)
	}
}

// encode writes &, < and > as they are, as the services do.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("bug: event does not marshal: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
