package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/merlon-security/merlon/internal/agent"
	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/guard"
	"github.com/merlon-security/merlon/internal/review"
	"github.com/merlon-security/merlon/internal/review/replay"
	"github.com/merlon-security/merlon/internal/verdict"
)

type replayCmd struct {
	Policy  string   `required:"" help:"The policy file that is to come." type:"existingfile"`
	Against string   `help:"The policy file that is in force; without one, the defaults." type:"existingfile"`
	Mode    string   `help:"Mode to decide in: block, or that of each file." enum:"block,file" default:"block"`
	JSON    bool     `help:"Print the changes as JSON, one a line." name:"json"`
	JUnit   string   `help:"Also write a test for each event to this file as JUnit XML; a change is a failure." name:"junit" type:"path"`
	SARIF   string   `help:"Also write the changes to this file as SARIF 2.1.0." name:"sarif" type:"path"`
	Files   []string `arg:"" optional:"" help:"Files with events, one JSON object a line, bare or as {\"id\":…,\"event\":…}; - or none for standard input." type:"existingfile"`
}

// The exit statuses of replay, beside 1 for what failed and 2 for a wrong command
// line.
const (
	exitRefused = 3 // events are newly refused
	exitChanged = 4 // none is, but some are no longer, or in another way
)

// exitStatus ends the program with a status of its own.
type exitStatus struct {
	code int
	text string
}

func (e exitStatus) Error() string { return e.text }

// Run judges each event twice, by the code that runs in the extension.
func (c *replayCmd) Run(ctx context.Context, std stdio) error {
	before, err := c.guard(c.Against)
	if err != nil {
		return err
	}
	after, err := c.guard(c.Policy)
	if err != nil {
		return err
	}
	res := replay.Result{Old: cmp.Or(c.Against, "the defaults"), New: c.Policy}
	var cases []junitCase
	files := c.Files
	if len(files) == 0 {
		files = []string{"-"}
	}
	for _, name := range files {
		err := eachLine(name, std.in, func(no int, line []byte) error {
			id, ev, err := unwrap(no, line)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			started := time.Now()
			change := compare(ctx, before, after, ev)
			change.File, change.Line, change.ID = name, no, review.Clean(id)
			res.Add(change)
			if c.JUnit != "" {
				cases = append(cases, change2case(&change, time.Since(started)))
			}
			return ctx.Err()
		})
		if err != nil {
			return err
		}
	}
	if res.Events == 0 {
		return errors.New("no events: that would prove nothing")
	}
	if err := c.write(std, &res, cases); err != nil {
		return err
	}
	if n := res.Count(replay.Refused); n > 0 {
		return exitStatus{exitRefused, fmt.Sprintf("%s newly refused", count(n, "event"))}
	}
	if n := len(res.Changes); n > 0 {
		return exitStatus{exitChanged, fmt.Sprintf("%s changed, none newly refused", count(n, "event"))}
	}
	return nil
}

func (c *replayCmd) guard(file string) (*guard.Guard, error) {
	cfg := config.Default()
	cfg.Policy = file
	p, err := agent.LoadPolicy(&cfg)
	if err != nil {
		return nil, err
	}
	if c.Mode == "block" {
		p.Mode = verdict.Block
	}
	e, err := agent.NewEngine(cfg, p, true)
	if err != nil {
		return nil, err
	}
	g := agent.NewGuard(cfg, p, e, nil)
	g.Keeper = keepsAll{}
	return g, nil
}

func eachLine(name string, stdin io.Reader, fn func(no int, line []byte) error) error {
	if name == "-" {
		return lines(stdin, fn)
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return lines(f, fn)
}

// compare judges an event twice. Judging may write into the event.
func compare(ctx context.Context, before, after *guard.Guard, ev []byte) replay.Change {
	o := before.Judge(ctx, bytes.Clone(ev), http.Header{}, time.Time{})
	n := after.Judge(ctx, bytes.Clone(ev), http.Header{}, time.Time{})
	c := replay.Change{Trigger: string(n.Event.Source), Old: judgement(before, &o), New: judgement(after, &n)}
	if n.Event.HTTP != nil {
		c.Route = review.Clean(n.Event.HTTP.Route)
	}
	return c
}

func judgement(g *guard.Guard, j *guard.Judgement) replay.Judgement {
	v := &j.Verdict
	out := replay.Judgement{Action: v.Action, Removed: v.Records, Reason: v.Reason, Message: review.Clean(v.Message), Score: v.Score}
	for _, m := range g.Explain(v) {
		i := slices.IndexFunc(out.Rules, func(r replay.Rule) bool { return r.ID == m.RuleID })
		if i < 0 {
			i = len(out.Rules)
			out.Rules = append(out.Rules, replay.Rule{ID: m.RuleID, Text: review.Clean(m.Msg)})
		}
		if where := review.Clean(m.Field); !slices.Contains(out.Rules[i].Where, where) {
			out.Rules[i].Where = append(out.Rules[i].Where, where)
		}
	}
	return out
}

func (c *replayCmd) write(std stdio, res *replay.Result, cases []junitCase) error {
	if c.SARIF != "" {
		err := writeFile(c.SARIF, func(w io.Writer) error {
			return res.SARIF(w, agent.Version, func(rule int) string { return aboutRule(rule).Link })
		})
		if err != nil {
			return err
		}
	}
	if c.JUnit != "" {
		if err := writeSuite(c.JUnit, &junit{Name: "merlon replay " + c.Policy, Tests: len(cases), Failures: len(res.Changes), Cases: cases}); err != nil {
			return err
		}
	}
	if !c.JSON {
		return res.Print(std.out)
	}
	enc := json.NewEncoder(std.out)
	for i := range res.Changes {
		x := &res.Changes[i]
		err := enc.Encode(map[string]any{
			"file": x.File, "line": x.Line, "id": x.ID, "trigger": x.Trigger, "route": x.Route, "change": x.Kind(),
			"old": x.Old.Action, "new": x.New.Action, "message": x.Message(), "rules": x.Because(),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func change2case(c *replay.Change, took time.Duration) junitCase {
	out := junitCase{Name: c.ID, Class: c.Trigger, Seconds: fmt.Sprintf("%.6f", took.Seconds())}
	if c.Kind() != replay.Same {
		out.Failure = &junitFailure{Message: c.Message()}
	}
	return out
}
