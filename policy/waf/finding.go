package waf

import (
	"context"
	"slices"
	"strings"

	"github.com/corazawaf/coraza/v3/types"
	"github.com/corazawaf/coraza/v3/types/variables"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy/seclang"
)

// maxFindings bounds the findings of one event. The scores of the others count
// all the same; only exceptions and reports know nothing of them.
const maxFindings = 1000

// findings turns the matches of a transaction into findings with their place in
// the event: one for each value that the rule is about. Their scores add up to
// what the transaction scored, or to more where a chain had several starters for
// one end.
func (e *Engine) findings(ctx context.Context, ev *event.Event, c *chunk, m matches) (out []verdict.Finding) {
	s := search{e: e, ctx: ctx, ev: ev, c: c}
	for _, mr := range m.rules {
		meta := mr.Rule()
		per := severityScores[meta.Severity()]
		if !scores(meta) || per == 0 && !reports(meta) {
			continue
		}
		starters, ends := ofChain(mr)
		for i, md := range starters {
			if len(out) >= maxFindings {
				return out
			}
			f := verdict.Finding{
				RuleID: meta.ID(), Engine: "waf", Message: e.info[meta.ID()].message, Severity: meta.Severity().String(), Score: per,
				Phase: int(meta.Phase()), Tags: meta.Tags(), Operator: e.info[meta.ID()].operator, Record: int(c.record),
			}
			if per == 0 {
				f.Action = verdict.ActionMonitor
			}
			if i == 0 && ends > len(starters) {
				f.Score += per * (ends - len(starters))
			}
			s.locate(&f, md, meta.ID())
			out = append(out, f)
		}
	}
	return out
}

// scores reports whether a matched rule is a detection, not set-up or
// bookkeeping.
func scores(r types.RuleMetadata) bool { return detection(r.ID()) }

// Detects reports whether a match of a rule of the embedded sets is a finding.
func Detects(r *seclang.Rule) bool {
	severity, err := types.ParseRuleSeverity(r.Severity)
	return err == nil && detection(r.ID) && (severityScores[severity] > 0 || reporting(r.ID, severity))
}

// reports reports whether a match of a rule is a finding that weighs nothing:
// what may be an attack on whoever reads a stored value, and is somebody's
// business as well. Of the Core Rule Set's rules none is meant so.
func reports(r types.RuleMetadata) bool { return reporting(r.ID(), r.Severity()) }

func reporting(id int, s types.RuleSeverity) bool {
	return id >= firstOwn && s == types.RuleSeverityInfo
}

func detection(id int) bool {
	return id >= 911000 && id < 949000 || id >= 950100 && id < 959000 || id >= firstOwn
}

// firstOwn is the lowest id of a detection rule that is not the Core Rule Set's.
const firstOwn = 9_100_000

// ofChain returns the matches of the first member of a chain, which are the
// values that the rule is about, and the number of matches of its last member,
// which is how often the rule added its score (CRS sets it there).
func ofChain(mr types.MatchedRule) (starters []types.MatchData, ends int) {
	last := 0
	for _, md := range mr.MatchedDatas() {
		if md.ChainLevel() == 0 {
			starters = append(starters, md)
		}
		if md.ChainLevel() > last {
			last, ends = md.ChainLevel(), 0
		}
		if md.ChainLevel() == last {
			ends++
		}
	}
	return starters, ends
}

// locate finds the leaf that a match is about.
func (s *search) locate(f *verdict.Finding, md types.MatchData, rule int) {
	f.Name, f.Value = md.Key(), md.Value()
	var found []*event.Leaf
	switch v := md.Variable(); v {
	case variables.Args, variables.ArgsPost, variables.ArgsGet, variables.ArgsPath:
		found = s.argument(md, rule, false)
	case variables.ArgsNames, variables.ArgsGetNames, variables.ArgsPostNames:
		f.IsName = true
		f.Name = md.Value()
		found = s.argument(md, rule, true)
	case variables.RequestHeaders, variables.RequestHeadersNames:
		f.Place, f.IsName = verdict.PlaceHeader, v == variables.RequestHeadersNames
		found = leaves(s.ev, verdict.PlaceHeader, md.Key())
	case variables.RequestCookies, variables.RequestCookiesNames:
		f.Place, f.IsName = verdict.PlaceCookie, v == variables.RequestCookiesNames
		found = leaves(s.ev, verdict.PlaceCookie, md.Key())
	case variables.RequestFilename, variables.RequestBasename:
		f.Place = verdict.PlacePath
		found = leaves(s.ev, verdict.PlacePath, "")
	case variables.RequestMethod:
		f.Place = verdict.PlaceMethod
	default:
		f.Place = verdict.PlaceTarget
		f.Path = verdict.Path{verdict.Key(strings.ToLower(v.Name()))}
	}
	if len(found) == 0 {
		return
	}
	l := found[0]
	if i := slices.IndexFunc(found, func(l *event.Leaf) bool { return l.Value == f.Value }); i > 0 && !f.IsName {
		l = found[i] // the likeliest; what is ambiguous stays so
	}
	f.Place, f.Name = l.Place, l.Name
	f.Path = s.ev.Path(l)
	if f.IsName {
		f.Path = s.ev.KeyPath(l)
	}
	for _, o := range found {
		f.Ambiguous = f.Ambiguous || !s.together(o, l)
	}
	if !f.IsName && len(found) == 1 && l.Value != "" {
		f.Value = l.Value
	}
}

// together reports whether two leaves are views of one place.
func (s *search) together(a, b *event.Leaf) bool {
	return a == b || slices.Equal(s.ev.Path(a), s.ev.Path(b))
}

func leaves(ev *event.Event, place verdict.Place, name string) []*event.Leaf {
	var out []*event.Leaf
	for i := range ev.Leaves {
		if l := &ev.Leaves[i]; l.Place == place && (name == "" || strings.EqualFold(l.Name, name)) {
			out = append(out, l)
		}
	}
	return out
}
