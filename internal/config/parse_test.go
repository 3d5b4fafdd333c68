package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/event"
)

func TestDefaults(t *testing.T) {
	c, faults := config.Parse([]string{"HOME=/", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001"})
	if len(faults) != 0 {
		t.Fatalf("Parse() faults = %v, want none", faults)
	}
	got := fmt.Sprintln(c.Mode, c.OnFault, c.OnLimit, c.Paranoia, c.Threshold, c.BudgetPercent, c.BlockStatus,
		c.Evidence, c.Listen, c.Upstream, c.Rules, c.LogLevel, c.Quarantine, c.SQS, c.AWS, c.Vault)
	want := "monitor open block 1 5 25 403 redacted 127.0.0.1:9117 127.0.0.1:9001 default info pointer return off off\n"
	if got != want {
		t.Errorf("Parse() = %s\nwant %s", got, want)
	}
}

// The default column of the documentation must be a value that sets the default.
func TestDocumentedDefaults(t *testing.T) {
	for _, v := range config.Registry() {
		c, faults := config.Parse([]string{v.Name + "=" + v.Default})
		if len(faults.Names(config.Invalid)) > 0 {
			continue // the default is in words
		}
		zero, _ := config.Parse(nil)
		if got, want := setting(c, v.Name), setting(zero, v.Name); got != want && v.Default != "none" && v.Name != "MERLON_BLOCK_BODY" {
			t.Errorf("%s=%s is effectively %q, the default %q", v.Name, v.Default, got, want)
		}
	}
}

func setting(c config.Config, name string) string {
	for _, s := range c.Settings() {
		if s.Name == name {
			return s.Value
		}
	}
	return "no such setting"
}

func TestValues(t *testing.T) {
	tests := []struct {
		name, value string
		want        string // effective value, or "" if the value is a fault
	}{
		{"MERLON_MODE", "block", "block"},
		{"MERLON_MODE", "off", "off"},
		{"MERLON_MODE", "Block", ""},
		{"MERLON_MODE", " block", ""},
		{"MERLON_MODE", "", ""},
		{"MERLON_BLOCK_TRIGGERS", "http,sqs", "http,sqs"},
		{"MERLON_BLOCK_TRIGGERS", "http, sqs,http", "http,sqs"},
		{"MERLON_BLOCK_TRIGGERS", "http,,sqs", ""},
		{"MERLON_BLOCK_TRIGGERS", "", ""},
		{"MERLON_BLOCK_TRIGGERS", "htpp", ""},
		{"MERLON_PARANOIA", "4", "4"},
		{"MERLON_PARANOIA", "0", ""},
		{"MERLON_PARANOIA", "5", ""},
		{"MERLON_THRESHOLD", "100", "100"},
		{"MERLON_THRESHOLD", "0", ""},
		{"MERLON_THRESHOLD", "101", ""},
		{"MERLON_THRESHOLD", "+5", ""},
		{"MERLON_THRESHOLD", "5.0", ""},
		{"MERLON_THRESHOLD", "99999999999999999999", ""},
		{"MERLON_BUDGET", "10%", "10%"},
		{"MERLON_BUDGET", "10", "10%"},
		{"MERLON_BUDGET", "%", ""},
		{"MERLON_BUDGET", "100", ""},
		{"MERLON_POLICY", "/var/task/policy.yaml", "/var/task/policy.yaml"},
		{"MERLON_POLICY", "policy.yaml", ""},
		{"MERLON_POLICY", "s3://bucket/key", ""},
		{"MERLON_BLOCK_STATUS", "429", "429"},
		{"MERLON_BLOCK_STATUS", "200", ""},
		{"MERLON_BLOCK_HEADERS", "X-A=1,X-B=a%2Cb", "X-A=1,X-B=a%2Cb"},
		{"MERLON_BLOCK_HEADERS", "X-A=%0d%0aSet-Cookie: a", ""},
		{"MERLON_BLOCK_HEADERS", "Content-Length=0", ""},
		{"MERLON_BLOCK_HEADERS", "X A=1", ""},
		{"MERLON_BLOCK_HEADERS", "X-A", ""},
		{"MERLON_QUARANTINE", "s3://bucket/prefix", "s3://bucket/prefix"},
		{"MERLON_QUARANTINE", "https://sqs.eu-west-1.amazonaws.com/123456789012/q", "https://sqs.eu-west-1.amazonaws.com/123456789012/q"},
		{"MERLON_QUARANTINE", "https://example.com/q", ""},
		{"MERLON_QUARANTINE", "s3://", ""},
		{"MERLON_QUARANTINE_KEY", "age1" + strings.Repeat("q", 58), "[secret]"},
		{"MERLON_QUARANTINE_KEY", "AGE-SECRET-KEY-1" + strings.Repeat("Q", 58), ""},
		{"MERLON_CODE_ID", "9f8e7d6", "9f8e7d6"},
		{"MERLON_CODE_ID", "a b", ""},
		{"MERLON_TELEMETRY_URL", "https://collector.example/v1/logs", "[secret]"},
		{"MERLON_TELEMETRY_URL", "http://127.0.0.1:4318/v1/logs", "[secret]"},
		{"MERLON_TELEMETRY_URL", "http://collector.example/", ""},
		{"MERLON_TELEMETRY_URL", "https://user:pw@collector.example/", ""},
		{"MERLON_TELEMETRY_URL", "https://collector.example:99999/", ""},
		{"MERLON_TELEMETRY_HEADERS", "Authorization=Bearer x", "[secret]"},
		{"MERLON_PROFILE_MIN_VERSION", "7", "7"},
		{"MERLON_PROFILE_GRACE", "2027-03-01", "2027-03-01"},
		{"MERLON_PROFILE_GRACE", "14", ""},
		{"MERLON_PROFILE", "inline:a2luZDogUHJvZmlsZQ==", "inline:…"},
		{"MERLON_PROFILE", "inline:", ""},
		{"MERLON_PROFILE", "inline:%%", ""},
		{"MERLON_PROFILE", "s3://bucket/profile.yaml", ""},
		{"MERLON_VAULT_EXCEPT", "sts,s3", "sts,s3"},
		{"MERLON_VAULT_EXCEPT", "S3", ""},
	}
	for _, tt := range tests {
		c, faults := config.Parse([]string{tt.name + "=" + tt.value})
		invalid := faults.Names(config.Invalid)
		if tt.want == "" {
			if len(invalid) != 1 || invalid[0] != tt.name || c.Source(tt.name) != config.FromDefault {
				t.Errorf("%s=%q: invalid %v, source %v, want a fault and the default", tt.name, tt.value, invalid, c.Source(tt.name))
			}
			continue
		}
		if got := setting(c, tt.name); len(invalid) != 0 || got != tt.want || c.Source(tt.name) != config.FromEnvironment {
			t.Errorf("%s=%q: %q from %v, faults %v, want %q from environment", tt.name, tt.value, got, c.Source(tt.name), faults, tt.want)
		}
	}
}

func TestA6FaultDisablesOneVariableOnly(t *testing.T) {
	c, faults := config.Parse([]string{"MERLON_THRESHOLD=high", "MERLON_MODE=block", "MERLON_PARANOIA=2", "MERLON_BLOCK_STATUS=9"})
	if c.Mode != config.ModeBlock || c.Paranoia != 2 || c.Threshold != 5 || c.BlockStatus != 403 {
		t.Errorf("Parse() = %v %d %d %d, want block, 2, the defaults 5 and 403", c.Mode, c.Paranoia, c.Threshold, c.BlockStatus)
	}
	if got := faults.Names(config.Invalid); fmt.Sprint(got) != "[MERLON_THRESHOLD MERLON_BLOCK_STATUS]" {
		t.Errorf("invalid = %v, want both faults together", got)
	}
	if err := c.InitError(faults); err != nil {
		t.Errorf("InitError(open) = %v, want nil", err)
	}
}

func TestA6ClosedListsEveryFault(t *testing.T) {
	c, faults := config.Parse([]string{"MERLON_ON_FAULT=closed", "MERLON_THRESHOLD=high", "MERLON_PARANOIA=9", "MERLON_NEW=1"})
	err := c.InitError(faults)
	want := "MERLON_PARANOIA=\"9\": want a whole number from 1 to 4\nMERLON_THRESHOLD=\"high\": want a whole number from 1 to 100"
	if err == nil || err.Error() != want {
		t.Errorf("InitError(closed) = %v, want %s", err, want)
	}
}

func TestA6UnparsableOnFault(t *testing.T) {
	for mode, want := range map[string]config.OnFault{"block": config.FaultClosed, "monitor": config.FaultOpen} {
		c, _ := config.Parse([]string{"MERLON_ON_FAULT=close", "MERLON_MODE=" + mode})
		if c.OnFault != want {
			t.Errorf("OnFault(unparsable, mode %s) = %v, want %v", mode, c.OnFault, want)
		}
	}
}

func TestA6UnknownVariableIsAWarning(t *testing.T) {
	tests := map[string]string{
		"MERLON_TRESHOLD":       "did you mean MERLON_THRESHOLD?",
		"MERLON_BLOCK_TRIGGER":  "did you mean MERLON_BLOCK_TRIGGERS?",
		"MERLON_MDOE":           "did you mean MERLON_MODE?",
		"merlon_mode":           "did you mean MERLON_MODE?",
		"MERLON_SOMETHING_ELSE": "docs/CONFIGURATION.md",
	}
	for name, want := range tests {
		c, faults := config.Parse([]string{"MERLON_MODE=block", "MERLON_ON_FAULT=closed", name + "=hunter2"})
		if len(faults) != 1 || faults[0].Kind != config.Unknown || !strings.Contains(faults[0].Text, want) {
			t.Errorf("Parse(%s) = %v, want one warning with %q", name, faults, want)
		}
		if c.Mode != config.ModeBlock || c.InitError(faults) != nil {
			t.Errorf("Parse(%s): mode %v, init error %v, want block and none", name, c.Mode, c.InitError(faults))
		}
		if strings.Contains(fmt.Sprint(faults), "hunter2") {
			t.Errorf("Parse(%s) shows the value of an unknown variable: %v", name, faults)
		}
	}
}

func TestA5OffWinsOverEveryFault(t *testing.T) {
	c, faults := config.Parse([]string{"MERLON_MODE=off", "MERLON_ON_FAULT=closed", "MERLON_LISTEN=everywhere", "MERLON_POLICY=?"})
	if c.Mode != config.ModeOff || c.InitError(faults) != nil {
		t.Errorf("mode %v, init error %v, want off and none", c.Mode, c.InitError(faults))
	}
}

func TestUnavailableIsReported(t *testing.T) {
	count := 0
	for _, v := range config.Registry() {
		if v.Available() {
			continue
		}
		count++
		_, faults := config.Parse([]string{v.Name + "=" + v.Default})
		if len(faults) == 0 {
			t.Errorf("Parse(%s) reports nothing, want a warning that the capability is missing", v.Name)
		}
	}
	_, faults := config.Parse([]string{"MERLON_VAULT=on"})
	for _, f := range faults {
		if f.Kind != config.Unavailable || !strings.Contains(f.Text, "not available in this build") {
			t.Errorf("Parse(MERLON_VAULT=on) = %v", faults)
		}
	}
	t.Logf("%d variables await their capability", count)
}

func TestA8Addresses(t *testing.T) {
	listen := map[string]bool{
		"127.0.0.1:9118": true, "127.0.0.53:1024": true,
		"0.0.0.0:9117": false, "10.0.0.1:9117": false, "169.254.100.1:9001": false, "[::1]:9117": false,
		"localhost:9117": false, ":9117": false, "127.0.0.1": false, "127.0.0.1:0": false, "127.0.0.1:80": false,
		"[::ffff:127.0.0.1]:9117": false, "http://127.0.0.1:9117": false,
	}
	for v, ok := range listen {
		checkFault(t, "MERLON_LISTEN", v, ok)
	}
	upstream := map[string]bool{
		"127.0.0.1:9001": true, "169.254.100.1:9001": true,
		"169.255.0.1:9001": false, "10.0.0.1:9001": false, "evil.example:80": false, "[::1]:9001": false,
		"127.0.0.1:9117": false, // our own address: a loop
	}
	for v, ok := range upstream {
		checkFault(t, "MERLON_UPSTREAM", v, ok)
	}
	next := map[string]bool{
		"/opt/datadog_wrapper": true, "/var/task/w.sh": true, "/var/lang/bin/w": true,
		"/tmp/w": false, "/opt/../tmp/w": false, "/opt//w": false, "/opt/": false, "/opt": false, "/optional/w": false,
		"opt/w": false, "/var/task/./w": false,
	}
	for v, ok := range next {
		checkFault(t, "MERLON_NEXT_WRAPPER", v, ok)
	}
}

func checkFault(t *testing.T, name, value string, ok bool) {
	t.Helper()
	c, faults := config.Parse([]string{"AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001", name + "=" + value})
	if got := len(faults) == 0; got != ok {
		t.Errorf("Parse(%s=%s) faults = %v, want accepted %v", name, value, faults, ok)
	}
	if !ok && (c.Listen.String() != config.DefaultListen || c.Upstream != "127.0.0.1:9001" || c.NextWrapper != "") {
		t.Errorf("Parse(%s=%s) = %v %v %v, want the defaults", name, value, c.Listen, c.Upstream, c.NextWrapper)
	}
}

func TestRepeatedFirstCounts(t *testing.T) {
	c, faults := config.Parse([]string{"MERLON_MODE=block", "MERLON_MODE=off"})
	if c.Mode != config.ModeBlock || len(faults) != 1 || faults[0].Kind != config.Repeated {
		t.Errorf("Parse() = %v, %v, want block and a warning", c.Mode, faults)
	}
}

func TestFaultText(t *testing.T) {
	_, faults := config.Parse([]string{"MERLON_MODE=Block"})
	if want := `MERLON_MODE="Block": want off, monitor or block`; len(faults) != 1 || faults[0].Error() != want {
		t.Errorf("Parse() = %v, want %s", faults, want)
	}
	_, faults = config.Parse([]string{"MERLON_MODE=" + strings.Repeat("x\n", 5000)})
	if got := faults[0].Error(); len(got) > 250 || strings.Contains(got, "\n") {
		t.Errorf("the fault quotes %d bytes, want a bounded line", len(got))
	}
}

func TestB23BlockTriggers(t *testing.T) {
	c, _ := config.Parse([]string{"MERLON_BLOCK_TRIGGERS=http,sqs"})
	for trigger, want := range map[string]bool{"apigw-v1": true, "apigw-v2": true, "function-url": true, "alb": true, "sqs": true, "kinesis": false, "websocket": false} {
		if got := c.Blocks(trigger); got != want {
			t.Errorf("Blocks(%s) with http,sqs = %v, want %v", trigger, got, want)
		}
		if !config.Default().Blocks(trigger) {
			t.Errorf("Blocks(%s) by default = false, want true", trigger)
		}
	}
}

// A source that the decoder knows and this list does not could never be named.
func TestB23EverySourceIsATrigger(t *testing.T) {
	names := map[string]bool{}
	for _, name := range config.Triggers {
		names[name] = true
	}
	for _, source := range event.Sources() {
		if !names[string(source)] {
			t.Errorf("event source %q is not in config.Triggers", source)
		}
	}
}

// F3: verdicts travel in the clear only to this machine, or where the user has
// said so.
func TestF3PlainTelemetryIsAChoice(t *testing.T) {
	t.Parallel()
	tests := []struct {
		url, plain string
		ok         bool
	}{
		{"https://collector.example/hook?key=hunter2", "", true},
		{"http://collector.example/hook?key=hunter2", "", false},
		{"http://collector.example/hook?key=hunter2", "off", false},
		{"http://collector.example/hook?key=hunter2", "on", true},
		{"HTTP://collector.example/", "", false},
		{"http://localhost:4318", "", false}, // a name is what somebody resolves it to
		{"http://127.0.0.1:4318/v1/logs", "", true},
		{"http://[::1]:4318", "", true},
		{"http://127.0.0.1.example/", "", false},
		{"http://127.0.0.1@collector.example/", "on", false},
		{"ftp://collector.example/", "on", false},
	}
	for _, tt := range tests {
		environ := []string{"MERLON_TELEMETRY_URL=" + tt.url}
		if tt.plain != "" {
			environ = append(environ, "MERLON_TELEMETRY_PLAIN="+tt.plain)
		}
		c, faults := config.Parse(environ)
		if c.TelemetryURL.IsSet() != tt.ok || (len(faults) == 0) != tt.ok || tt.ok && c.TelemetryURL.Reveal() != tt.url {
			t.Errorf("Parse(%v): set %t, faults %v; want %t", environ, c.TelemetryURL.IsSet(), faults, tt.ok)
		}
		if s := fmt.Sprint(faults); strings.Contains(s, "hunter2") || strings.Contains(s, "example") {
			t.Errorf("Parse(%v): the address is in %s", environ, s)
		}
	}
}
