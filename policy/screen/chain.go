package screen

import "strings"

// chainHolds reports whether every link of the rule's chain that can be
// evaluated matches. text is the transformed value the starter matched. A link
// that does not look at it fails once for the whole transaction, however many
// values match the starter.
func (s *Scratch) chainHolds(rule int, text string) bool {
	r := &s.p.rules[rule]
	if has(s.failed, int32(rule)) {
		s.contextual = true
		return false
	}
	for i := range r.members {
		if !s.linkHolds(&r.members[i], r, text) {
			if !r.members[i].captured {
				put(s.failed, rule)
			}
			return false
		}
	}
	return true
}

func (s *Scratch) linkHolds(m *member, r *rule, text string) bool {
	if m.captured {
		return s.p.test(&m.op, s.steps(m, s.capturedValue(m, r, text)))
	}
	s.contextual = true
	for i := range m.counts {
		if s.p.test(&m.op, s.decimal(s.count(&m.counts[i]))) {
			return true
		}
	}
	for i := range m.selections {
		found := s.each(&m.selections[i], func(value string) bool {
			return s.p.test(&m.op, s.steps(m, value))
		})
		if found {
			return true
		}
	}
	return false
}

// steps applies the transformations of a link.
func (s *Scratch) steps(m *member, value string) string {
	for _, k := range m.steps {
		out, _ := k.Append(s.arena.open(len(value)+64), value)
		value = s.arena.keep(out)
	}
	return value
}

// wholeLine captures its whole value.
const wholeLine = "(?sm)^.*$"

// capturedValue is what the starter's setvar makes of its capture.
func (s *Scratch) capturedValue(m *member, r *rule, text string) string {
	group := text
	if m.group != 0 || s.p.patterns[r.op.pattern].text != wholeLine {
		group = ""
		if at := s.p.machine(r.op.pattern).Regexp().FindStringSubmatchIndex(text); at != nil && at[2*m.group] >= 0 {
			group = text[at[2*m.group]:at[2*m.group+1]]
		}
	}
	b := s.arena.open(len(m.before) + len(group) + len(m.after))
	b = append(append(append(b, m.before...), group...), m.after...)
	return s.arena.keep(b)
}

// count returns the number of elements a selection names, exclusions honoured.
func (s *Scratch) count(sel *selection) (n int) {
	s.each(sel, func(string) bool {
		n++
		return false
	})
	return n
}

// each calls f with the elements of a selection until it returns true.
func (s *Scratch) each(sel *selection, f func(string) bool) bool {
	for sl := slot(0); sl < slotArgGet; sl++ {
		if sel.slots.has(sl) && f(s.single(sl)) {
			return true
		}
	}
	return s.eachArg(sel, f) || s.eachHeader(sel, slotReplyHeader, slotReplyHeaderName, s.in.ReplyHeaders, f) || s.eachPair(sel, slotArgGet, slotArgGetName, s.query, f) ||
		s.eachPair(sel, slotCookie, slotCookieName, s.cookies, f) || s.eachHeader(sel, slotHeader, slotHeaderName, s.in.Headers, f)
}

func (s *Scratch) eachArg(sel *selection, f func(string) bool) bool {
	for i := range s.in.Args {
		a := &s.in.Args[i]
		shift := slot(a.Origin>>1) - slot(a.Origin&1)
		if s.pick(sel, slotArgPost+shift, slotArgPostName+shift, a.Name, a.Value, f) {
			return true
		}
	}
	return false
}

func (s *Scratch) eachHeader(sel *selection, values, names slot, headers []Header, f func(string) bool) bool {
	for i := range headers {
		h := &headers[i]
		if h.Name != "" && s.pick(sel, values, names, h.Name, h.Value, f) {
			return true
		}
	}
	return false
}

func (s *Scratch) eachPair(sel *selection, values, names slot, pairs []pair, f func(string) bool) bool {
	for _, e := range pairs {
		if s.pick(sel, values, names, e.name, e.value, f) {
			return true
		}
	}
	return false
}

func (s *Scratch) pick(sel *selection, values, names slot, name, value string, f func(string) bool) bool {
	if !sel.slots.has(values) && !sel.slots.has(names) || !sel.any && !s.p.named(&sel.key, name) {
		return false
	}
	for i := range sel.except {
		if s.p.named(&sel.except[i], name) {
			return false
		}
	}
	return sel.slots.has(values) && f(value) || sel.slots.has(names) && f(name)
}

// looseRules evaluates the rules that look at no single value.
func (s *Scratch) looseRules() {
	p := s.p
	for _, i := range p.loose {
		r := &p.rules[i]
		if r.head && !s.in.HasHead || has(s.seen, i) {
			continue
		}
		matched := r.constant || r.dup > 0 && s.repeated(int(r.dup))
		for j := range r.counts {
			matched = matched || p.test(&r.op, s.decimal(s.count(&r.counts[j])))
		}
		if matched && s.chainHolds(int(i), "") {
			s.hit(int(i), InTransaction, 0)
		}
	}
}

// repeated reports whether more than n arguments share a name, case ignored
// and the empty name aside.
func (s *Scratch) repeated(n int) bool {
	names := map[string]int{}
	more := false
	note := func(name string) bool {
		if name != "" {
			name = strings.ToLower(name)
			names[name]++
			more = more || names[name] > n
		}
		return more
	}
	all := selection{slots: slotMask(slotsOf["ARGS_NAMES"]...), any: true}
	s.each(&all, note)
	return more
}
