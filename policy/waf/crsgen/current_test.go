package crsgen_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/policy/waf/crsgen"
)

const rulesDir = "../../rules"

// What is embedded is what the pinned rule set gives: `go generate
// ./policy/rules` makes it so.
func TestEmbeddedRulesAreCurrent(t *testing.T) {
	t.Parallel()
	files, err := crsgen.Generate()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("%d files generated, want at least 20", len(files))
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(rulesDir, name))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the generator writes", name)
		}
	}
	entries, err := os.ReadDir(filepath.Join(rulesDir, "crs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, ok := files["crs/"+e.Name()]; !ok && e.Name() != "NOTICE" {
			t.Errorf("crs/%s is not generated", e.Name())
		}
	}
}

func TestReducedRulesAreWholeLines(t *testing.T) {
	t.Parallel()
	files, err := crsgen.Generate()
	if err != nil {
		t.Fatal(err)
	}
	rules := 0
	for line := range strings.Lines(string(files["crs/request.conf"])) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "#") || strings.HasSuffix(line, `\`) || strings.TrimSpace(line) == "" {
			t.Errorf("line %.80q", line)
		}
		if strings.HasPrefix(line, "SecRule ") {
			rules++
		}
	}
	if rules < 300 {
		t.Errorf("%d rules, want at least 300", rules)
	}
}
