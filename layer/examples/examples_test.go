// Package examples_test keeps the examples true to the code.
package examples_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/layer/bundle"
)

// files returns every example by name.
func files(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, ".go") {
			return err
		}
		b, err := os.ReadFile(name)
		found[name] = string(b)
		return err
	})
	if err != nil || len(found) < 5 {
		t.Fatalf("%d examples, %v, want at least 5", len(found), err)
	}
	return found
}

func TestA13ExamplesConfigureWhatExists(t *testing.T) {
	setting := regexp.MustCompile(`\b(MERLON_[A-Z_]+)["']?\s*[:=]\s*["']?([^"'\s` + "`" + `]+)`)
	count := 0
	for name, text := range files(t) {
		for _, m := range setting.FindAllStringSubmatch(text, -1) {
			count++
			if _, faults := config.Parse([]string{m[1] + "=" + m[2]}); len(faults) > 0 {
				t.Errorf("%s: %v", name, faults)
			}
		}
	}
	if count < 8 {
		t.Errorf("%d settings in the examples, want the pattern to find at least 8", count)
	}
}

func TestA13ExamplesNameTheWrapper(t *testing.T) {
	path := regexp.MustCompile(`/opt/[a-z-]*wrapper`)
	for name, text := range files(t) {
		found := path.FindAllString(text, -1)
		if len(found) == 0 {
			t.Errorf("%s: names no wrapper", name)
		}
		for _, p := range found {
			if p != "/opt/"+bundle.WrapperName {
				t.Errorf("%s: %s, want /opt/%s", name, p, bundle.WrapperName)
			}
		}
	}
}

func TestA13TemplateIsWellFormed(t *testing.T) {
	var template struct {
		Transform string                       `yaml:"Transform"`
		Resources map[string]map[string]any    `yaml:"Resources"`
		Globals   map[string]map[string]any    `yaml:"Globals"`
		Params    map[string]map[string]string `yaml:"Parameters"`
	}
	b, err := os.ReadFile(filepath.Join("sam", "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(b, &template); err != nil {
		t.Fatal(err)
	}
	if template.Transform != "AWS::Serverless-2016-10-31" || len(template.Resources) != 3 || template.Globals["Function"]["Layers"] == nil {
		t.Errorf("the template is %+v", template)
	}
}
