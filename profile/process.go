package profile

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Process is what a function does when it runs: a list for each dimension that
// people review and other tools take up. Nothing in this module learns or
// enforces it.
type Process struct {
	Programs []string `yaml:"programs"` // that it starts: absolute paths
	Hosts    []string `yaml:"hosts"`    // that it talks to, with :port where it matters
	Files    []string `yaml:"files"`    // that it writes: absolute paths; a directory ends in /
	AWS      []Grant  `yaml:"aws"`
}

// Grant is an action of an AWS API with what it is done to.
type Grant struct {
	Action    string   `yaml:"action"`
	Resources []string `yaml:"resources"` // ARNs, or * where somebody means it
}

// wordList is one of the lists of texts.
type wordList struct {
	name, verb string
	words      []string
	valid      func(string) bool
	want       string
}

func (p *Process) lists() []wordList {
	return []wordList{
		{"programs", "starts", p.Programs, isAbsolute, "an absolute path such as /usr/bin/convert"},
		{"hosts", "talks to", p.Hosts, isHost, "a name such as api.example.com, *.example.com or 10.0.0.7:5432"},
		{"files", "writes", p.Files, isAbsolute, "an absolute path such as /tmp/upload, or /tmp/ for all below it"},
	}
}

// isPrintable reports whether a text is printable ASCII without spaces: nothing
// that two readers take for two things.
func isPrintable(s string, most int) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= most
}

func isAbsolute(s string) bool { return isPrintable(s, 1024) && s[0] == '/' }

func isHost(s string) bool {
	s = strings.TrimPrefix(s, "*.")
	if host, port, ok := strings.Cut(s, ":"); ok && strings.IndexByte(s, '[') < 0 {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return false
		}
		s = host
	}
	if strings.HasPrefix(s, "[") {
		at, err := netip.ParseAddrPort(s)
		return err == nil && at.Addr().Is6()
	}
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "-") || strings.Contains(s, "..") {
		return false
	}
	return s != "" && len(s) <= 253 && consists(s, "-._")
}

// consists reports whether a text is of letters, digits and some other signs.
func consists(s, others string) bool {
	for i := 0; i < len(s); i++ {
		if classOf[s[i]&0x7f]&(classLower|classUpper|classDigit) == 0 && strings.IndexByte(others, s[i]) < 0 || s[i] > '~' {
			return false
		}
	}
	return true
}

func isAction(s string) bool {
	service, action, ok := strings.Cut(s, ":")
	return ok && isPrintable(s, 128) && service != "" && service == strings.ToLower(service) && consists(service, "-") && action != "" && consists(action, "*?")
}

func isResource(s string) bool {
	parts := strings.SplitN(s, ":", 6)
	return s == "*" || len(parts) == 6 && isPrintable(s, 2048) && parts[0] == "arn" && strings.HasPrefix(parts[1], "aws") && consists(parts[1], "-") &&
		parts[2] != "" && consists(parts[2], "-") && consists(parts[3], "-*") && consists(parts[4], "*") && parts[5] != ""
}

func (p *Process) check() (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, l := range p.lists() {
		seen := map[string]bool{}
		for i, word := range l.words {
			if !l.valid(word) {
				bad("process.%s[%d]: %q: want %s", l.name, i, word, l.want)
			}
			if seen[word] {
				bad("process.%s[%d]: %q stands twice", l.name, i, word)
			}
			seen[word] = true
		}
	}
	actions := map[string]bool{}
	for i, g := range p.AWS {
		if !isAction(g.Action) {
			bad("process.aws[%d].action: %q: want one such as s3:GetObject", i, g.Action)
		}
		if actions[g.Action] {
			bad("process.aws[%d].action: %q stands twice", i, g.Action)
		}
		actions[g.Action] = true
		seen := map[string]bool{}
		for j, arn := range g.Resources {
			if !isResource(arn) {
				bad("process.aws[%d].resources[%d]: %q: want an ARN, or * for any", i, j, arn)
			}
			if seen[arn] {
				bad("process.aws[%d].resources[%d]: %q stands twice", i, j, arn)
			}
			seen[arn] = true
		}
	}
	return errs
}

func (p *Process) empty() bool {
	return len(p.Programs)+len(p.Hosts)+len(p.Files)+len(p.AWS) == 0
}

// write is the part of Canonical.
func (p *Process) write(line func(int, string, ...any)) {
	if p.empty() {
		return
	}
	self := func(s string) string { return s }
	line(0, "process:")
	for _, l := range p.lists() {
		if len(l.words) == 0 {
			continue
		}
		line(2, "%s:", l.name)
		for _, word := range sorted(l.words, self) {
			line(4, "- %s", quote(word))
		}
	}
	if len(p.AWS) > 0 {
		line(2, "aws:")
	}
	for _, g := range sorted(p.AWS, func(g Grant) string { return g.Action }) {
		line(4, "- action: %s", quote(g.Action))
		if len(g.Resources) > 0 {
			line(6, "resources:")
		}
		for _, arn := range sorted(g.Resources, self) {
			line(8, "- %s", quote(arn))
		}
	}
}

// flat adds what Diff compares.
func (p *Process) flat(out map[string]string) {
	for _, l := range p.lists() {
		for _, word := range l.words {
			out["process "+l.verb+" "+word] = ""
		}
	}
	for _, g := range p.AWS {
		out["process calls "+g.Action] = ""
		for _, arn := range g.Resources {
			out["process calls "+g.Action+" on "+arn] = ""
		}
	}
}

// IAMPolicy is an identity-based policy in the grammar of IAM.
type IAMPolicy struct {
	Version   string
	Statement []IAMStatement
}

// IAMStatement allows actions on resources.
type IAMStatement struct {
	Effect   string
	Action   []string
	Resource []string
}

// IAM is the least policy that allows what the profile lists. An action that
// names no resource is refused: an asterisk that nobody wrote would allow it on
// everything.
func (p *Process) IAM() (IAMPolicy, error) {
	out := IAMPolicy{Version: "2012-10-17"} // of the policy language
	if len(p.AWS) == 0 {
		return out, errors.New("process.aws lists no action: there is nothing to allow")
	}
	self := func(s string) string { return s }
	byResources := map[string]*IAMStatement{}
	var errs []error
	for _, g := range sorted(p.AWS, func(g Grant) string { return g.Action }) {
		if len(g.Resources) == 0 {
			errs = append(errs, fmt.Errorf(`process.aws: %s names no resources: list their ARNs, or "*" if it is meant to be allowed on all`, g.Action))
			continue
		}
		resources := sorted(g.Resources, self)
		key := strings.Join(resources, "\n")
		s := byResources[key]
		if s == nil {
			s = &IAMStatement{Effect: "Allow", Resource: resources}
			byResources[key] = s
		}
		s.Action = append(s.Action, g.Action)
	}
	for _, s := range byResources {
		out.Statement = append(out.Statement, *s)
	}
	out.Statement = sorted(out.Statement, func(s IAMStatement) string { return s.Action[0] })
	return out, errors.Join(errs...)
}

// Wildcards are the actions and resources of the policy that stand for several.
func (p IAMPolicy) Wildcards() (words []string) {
	for _, s := range p.Statement {
		for _, w := range append(s.Action[:len(s.Action):len(s.Action)], s.Resource...) {
			if strings.ContainsAny(w, "*?") {
				words = append(words, w)
			}
		}
	}
	return words
}
