// Command role plays the other processes of an execution environment: the
// function, which echoes its event, and the relay without an inspection.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/merlon-security/merlon/proxy"
)

func main() {
	role := ""
	if len(os.Args) > 1 {
		role = os.Args[1]
	}
	switch role {
	case "function":
		lambda.Start(func(_ context.Context, event json.RawMessage) (any, error) { return event, nil })
	case "relay":
		if err := relay(os.Getenv("AWS_LAMBDA_RUNTIME_API"), os.Getenv("MERLON_LISTEN")); err != nil {
			fmt.Fprintln(os.Stderr, "relay:", err)
			os.Exit(1)
		}
	default:
		fmt.Fprintf(os.Stderr, "role %q: want function or relay\n", role)
		os.Exit(2)
	}
}

// indifferent lets every event pass.
type indifferent struct{}

func (indifferent) Inspect(context.Context, *proxy.Invocation) proxy.Outcome { return proxy.Outcome{} }
func (indifferent) Idle(context.Context, time.Time)                          {}

func relay(upstream, listen string) error {
	rl, err := proxy.New(proxy.Options{Upstream: upstream, Inspector: indifferent{}})
	if err != nil {
		return err
	}
	if err := rl.Listen(listen); err != nil {
		return err
	}
	fmt.Println("ready")
	return rl.Serve()
}
