// Package hello is the first exchange between the wrapper, which starts the
// runtime, and the extension, whose proxy the runtime is about to poll. It
// answers one question, "is it our extension that listens there?", and carries
// to the extension what Lambda tells only the runtime.
//
// The wrapper sends a nonce and its facts; the extension answers with a MAC
// over the nonce. Both derive the key from what the platform gives to each of
// them: the function's credentials, its name and version, and the address of
// the proxy. The wrapper proves itself the same way, with another MAC, so that
// a stray request cannot make the extension believe the function is protected.
//
// # What this proves, and what it does not
//
// A correct answer shows that the listener holds the function's credentials and
// was told the same address: a program that merely occupies the port, such as a
// development server, another product's agent or a leftover of a crashed
// process, cannot give it.
//
// It does not prove anything against code running inside the function. Extension
// and function run under one user and share credentials, so such code can
// compute the MAC, read the extension's memory or kill it. Where the platform
// gives no credentials, as in a local run without any, the key is made of
// public facts and the exchange only tells our programs from strangers that do
// not know the protocol; Key.Secret says which case it is.
//
// The package is linked into the wrapper, which runs before every cold start:
// it uses neither net nor encoding/json. The server half is in the package
// server below it.
package hello
