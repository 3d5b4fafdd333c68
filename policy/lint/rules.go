package lint

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/policy"
	"github.com/merlon-security/merlon/policy/rules"
	"github.com/merlon-security/merlon/policy/seclang"
	"github.com/merlon-security/merlon/policy/waf"
)

// rules looks at the rules of the user's own: for those without a test, and for
// those that take every event to Coraza, with what that costs.
func (c *checker) rules() {
	tested := map[int]bool{}
	for _, t := range c.f.Tests {
		tested[t.Rule] = true
	}
	for i, r := range c.f.Rules {
		if len(r.Tests) == 0 && !tested[r.ID] {
			c.where = fmt.Sprintf("rules[%d]", i)
			c.note("rule %d has no test", r.ID)
		}
	}
	c.where = "secrules"
	for i := range c.p.SecRules {
		if r := &c.p.SecRules[i]; r.Marker == "" && waf.Reports(r) && !tested[r.ID] {
			c.note("rule %d has no test", r.ID)
		}
	}
	for i := range c.p.SecRules {
		for _, l := range c.p.SecRules[i].Links() {
			if n := size(&l); n > largePattern {
				c.note("rule %d: its pattern compiles to %d instructions, and a text made for it takes as many looks at each byte: shorten its repetitions", c.p.SecRules[i].ID, n)
			}
		}
	}
	reasons, err := waf.Unscreened(c.p.SecRules)
	if err != nil {
		c.bad("%v", err)
		return
	}
	if len(reasons) == 0 {
		return
	}
	cost, err := c.cost()
	if err != nil {
		c.bad("%v", err)
		return
	}
	for _, r := range reasons {
		c.note("%s: the screen cannot tell which events it may match, so every one goes to Coraza", strings.Replace(r, "not screenable: ", "", 1))
	}
	c.note("that takes about %v more for each event of 1 KB, here and now", cost)
}

// largePattern is several times what a pattern of the Core Rule Set compiles to in
// the median (39).
const largePattern = 300

// size is the number of instructions that a rule's pattern compiles to.
func size(r *seclang.Rule) int {
	if !strings.EqualFold(r.Operator.Name, "rx") {
		return 0
	}
	n, _ := seclang.Instructions(r.Operator.Argument) // its faults are those of Vet
	return n
}

// cost measures what the user's rules take of a benign event beyond those that
// the screen can judge.
func (c *checker) cost() (time.Duration, error) {
	var screened []seclang.Rule
	for i := range c.p.SecRules {
		one := c.p.SecRules[i : i+1]
		if reasons, err := waf.Unscreened(one); err == nil && len(reasons) == 0 {
			screened = append(screened, one...)
		}
	}
	ev := event.Decode(benign(), http.Header{}, event.DefaultLimits())
	all, err := perEvent(c.p.SecRules, ev)
	if err != nil {
		return 0, err
	}
	without, err := perEvent(screened, ev)
	return max(0, all-without).Round(time.Microsecond), err
}

// perEvent is the shortest of some rounds: what the neighbours took is none of
// the rules' cost.
func perEvent(custom []seclang.Rule, ev *event.Event) (time.Duration, error) {
	e, err := waf.New(waf.Options{Rules: rules.Options{Paranoia: 1, Threshold: 5}, Custom: custom})
	if err != nil {
		return 0, err
	}
	best := time.Duration(math.MaxInt64)
	const rounds, events = 7, 30
	for range rounds {
		start := time.Now()
		for range events {
			if _, err := e.Inspect(context.Background(), ev); err != nil { // a measurement has no caller to wait for
				return 0, err
			}
		}
		best = min(best, time.Since(start)/events)
	}
	return best, nil
}

// benign is a request with forty fields.
func benign() []byte {
	fields := map[string]string{}
	for i := range 40 {
		fields[fmt.Sprintf("field%d", i)] = "an ordinary value"
	}
	body, err := json.Marshal(fields)
	if err != nil {
		panic("bug: a map of strings is JSON: " + err.Error())
	}
	test := policy.FileTest{Request: &policy.FileRequest{Method: "POST", Path: "/orders", Body: string(body)}}
	data, err := test.Body()
	if err != nil {
		panic("bug: a request is JSON: " + err.Error())
	}
	return data
}
