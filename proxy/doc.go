// Package proxy relays the Lambda Runtime API between a function's runtime and
// the service, with one hook: an Inspector that sees every event before the
// function does. It owns connections, framing, polls and the bookkeeping of
// which invocation is where; it refuses to know what an event means, what a
// rule is, or why an Inspector decides what it decides.
//
// The relay is transparent: what it does not understand it passes on
// unchanged, whatever the method, path, version, header, status or body,
// because runtimes and in-process extensions use every API of the address they
// are given. It changes five things and no others. It speaks of itself as the
// upstream's Host; it removes the headers that describe one connection; it
// refuses requests that no runtime sends (origin.go); it hands over the event an
// Inspector chose; and it sends on what a ReplyFilter leaves of a reply.
//
// Two contexts decide what a vanishing client ends. A poll for the next
// invocation, and any request with a body, is detached from its client: an
// abandoned poll would swallow an event, and a runtime that dies right after
// sending its reply has still replied. Every other request, the long polls of
// extensions and of SnapStart's restore/next among them, ends upstream when
// its client goes, exactly as it would without a relay between the two.
//
// Protocol: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html and
// AWS's open-source runtime interface emulator.
package proxy
