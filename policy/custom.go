package policy

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy/seclang"
	"github.com/merlon-security/merlon/policy/when"
)

// maxRules bounds the conditions of a policy file: each is evaluated for every
// event.
const maxRules = 100

// maxFindings bounds the findings of one event; the scores of the others count
// all the same.
const maxFindings = 1000

// Rule is a rule of the user's own: a condition on the decoded event.
type Rule struct {
	ID       int
	When     *when.Program
	Action   verdict.Action // ActionBlock or ActionMonitor
	Message  string
	Severity string
	Tags     []string
}

// FileRule is a rule as it is written.
type FileRule struct {
	ID       int        `yaml:"id"`
	When     string     `yaml:"when"`
	Action   string     `yaml:"action"`
	Message  string     `yaml:"message"`
	Severity string     `yaml:"severity"`
	Tags     []string   `yaml:"tags"`
	Tests    []FileTest `yaml:"tests"`
}

// isLine reports whether a text fits on a line of a verdict.
func isLine(s string) bool {
	return s != "" && len(s) <= 200 && !strings.ContainsFunc(s, unicode.IsControl)
}

// isTag reports whether a text is a tag such as attack-access or cwe/862.
func isTag(s string) bool {
	return s != "" && len(s) <= 100 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_.-") == ""
}

// compile reads a rule, with all faults joined. A fault of the condition is a
// *when.Error.
func (fr *FileRule) compile() (r Rule, err error) {
	r = Rule{ID: fr.ID, Message: fr.Message, Severity: fr.Severity, Tags: fr.Tags, Action: verdict.ActionBlock}
	bad := func(format string, args ...any) { err = errors.Join(err, fmt.Errorf(format, args...)) }
	if fr.ID < seclang.FirstUserID || fr.ID > seclang.LastUserID {
		bad("id: %d: want %d to %d", fr.ID, seclang.FirstUserID, seclang.LastUserID)
	}
	switch fr.Action {
	case "block":
	case "monitor":
		r.Action = verdict.ActionMonitor
	default:
		bad("action: %q: want block or monitor", fr.Action)
	}
	if !isLine(fr.Message) {
		bad("message: %q: want a line of at most 200 bytes that says what was found", clip(fr.Message))
	}
	switch fr.Severity {
	case "critical", "error", "warning", "notice", "":
	default:
		bad("severity: %q: want critical, error, warning or notice", clip(fr.Severity))
	}
	if i := slices.IndexFunc(fr.Tags, func(t string) bool { return !isTag(t) }); i >= 0 || len(fr.Tags) > 20 {
		bad("tags: want at most 20, of letters, digits and /_.-, such as attack-access or cwe/862")
	}
	if strings.TrimSpace(fr.When) == "" {
		bad("when: missing: say what the rule is about")
		return r, err
	}
	program, cerr := when.Compile(fr.When)
	r.When = program
	return r, errors.Join(err, cerr)
}

func clip(s string) string {
	const most = 60
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// checkRules checks everything the file says about rules of its own.
func (f *File) checkRules(where func() map[string]spot) (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	taken := map[int]string{}
	if f.SecRules != "" {
		at := where()["$.secrules"]
		rules, err := seclang.Vet(seclang.Source{Name: "secrules", Text: f.SecRules})
		switch {
		case !at.literal:
			bad("secrules: [%d:%d] want a block that begins with |, so that lines stay lines", at.line, at.column)
		case err != nil:
			errs = append(errs, at.faults(err)...)
		}
		f.secRules = rules
		for i := range rules {
			if rules[i].Marker == "" {
				taken[rules[i].ID] = "secrules"
			}
		}
	}
	if len(f.Rules) > maxRules {
		bad("rules: %d of them: want at most %d", len(f.Rules), maxRules)
	}
	for i := range f.Rules {
		fr := &f.Rules[i]
		name := fmt.Sprintf("rules[%d]", i)
		if by, dup := taken[fr.ID]; dup {
			bad("%s: id: %d is taken by %s", name, fr.ID, by)
		}
		taken[fr.ID] = name
		r, err := fr.compile()
		if err != nil {
			errs = append(errs, where()["$."+name+".when"].explain(name, fr.When, err)...)
		}
		f.rules = append(f.rules, r)
		for j := range fr.Tests {
			if err := fr.Tests[j].check(fr.ID); err != nil {
				bad("%s.tests[%d]: %w", name, j, err)
			}
		}
	}
	for i := range f.Tests {
		if err := f.Tests[i].check(0); err != nil {
			bad("tests[%d]: %w", i, err)
		}
	}
	return errs
}

// Own evaluates the conditions of the policy over an event. Short of steps or
// time it names the limit "when". The error is our own fault; what had been
// found before it is in the result. Without conditions it costs nothing, and
// the result is empty.
func (p *Policy) Own(ev *event.Event, until time.Time, now func() time.Time) (res verdict.Inspection, err error) {
	if len(p.Rules) == 0 {
		return res, nil
	}
	defer func() {
		if v := recover(); v != nil {
			err = verdict.Panic(v, debug.Stack())
		}
	}()
	res.Scores = make([]int, max(1, ev.Records))
	subjects := when.Subjects(ev)
	programs := make([]*when.Program, len(p.Rules))
	for i := range p.Rules {
		programs[i] = p.Rules[i].When
	}
	budget := when.NewBudget(programs, subjects, until, now)
	for _, s := range subjects {
		for i := range p.Rules {
			out := p.Rules[i].When.Run(s, budget)
			if out.Over {
				res.Limit("when")
				return res, nil
			}
			if !out.Match {
				continue
			}
			f := p.Rules[i].finding(ev, s.Record, out.Leaf, p.Threshold)
			res.Scores[max(0, s.Record)] += f.Score
			if len(res.Findings) < maxFindings {
				res.Findings = append(res.Findings, f)
			}
		}
	}
	return res, nil
}

// finding says that the rule matched. A rule that blocks weighs as much as the
// threshold, so that it refuses by itself.
func (r *Rule) finding(ev *event.Event, record int, l *event.Leaf, threshold int) verdict.Finding {
	f := verdict.Finding{
		RuleID: r.ID, Engine: "policy", Message: r.Message, Severity: r.Severity, Tags: r.Tags, Operator: "when",
		Action: r.Action, Record: record,
	}
	if r.Action == verdict.ActionBlock {
		f.Score = threshold
	}
	if l != nil {
		f.Place, f.Name, f.Value, f.Path = l.Place, l.Name, l.Value, ev.Path(l)
	}
	return f
}
