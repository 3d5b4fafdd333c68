// Function is a Go function as a customer writes it, attached by the import.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	_ "github.com/merlon-security/merlon/layer/lambdago"
)

func main() {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") == "" {
		fmt.Println("outside Lambda, key", os.Getenv("MERLON_QUARANTINE_KEY"))
		return
	}
	lambda.Start(func(_ context.Context, event map[string]string) (string, error) {
		return event["say"] + " key " + os.Getenv("MERLON_QUARANTINE_KEY"), nil
	})
}
