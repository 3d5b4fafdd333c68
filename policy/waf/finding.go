package waf

import (
	"strings"

	"github.com/corazawaf/coraza/v3/types"
	"github.com/corazawaf/coraza/v3/types/variables"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
)

// findings turns the matches of a transaction into findings with their place in
// the event. A rule that matches several values gives a finding for each, as
// each adds to the score.
func (e *Engine) findings(ev *event.Event, c *chunk, m matches) []verdict.Finding {
	var out []verdict.Finding
	for _, mr := range m.rules {
		meta := mr.Rule()
		per := severityScores[meta.Severity()]
		if !scores(meta) || per == 0 {
			continue
		}
		for _, md := range starters(mr) {
			f := verdict.Finding{
				RuleID: meta.ID(), Engine: "waf", Message: e.info[meta.ID()].message, Severity: meta.Severity().String(), Score: per,
				Phase: int(meta.Phase()), Tags: meta.Tags(), Operator: e.info[meta.ID()].operator, Record: int(c.record),
			}
			e.locate(&f, ev, c, md, meta.ID())
			out = append(out, f)
		}
	}
	return out
}

// scores reports whether a matched rule is a detection, not set-up or
// bookkeeping.
func scores(r types.RuleMetadata) bool {
	id := r.ID()
	return id >= 911000 && id < 949000 || id >= 9_100_000
}

// starters are the matches of the first member of a chain: the values that the
// rule is about.
func starters(mr types.MatchedRule) []types.MatchData {
	var out []types.MatchData
	for _, md := range mr.MatchedDatas() {
		if md.ChainLevel() == 0 {
			out = append(out, md)
		}
	}
	return out
}

// locate finds the leaf that a match is about.
func (e *Engine) locate(f *verdict.Finding, ev *event.Event, c *chunk, md types.MatchData, rule int) {
	f.Name, f.Value = md.Key(), md.Value()
	var found []*event.Leaf
	switch v := md.Variable(); v {
	case variables.Args, variables.ArgsPost, variables.ArgsGet, variables.ArgsPath:
		found = e.argument(ev, c, md, rule, false)
	case variables.ArgsNames, variables.ArgsGetNames, variables.ArgsPostNames:
		f.IsName = true
		f.Name = md.Value()
		found = e.argument(ev, c, md, rule, true)
	case variables.RequestHeaders, variables.RequestHeadersNames:
		f.Place, f.IsName = verdict.PlaceHeader, v == variables.RequestHeadersNames
		found = leaves(ev, verdict.PlaceHeader, md.Key())
	case variables.RequestCookies, variables.RequestCookiesNames:
		f.Place, f.IsName = verdict.PlaceCookie, v == variables.RequestCookiesNames
		found = leaves(ev, verdict.PlaceCookie, md.Key())
	case variables.RequestFilename, variables.RequestBasename:
		f.Place = verdict.PlacePath
		found = leaves(ev, verdict.PlacePath, "")
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
	f.Place, f.Name = l.Place, l.Name
	f.Path = ev.Path(l)
	if !f.IsName && l.Value != "" {
		f.Value = l.Value
	}
	f.Ambiguous = len(found) > 1
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
