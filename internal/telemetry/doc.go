// Package telemetry receives what Lambda's Telemetry API sends, and counts in
// it the invocations that a runtime answered, to compare them with the events
// that passed the relay. It owns the listener and the count; it refuses to know
// what becomes of a difference.
//
// Only completions with the status success count. To have one, a runtime must
// have fetched the event and answered it; an event that was fetched through the
// relay was counted there before the runtime had it. So a completion without an
// event means that somebody fetched the event elsewhere, however late, seldom
// or often telemetry is delivered: no waiting, no tolerance, no clock. A
// platform.start would not do: an invocation that fails in INIT or times out
// before its event was fetched has one too. Events are counted for each request
// id, not kept as a set, because asynchronous retries have the same id again.
//
// What the numbers rest on is what the service says. Code inside the sandbox
// that learns the listener's path can say the same: it can raise an alarm, and
// by handing out events twice it can hide one. It is no proof against code
// execution.
//
// Protocol: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api.html and
// telemetry-schema-reference.html
package telemetry
