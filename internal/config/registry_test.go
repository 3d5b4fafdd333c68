package config_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/config"
)

var update = flag.Bool("update", false, "rewrite docs/CONFIGURATION.md")

func TestConfigurationPageIsCurrent(t *testing.T) {
	page := filepath.Join("..", "..", "docs", "CONFIGURATION.md")
	want := config.Markdown()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/CONFIGURATION.md is not what the registry says: run go test ./internal/config -update")
	}
}

func TestRegistryIsComplete(t *testing.T) {
	vars := config.Registry()
	if len(vars) < 30 {
		t.Errorf("Registry() has %d variables, want every one of the design", len(vars))
	}
	seen := map[string]bool{}
	for _, v := range vars {
		if seen[v.Name] || !strings.HasPrefix(v.Name, config.Prefix) || v.Name != strings.ToUpper(v.Name) {
			t.Errorf("%s: want a unique upper-case name with the prefix", v.Name)
		}
		seen[v.Name] = true
		if v.Type == "" || v.Doc == "" || v.Default == "" || v.Readers == 0 {
			t.Errorf("%s: type %q, doc %q, default %q, readers %v: want all of them", v.Name, v.Type, v.Doc, v.Default, v.Readers)
		}
		if strings.Contains(v.Type+v.Doc+v.Default, "|") {
			t.Errorf("%s: a | would break the documentation's table", v.Name)
		}
		if v.Secret && v.Policy != "" {
			t.Errorf("%s: a secret does not belong in a policy file", v.Name)
		}
	}
}

// The wrapper links this package and runs before every cold start.
func TestImportGraphIsLight(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 10 {
		t.Fatalf("go list -deps lists %d packages, want the whole graph", len(deps))
	}
	for _, dep := range deps {
		switch dep {
		case "encoding/json", "net", "net/http", "crypto/tls", "log/slog", "regexp", "text/template":
			t.Errorf("internal/config imports %s", dep)
		}
		if strings.Contains(dep, ".") && !strings.HasPrefix(dep, "github.com/merlon-security/") && !strings.HasPrefix(dep, "vendor/") {
			t.Errorf("internal/config imports the module %s", dep)
		}
	}
}
