package regression_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/corazawaf/coraza-coreruleset/v4/tests"
	schema "github.com/coreruleset/ftw-tests-schema/v2/types"
	"github.com/coreruleset/go-ftw/v2/test"
	"github.com/goccy/go-yaml"
)

// suite is the regression tests with the expectations that
// hold on this platform.
type suite struct {
	files   []*test.FTWTest
	all     map[string]*schema.Test
	ignored []string
	changed []string
	// failing and delivered are the named failures by front: of the tests, and
	// of refusing.
	failing, delivered map[string][]string
}

// expectations is testdata/expectations.yaml.
type expectations struct {
	Ignored []struct {
		Tests []string
		Why   string
	}
	Changed []struct {
		Tests          []string
		Why            string
		Status         int
		Expect, Reject []uint
	}
	Failing, Delivered []onFronts
}

type onFronts struct {
	On, Tests []string
	Why       string
}

func readSuite(t *testing.T) *suite {
	t.Helper()
	s := &suite{all: map[string]*schema.Test{}}
	names, err := fs.Glob(tests.FS, "*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := s.add(name); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	data, err := os.ReadFile("testdata/expectations.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.expect(data); err != nil {
		t.Fatalf("expectations.yaml: %v", err)
	}
	return s
}

func (s *suite) add(name string) error {
	data, err := fs.ReadFile(tests.FS, name)
	if err != nil {
		return err
	}
	f, err := test.GetTestFromYaml(data, name)
	if err != nil {
		return err
	}
	for i := range f.Tests {
		c := &f.Tests[i]
		s.all[c.IdString()] = c
		for j := range c.Stages {
			c.Stages[j].Output.RetryOnce = nil // the log is complete before the reply: nothing to wait for
		}
	}
	s.files = append(s.files, f)
	return nil
}

func (s *suite) expect(data []byte) error {
	var e expectations
	if err := yaml.UnmarshalWithOptions(data, &e, yaml.Strict()); err != nil {
		return err
	}
	for _, x := range e.Ignored {
		if err := s.known(x.Tests, x.Why); err != nil {
			return err
		}
		s.ignored = append(s.ignored, x.Tests...)
	}
	for _, x := range e.Changed {
		if err := s.known(x.Tests, x.Why); err != nil {
			return err
		}
		for _, id := range x.Tests {
			for j := range s.all[id].Stages {
				s.all[id].Stages[j].Output = schema.Output{Status: x.Status, Log: schema.Log{ExpectIds: x.Expect, NoExpectIds: x.Reject}}
			}
		}
		s.changed = append(s.changed, x.Tests...)
	}
	var err, err2 error
	s.failing, err = s.byFront(e.Failing)
	s.delivered, err2 = s.byFront(e.Delivered)
	return errors.Join(err, err2)
}

func (s *suite) byFront(list []onFronts) (map[string][]string, error) {
	m := map[string][]string{}
	for _, x := range list {
		if err := s.known(x.Tests, x.Why); err != nil {
			return nil, err
		}
		for _, front := range x.On {
			m[front] = append(m[front], x.Tests...)
		}
	}
	return m, nil
}

func (s *suite) known(ids []string, why string) error {
	for _, id := range ids {
		if s.all[id] == nil || why == "" {
			return fmt.Errorf("%s: no such test, or no reason", id)
		}
	}
	return nil
}

// sample returns copies of the tests to send: of those that eligible takes,
// one in 200 and all that are named, or all of them.
func (s *suite) sample(named []string, eligible func(*schema.Test) bool) (files []*test.FTWTest) {
	n := 0
	for _, f := range s.files {
		g := *f
		g.Tests = nil
		for _, c := range f.Tests {
			id := c.IdString()
			if slices.Contains(s.ignored, id) || !eligible(&c) {
				continue
			}
			if n++; *full || n%200 == 0 || slices.Contains(named, id) {
				c.Stages = slices.Clone(c.Stages)
				g.Tests = append(g.Tests, c)
			}
		}
		if len(g.Tests) > 0 {
			files = append(files, &g)
		}
	}
	return files
}

// describe says what a test sends and what it expects.
func describe(c *schema.Test) string {
	var b strings.Builder
	for i := range c.Stages {
		in, out := test.NewInput(&c.Stages[i].Input), &c.Stages[i].Output
		fmt.Fprintf(&b, "%s %.100q; want rules %v, not %v, log %q, status %d\n",
			in.GetMethod(), in.GetURI(), out.Log.ExpectIds, out.Log.NoExpectIds, out.Log.MatchRegex, out.Status)
	}
	return b.String()
}
