// Package profile knows what is normal for one function: which triggers invoke
// it, along which routes, with which parameters, and what these look like. It
// owns three things and how they become one another: evidence, which running
// environments gather and which merges without order; the profile, a document
// that people review; and departures, which are what an event has that its
// profile does not. It sees decoded events and never their transport, decides
// nothing, and does no I/O.
//
// A profile says what values look like and not what they are: their type, the
// range of their length or magnitude, the classes of their characters, their
// format. What leaves an environment holds no value of an event.
package profile
