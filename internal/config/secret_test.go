package config_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/merlon-security/merlon/internal/config"
)

const canary = "hunter2canary"

func TestA7SecretIsNeverPrinted(t *testing.T) {
	secret := config.NewSecret(canary)
	type inner struct{ secret config.Secret } // unexported: fmt cannot call its methods
	holders := []any{
		secret, &secret, inner{secret}, &inner{secret}, []config.Secret{secret},
		map[string]config.Secret{"k": secret}, map[config.Secret]int{secret: 1},
		config.SecretHeader{Name: "Authorization", Value: secret}, struct{ S any }{secret},
	}
	for _, h := range holders {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%10.3v"} {
			leaks(t, verb, fmt.Sprintf(verb, h))
		}
		j, _ := json.Marshal(h)
		leaks(t, "json", string(j))
		x, _ := xml.Marshal(h)
		leaks(t, "xml", string(x))
		y, _ := yaml.Marshal(h)
		leaks(t, "yaml", string(y))
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "s", h)
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "s", h)
		leaks(t, "slog", log.String())
		leaks(t, "error", fmt.Errorf("send to %v: %w", h, errors.New("refused")).Error())
	}
	if secret.Reveal() != canary {
		t.Errorf("Reveal() = %q, want the value", secret.Reveal())
	}
	if got := (config.Secret{}); got.IsSet() || got.Reveal() != "" || got.String() != "" {
		t.Errorf("the zero Secret reveals %q and prints %q, want nothing", got.Reveal(), got)
	}
}

// Whether a secret variable's value is good or bad, it appears neither in the
// configuration when printed nor in a fault.
func TestA7SecretVariables(t *testing.T) {
	names := config.SecretNames()
	if len(names) < 3 {
		t.Fatalf("SecretNames() = %v, want at least the telemetry address, headers and the quarantine key", names)
	}
	for _, name := range names {
		for _, value := range []string{canary, "X-Token=" + canary, "https://h.example/" + canary, "https://u:" + canary + "@h/", "AGE-SECRET-KEY-1" + canary, canary + "\x00%zz"} {
			c, faults := config.Parse([]string{name + "=" + value})
			leaks(t, name+" config", fmt.Sprintf("%v %+v %#v %v", c, c, c, c.Settings()))
			j, _ := json.Marshal(c)
			leaks(t, name+" json", string(j))
			leaks(t, name+" faults", fmt.Sprintf("%v %+v %#v %v", faults, faults, faults, faults.Err()))
		}
	}
}

func leaks(t *testing.T, how, printed string) {
	t.Helper()
	hexed := fmt.Sprintf("%x", canary)
	if strings.Contains(printed, canary) || strings.Contains(strings.ToLower(printed), hexed) {
		t.Errorf("%s shows the secret: %s", how, printed)
	}
}
