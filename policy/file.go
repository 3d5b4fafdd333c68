package policy

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/plainyaml"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy/seclang"
)

// APIVersion and Kind open every policy file.
const (
	APIVersion = "merlon.dev/v1"
	Kind       = "Policy"
)

// maxFile bounds a policy file; one a hundred times as long as any real one is
// a mistake or an attack on start-up.
const maxFile = 1 << 20

// File is a policy file as it is written. Absent settings leave the value of
// the environment or the default.
type File struct {
	APIVersion    string          `yaml:"apiVersion"`
	Kind          string          `yaml:"kind"`
	Metadata      Metadata        `yaml:"metadata"`
	Mode          string          `yaml:"mode"`
	Threshold     int             `yaml:"threshold"`
	Paranoia      int             `yaml:"paranoia"`
	OnFault       string          `yaml:"onFault"`
	OnLimit       string          `yaml:"onLimit"`
	Introspection string          `yaml:"introspection"`
	BlockTriggers []string        `yaml:"blockTriggers"`
	Modes         []FileMode      `yaml:"modes"`
	Exceptions    []FileException `yaml:"exceptions"`
	SecRules      string          `yaml:"secrules"`
	Rules         []FileRule      `yaml:"rules"`
	Tests         []FileTest      `yaml:"tests"`

	secRules []seclang.Rule // SecRules, as checked
	rules    []Rule         // Rules, as checked
}

// Metadata names a policy in verdicts.
type Metadata struct {
	Name    string `yaml:"name"`
	Version string `yaml:"version"`
}

// FileException is an exception as it is written: rule is an id or a range such
// as 942100-942199; path is a list of keys and indices, with null for any one
// segment.
type FileException struct {
	Rule    string `yaml:"rule"`
	Path    []any  `yaml:"path"`
	Place   string `yaml:"place"`
	Route   string `yaml:"route"`
	Reason  string `yaml:"reason"`
	Expires string `yaml:"expires"`
}

// Parse reads a policy file. All faults are reported together; those of the
// YAML itself and of entries carry line and column.
func Parse(data []byte) (*File, error) {
	f, err := Read(data)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Read is Parse for those who look for faults: with them it returns what could be
// read of the file all the same, or nil.
func Read(data []byte) (*File, error) {
	if len(data) > maxFile {
		return nil, fmt.Errorf("policy file has %d bytes: at most %d are read", len(data), maxFile)
	}
	if err := plainyaml.Check(data); err != nil {
		return nil, fmt.Errorf("policy file: %w", err)
	}
	var f File
	if err := yaml.UnmarshalWithOptions(data, &f, yaml.Strict(), yaml.DisallowUnknownField()); err != nil {
		return nil, fmt.Errorf("policy file: %s", strings.TrimSpace(yaml.FormatError(err, false, false)))
	}
	// A zero that is written is a mistake, one that is absent is none.
	var given struct{ Threshold, Paranoia *int }
	if err := yaml.Unmarshal(data, &given); err != nil {
		return nil, fmt.Errorf("policy file: %w", err)
	}
	where := sync.OnceValue(func() map[string]spot { return locate(data) }) // few files need it
	err := errors.Join(append([]error{f.check(where)}, f.checkRules(where)...)...)
	for name, n := range map[string]*int{"threshold": given.Threshold, "paranoia": given.Paranoia} {
		if n != nil && *n == 0 {
			err = errors.Join(err, fmt.Errorf("%s: 0: want at least 1", name))
		}
	}
	return &f, err
}

// salvaged are the settings that Salvage reads on their own. The last two narrow
// what the first one refuses.
var salvaged = []string{"onFault", "mode", "blockTriggers", "modes"}

// Salvage reads the policy for faults and the mode, with what narrows it, out of
// a file that Parse refuses. A typing error in an exception must not turn
// blocking into monitoring, and one in what is only to be watched must not begin
// to refuse it: where that cannot be read, blocking is monitoring. Everything
// else in such a file is left alone.
func Salvage(data []byte) *File {
	sections := topLevel(string(data[:min(len(data), maxFile)]))
	text := []byte("apiVersion: " + APIVersion + "\nkind: " + Kind + "\n")
	for _, name := range salvaged {
		text = append(text, sections[name]...)
	}
	if f, err := Parse(text); err == nil {
		return f
	}
	f := &File{}
	line := func(name string, want ...string) string {
		value, _, _ := strings.Cut(strings.TrimPrefix(string(sections[name]), name+":"), "\n")
		value, _, _ = strings.Cut(value, "#")
		value = strings.Trim(strings.TrimSpace(value), `"'`)
		if !slices.Contains(want, value) {
			return ""
		}
		return value
	}
	f.OnFault, f.Mode = line("onFault", "open", "closed"), line("mode", "block", "monitor", "off")
	if f.Mode == "block" && len(sections["blockTriggers"])+len(sections["modes"]) > 0 {
		f.Mode = "monitor"
	}
	return f
}

// topLevel cuts a text into its top-level keys, each with the lines below it. A
// key that stands twice has both, which no reader accepts.
func topLevel(text string) map[string][]byte {
	sections := map[string][]byte{}
	name := ""
	for line := range strings.Lines(text) {
		if key, _, ok := strings.Cut(line, ":"); ok && strings.TrimLeft(key, " \t#-{}[]\"'") == key {
			name = key
		}
		sections[name] = append(sections[name], line...)
	}
	return sections
}

func (f *File) check(where func() map[string]spot) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if f.APIVersion != APIVersion || f.Kind != Kind {
		bad("apiVersion %q, kind %q: want %s and %s", f.APIVersion, f.Kind, APIVersion, Kind)
	}
	oneOf := func(name, v string, want ...string) {
		for _, w := range want {
			if v == w {
				return
			}
		}
		if v != "" {
			bad("%s: %q: want %s", name, v, strings.Join(want, ", "))
		}
	}
	oneOf("mode", f.Mode, "off", "monitor", "block")
	oneOf("onFault", f.OnFault, "open", "closed")
	oneOf("onLimit", f.OnLimit, "block", "pass")
	oneOf("introspection", f.Introspection, "allow", "block")
	if f.Threshold < 0 || f.Threshold > 100 {
		bad("threshold: %d: want 1 to 100", f.Threshold)
	}
	if f.Paranoia < 0 || f.Paranoia > 4 {
		bad("paranoia: %d: want 1 to 4", f.Paranoia)
	}
	if _, err := sources(f.BlockTriggers); err != nil {
		bad("blockTriggers: %w", err)
	}
	if f.BlockTriggers != nil && len(f.BlockTriggers) == 0 {
		bad("blockTriggers: an empty list: leave the key out to mean all, or set mode: monitor")
	}
	for i, m := range f.Modes {
		if _, err := m.compile(); err != nil {
			bad("modes[%d]: %s%w", i, entryAt(where(), fmt.Sprintf("$.modes[%d].", i)), err)
		}
	}
	for i, x := range f.Exceptions {
		if _, err := x.compile(); err != nil {
			bad("exceptions[%d]: %s%w", i, entryAt(where(), fmt.Sprintf("$.exceptions[%d].", i)), err)
		}
	}
	return errors.Join(errs...)
}

// Apply puts the file's settings into p.
func (f *File) Apply(p *Policy) error {
	var err error
	if f.Metadata.Version != "" || f.Metadata.Name != "" {
		p.Version = strings.TrimPrefix(f.Metadata.Name+"@"+f.Metadata.Version, "@")
	}
	switch f.Mode {
	case "off":
		p.Mode = verdict.Off
	case "monitor":
		p.Mode = verdict.Monitor
	case "block":
		p.Mode = verdict.Block
	}
	if f.Threshold > 0 {
		p.Threshold = f.Threshold
	}
	if f.OnFault != "" {
		p.FailClosed = f.OnFault == "closed"
	}
	if f.OnLimit != "" {
		p.PassLimits = f.OnLimit == "pass"
	}
	if f.Introspection != "" {
		p.Introspection = f.Introspection == "block"
	}
	if len(f.BlockTriggers) > 0 {
		p.BlockTriggers, _ = sources(f.BlockTriggers)
	}
	for _, fm := range f.Modes {
		m, merr := fm.compile()
		err = errors.Join(err, merr)
		p.Modes = append(p.Modes, m)
	}
	for _, fx := range f.Exceptions {
		x, xerr := fx.compile()
		err = errors.Join(err, xerr)
		p.Exceptions = append(p.Exceptions, x)
	}
	p.Rules = append(p.Rules, f.rules...)
	p.SecRules = append(p.SecRules, f.secRules...)
	return err
}

// triggers maps a name of MERLON_BLOCK_TRIGGERS to sources.
func triggers(name string) ([]event.Source, bool) {
	if name == "http" {
		return []event.Source{event.RESTAPI, event.HTTPAPI, event.FunctionURL, event.ALB}, true
	}
	for _, s := range event.Sources() {
		if string(s) == name {
			return []event.Source{s}, true
		}
	}
	return nil, false
}

// sources maps a list of names to sources; nil for an empty one.
func sources(names []string) (map[event.Source]bool, error) {
	var errs []error
	var out map[event.Source]bool
	for _, t := range names {
		ss, ok := triggers(t)
		if !ok {
			errs = append(errs, fmt.Errorf("%q is no trigger: want http, %s", t, sourceNames()))
		}
		for _, s := range ss {
			if out == nil {
				out = map[event.Source]bool{}
			}
			out[s] = true
		}
	}
	return out, errors.Join(errs...)
}

func sourceNames() string {
	var names []string
	for _, s := range event.Sources() {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}

// Faulty reports whether Read found a fault in the entry.
func (fx FileException) Faulty() bool {
	_, err := fx.compile()
	return err != nil
}

func (fx FileException) compile() (x Exception, err error) {
	x = Exception{Route: fx.Route, Reason: fx.Reason}
	if fx.Reason == "" {
		return x, errors.New("reason: missing: say why the finding is not an attack")
	}
	ok := false
	if x.FirstRule, x.LastRule, ok = ruleRange(fx.Rule); !ok {
		return x, fmt.Errorf("rule: %q: want an id or a range such as 942100-942199", fx.Rule)
	}
	if fx.Place != "" {
		if x.Place, ok = verdict.ParsePlace(fx.Place); !ok {
			return x, fmt.Errorf("place: %q: want method, target, path, query, header, cookie, body, argument or context", fx.Place)
		}
	}
	if x.Expires, err = expiry(fx.Expires); err != nil {
		return x, err
	}
	for i, s := range fx.Path {
		step, ok := stepOf(s)
		if !ok {
			return x, fmt.Errorf("path[%d]: %v: want a key, an index, or null for any segment", i, s)
		}
		x.Path = append(x.Path, step)
	}
	return x, nil
}

// ruleRange reads an id, or a range such as 942100-942199.
func ruleRange(s string) (first, last int, ok bool) {
	from, to, ranged := strings.Cut(s, "-")
	if !ranged {
		to = from
	}
	first, err := strconv.Atoi(from)
	if err == nil {
		last, err = strconv.Atoi(to)
	}
	return first, last, err == nil && first > 0 && last >= first
}

// expiry reads the date from which an entry is without effect; none is never.
func expiry(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return t, fmt.Errorf("expires: %q: want a date such as 2027-03-01", s)
	}
	return t, nil
}

// Expired reports whether an entry with this end is without effect.
func Expired(end, now time.Time) bool { return !end.IsZero() && !now.Before(end) }

func stepOf(v any) (Step, bool) {
	switch v := v.(type) {
	case nil:
		return Step{Any: true}, true
	case string:
		return Step{Segment: verdict.Key(v)}, true
	case uint64:
		return Step{Segment: verdict.At(int(v))}, v < 1<<31
	}
	return Step{}, false
}
