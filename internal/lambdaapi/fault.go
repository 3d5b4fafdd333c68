package lambdaapi

import (
	"context"
	"net/http"
)

// InitError tells the service that the extension cannot start; the environment
// fails with Extension.InitError. It is for the time between Register and the
// first Next, and the process exits after it. kind is of the form
// Extension.ConfigInvalid; message is read by people.
func (c *Client) InitError(ctx context.Context, kind, message string) error {
	return c.fault(ctx, "init/error", kind, message)
}

// ExitError tells the service that the extension cannot go on; the environment
// fails with Extension.ExitError. The process exits after it.
func (c *Client) ExitError(ctx context.Context, kind, message string) error {
	return c.fault(ctx, "exit/error", kind, message)
}

func (c *Client) fault(ctx context.Context, path, kind, message string) error {
	header := c.identified()
	header.Set(headerErrorType, kind)
	body := struct {
		Message string   `json:"errorMessage"`
		Type    string   `json:"errorType"`
		Stack   []string `json:"stackTrace"`
	}{message, kind, []string{}}
	_, err := c.call(ctx, http.MethodPost, extensions+path, header, body, http.StatusAccepted, nil)
	return err
}
