package seclang

import (
	"errors"
	"fmt"
	"strings"
)

// Source is one rule file.
type Source struct{ Name, Text string }

// Parse reads sources in order as one configuration, so that a directive may
// change a rule of an earlier source. The first fault ends the reading: behind
// it, what a rule is chained to is no longer known.
func Parse(sources ...Source) ([]Rule, error) {
	c := config{seen: map[int]string{}}
	for _, src := range sources {
		directives, err := split(src)
		if err != nil {
			return nil, err
		}
		for i := range directives {
			if err := c.apply(&directives[i]); err != nil {
				return nil, err
			}
		}
	}
	if c.open {
		r := c.rules[len(c.rules)-1]
		return nil, fmt.Errorf("%s:%d: rule %d: its chain has no end: add the next rule or remove the chain action", r.File, r.Line, r.ID)
	}
	return c.rules, nil
}

// config is the state of reading.
type config struct {
	rules []Rule
	seen  map[int]string // where each id stands
	open  bool           // the last rule waits for the next member of its chain
}

func (c *config) apply(d *directive) error {
	name := strings.ToLower(d.name)
	if c.open && name != "secrule" && name != "secaction" {
		return d.errorf("the rule before it has a chain action: want its next member here")
	}
	if settings[name] {
		return nil
	}
	handle, ok := handlers[name]
	if !ok {
		return d.errorf("%w", errUnknown)
	}
	if err := handle(c, d); err != nil {
		return d.errorf("%w", err)
	}
	return nil
}

var errUnknown = errors.New("directive is not supported: remove it, or express it in rules")

// handlers change the rules; settings do not concern them.
var handlers = map[string]func(*config, *directive) error{
	"secrule":                  (*config).rule,
	"secaction":                (*config).action,
	"secmarker":                (*config).marker,
	"secdefaultaction":         (*config).defaultAction,
	"secruleremovebyid":        (*config).removeByID,
	"secruleremovebytag":       (*config).removeByTag,
	"secruleremovebymsg":       (*config).removeByMsg,
	"secruleupdatetargetbyid":  (*config).updateTargetByID,
	"secruleupdatetargetbytag": (*config).updateTargetByTag,
}

// rule reads: SecRule VARIABLES "OPERATOR" "ACTIONS".
func (c *config) rule(d *directive) error {
	r := Rule{File: d.file, Line: d.line, Phase: 2}
	targets, rest, ok := strings.Cut(strings.Trim(d.rest, " "), " ")
	if !ok {
		return errors.New(`want: SecRule VARIABLES "OPERATOR" "ACTIONS"`)
	}
	var err error
	if r.Variables, err = parseVariables(nil, targets); err != nil {
		return err
	}
	operand, rest, err := cutOperand(strings.TrimLeft(rest, " "))
	if err != nil {
		return err
	}
	if r.Operator, err = parseOperator(operand); err != nil {
		return err
	}
	rest = strings.TrimLeft(rest, " ")
	if rest == "" {
		return c.add(r, false)
	}
	if len(rest) < 2 || rest[0] != '"' || rest[len(rest)-1] != '"' {
		return fmt.Errorf("want actions in double quotes, have %q", clip(rest))
	}
	chained, err := r.applyActions(rest[1 : len(rest)-1])
	if err != nil {
		return err
	}
	return c.add(r, chained)
}

// action reads: SecAction "ACTIONS".
func (c *config) action(d *directive) error {
	r := Rule{File: d.file, Line: d.line, Phase: 2}
	chained, err := r.applyActions(unquote(strings.TrimSpace(d.rest)))
	if err != nil {
		return err
	}
	return c.add(r, chained)
}

func (c *config) marker(d *directive) error {
	name := unquote(strings.TrimSpace(d.rest))
	if name == "" {
		return errors.New("want a name")
	}
	c.rules = append(c.rules, Rule{File: d.file, Line: d.line, Marker: name})
	return nil
}

// add appends a rule, or joins it to the chain that waits for it.
func (c *config) add(r Rule, chained bool) error {
	if c.open {
		starter := &c.rules[len(c.rules)-1]
		r.ID, r.Phase = 0, starter.Phase
		starter.Chain = append(starter.Chain, r)
		c.open = chained
		return nil
	}
	if r.ID == 0 {
		return errors.New("want an id: it is how a rule is narrowed, reported and tuned")
	}
	if at, dup := c.seen[r.ID]; dup {
		return fmt.Errorf("id %d is taken by the rule at %s", r.ID, at)
	}
	c.seen[r.ID] = fmt.Sprintf("%s:%d", r.File, r.Line)
	c.rules = append(c.rules, r)
	c.open = chained
	return nil
}
