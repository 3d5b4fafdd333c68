package main

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/merlon-security/merlon/internal/agent"
	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/guard"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
	"github.com/merlon-security/merlon/policy/lint"
	"github.com/merlon-security/merlon/policy/waf"
)

// policyCmd looks at policy files before they are deployed.
type policyCmd struct {
	Check policyCheckCmd `cmd:"" help:"Say everything that is wrong with a policy file: what the extension would refuse, and what can never apply."`
	Test  policyTestCmd  `cmd:"" help:"Run the tests that stand beside the rules of a policy file."`
}

type policyCheckCmd struct {
	File string `arg:"" help:"The policy file."`
}

// Run prints the faults of a file, one a line, and fails if there are any. Notes
// are no faults.
func (c *policyCheckCmd) Run(std stdio) error {
	data, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("read policy file: %w", err)
	}
	faults := 0
	say := func(fault bool, text string) {
		if fault {
			faults++
		}
		fmt.Fprintf(std.out, "%s: %s\n", c.File, text)
	}
	f, err := policy.Read(data)
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			say(true, strings.TrimRight(line, "\n"))
		}
	}
	if f != nil {
		p := policy.Default()
		_ = f.Apply(p) // its faults are those of Read
		remarks, err := lint.Check(f, p, max(1, f.Paranoia), time.Now())
		if err != nil {
			return err
		}
		for _, r := range remarks {
			say(!r.Note, r.String())
		}
		if faults == 0 {
			fmt.Fprintf(std.out, "%s: %s\n", c.File, good(p))
			return nil
		}
	}
	return fmt.Errorf("%s", count(faults, "fault"))
}

func good(p *policy.Policy) string {
	secrules := 0
	for i := range p.SecRules {
		if p.SecRules[i].Marker == "" {
			secrules++
		}
	}
	return fmt.Sprintf("good: %s, %s, %s, %s in secrules", count(len(p.Exceptions), "exception"), count(len(p.Modes), "mode"),
		count(len(p.Rules), "condition"), count(secrules, "rule"))
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

type policyTestCmd struct {
	File  string `arg:"" help:"The policy file."`
	JUnit string `help:"Also write the results to this file as JUnit XML." name:"junit" type:"path"`
}

// outcome is a test that was run.
type outcome struct {
	rule       int // 0 if it is about the action alone
	name       string
	want, got  string
	fault      error
	excepted   bool
	inspectFor time.Duration
}

func (o *outcome) failed() bool { return o.fault != nil || o.want != o.got }

// Run runs the tests in block mode, by the code that runs in the extension, and
// fails if one does, or if there are none.
func (c *policyTestCmd) Run(ctx context.Context, std stdio) error {
	cfg := config.Default()
	cfg.Policy = c.File
	p, err := agent.LoadPolicy(&cfg)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("read policy file: %w", err)
	}
	f, err := policy.Parse(data)
	if err != nil {
		return fmt.Errorf("%q: %w", c.File, err)
	}
	p.Mode = verdict.Block
	e, err := agent.NewEngine(cfg, p, true)
	if err != nil {
		return err
	}
	g := agent.NewGuard(cfg, p, e, nil)
	g.Keeper = keepsAll{}

	var all []outcome
	tested := map[int]bool{}
	run := func(ft *policy.FileTest, rule int, name string) {
		o := judge(ctx, g, ft, rule)
		o.name = cmp.Or(ft.Name, name)
		all = append(all, o)
		tested[rule] = true
	}
	for i := range f.Rules {
		for j := range f.Rules[i].Tests {
			run(&f.Rules[i].Tests[j], f.Rules[i].ID, fmt.Sprintf("rules[%d].tests[%d]", i, j))
		}
	}
	for i := range f.Tests {
		run(&f.Tests[i], f.Tests[i].Rule, fmt.Sprintf("tests[%d]", i))
	}
	failed := report(std.out, all, untested(p, tested))
	if c.JUnit != "" {
		if err := writeJUnit(c.JUnit, c.File, all); err != nil {
			return err
		}
	}
	switch {
	case len(all) == 0:
		return fmt.Errorf("%s has no tests", c.File)
	case failed > 0:
		return fmt.Errorf("%s of %d failed", count(failed, "test"), len(all))
	}
	return nil
}

// judge runs one test. A rule matches if it finds something that no exception
// excuses.
func judge(ctx context.Context, g *guard.Guard, ft *policy.FileTest, rule int) outcome {
	o := outcome{rule: rule}
	body, err := ft.Body()
	if err != nil {
		o.fault = err
		return o
	}
	j := g.Judge(ctx, body, http.Header{}, time.Time{})
	v := &j.Verdict
	o.fault, o.inspectFor = v.Fault, j.Latency
	if ft.Match != nil {
		matched := slices.ContainsFunc(v.Findings, func(f verdict.Finding) bool { return f.RuleID == rule })
		o.want, o.got = matchText(*ft.Match), matchText(matched)
		o.excepted = v.Reason == verdict.Excepted
	}
	if ft.Action != "" {
		o.want, o.got = join(o.want, ft.Action), join(o.got, v.Action.String())
	}
	return o
}

func matchText(match bool) string {
	if match {
		return "match"
	}
	return "no match"
}

func join(a, b string) string { return strings.TrimPrefix(a+", "+b, ", ") }

// untested lists the policy's own rules that no test is about.
func untested(p *policy.Policy, tested map[int]bool) (ids []int) {
	for i := range p.SecRules {
		if r := &p.SecRules[i]; r.Marker == "" && waf.Reports(r) && !tested[r.ID] {
			ids = append(ids, r.ID)
		}
	}
	for _, r := range p.Rules {
		if !tested[r.ID] {
			ids = append(ids, r.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// report prints a line for each test and returns how many failed.
func report(w io.Writer, all []outcome, untested []int) (failed int) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i := range all {
		o := &all[i]
		state, got := "ok", o.got
		switch {
		case o.fault != nil:
			state, got = "FAIL", o.fault.Error()
		case o.failed():
			state, got = "FAIL", o.got+"; want "+o.want
			if o.excepted {
				got += " (an exception excuses what was found)"
			}
		}
		if o.failed() {
			failed++
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", state, ruleText(o.rule), o.name, got)
	}
	for _, id := range untested {
		fmt.Fprintf(table, "-\t%d\t-\tno test\n", id)
	}
	table.Flush()
	if len(all) > 0 {
		fmt.Fprintf(w, "%s, %d failed\n", count(len(all), "test"), failed)
	}
	return failed
}

func ruleText(id int) string {
	if id == 0 {
		return "all"
	}
	return strconv.Itoa(id)
}

// junit is the part of JUnit's format that CI systems read.
type junit struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Seconds string        `xml:"time,attr"`
	Failure *junitFailure `xml:"failure"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
}

func writeJUnit(path, file string, all []outcome) error {
	suite := junit{Name: file, Tests: len(all)}
	for i := range all {
		o := &all[i]
		c := junitCase{Name: o.name, Class: "rule " + ruleText(o.rule), Seconds: fmt.Sprintf("%.6f", o.inspectFor.Seconds())}
		if o.failed() {
			suite.Failures++
			c.Failure = &junitFailure{Message: fmt.Sprintf("%s, want %s", o.got, o.want)}
			if o.fault != nil {
				c.Failure.Message = o.fault.Error()
			}
		}
		suite.Cases = append(suite.Cases, c)
	}
	return writeSuite(path, &suite)
}

// writeSuite writes JUnit's XML. The encoder escapes, and replaces what XML has
// no word for.
func writeSuite(path string, suite *junit) error {
	data, err := xml.MarshalIndent(suite, "", "  ")
	if err != nil {
		return errors.Join(errors.New("bug: test results are XML"), err)
	}
	return os.WriteFile(path, append([]byte(xml.Header), append(data, '\n')...), 0o644)
}
