package config

import (
	"net/netip"
	"time"
)

// Config is every setting after parsing. Its zero value is not complete (no
// listen address); Default returns the documented defaults.
type Config struct {
	Mode          Mode
	BlockTriggers []string // triggers that may be refused in block mode, as Blocks reads them; nil means every one
	OnFault       OnFault
	OnLimit       OnLimit
	Introspection Introspection
	Paranoia      int // CRS paranoia level, 1–4
	Threshold     int // anomaly score from which an event is refused, 1–100
	BudgetPercent int // share of the invocation's remaining time inspection may use
	Rules         Rules
	Policy        string // absolute path of the policy file, "" for none

	BlockStatus   int
	BlockBody     string // used if Source("MERLON_BLOCK_BODY") is not FromDefault; may be empty
	BlockHeaders  []Header
	InvokeMode    InvokeMode
	Authorizer    Authorizer
	Responses     Responses
	ResponseBytes int

	SQS           SQS
	Async         Async
	Direct        Direct
	Quarantine    Quarantine
	QuarantineKey Secret // age public key; hidden because private ones get pasted by mistake

	Evidence          Evidence
	VerdictKey        Secret // signs lines, keys hashes
	Summaries         Summaries
	VerdictsPerMinute int
	LogLevel          LogLevel
	CodeID            string // identity of the deployed code, from the pipeline
	TelemetryURL      Secret // webhook addresses are credentials
	TelemetryFormat   TelemetryFormat
	TelemetryHeaders  []SecretHeader
	TelemetryKey      Secret
	TelemetryPlain    Switch
	Firehose          string // name of a stream, "" for none
	LogGroup          string // "" for none

	Listen      netip.AddrPort // where the proxy listens and the runtime polls
	Upstream    string         // host:port of the real Runtime API; "" outside Lambda
	NextWrapper string         // launcher to run between us and the runtime, "" for none

	BypassDetection Switch

	Profile           string // absolute path of the behavioural profile, or InlinePrefix and the profile; "" for none
	ProfileMode       ProfileMode
	ProfileMinVersion int
	ProfileGrace      time.Time // until when departures of new code refuse nothing; zero for never
	ProfileKeys       []string  // public keys, as text; any of them may have signed the profile
	AWS               AWSGateway
	Vault             Switch
	VaultExcept       []string // AWS services whose calls keep the function's own credentials

	source        map[string]Source
	onFaultFaulty bool
}

// Header is one HTTP response header.
type Header struct{ Name, Value string }

// DefaultListen is the one address the proxy listens on unless told otherwise.
// There is no fallback port: a second one would let whoever took the first
// stand in for us.
const DefaultListen = "127.0.0.1:9117"

// Default returns the documented defaults.
func Default() Config {
	return Config{
		Paranoia:          1,
		Threshold:         5,
		BudgetPercent:     25,
		BlockStatus:       403,
		VerdictsPerMinute: 300,
		ResponseBytes:     64 << 10,
		Listen:            netip.MustParseAddrPort(DefaultListen), // a constant of ours
	}
}

// Source says where a value came from.
type Source uint8

const (
	FromDefault Source = iota // a policy file may still replace it
	FromEnvironment
)

func (s Source) String() string { return name(s, "default", "environment") }

// Source tells where the value of the named variable came from. A variable
// whose value was invalid has its default and says so.
func (c Config) Source(name string) Source { return c.source[name] }

// Blocks reports whether MERLON_BLOCK_TRIGGERS lets events of the trigger be
// refused. It says nothing about the mode.
func (c Config) Blocks(trigger string) bool {
	return c.BlockTriggers == nil || contains(c.BlockTriggers, trigger) ||
		isHTTP(trigger) && contains(c.BlockTriggers, "http")
}

// InitError is the error with which the function must not start: the invalid
// values, if the user chose closed. Off wins over everything, because a kill
// switch that a second mistake disables is none.
func (c Config) InitError(fs Faults) error {
	if c.Mode == ModeOff || c.OnFault == FaultOpen {
		return nil
	}
	return fs.Err()
}

// Setting is one variable's effective value, fit to be printed.
type Setting struct {
	Name, Value string
	Source      Source
}

// Settings lists the effective value of every variable in the order of the
// registry. Secrets appear as placeholders.
func (c Config) Settings() []Setting {
	vars := Registry()
	out := make([]Setting, 0, len(vars))
	for _, v := range vars {
		out = append(out, Setting{Name: v.Name, Value: v.get(&c), Source: c.Source(v.Name)})
	}
	return out
}
