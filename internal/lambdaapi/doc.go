// Package lambdaapi is a client of the Lambda Extensions and Telemetry APIs, written from the
// protocol. It owns the requests an external extension makes to the service
// and the reading of its replies; it refuses to know why the extension runs or
// what it does with an event.
//
// Protocol: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
// and AWS's open-source runtime interface emulator, where the page is silent.
package lambdaapi
