package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/report/read"
	"github.com/merlon-security/merlon/internal/signed"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/profile"
)

// profileCmd makes, compares and signs behavioural profiles.
type profileCmd struct {
	Learn   profileLearnCmd   `cmd:"" help:"Gather evidence from recorded events, one JSON object a line."`
	Pull    profilePullCmd    `cmd:"" help:"Gather evidence from what environments wrote to the log."`
	Import  profileImportCmd  `cmd:"" help:"Make a profile to start from of an OpenAPI document, a template or a JSON Schema."`
	Merge   profileMergeCmd   `cmd:"" help:"Merge evidence files into one."`
	Build   profileBuildCmd   `cmd:"" help:"Make the profile that evidence supports."`
	Review  profileReviewCmd  `cmd:"" help:"List what evidence has that is not normal yet, and what it waits for."`
	Status  profileStatusCmd  `cmd:"" help:"Tell how far learning has come, by dimension and route."`
	Diff    profileDiffCmd    `cmd:"" help:"Tell in what two profiles differ."`
	Check   profileCheckCmd   `cmd:"" help:"Check a profile and, with events, list what departs from it."`
	Export  profileExportCmd  `cmd:"" help:"Write a part of a profile for other tools."`
	Promote profilePromoteCmd `cmd:"" help:"Take a profile to alert or enforce, if it is ready."`
	Keygen  profileKeygenCmd  `cmd:"" help:"Make a key pair for signing."`
	Sign    profileSignCmd    `cmd:"" help:"Sign a profile or another file; the signature goes beside it."`
	Verify  profileVerifyCmd  `cmd:"" help:"Check a file against its signature."`
}

type profileLearnCmd struct {
	Function string `help:"Name of the function." required:""`
	Code     string `help:"Identity of its code."`
	Base     string `help:"Profile to start from; what it has is not learned again." type:"existingfile"`
	Day      string `help:"Day of the events, as 2026-10-01; default today."`
	Env      string `help:"Name of this source of events: the same events under the same name count once." default:"offline"`
}

// Run reads events from standard input and writes evidence to standard output.
func (c *profileLearnCmd) Run(std stdio) error {
	day := time.Now()
	if c.Day != "" {
		var err error
		if day, err = time.Parse(time.DateOnly, c.Day); err != nil {
			return fmt.Errorf("--day: %q: want a date such as 2026-10-01", c.Day)
		}
	}
	var base *profile.Document
	if c.Base != "" {
		var err error
		if base, err = readProfile(c.Base); err != nil {
			return err
		}
	}
	l := profile.NewLearner(base, func() time.Time { return day })
	all := &profile.EvidenceFile{Function: c.Function, Code: c.Code, Evidence: profile.NewEvidence()}
	full := false
	err := lines(std.in, func(no int, line []byte) error {
		_, raw, err := unwrap(no, line)
		if err != nil {
			return err
		}
		d, ok := l.Commit(l.Observe(event.Decode(raw, http.Header{}, event.DefaultLimits())))
		full = full || d.Full
		if !ok {
			return nil
		}
		return all.Evidence.Apply(c.Env, d)
	})
	if err != nil {
		return err
	}
	if err := all.Evidence.Apply(c.Env, l.Count()); err != nil {
		return err
	}
	if full {
		fmt.Fprintln(std.err, "merlon: the events have more that is new than one environment may tell: what came later is not in the evidence")
	}
	return all.Write(std.out)
}

type profilePullCmd struct {
	logFlags
	Function string `help:"Function to gather evidence of; the only one in the log if it is not named."`
	Into     string `help:"Evidence file to add to; made if it is not there. Otherwise evidence goes to standard output."`
}

// Run adds what is in the log to the evidence. Reading the same lines again
// changes nothing.
func (c *profilePullCmd) Run(ctx context.Context, std stdio) error {
	byFunction := map[string]*profile.EvidenceFile{}
	log, err := c.readWith(ctx, std, func(env verdict.Env, l *read.Learned) error {
		var d profile.Delta
		if err := json.Unmarshal(l.Delta, &d); err != nil {
			return fmt.Errorf("delta: %w", err)
		}
		f := byFunction[l.Function]
		if f == nil {
			f = &profile.EvidenceFile{Function: l.Function, Code: l.CodeID, Evidence: profile.NewEvidence()}
			byFunction[l.Function] = f
		}
		if f.Code != l.CodeID {
			f.Code = ""
		}
		return f.Evidence.Apply(env.ID, d)
	})
	if err != nil {
		return err
	}
	for _, p := range log.Problems {
		fmt.Fprintf(std.err, "merlon: %s: %s: %s\n", p.At, p.Kind, p.Text)
	}
	names := slices.Sorted(maps.Keys(byFunction))
	switch {
	case c.Function == "" && len(names) == 1:
		c.Function = names[0]
	case c.Function == "" && len(names) > 1:
		return fmt.Errorf("the log has evidence of %s: name one with --function", strings.Join(names, ", "))
	case byFunction[c.Function] == nil:
		return fmt.Errorf("the log has no evidence of %q; an environment tells it with MERLON_PROFILE_MODE=learn", c.Function)
	}
	found := byFunction[c.Function]
	if c.Into == "" {
		return found.Write(std.out)
	}
	old, err := readEvidenceFile(c.Into)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return fmt.Errorf("%q: %w", c.Into, err)
	case old.Function != found.Function:
		return fmt.Errorf("%q is evidence of %q, the log has that of %q", c.Into, old.Function, found.Function)
	default:
		if old.Code != found.Code {
			found.Code = ""
		}
		found.Evidence.Merge(old.Evidence)
	}
	return writeFile(c.Into, found.Write)
}

type profileMergeCmd struct {
	Files []string `arg:"" help:"Evidence files, of one function." type:"existingfile"`
}

// Run writes the merged evidence to standard output.
func (c *profileMergeCmd) Run(std stdio) error {
	all, err := readEvidence(c.Files)
	if err != nil {
		return err
	}
	return all.Write(std.out)
}

// readEvidence reads and merges files of one function.
func readEvidence(files []string) (*profile.EvidenceFile, error) {
	var all *profile.EvidenceFile
	for _, name := range files {
		f, err := readEvidenceFile(name)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%q: %w", name, err)
		case all == nil:
			all = f
			continue
		case f.Function != all.Function:
			return nil, fmt.Errorf("%q: evidence of the function %q, want %q as in the files before it", name, f.Function, all.Function)
		}
		if f.Code != all.Code {
			all.Code = ""
		}
		all.Evidence.Merge(f.Evidence)
	}
	return all, nil
}

func readEvidenceFile(name string) (*profile.EvidenceFile, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return profile.ReadEvidence(f)
}

func readProfile(name string) (*profile.Document, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	d, err := profile.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	return d, nil
}

// evidenceFlags say which evidence is read, and what makes an element of it normal.
type evidenceFlags struct {
	Files []string `arg:"" help:"Evidence files." type:"existingfile"`

	Sources int      `help:"Networks that must have shown an element." default:"3"`
	Days    int      `help:"Days on which it must have been seen." default:"2"`
	Share   float64  `help:"Share of the networks at its route." default:"0.005"`
	Accept  []string `help:"Places that a person has looked at: a trigger such as sqs, or a trigger and a route such as \"function-url GET /status\". All below them counts as normal."`
}

func (f *evidenceFlags) options() (profile.Options, error) {
	o := profile.Options{Settled: profile.Settled{Sources: f.Sources, Days: f.Days, Share: f.Share}}
	if f.Sources < 1 || f.Days < 1 || f.Share < 0 || f.Share > 1 {
		return o, fmt.Errorf("--sources %d, --days %d, --share %g: want at least 1, at least 1, and 0 to 1", f.Sources, f.Days, f.Share)
	}
	var places []profile.Place
	for _, s := range f.Accept {
		at, err := profile.ParsePlace(s)
		if err != nil {
			return o, fmt.Errorf("--accept: %w", err)
		}
		places = append(places, at)
	}
	o.Accept = func(at profile.Place) bool {
		return slices.ContainsFunc(places, func(p profile.Place) bool { return len(at) >= len(p) && slices.Equal(p, at[:len(p)]) })
	}
	return o, nil
}

// read reads the evidence, and what a profile of it would be built with.
func (f *evidenceFlags) read() (*profile.EvidenceFile, profile.Options, error) {
	o, err := f.options()
	if err != nil {
		return nil, o, err
	}
	all, err := readEvidence(f.Files)
	if err != nil {
		return nil, o, err
	}
	o.Metadata = profile.Metadata{Function: all.Function, Code: all.Code, Source: "learned"}
	return all, o, nil
}

type profileBuildCmd struct {
	evidenceFlags
	Base string `help:"Profile it follows: what is normal there stays so, with its modes, and its version goes up by one." type:"existingfile"`
}

// Run writes the profile to standard output, and how much waits to standard error.
func (c *profileBuildCmd) Run(std stdio) error {
	all, o, err := c.read()
	if err != nil {
		return err
	}
	o.Metadata.Version = 1
	if c.Base != "" {
		if o.Base, err = readProfile(c.Base); err != nil {
			return err
		}
		o.Metadata.Version, o.Metadata.NotAfter = o.Base.Metadata.Version+1, o.Base.Metadata.NotAfter
	}
	d, pending := all.Evidence.Build(o)
	if len(pending) > 0 {
		fmt.Fprintf(std.err, "merlon: %d elements wait for more proof or for a person: merlon profile review\n", len(pending))
	}
	_, err = std.out.Write(d.Canonical())
	return err
}

type profileReviewCmd struct {
	evidenceFlags
}

// Run lists pending elements by place, those nearest to normal first.
func (c *profileReviewCmd) Run(std stdio) error {
	all, o, err := c.read()
	if err != nil {
		return err
	}
	_, pending := all.Evidence.Build(o)
	for _, p := range profile.Waiting(pending, o.Settled) {
		fmt.Fprintln(std.out, p)
	}
	return nil
}

type profileDiffCmd struct {
	Old string `arg:"" help:"The profile in use." type:"existingfile"`
	New string `arg:"" help:"The one to come." type:"existingfile"`
}

// Run prints a line for each difference: + what becomes normal, - what ceases to
// be, ~ what changes.
func (c *profileDiffCmd) Run(std stdio) error {
	a, err := readProfile(c.Old)
	if err != nil {
		return err
	}
	b, err := readProfile(c.New)
	if err != nil {
		return err
	}
	for _, change := range profile.Diff(a, b) {
		fmt.Fprintln(std.out, change)
	}
	return nil
}

type profileCheckCmd struct {
	File   string `arg:"" help:"The profile." type:"existingfile"`
	Events string `help:"Events to compare with it, one JSON object a line; - for standard input."`
}

// Run fails if the profile has faults or an event departs from it.
func (c *profileCheckCmd) Run(std stdio) error {
	d, err := readProfile(c.File)
	if err != nil {
		return err
	}
	checker, err := profile.NewChecker(d)
	if err != nil || c.Events == "" {
		return err
	}
	in := std.in
	if c.Events != "-" {
		f, err := os.Open(c.Events)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	events, departed := 0, 0
	err = lines(in, func(no int, line []byte) error {
		id, raw, err := unwrap(no, line)
		if err != nil {
			return err
		}
		events++
		found := checker.Check(event.Decode(raw, http.Header{}, event.DefaultLimits()))
		if len(found) > 0 {
			departed++
		}
		for _, f := range found {
			fmt.Fprintf(std.out, "%s: %s%s: expected %s, seen %s\n", id, f.Dimension, at(f.Path.String()), f.Expected, f.Seen)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if departed > 0 {
		return fmt.Errorf("%d of %d events depart from the profile", departed, events)
	}
	fmt.Fprintf(std.out, "%d events, all as usual\n", events)
	return nil
}

func at(path string) string {
	if path == "" {
		return ""
	}
	return " at " + path
}

type profilePromoteCmd struct {
	File       string `arg:"" help:"The profile; it is rewritten." type:"existingfile"`
	To         string `help:"alert or enforce." enum:"alert,enforce" required:""`
	Since      string `help:"For enforce: the day since when it alerts, as 2026-10-01."`
	Departures int    `help:"For enforce: how many of the departures reported since are not explained." default:"-1"`
}

// Run rewrites the profile with its new mode and the next version, or says what
// speaks against it and fails.
func (c *profilePromoteCmd) Run(std stdio) error {
	d, err := readProfile(c.File)
	if err != nil {
		return err
	}
	ready := profile.ToAlert(d)
	if c.To == "enforce" {
		since, err := time.Parse(time.DateOnly, c.Since)
		if err != nil || c.Departures < 0 {
			return errors.New("enforce wants --since, the day since when the profile alerts, and --departures, how many are not explained (merlon report lists them)")
		}
		ready = profile.ToEnforce(d, since, time.Now(), c.Departures)
	}
	if !ready.Ready() {
		return fmt.Errorf("%q is not ready for %s: %s", c.File, c.To, strings.Join(ready.Against, "; "))
	}
	d.Mode = c.To
	d.Metadata.Version++
	if err := os.WriteFile(c.File, d.Canonical(), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "%s: mode %s, version %d: sign it and deploy it\n", c.File, d.Mode, d.Metadata.Version)
	return nil
}

type profileKeygenCmd struct {
	Out string `help:"File for the private key; it must not exist." required:""`
}

// Run writes the private key to a file of its own and prints the public one.
func (c *profileKeygenCmd) Run(std stdio) error {
	k, err := signed.NewKey()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, k.Text())
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	fmt.Fprintln(std.out, k.Public().Text())
	return nil
}

type profileSignCmd struct {
	File string `arg:"" help:"The file." type:"existingfile"`
	Key  string `help:"File with the private key." type:"existingfile" required:""`
}

// Run writes FILE.sig.
func (c *profileSignCmd) Run(std stdio) error {
	text, err := os.ReadFile(c.Key)
	if err != nil {
		return err
	}
	k, err := signed.ParsePrivate(string(text))
	if err != nil {
		return fmt.Errorf("%q: %w", c.Key, err)
	}
	data, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.File+".sig", signed.Sign(k, data), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "%s.sig: signed by %s\n", c.File, k.Public().ID())
	return nil
}

type profileVerifyCmd struct {
	File string   `arg:"" help:"The file." type:"existingfile"`
	Key  []string `help:"Public keys, merlon-public-1:…; any of them." required:""`
}

// Run fails if the file is not the one that was signed.
func (c *profileVerifyCmd) Run(std stdio) error {
	var keys []signed.PublicKey
	for _, text := range c.Key {
		k, err := signed.ParsePublic(text)
		if err != nil {
			return err
		}
		keys = append(keys, k)
	}
	data, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	sig, err := os.ReadFile(c.File + ".sig")
	if err != nil {
		return err
	}
	id, err := signed.Verify(data, sig, keys)
	if err != nil {
		return fmt.Errorf("%q: %w", c.File, err)
	}
	fmt.Fprintf(std.out, "%s: signed by %s\n", c.File, id)
	return nil
}
