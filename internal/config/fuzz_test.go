package config_test

import (
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/config"
)

// Parse is total: whatever the environment holds, each of our variables is
// applied or named in a fault, the result is within its documented ranges, and
// a good MERLON_MODE is never lost to what stands beside it.
func FuzzParse(f *testing.F) {
	f.Add("MERLON_MODE=block\nMERLON_THRESHOLD=5")
	f.Add("MERLON_LISTEN=127.0.0.1:9117\nMERLON_UPSTREAM=127.0.0.1:9117")
	f.Add("MERLON_BLOCK_HEADERS=a=%2C,b=c\nMERLON_BUDGET=25%")
	f.Add("MERLON_TELEMETRY_URL=https://a/\nMERLON_QUARANTINE=s3://b/c")
	f.Add("merlon_=\nMERLON_\n=\nMERLON_MODE")
	f.Fuzz(func(t *testing.T, joined string) {
		environ := append([]string{"MERLON_MODE=block"}, strings.Split(joined, "\n")...)
		c, faults := config.Parse(environ)
		if c.Mode != config.ModeBlock {
			t.Fatalf("mode = %v, want block", c.Mode)
		}
		if c.Paranoia < 1 || c.Paranoia > 4 || c.Threshold < 1 || c.Threshold > 100 || c.BudgetPercent < 1 ||
			c.BudgetPercent > 90 || c.BlockStatus < 400 || c.BlockStatus > 599 || !c.Listen.Addr().IsLoopback() {
			t.Fatalf("out of range: %+v", c)
		}
		for _, f := range faults {
			if f.Text == "" || strings.ContainsAny(f.Text, "\n\r\x00\x1b") && f.Kind != config.Invalid {
				t.Fatalf("fault text %q, want one line", f.Text)
			}
		}
		named := map[string]bool{}
		for _, f := range faults {
			named[f.Name] = true
		}
		for _, entry := range environ {
			name, _, _ := strings.Cut(entry, "=")
			if strings.HasPrefix(name, config.Prefix) && len(name) < 60 && printable(name) &&
				!named[name] && c.Source(name) != config.FromEnvironment {
				t.Fatalf("%q is neither applied nor reported", name)
			}
		}
	})
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}
