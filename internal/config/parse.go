package config

import (
	"net/netip"
	"strconv"
	"strings"
)

// Parse reads the environment, a list of "NAME=value" as from os.Environ. It
// always returns a usable Config: a variable with a fault takes its default and
// the others keep their values. Every MERLON_ variable is either applied or
// named in a fault.
func Parse(environ []string) (Config, Faults) {
	c := Default()
	c.source = map[string]Source{}
	vars := Registry()
	found, platform, names := collect(environ, vars)
	c.Upstream = platform

	var all Faults
	for _, v := range vars {
		value, ok := found[v.Name]
		if !ok {
			continue
		}
		if err := v.set(&c, value); err != nil {
			c.onFaultFaulty = c.onFaultFaulty || v.Name == "MERLON_ON_FAULT"
			all = append(all, v.fault(value, err))
			continue
		}
		c.source[v.Name] = FromEnvironment
		if !v.Available() {
			all = append(all, Fault{v.Name, Unavailable, v.Name + ": not available in this build, the setting has no effect"})
		}
	}
	if f, ok := c.checkLoop(platform); !ok {
		all = append(all, f)
	}
	if f, ok := c.checkPlain(); !ok {
		all = append(all, f)
	}
	c.settle()
	return c, append(all, names...)
}

// settle applies the one rule that joins two variables: an ON_FAULT that cannot
// be read counts as closed when the mode is block, because whoever wrote it
// wanted something other than the default.
func (c *Config) settle() {
	if c.onFaultFaulty && c.Mode == ModeBlock {
		c.OnFault = FaultClosed
	}
}

// checkLoop refuses an upstream that is our own address: the proxy would fetch
// events from itself.
func (c *Config) checkLoop(platform string) (Fault, bool) {
	if c.source["MERLON_UPSTREAM"] != FromEnvironment || c.Upstream != c.Listen.String() {
		return Fault{}, true
	}
	f := Fault{"MERLON_UPSTREAM", Invalid,
		"MERLON_UPSTREAM=" + quote(c.Upstream) + ": this is where Merlon itself listens: want the address of the Runtime API or of the next proxy"}
	c.Upstream = platform
	delete(c.source, "MERLON_UPSTREAM")
	return f, false
}

// checkPlain refuses to send verdicts in the clear over a network, unless the
// user has said so: http is accepted for loopback, where another extension may
// listen.
func (c *Config) checkPlain() (Fault, bool) {
	address, ok := strings.CutPrefix(strings.ToLower(c.TelemetryURL.Reveal()), "http://")
	if !ok || c.TelemetryPlain == On {
		return Fault{}, true
	}
	host, _, _ := strings.Cut(address, "/")
	if a, err := netip.ParseAddrPort(host); err == nil && a.Addr().IsLoopback() {
		return Fault{}, true
	}
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil && a.IsLoopback() {
		return Fault{}, true
	}
	c.TelemetryURL = Secret{}
	delete(c.source, "MERLON_TELEMETRY_URL")
	return Fault{"MERLON_TELEMETRY_URL", Invalid, "MERLON_TELEMETRY_URL: want an https:// address, or MERLON_TELEMETRY_PLAIN=on"}, false
}

// fault describes a value that set refused.
func (v Var) fault(value string, err error) Fault {
	if v.Secret {
		return Fault{v.Name, Invalid, v.Name + ": " + err.Error()}
	}
	return Fault{v.Name, Invalid, v.Name + "=" + quote(value) + ": " + err.Error()}
}

// collect picks our variables from the environment, and the platform's address
// of the Runtime API, and reports names that are unknown or repeated.
func collect(environ []string, vars []Var) (found map[string]string, platform string, faults Faults) {
	known := make([]string, len(vars))
	for i, v := range vars {
		known[i] = v.Name
	}
	found = map[string]string{}
	reported := map[string]bool{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if name == "AWS_LAMBDA_RUNTIME_API" && platform == "" {
			platform = value
		}
		if len(name) < len(Prefix) || !strings.EqualFold(name[:len(Prefix)], Prefix) {
			continue
		}
		_, twice := found[name]
		switch {
		case reported[name]:
		case !contains(known, name):
			reported[name] = true
			faults = append(faults, unknown(name, known))
		case twice:
			reported[name] = true
			faults = append(faults, Fault{name, Repeated, name + ": set more than once, the first value counts"})
		default:
			found[name] = value
		}
	}
	return found, platform, faults
}

// unknown describes a name of ours that is none. Its value is not looked at: it
// may be a secret under a misspelt name.
func unknown(name string, known []string) Fault {
	text := bounded(name) + ": no variable has this name"
	suffixes := make([]string, len(known))
	for i, k := range known {
		suffixes[i] = k[len(Prefix):] // the prefix they share would make everything near
	}
	if near := nearest(strings.ToUpper(name[len(Prefix):]), suffixes); near != "" {
		text += ": did you mean " + Prefix + near + "?"
	} else {
		text += ": the names are in docs/CONFIGURATION.md"
	}
	return Fault{bounded(name), Unknown, text}
}

func contains(words []string, word string) bool {
	for _, w := range words {
		if w == word {
			return true
		}
	}
	return false
}

// quote quotes a value for people, at most 64 bytes of it.
func quote(s string) string {
	const most = 64
	if len(s) <= most {
		return strconv.Quote(s)
	}
	return strconv.Quote(strings.ToValidUTF8(s[:most], "")) + "…"
}

// bounded makes an unknown name safe to print: it comes from the environment
// and may hold anything but '='.
func bounded(name string) string {
	const most = 64
	var b strings.Builder
	for _, r := range name {
		if b.Len() >= most {
			b.WriteString("…")
			break
		}
		if r > ' ' && r < 0x7f {
			b.WriteRune(r)
		} else {
			b.WriteByte('?')
		}
	}
	return b.String()
}
