package screen

import (
	"strconv"
	"strings"
)

// fact is what is known of one TX variable while the rules are read in order.
type fact struct {
	value   string
	present bool
	// guarded: rules that are reported as hits may change it. It holds as long as there is no hit.
	guarded bool
	// lost: anything may have changed it.
	lost bool
}

// env is the TX collection as far as configuration alone determines it.
type env struct {
	facts map[string]fact
	// prefixes are the constant beginnings of names that are completed from the transaction.
	prefixes []string
}

func newEnv(paranoia int) *env {
	e := &env{facts: map[string]fact{}}
	for i := range 10 { // Coraza presets the captures
		e.facts[strconv.Itoa(i)] = fact{lost: true}
	}
	level := fact{value: strconv.Itoa(paranoia), present: true}
	e.facts["blocking_paranoia_level"] = level
	e.facts["detection_paranoia_level"] = level
	return e
}

// look returns the fact of a variable, whose name may be in any case.
func (e *env) look(name string) fact {
	name = strings.ToLower(name)
	for _, p := range e.prefixes {
		if strings.HasPrefix(name, p) {
			return fact{lost: true}
		}
	}
	return e.facts[name]
}

// expand replaces the macros of text. It fails if one is not of TX, or not
// known; guarded reports that the result holds only as long as there is no hit.
func (e *env) expand(text string) (out string, guarded, ok bool) {
	var b strings.Builder
	for {
		head, rest, found := strings.Cut(text, "%{")
		b.WriteString(head)
		if !found {
			return b.String(), guarded, true
		}
		var macro string
		if macro, text, found = strings.Cut(rest, "}"); !found {
			return "", false, false
		}
		name, isTX := cutFold(macro, "tx.")
		f := e.look(name)
		if !isTX || f.lost || !f.present {
			return "", false, false
		}
		guarded = guarded || f.guarded
		b.WriteString(f.value)
	}
}

// cutFold cuts a prefix, given in lower case, from s in any case.
func cutFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || strings.ToLower(s[:len(prefix)]) != prefix {
		return s, false
	}
	return s[len(prefix):], true
}

// assignment is one setvar action.
type assignment struct {
	key    string // as written, without "tx."
	value  string
	remove bool
}

func parseAssignment(text string) (a assignment, ok bool) {
	if rest, cut := strings.CutPrefix(text, "!"); cut {
		a.remove = true
		text = rest
	}
	key, value, _ := strings.Cut(text, "=")
	a.key, ok = cutFold(key, "tx.")
	a.value = value
	return a, ok
}

// assign runs a setvar whose rule matches in every transaction.
func (e *env) assign(a assignment) {
	key, g1, ok1 := e.expand(a.key)
	if !ok1 {
		e.disturb(a, true)
		return
	}
	key = strings.ToLower(key)
	if a.remove {
		e.facts[key] = fact{guarded: g1}
		return
	}
	value, g2, ok2 := e.expand(a.value)
	old := e.look(key)
	if !ok2 || old.lost {
		e.facts[key] = fact{lost: true}
		return
	}
	f := fact{value: value, present: true, guarded: g1 || g2 || old.guarded}
	if value != "" && (value[0] == '+' || value[0] == '-') {
		f.value, ok2 = arithmetic(old.value, value)
		f.lost = !ok2
	}
	e.facts[key] = f
}

// arithmetic is setvar's =+n and =-n on decimal numbers.
func arithmetic(old, change string) (string, bool) {
	n, sum := 0, 0
	var err error
	if len(change) > 1 {
		if n, err = strconv.Atoi(change[1:]); err != nil {
			return "", false
		}
	}
	if old != "" {
		if sum, err = strconv.Atoi(old); err != nil {
			return "", false
		}
	}
	if change[0] == '-' {
		n = -n
	}
	return strconv.Itoa(sum + n), true
}

// disturb notes a setvar that some transactions run. Reported tells that it
// runs only for a rule that is reported as a hit.
func (e *env) disturb(a assignment, lost bool) {
	if prefix, _, dynamic := strings.Cut(a.key, "%{"); dynamic {
		e.prefixes = append(e.prefixes, strings.ToLower(prefix))
		return
	}
	key := strings.ToLower(a.key)
	f := e.facts[key]
	f.guarded = true
	f.lost = f.lost || lost
	e.facts[key] = f
}
