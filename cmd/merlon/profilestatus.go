package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/merlon-security/merlon/profile"
)

type profileStatusCmd struct {
	evidenceFlags
	Profile string `help:"Profile in use: what is settled and not in it is counted as new, and promotion is judged for it." type:"existingfile"`
	JSON    bool   `help:"Write JSON." name:"json"`
}

// Run writes what is settled and what waits.
func (c *profileStatusCmd) Run(std stdio) error {
	all, o, err := c.read()
	if err != nil {
		return err
	}
	var inUse *profile.Document
	if c.Profile != "" {
		if inUse, err = readProfile(c.Profile); err != nil {
			return err
		}
		if of := inUse.Metadata.Function; of != "" && of != all.Function {
			return fmt.Errorf("%q: a profile of %q: the evidence is of %q", c.Profile, of, all.Function)
		}
	}
	p := all.Evidence.Progress(o, inUse)
	if c.JSON {
		enc := json.NewEncoder(std.out)
		enc.SetIndent("", "  ")
		return enc.Encode(p)
	}
	return showProgress(std.out, &p, inUse != nil)
}

// showProgress writes three tables: routes, dimensions, and what promotion wants.
func showProgress(out io.Writer, p *profile.Progress, inUse bool) error {
	fmt.Fprintf(out, "%s: %d invocations in %d environments, %s to %s; %s of what comes is new\n\n",
		p.Function, p.Samples, p.Environments, p.First, p.Last, percent(p.Unseen))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	counts := func(part profile.PartProgress) string {
		s := fmt.Sprintf("%s\t%d\t%d", part.Name, part.Settled, part.Waiting)
		if inUse {
			s += fmt.Sprintf("\t%d", part.New)
		}
		return s
	}
	head := "\tsettled\twaiting"
	if inUse {
		head += "\tnew"
	}
	fmt.Fprintf(w, "route%s\tnetworks\tdays\tunseen\n", head)
	for _, r := range p.Routes {
		unseen := "no addresses"
		if r.Unseen >= 0 {
			unseen = percent(r.Unseen)
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", counts(r.PartProgress), r.Sources, r.Days, unseen)
	}
	err := w.Flush()
	fmt.Fprintln(out)
	fmt.Fprintf(w, "dimension%s\n", head)
	for _, d := range p.Dimensions {
		fmt.Fprintln(w, counts(d))
	}
	err = errors.Join(err, w.Flush())
	fmt.Fprintln(out)
	if len(p.Wants) == 0 {
		fmt.Fprintln(out, "ready for alert: merlon profile promote --to alert")
	}
	for _, want := range p.Wants {
		fmt.Fprintln(out, "before alert: "+want)
	}
	return err
}

func percent(share float64) string { return fmt.Sprintf("%.2f %%", 100*share) }

type profileExportCmd struct {
	File string `arg:"" help:"The profile." type:"existingfile"`
	IAM  bool   `help:"An IAM policy that allows the AWS actions of the profile on their resources and nothing else." name:"iam" required:""`
}

// maxManagedPolicy is how many characters IAM takes for a managed policy, white
// space not counted (IAM User Guide, "IAM and AWS STS quotas").
const maxManagedPolicy = 6144

// Run writes the policy to standard output; what in it stands for several goes to
// standard error.
func (c *profileExportCmd) Run(std stdio) error {
	d, err := readProfile(c.File)
	if err != nil {
		return err
	}
	policy, err := d.Process.IAM()
	if err != nil {
		return fmt.Errorf("%q: %w", c.File, err)
	}
	for _, w := range policy.Wildcards() {
		fmt.Fprintf(std.err, "merlon: %s stands for several, as the profile says\n", w)
	}
	if compact, err := json.Marshal(policy); err == nil && len(compact) > maxManagedPolicy {
		fmt.Fprintf(std.err, "merlon: the policy has %d characters: IAM takes %d for a managed policy\n", len(compact), maxManagedPolicy)
	}
	enc := json.NewEncoder(std.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(policy)
}
