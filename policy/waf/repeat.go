package waf

import (
	"slices"

	"github.com/merlon-security/merlon/internal/verdict"
)

// dropRepeated drops what the rules found in texts and find again in what these
// fold to. An ASCII word with an ellipsis behind it is not twice as bad as the
// word. What may be about another place is no repetition for certain and stays.
func (c *chunkFindings) dropRepeated(before []verdict.Finding) {
	kept, sum, dropped := c.findings[:0], 0, 0
	for _, f := range c.findings {
		if !f.Ambiguous && slices.ContainsFunc(before, func(g verdict.Finding) bool { return samePlace(&f, &g) }) {
			dropped += f.Score
			continue
		}
		kept = append(kept, f)
		sum += f.Score
	}
	if dropped > 0 {
		// The findings of a chain may add up to more than it scored.
		c.findings, c.score = kept, max(c.score-dropped, min(c.score, sum))
	}
}

// samePlace reports whether two findings are of one rule at one place.
func samePlace(f, g *verdict.Finding) bool {
	return f.RuleID == g.RuleID && f.IsName == g.IsName && f.Record == g.Record && !g.Ambiguous && slices.Equal(f.Path, g.Path)
}
