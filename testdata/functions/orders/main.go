// Command orders is a small order service on Lambda with the faults such
// services have: SQL, file names and a shell command are put together from
// what the caller sent. It is what the end-to-end tests protect, so every hole
// is real: an injected query returns rows of another table, a traversal leaves
// the invoice directory, a command separator runs a second command.
//
// It answers function URLs, API Gateway (payload 1.0 and 2.0) and load
// balancers. Any other event is answered with a summary of what arrived, by
// which tests compare bytes and count records. Every invocation is counted and
// printed, so that a test can prove that an event did not get here.
//
// Never deploy it.
package main

import (
	"context"
	"fmt"
	"log"
	"sync/atomic"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	shop, err := openShop()
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(&function{shop: shop})
}

// function takes and gives raw bytes: what it reports about an event is about
// the bytes that arrived.
type function struct {
	shop        *shop
	invocations atomic.Int64
}

// Invoke implements lambda.Handler.
func (f *function) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	n := f.invocations.Add(1)
	fmt.Printf("orders: invocation %d, %d bytes\n", n, len(event))
	if req, ok := parseHTTP(event); ok {
		resp := f.route(ctx, req, n)
		resp.header["X-Invocation"] = fmt.Sprint(n)
		resp.header["X-Event-Sha256"] = digest(event)
		return req.encode(resp)
	}
	return summarise(event, n)
}
