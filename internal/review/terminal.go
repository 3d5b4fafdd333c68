package review

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

const (
	shownRows     = 10 // of a list in a terminal
	shownProblems = 20
)

// clock is how times are shown: people compare them with other logs.
const clock = "2006-01-02 15:04:05"

// Print writes a summary for a terminal. Every text in it was cleaned when it
// was read.
func (s *Summary) Print(w io.Writer) error {
	p := &printer{w: w}
	p.head(s)
	if s.Verdicts > 0 {
		p.timeline(&s.Timeline)
		p.list("function", &s.Functions, func(r *Row) string { return strings.Join(r.Classes, " ") })
		p.list("rule", &s.Rules, func(r *Row) string { return r.Class + ": " + r.Text })
		p.list("trigger", &s.Triggers, func(r *Row) string { return strings.Join(r.Classes, " ") })
		p.list("route", &s.Routes, func(r *Row) string { return strings.Join(r.Classes, " ") })
		p.list("source", &s.Sources, func(r *Row) string {
			return strings.Join(r.Classes, " ") + asserted(r.Asserted)
		})
		p.chains(s.Chains)
	}
	p.coverage(s.Coverage)
	p.problems(s)
	return p.err
}

// asserted is said of a source that only the event vouches for.
func asserted(is bool) string {
	if is {
		return " (asserted by the event)"
	}
	return ""
}

// printer keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// table prints rows in columns.
func (p *printer) table(rows [][]string) {
	t := tabwriter.NewWriter(p.w, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(t, "  "+strings.Join(r, "\t"))
	}
	if err := t.Flush(); p.err == nil {
		p.err = err
	}
}

func (p *printer) head(s *Summary) {
	if s.Verdicts == 0 {
		p.line("no verdicts in %s", plural(s.Lines, "line"))
		return
	}
	p.line("%s in %s, %s to %s UTC", plural(s.Totals.Events, "event"), plural(s.Verdicts, "verdict"), s.From.Format(clock), s.To.Format(clock))
	var parts []string
	for o := range Outcome(len(outcomes)) {
		if n := s.Totals.Of(o); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o))
		}
	}
	p.line("  %s", strings.Join(parts, ", "))
}

// timeline draws one character for each step.
func (p *printer) timeline(t *Timeline) {
	if len(t.Buckets) < 2 {
		return
	}
	bars := []rune(" ▁▂▃▄▅▆▇█")
	highest := 0
	for i := range t.Buckets {
		highest = max(highest, t.Buckets[i].Totals.Events)
	}
	var b strings.Builder
	for i := range t.Buckets {
		n := t.Buckets[i].Totals.Events
		b.WriteRune(bars[(n*(len(bars)-1)+highest-1)/highest])
	}
	p.line("\n%s  (each column %s, at most %d)", b.String(), short(t.Step), highest)
}

func short(d time.Duration) string {
	s := d.String()
	if d >= time.Minute {
		s = strings.TrimSuffix(s, "0s")
	}
	if d >= time.Hour {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func (p *printer) list(what string, l *List, note func(*Row) string) {
	if len(l.Rows) == 0 {
		return
	}
	shown := l.Rows[:min(len(l.Rows), shownRows)]
	rows := [][]string{{strings.ToUpper(what), "REFUSED", "REMOVED", "WOULD", "OTHER", ""}}
	for i := range shown {
		r := &shown[i]
		t := &r.Totals
		rows = append(rows, []string{
			clip(r.Key, 60), figure(t.Refused), figure(t.Removed), figure(t.Would), figure(t.Faulty + t.Noted), clip(note(r), 100),
		})
	}
	p.line("")
	p.table(rows)
	if more := l.More + len(l.Rows) - len(shown); more > 0 {
		p.line("  and %d more", more)
	}
}

func figure(n int) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprint(n)
}

func (p *printer) chains(all []Chain) {
	for i := range all[:min(len(all), 5)] {
		c := &all[i]
		p.line("\nattack chain: %s%s, %s, %s, %s to %s", c.Sender, asserted(c.Asserted), plural(c.Totals.Events, "event"),
			plural(len(c.Classes), "rule family", "rule families")+" in "+plural(len(c.Functions), "function"), c.First.UTC().Format(clock), c.Last.UTC().Format("15:04:05"))
		var rows [][]string
		for _, s := range c.Steps[:min(len(c.Steps), shownRows)] {
			rows = append(rows, []string{
				s.At.UTC().Format("15:04:05"), fmt.Sprintf("%d×", s.Count), s.Function, s.Trigger + " " + s.Route,
				strings.Join(s.Classes, " "), s.Outcome.String(), s.ID,
			})
		}
		p.table(rows)
		if more := c.More + len(c.Steps) - min(len(c.Steps), shownRows); more > 0 {
			p.line("  and %d more steps", more)
		}
	}
	if len(all) > 5 {
		p.line("\nand %d more chains", len(all)-5)
	}
}

func (p *printer) coverage(all []Coverage) {
	if len(all) == 0 {
		return
	}
	rows := [][]string{{"COVERAGE", "INSPECTED", "FAILED OPEN", "OVER LIMIT", "UNPROTECTED", "NOT WRITTEN", "TRIGGERS SEEN"}}
	for i := range all[:min(len(all), 3*shownRows)] {
		c := &all[i]
		inspected := figure(c.Inspected)
		if c.Inspected == 0 {
			inspected = "not said"
		}
		rows = append(rows, []string{
			clip(c.Function, 60), inspected, figure(c.FailedOpen), figure(c.OverLimit), figure(c.Unprotected),
			figure(c.Dropped + c.Unwritten), strings.Join(c.Triggers, " "),
		})
	}
	p.line("")
	p.table(rows)
	for i := range all {
		if c := &all[i]; len(c.ConfigFaults) > 0 {
			p.line("  %s: without effect for a fault: %s", c.Function, strings.Join(c.ConfigFaults, " "))
		}
	}
}

// Problems is what was left out or looks wrong, in words; nil if nothing is.
func (s *Summary) problemText() []string {
	var out []string
	for _, k := range Kinds() {
		if n := s.ByProblem[k]; n > 0 {
			out = append(out, fmt.Sprintf("%d %s", n, problemWords[k]))
		}
	}
	if s.Outside > 0 {
		out = append(out, fmt.Sprintf("%d outside the time asked for", s.Outside))
	}
	return out
}

var problemWords = map[Kind]string{
	Damaged: "damaged", Unauthenticated: "not signed by the key, left out", Duplicate: "seen before, left out",
	Conflict: "under a number that another line has, left out", Gap: "missing",
}

func (p *printer) problems(s *Summary) {
	p.line("\n%s read, %d of other programs", plural(s.Lines, "line"), s.Other)
	if !s.Signed {
		p.line("  taken at their word: without the key, lines that something else printed cannot be told from Merlon's")
	}
	texts := s.problemText()
	if len(texts) == 0 {
		return
	}
	p.line("  %s", strings.Join(texts, "; "))
	for _, x := range s.Problems[:min(len(s.Problems), shownProblems)] {
		p.line("  %s: %s: %s", x.At, x.Kind, x.Text)
	}
	if more := len(s.Problems) - shownProblems; more > 0 {
		p.line("  and %d more; --json has all", more)
	}
}

// plural counts; the second word is for the irregular.
func plural(n int, words ...string) string {
	switch {
	case n == 1:
		return "1 " + words[0]
	case len(words) > 1:
		return fmt.Sprintf("%d %s", n, words[1])
	}
	return fmt.Sprintf("%d %ss", n, words[0])
}
