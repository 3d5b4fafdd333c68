package config

import (
	"errors"
	"strconv"
)

// Kind says how serious a fault is and whose mistake it may be.
type Kind uint8

const (
	// Invalid: the value cannot be used; the variable takes its default, and
	// with MERLON_ON_FAULT=closed the function does not start.
	Invalid Kind = iota
	// Unknown: no variable has this name. A warning only: a layer rolled back
	// under a newer configuration must not disarm a fleet.
	Unknown
	// Unavailable: the variable is known but its capability is not in this
	// build. A warning for the same reason.
	Unavailable
	// Repeated: the environment holds the name twice. The first counts, as for
	// getenv(3). A warning.
	Repeated
)

// String returns the word used in logs and metrics.
func (k Kind) String() string {
	switch k {
	case Invalid:
		return "invalid"
	case Unknown:
		return "unknown"
	case Unavailable:
		return "unavailable"
	case Repeated:
		return "repeated"
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// Fault is one thing wrong with the configuration. Text is for people, carries
// the remedy and never quotes a secret.
type Fault struct {
	Name string // the variable, as the environment spells it, bounded
	Kind Kind
	Text string
}

// Error returns Text.
func (f Fault) Error() string { return f.Text }

// Faults is everything wrong with a configuration, in the order of the
// registry and then of the environment.
type Faults []Fault

// Err joins the invalid values into one error, nil if there are none. Warnings
// are not part of it.
func (fs Faults) Err() error {
	var errs []error
	for _, f := range fs {
		if f.Kind == Invalid {
			errs = append(errs, f)
		}
	}
	return errors.Join(errs...)
}

// Names lists the variables with a fault of the given kind, for verdicts and
// metrics.
func (fs Faults) Names(k Kind) []string {
	var names []string
	for _, f := range fs {
		if f.Kind == k {
			names = append(names, f.Name)
		}
	}
	return names
}
