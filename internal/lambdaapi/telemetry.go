package lambdaapi

import (
	"context"
	"net/http"
)

// The schemas of the Telemetry API. Managed Instances know the newer one only.
const (
	TelemetrySchema        = "2022-12-13"
	TelemetrySchemaManaged = "2025-01-29"
)

// Subscribe has the service send its platform events, as batches of JSON, to
// the given address, of the form http://sandbox.localdomain:PORT/PATH. Whatever
// listens there has to do so before. It is for the time between Register and
// the first Next. A service without the API, as local emulators are, answers
// 202, which is an error here: nothing will come.
//
// Protocol: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api-reference.html
func (c *Client) Subscribe(ctx context.Context, schema, address string) error {
	body := map[string]any{
		"schemaVersion": schema,
		"types":         []string{"platform"},
		// The smallest buffers the service has: what is wanted is few events.
		"buffering":   map[string]int{"maxItems": 1000, "maxBytes": 256 << 10, "timeoutMs": 1000},
		"destination": map[string]string{"protocol": "HTTP", "URI": address},
	}
	_, err := c.call(ctx, http.MethodPut, "2022-07-01/telemetry", c.identified(), body, http.StatusOK, nil)
	return err
}
