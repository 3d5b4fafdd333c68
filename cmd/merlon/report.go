package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/report/read"
	"github.com/merlon-security/merlon/internal/review"
	"github.com/merlon-security/merlon/internal/review/cloudwatch"
	"github.com/merlon-security/merlon/internal/verdict"
)

// logFlags say which lines are read.
type logFlags struct {
	Since moment `help:"Only verdicts from here on: a time such as 2026-11-23T15:00:00Z, a date, or an age such as 24h or 7d."`
	Until moment `help:"Only verdicts before this time, date or age."`
	Keys  string `help:"File with keys of the deployment, one a line: lines that none of them signed are left out. MERLON_VERDICT_KEY of this shell counts as well." name:"key-file" type:"existingfile"`

	Group    string `help:"Read this log group of CloudWatch Logs instead of files, such as /aws/lambda/orders. Needs logs:FilterLogEvents." group:"CloudWatch Logs"`
	Save     string `help:"Keep what is read from the log group in this file; a download that was broken off goes on, a finished one is continued." type:"path" group:"CloudWatch Logs"`
	Endpoint string `help:"Address of CloudWatch Logs, for a private network." group:"CloudWatch Logs"`

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
	return c.readWith(ctx, std, nil)
}

// readWith hands over what environments learned as well.
func (c *logFlags) readWith(ctx context.Context, std stdio, learned func(verdict.Env, *read.Learned) error) (*review.Log, error) {
	keys, err := c.keys()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	r := review.NewReader(review.Options{Keys: keys, Since: c.Since.at(now), Until: c.Until.at(now), Learned: learned})
	files := c.Files
	if c.Group != "" {
		if len(files) > 0 {
			return nil, errors.New("--group and files: want one of them")
		}
		name, done, err := c.pull(ctx, std, now)
		if err != nil {
			return nil, err
		}
		defer done()
		files = []string{name}
	}
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

// pull downloads a log group into the file to keep it in, or into one that done
// removes.
func (c *logFlags) pull(ctx context.Context, std stdio, now time.Time) (name string, done func(), err error) {
	q := cloudwatch.Query{Group: c.Group, Since: c.Since.at(now), Until: c.Until.at(now)}
	if q.Since.IsZero() {
		return "", nil, errors.New("--group: say from when on, such as --since 24h: reading a log group takes time and costs money")
	}
	if q.Until.IsZero() {
		q.Until = now
	}
	name, done = c.Save, func() {}
	if name == "" {
		dir, err := os.MkdirTemp("", "merlon-report-")
		if err != nil {
			return "", nil, err
		}
		name, done = filepath.Join(dir, "lines"), func() { _ = os.RemoveAll(dir) } // what is left is only a copy
	}
	cfg, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		done()
		return "", nil, fmt.Errorf("load AWS configuration: %w", err)
	}
	bar := newBar(std.err)
	p := cloudwatch.Pull{Client: cloudwatch.NewClient(cfg, c.Endpoint, nil), Query: q, File: name, Progress: bar.show}
	err = p.Run(ctx)
	bar.end()
	if err != nil {
		done()
		if c.Save != "" {
			err = fmt.Errorf("%w\n%q keeps what has come; the same command goes on from there", err, c.Save)
		}
		return "", nil, err
	}
	return name, done, nil
}

// bar shows how far a download is: on a terminal in place, elsewhere only what is
// worth a line.
type bar struct {
	out      io.Writer
	terminal bool
	shown    bool
}

func newBar(out io.Writer) *bar {
	b := &bar{out: out}
	if f, ok := out.(*os.File); ok {
		info, err := f.Stat()
		b.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return b
}

func (b *bar) show(p cloudwatch.Progress) {
	const width = 40
	switch {
	case p.Note != "":
		b.end()
		fmt.Fprintln(b.out, "merlon:", p.Note)
	case b.terminal:
		n := int(p.Share * width)
		fmt.Fprintf(b.out, "\r[%s%s] %3.0f %%  %d lines", strings.Repeat("#", n), strings.Repeat(" ", width-n), 100*p.Share, p.Events)
		b.shown = true
	}
}

func (b *bar) end() {
	if b.shown {
		fmt.Fprintln(b.out)
	}
	b.shown = false
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
