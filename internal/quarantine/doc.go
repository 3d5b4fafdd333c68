// Package quarantine keeps the records that are removed from a batch, before
// their source is told that they were dealt with and forgets them. It owns the
// stores, the sealing of payloads and the line format, merlon.quarantine/1; it
// does not decide what is removed, and knows of an event only where it came
// from.
//
// Keep returns nil when every record is either in the store or readable at its
// source. Whoever calls it commits afterwards: a process that dies in between
// leaves a record twice, never nowhere.
package quarantine
