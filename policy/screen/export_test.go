package screen

import (
	"slices"
	"strings"

	"github.com/merlon-security/merlon/policy/screen/necessary"
)

// Reference tells which rules look at the value of an argument and match it,
// from their definition: every text of every rule, every operator, nothing
// pruned, shared or looked up. A rule with a chain may match; the others do.
func (p *Program) Reference(in *Input, value string) (may, must map[int]bool) {
	s := p.NewScratch()
	s.reset(in)
	s.collect()
	texts := make([]string, len(p.nodes))
	texts[0] = value
	for n := 1; n < len(p.nodes); n++ {
		src := texts[p.nodes[n].parent]
		out, changed := p.nodes[n].kind.Append(nil, src)
		texts[n] = string(out)
		if p.nodes[n].multi && !changed {
			texts[n] = src
		}
	}
	may, must = map[int]bool{}, map[int]bool{}
	for i := range s.values {
		if s.values[i].text != value {
			continue
		}
		for r := range p.rules {
			if !has(s.sets[i*p.width:(i+1)*p.width], int32(r)) || p.rules[r].head && !in.HasHead || !p.matchesAny(&p.rules[r], texts, true) {
				continue
			}
			id := int(p.metas[p.rules[r].meta].id)
			may[id] = true
			must[id] = must[id] || len(p.rules[r].members) == 0 && p.matchesAny(&p.rules[r], texts, false)
		}
	}
	return may, must
}

// matchesAny evaluates the rule's operator on its texts. In a search for words
// the scan may take U+017F and U+212A for the letters they fold to; loosely,
// so does this.
func (p *Program) matchesAny(r *rule, texts []string, loosely bool) bool {
	for _, n := range r.nodes {
		switch t := texts[n]; {
		case r.op.code == opWords:
			low := []byte(t)
			for i, c := range low {
				low[i] = lower(c)
			}
			if loosely {
				low = necessary.Normal(nil, t)
			}
			if slices.ContainsFunc(r.op.words, func(w string) bool { return strings.Contains(string(low), w) }) != r.op.negated {
				return true
			}
		case p.test(&r.op, t):
			return true
		}
	}
	return false
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
