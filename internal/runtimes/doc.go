// Package runtimes holds no code: its tests run real clients of the Runtime API
// as functions, twice each, at the emulator and through the layer as it is
// built, and compare all that can be seen from outside: what callers get, what
// the service is told, what the function prints, how often it starts and how it
// ends. Behind other proxies and wrappers, and under load, the same functions
// have to get and answer every event once.
//
// aws-lambda-go always runs. The others want programs that a fresh machine may
// lack, so they run with "make test-runtimes", which brings them: AWS's own
// client for Node, a shell loop around curl, and a loop around Python's
// http.client that stands in for AWS's client, which no registry at hand has.
package runtimes
