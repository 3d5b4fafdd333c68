// Package config owns every MERLON_ variable: its name, what it accepts, its
// default, what it does, whether it is a secret and who reads it. The
// extension, the wrapper and the command-line tools read their settings here
// and nowhere else, so that they cannot disagree about what a user asked for.
//
// It reads a list of "NAME=value" strings and knows nothing of files, networks,
// logs or the packages that act on the settings. The wrapper links it and runs
// before every cold start, so its import graph stays light: no encoding/json,
// no net/http, no logger.
//
// A fault in one variable disables that variable alone. It takes its default,
// everything else stays as the user wrote it, and all faults are reported
// together. In particular a typing error elsewhere never turns blocking off.
//
// Precedence is environment, then policy file, then default. Parse reads the
// environment and Config.Source tells whether a value came from there, so that
// whoever reads the policy file knows what it may replace.
package config
