package agent

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/report"
	"github.com/merlon-security/merlon/internal/signed"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/profile"
)

const aProfile = "apiVersion: merlon.dev/v1\nkind: Profile\nmetadata:\n  function: shop\n  version: 3\ningress:\n  - trigger: sqs\n"

// TestG5LoadProfile: a profile is used only if it is signed by a key that the
// configuration names, for this function, and no older than it asks.
func TestG5LoadProfile(t *testing.T) {
	t.Parallel()
	good, other := newKey(t), newKey(t)
	env := func(extra ...string) []string {
		return append([]string{"MERLON_PROFILE_KEY=" + other.Public().Text() + "," + good.Public().Text()}, extra...)
	}
	for _, tt := range []struct {
		name, text, function string
		sign                 func(data []byte) []byte // nil: no signature
		env                  []string
		want                 string
	}{
		{"signed", aProfile, "shop", nil, nil, ""},
		{"signed, keys", aProfile, "shop", func(b []byte) []byte { return signed.Sign(good, b) }, env(), ""},
		{"not signed", aProfile, "shop", nil, env(), "asks for a signature"},
		{"signed by another", aProfile, "shop", func(b []byte) []byte { return signed.Sign(newKey(t), b) }, env(), "a key that is not trusted"},
		{"changed", aProfile, "shop", func(b []byte) []byte { return signed.Sign(good, append(b, ' ')) }, env(), "changed after it was signed"},
		{"another function", aProfile, "orders", nil, nil, `is for the function "shop", this is "orders"`},
		{"rolled back", aProfile, "shop", nil, []string{"MERLON_PROFILE_MIN_VERSION=4"}, "version 3 of the profile: want at least 4"},
		{"broken", aProfile + "  - trigger: sqz\n", "shop", nil, nil, `"sqz" is no trigger`},
		{"aliases", aProfile + "mode: &a alert\n", "shop", nil, nil, "anchors are not allowed"},
	} {
		name := filepath.Join(t.TempDir(), "profile.yaml")
		if err := os.WriteFile(name, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if tt.sign != nil {
			if err := os.WriteFile(name+".sig", tt.sign([]byte(tt.text)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cfg, faults := config.Parse(append(tt.env, "MERLON_PROFILE="+name))
		if err := faults.Err(); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		d, err := LoadProfile(cfg, tt.function)
		if tt.want == "" && (err != nil || d.Metadata.Version != 3) || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	cfg, _ := config.Parse([]string{"MERLON_PROFILE=" + filepath.Join(t.TempDir(), "none.yaml")})
	if _, err := LoadProfile(cfg, "shop"); err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("no file: %v", err)
	}
}

func newKey(t *testing.T) signed.PrivateKey {
	t.Helper()
	k, err := signed.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestProfileMode: the environment says what departures lead to, or else the
// profile; what the profile says less of, no environment makes more of.
func TestProfileMode(t *testing.T) {
	t.Parallel()
	doc := func(more string) *profile.Document {
		d, err := profile.Parse([]byte(aProfile + more))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, tt := range []struct {
		env, text        string
		compared         bool
		fallback, routes verdict.Action
	}{
		{"", "", true, verdict.ActionMonitor, verdict.ActionMonitor},
		{"", "mode: enforce\nmodes: {route: alert}\n", true, verdict.ActionBlock, verdict.ActionMonitor},
		{"", "mode: alert\nmodes: {route: enforce}\n", true, verdict.ActionMonitor, verdict.ActionBlock},
		{"MERLON_PROFILE_MODE=alert", "mode: enforce\nmodes: {route: enforce}\n", true, verdict.ActionMonitor, verdict.ActionMonitor},
		{"MERLON_PROFILE_MODE=enforce", "mode: alert\nmodes: {route: \"off\"}\n", true, verdict.ActionBlock, verdict.Undecided},
		{"MERLON_PROFILE_MODE=learn", "mode: enforce\n", false, verdict.ActionBlock, verdict.ActionBlock},
		{"MERLON_PROFILE_MODE=off", "mode: enforce\n", false, verdict.ActionBlock, verdict.ActionBlock},
	} {
		cfg, faults := config.Parse(strings.Fields(tt.env))
		if err := faults.Err(); err != nil {
			t.Fatal(err)
		}
		b, compared := profileMode(cfg, doc(tt.text))
		routes, ok := b.By[profile.Routes]
		if !ok {
			routes = b.Default
		}
		if compared != tt.compared || b.Default != tt.fallback || routes != tt.routes {
			t.Errorf("%s, %q: %v, %v, routes %v", tt.env, tt.text, compared, b.Default, routes)
		}
	}
}

// TestInlineProfile: a profile may stand in its variable, packed or not; it is not
// signed there, and a bomb is not unpacked.
func TestInlineProfile(t *testing.T) {
	t.Parallel()
	packed := func(data []byte) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for _, tt := range []struct{ name, data, want string }{
		{"plain", aProfile, ""},
		{"packed", packed([]byte(aProfile)), ""},
		{"broken", "kind: Profile\n", "want merlon.dev/v1"},
		{"cut off", packed([]byte(aProfile))[:40], "unexpected EOF"},
		{"a bomb", packed(make([]byte, maxProfile+1)), "longer than"},
	} {
		cfg, faults := config.Parse([]string{"MERLON_PROFILE=inline:" + base64.StdEncoding.EncodeToString([]byte(tt.data)), "MERLON_PROFILE_KEY=" + newKey(t).Public().Text()})
		if err := faults.Err(); err != nil {
			t.Fatal(err)
		}
		d, err := LoadProfile(cfg, "shop")
		if tt.want == "" && (err != nil || d.Metadata.Version != 3) || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// TestG6ExpiryIsSaidDaily: an environment says once a day that its profile is about
// to expire, and again on the next.
func TestG6ExpiryIsSaidDaily(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	reporter := report.New(report.Options{Out: &out, Now: time.Now})
	e := expiry{log: zap.NewNop(), reporter: reporter}
	start := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	said := func() int {
		reporter.FlushWithin(t.Context())
		return strings.Count(out.String(), `"ProfileExpiring":1`)
	}
	e.invoked(start) // without a profile
	e.set("2027-02-10")
	for _, tt := range []struct{ day, hour, want int }{{0, 0, 0}, {9, 23, 0}, {10, 1, 1}, {10, 2, 1}, {10, 23, 1}, {11, 0, 2}, {60, 5, 3}} {
		e.invoked(start.AddDate(0, 0, tt.day).Add(time.Duration(tt.hour) * time.Hour))
		if got := said(); got != tt.want {
			t.Errorf("day %d, hour %d: said %d times, want %d", tt.day, tt.hour, got, tt.want)
		}
	}
}
