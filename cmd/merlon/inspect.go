package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/merlon-security/merlon/internal/agent"
	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/guard"
	"github.com/merlon-security/merlon/internal/verdict"
)

// maxLine bounds an input line: ten times what Lambda can deliver.
const maxLine = 64 << 20

type inspectCmd struct {
	Policy    string `help:"Policy file to decide by." type:"existingfile"`
	Profile   string `help:"Behavioural profile to compare with." type:"existingfile"`
	Mode      string `help:"Mode to decide in; default block, or the policy file's." enum:"block,monitor," default:""`
	Paranoia  int    `help:"Paranoia level, 1 to 4; default 1, or the policy file's."`
	Threshold int    `help:"Anomaly score from which an event is refused; default 5, or the policy file's."`
	Detect    bool   `help:"Count an event as blocked when a finding reaches the threshold, also where its trigger is not refused."`
	NoKeeper  bool   `name:"no-quarantine" help:"Decide as without MERLON_QUARANTINE: records that could not be kept are not removed."`
	Explain   bool   `help:"Add to each line what was found: rule, message, place, operator and a redacted excerpt, as in verdicts."`
	NoScreen  bool   `help:"Put every event to the rule engine, without the screen before it: slow, for comparison."`
	Jobs      int    `help:"Events inspected at the same time; 0 means one for each processor."`
}

// inspected is one line of output.
type inspected struct {
	ID        string         `json:"id"`
	Action    verdict.Action `json:"action"`
	Blocked   bool           `json:"blocked"`
	Score     int            `json:"score"`
	Rules     []int          `json:"rules"`
	Trigger   string         `json:"trigger"`
	Where     []string       `json:"where"`
	Reason    verdict.Reason `json:"reason"`
	InspectUs int64          `json:"inspectUs"`
	// Matches explains each finding as a verdict line does, redacted.
	Matches []verdict.Match `json:"matches,omitempty"`
	Error   string          `json:"error,omitempty"`
}

// Run inspects lines in parallel and prints the verdicts in the order of the
// input, holding no more than a few lines at a time.
func (c *inspectCmd) Run(ctx context.Context, std stdio) error {
	g, err := c.guard()
	if err != nil {
		return err
	}
	jobs := c.Jobs
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	type job struct {
		no   int
		line []byte
		done chan inspected
	}
	work := make(chan job)
	order := make(chan job, 2*jobs)
	for range jobs {
		go func() {
			for j := range work {
				j.done <- c.one(ctx, g, j.no, j.line)
			}
		}()
	}
	var readErr error
	go func() {
		defer close(order)
		defer close(work)
		readErr = lines(std.in, func(no int, line []byte) error {
			j := job{no: no, line: line, done: make(chan inspected, 1)}
			select {
			case order <- j:
			case <-ctx.Done():
				return ctx.Err()
			}
			work <- j
			return nil
		})
	}()
	out := bufio.NewWriterSize(std.out, 64<<10)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	var faults []error
	for j := range order {
		r := <-j.done
		if r.Error != "" {
			faults = append(faults, errors.New(r.Error))
		}
		if err := enc.Encode(r); err != nil {
			return fmt.Errorf("write verdict: %w", err)
		}
		if len(order) == 0 {
			if err := out.Flush(); err != nil {
				return fmt.Errorf("write verdict: %w", err)
			}
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write verdict: %w", err)
	}
	if len(faults) > 5 {
		faults = append(faults[:5], fmt.Errorf("and %d more", len(faults)-5))
	}
	return errors.Join(append(faults, readErr)...)
}

// guard makes the guard of the flags: what a flag says goes before the policy
// file, and the file before the defaults.
func (c *inspectCmd) guard() (*guard.Guard, error) {
	cfg := config.Default()
	cfg.Policy = c.Policy
	p, err := agent.LoadPolicy(&cfg)
	if err != nil {
		return nil, err
	}
	if c.Policy == "" {
		p.Mode = verdict.Block
	}
	switch c.Mode {
	case "block":
		p.Mode = verdict.Block
	case "monitor":
		p.Mode = verdict.Monitor
	}
	if c.Paranoia != 0 {
		cfg.Paranoia = c.Paranoia
	}
	if c.Threshold != 0 {
		p.Threshold = c.Threshold
	}
	if cfg.Paranoia < 1 || cfg.Paranoia > 4 || p.Threshold < 1 || p.Threshold > 100 {
		return nil, fmt.Errorf("paranoia %d, threshold %d: want 1 to 4 and 1 to 100", cfg.Paranoia, p.Threshold)
	}
	e, err := agent.NewEngine(cfg, p, !c.NoScreen)
	if err != nil {
		return nil, err
	}
	g := agent.NewGuard(cfg, p, e, nil)
	if c.Profile != "" {
		cfg.Profile = c.Profile
		d, err := agent.LoadProfile(cfg, "")
		if err != nil {
			return nil, err
		}
		if err := agent.SetProfile(g, cfg, d); err != nil {
			return nil, err
		}
	}
	if !c.NoKeeper {
		g.Keeper = keepsAll{}
	}
	return g, nil
}

// keepsAll stands for a quarantine that takes everything: what is decided about
// recorded events must not depend on where the records would go.
type keepsAll struct{}

func (keepsAll) Usable(*event.Event) bool               { return true }
func (keepsAll) Keep(context.Context, guard.Kept) error { return nil }

// one inspects a line: {"id":…,"event":…} or a bare event.
func (c *inspectCmd) one(ctx context.Context, g *guard.Guard, no int, line []byte) inspected {
	id, ev, err := unwrap(no, line)
	if err != nil {
		return inspected{ID: id, Error: err.Error(), Rules: []int{}, Where: []string{}, Reason: verdict.NotInspected}
	}
	j := g.Judge(ctx, ev, http.Header{}, time.Time{})
	v := &j.Verdict
	out := inspected{
		ID: id, Action: v.Action, Blocked: v.Action.Blocked(), Score: v.Score, Rules: []int{}, Where: []string{},
		Trigger: string(j.Event.Source), Reason: v.Reason, InspectUs: j.Latency.Microseconds(),
	}
	if c.Detect {
		out.Blocked = v.WouldAction.Blocked()
	}
	if c.Explain {
		out.Matches = g.Explain(v)
	}
	seenRule, seenPath := map[int]bool{}, map[string]bool{}
	for _, f := range v.Findings {
		if !seenRule[f.RuleID] {
			seenRule[f.RuleID] = true
			out.Rules = append(out.Rules, f.RuleID)
		}
		if p := f.Path.String(); !seenPath[p] {
			seenPath[p] = true
			out.Where = append(out.Where, p)
		}
	}
	return out
}

func unwrap(no int, line []byte) (id string, ev []byte, err error) {
	id = strconv.Itoa(no)
	var m map[string]json.RawMessage
	if err := json.Unmarshal(line, &m); err != nil {
		return id, nil, fmt.Errorf("line %d is not a JSON object: %v", no, err)
	}
	ev, wrapped := m["event"]
	_, named := m["id"]
	if !wrapped || len(m) > 2 || len(m) == 2 && !named {
		return id, line, nil
	}
	if named {
		if json.Unmarshal(m["id"], &id) != nil {
			id = string(m["id"])
		}
	}
	return id, ev, nil
}

// lines calls fn for each line that is not blank.
func lines(r io.Reader, fn func(no int, line []byte) error) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 64<<10), maxLine)
	no := 0
	for sc.Scan() {
		no++
		if len(bytes.TrimSpace(sc.Bytes())) == 0 {
			continue
		}
		if err := fn(no, bytes.Clone(sc.Bytes())); err != nil {
			return err
		}
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("read line %d: %w", no+1, err)
	}
	return nil
}
