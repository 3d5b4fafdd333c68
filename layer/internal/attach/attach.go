// Package attach decides which Runtime API a function's process is given: the
// proxy's, if our extension proved to be behind it, or the real one. The
// wrapper and lambdago share it. It reads and returns environments and starts
// nothing.
package attach

import (
	"net/netip"
	"strings"
	"time"

	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/hello"
)

// RuntimeAPI names the variable in which Lambda gives a runtime the address to
// poll. Customers cannot set it ("Defined runtime environment variables"), so
// the process that starts the runtime is the only place to change it.
const RuntimeAPI = "AWS_LAMBDA_RUNTIME_API"

// Outcome says how the runtime is to be started.
type Outcome uint8

const (
	Direct      Outcome = iota // on the real Runtime API, as asked for: mode off, or not in Lambda
	Attached                   // on the proxy
	Unprotected                // on the real Runtime API although protection was asked for
	Refused                    // not at all
)

// String returns the outcome in words.
func (o Outcome) String() string {
	switch o {
	case Direct:
		return "direct"
	case Attached:
		return "attached"
	case Unprotected:
		return "unprotected"
	case Refused:
		return "refused"
	}
	return "invalid"
}

// Result is what Decide found.
type Result struct {
	Outcome Outcome
	Config  config.Config
	// Environ is the runtime's environment: the given one, in its order, with
	// the address set if Attached and without the variables that are secrets.
	Environ []string
	// Notice is a JSON line to print, "" if there is nothing to say.
	Notice string
}

// Greeter says hello; hello.Greet outside tests.
type Greeter func(netip.AddrPort, hello.Key, hello.Hello) error

// Decide reads the configuration, says hello and returns how to start the
// runtime. via and program are what the extension is told.
//
// Off wins over everything, so that the kill switch works whatever else is
// broken (A5). An open port is not enough: only a proof makes Attached (A3).
func Decide(environ []string, via, program string, now time.Time, greet Greeter) Result {
	cfg, faults := config.Parse(environ)
	r := Result{Config: cfg, Environ: without(environ, config.SecretNames())}
	api := get(environ, RuntimeAPI)
	if cfg.Mode == config.ModeOff || api == "" {
		return r
	}
	if err := cfg.InitError(faults); err != nil {
		r.Outcome = Refused
		r.Notice = refusal(now, environ, "the configuration has faults", "correct the variables named in faults", faults)
		return r
	}
	// Said even if the address is the proxy's already: that is so inside another
	// wrapper of ours, but also where MERLON_LISTEN names Lambda's own port.
	err := greet(cfg.Listen, hello.DeriveKey(environ, cfg.Listen), hello.FromEnvironment(environ, via, program))
	switch {
	case err == nil:
		r.Outcome = Attached
		r.Environ = Set(r.Environ, RuntimeAPI, cfg.Listen.String())
	case cfg.OnFault == config.FaultClosed:
		r.Outcome = Refused
		r.Notice = refusal(now, environ, err.Error(), remedy(err, cfg.Listen), faults)
	default:
		r.Outcome = Unprotected
		r.Notice = unprotected(now, environ, err.Error(), remedy(err, cfg.Listen), faults)
	}
	return r
}

// Set returns environ with one entry for name, where its first one stood. Later
// ones are dropped: C programs read the first, some shells the last.
func Set(environ []string, name, value string) []string {
	out := make([]string, 0, len(environ)+1)
	done := false
	for _, entry := range environ {
		if k, _, ok := strings.Cut(entry, "="); !ok || k != name {
			out = append(out, entry)
		} else if !done {
			out = append(out, name+"="+value)
			done = true
		}
	}
	if !done {
		out = append(out, name+"="+value)
	}
	return out
}

// Unset returns environ without name.
func Unset(environ []string, name string) []string { return without(environ, []string{name}) }

func without(environ, names []string) []string {
	out := make([]string, 0, len(environ))
	for _, entry := range environ {
		k, _, _ := strings.Cut(entry, "=")
		drop := false
		for _, name := range names {
			drop = drop || k == name
		}
		if !drop {
			out = append(out, entry)
		}
	}
	return out
}

// get returns the first value of a name, as getenv(3) does.
func get(environ []string, name string) string {
	for _, entry := range environ {
		if k, v, ok := strings.Cut(entry, "="); ok && k == name {
			return v
		}
	}
	return ""
}
