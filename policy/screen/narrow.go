package screen

import "slices"

// Narrow appends to dst the ranges of rule ids that a Coraza transaction for
// in may leave out (RemoveRuleByIDRange) given the result of Scan. No range
// covers a rule that can match or that others depend on. Ids the program does
// not know may fall into a range: it must have been compiled from all rules
// that are loaded. Of a result that says Always, only the head rules of a
// transaction without a head are left out.
func (p *Program) Narrow(dst [][2]int, in *Input, r Result) [][2]int {
	open := false
	for _, i := range p.byID {
		m := &p.metas[i]
		id := int(m.id)
		idle := !in.HasHead && p.metaHead[i]
		if (m.keep || r.Always) && !idle || slices.ContainsFunc(r.Hits, func(h Hit) bool { return h.RuleID == id }) {
			open = false
			continue
		}
		if open {
			dst[len(dst)-1][1] = id
		} else {
			dst = append(dst, [2]int{id, id})
		}
		open = true
	}
	return dst
}
