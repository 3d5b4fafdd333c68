package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/review"
	"github.com/merlon-security/merlon/internal/verdict"
)

// logFlags say which lines are read.
type logFlags struct {
	Since moment   `help:"Only verdicts from here on: a time such as 2026-11-23T15:00:00Z, a date, or an age such as 24h or 7d."`
	Until moment   `help:"Only verdicts before this time, date or age."`
	Keys  string   `help:"File with keys of the deployment, one a line: lines that none of them signed are left out. MERLON_VERDICT_KEY of this shell counts as well." name:"key-file" type:"existingfile"`
	Files []string `arg:"" optional:"" help:"Files with log lines, also compressed with gzip, or exports of CloudWatch; - or none for standard input." type:"existingfile"`
}

type reportCmd struct {
	logFlags
	HTML string `help:"Write one page of HTML to this file, which needs no network." name:"html" type:"path"`
	JSON bool   `help:"Print the summary as JSON." name:"json"`
}

// Run prints a summary. Lines that are no good do not make it fail: they are in
// the summary.
func (c *reportCmd) Run(ctx context.Context, std stdio) error {
	log, err := c.read(ctx, std)
	if err != nil {
		return err
	}
	s := review.Summarize(log, time.Now())
	if c.HTML != "" {
		if err := writeFile(c.HTML, func(w io.Writer) error { return review.Page(w, log, s) }); err != nil {
			return err
		}
		fmt.Fprintln(std.err, "wrote", c.HTML)
	}
	if c.JSON {
		enc := json.NewEncoder(std.out)
		enc.SetIndent("", " ")
		return enc.Encode(s)
	}
	return s.Print(std.out)
}

// read reads what the flags name.
func (c *logFlags) read(ctx context.Context, std stdio) (*review.Log, error) {
	keys, err := c.keys()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	r := review.NewReader(review.Options{Keys: keys, Since: c.Since.at(now), Until: c.Until.at(now)})
	files := c.Files
	if len(files) == 0 {
		files = []string{"-"}
	}
	for _, name := range files {
		if err := readFile(r, name, std.in); err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return r.Log(), nil
}

// keys reads the keys. A file may hold former ones as well, since lines outlive
// them.
func (c *logFlags) keys() (keys []*verdict.Signer, err error) {
	var texts []string
	cfg, faults := config.Parse(os.Environ())
	for _, f := range faults {
		if f.Name == "MERLON_VERDICT_KEY" {
			return nil, f // without it, nothing would be checked
		}
	}
	if cfg.Source("MERLON_VERDICT_KEY") == config.FromEnvironment {
		texts = append(texts, cfg.VerdictKey.Reveal())
	}
	if c.Keys != "" {
		data, err := os.ReadFile(c.Keys)
		if err != nil {
			return nil, err
		}
		texts = append(texts, strings.Fields(string(data))...)
	}
	for _, s := range texts {
		keys = append(keys, verdict.NewSigner(s))
	}
	if c.Keys != "" && len(keys) == 0 {
		return nil, fmt.Errorf("%q holds no key", c.Keys)
	}
	return keys, nil
}

func readFile(r *review.Reader, name string, stdin io.Reader) error {
	if name == "-" {
		return r.Read(name, stdin)
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return r.Read(name, f)
}

// writeFile writes a file that only its owner reads: verdicts tell of attacks
// that worked elsewhere.
func writeFile(name string, write func(io.Writer) error) (err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 256<<10)
	if err := write(w); err != nil {
		return fmt.Errorf("write %q: %w", name, err)
	}
	return w.Flush()
}

// moment is a point in time on the command line.
type moment struct {
	time time.Time
	age  time.Duration
}

// UnmarshalText reads a time, a date, or an age.
func (m *moment) UnmarshalText(b []byte) error {
	s := string(b)
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			m.time = t
			return nil
		}
	}
	var days int
	if n, err := fmt.Sscanf(s, "%dd", &days); err == nil && n == 1 && s == fmt.Sprintf("%dd", days) && days > 0 && days < 100_000 {
		m.age = time.Duration(days) * 24 * time.Hour
		return nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return fmt.Errorf("%q: want a time such as 2026-11-23T15:00:00Z, a date, or an age such as 24h or 7d", s)
	}
	m.age = d
	return nil
}

func (m moment) at(now time.Time) time.Time {
	if m.age > 0 {
		return now.Add(-m.age)
	}
	return m.time
}
