// Package emulator is Lambda on one machine: the Runtime API, the Extensions
// API, the life cycle of an execution environment (INIT, INVOKE, SHUTDOWN and
// the reset after a fault), the processes as Lambda starts them, and in front
// of it all the HTTP faces a function can have (function URL, HTTP API, REST
// API, Application Load Balancer) and the Invoke API.
//
// It is strict on purpose. A relay that stands between Lambda and a runtime is
// only proven against something that refuses what Lambda refuses, so states,
// status codes and error types are those of AWS's own runtime API server, the
// event of an abandoned poll is lost as it is there, and an extension that
// dies takes its environment with it.
//
// It knows nothing of Merlon: the agent under test is one more file in
// <opt>/extensions. What it leaves out is listed in docs/EMULATOR.md.
//
// Sources: "Using the Lambda runtime API", "Using the Lambda Extensions API to
// create extensions", "Understanding the Lambda execution environment
// lifecycle" and "Invoking Lambda function URLs" in the AWS Lambda developer
// guide, and the behaviour of github.com/aws/aws-lambda-runtime-interface-emulator.
package emulator
