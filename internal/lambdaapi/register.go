package lambdaapi

import (
	"context"
	"errors"
	"net/http"
)

// EventType names what an extension subscribes to and what Next returns.
type EventType string

// The events of the API.
const (
	Invoke   EventType = "INVOKE"
	Shutdown EventType = "SHUTDOWN"
)

// Function is what the service says of the function at registration.
type Function struct {
	Name      string `json:"functionName"`
	Version   string `json:"functionVersion"`
	Handler   string `json:"handler"`
	AccountID string `json:"accountId"` // empty where the service does not offer it
}

// Register announces the extension. name is the file name of its executable in
// /opt/extensions. No events is a valid choice; Invoke makes every invocation
// wait for the extension and is refused on Managed Instances.
//
// The runtime starts as soon as every extension has registered: whatever it
// will connect to has to listen before.
func (c *Client) Register(ctx context.Context, name string, events ...EventType) (Function, error) {
	header := http.Header{headerName: {name}, headerFeature: {"accountId"}}
	body := map[string][]EventType{"events": append([]EventType{}, events...)}
	var function Function
	reply, err := c.call(ctx, http.MethodPost, extensions+"register", header, body, http.StatusOK, &function)
	if err != nil {
		return Function{}, err
	}
	identifier := reply.Get(headerIdentifier)
	if identifier == "" {
		return Function{}, errors.New("register: the reply carries no " + headerIdentifier)
	}
	c.identifier.Store(identifier)
	return function, nil
}
