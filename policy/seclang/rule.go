// Package seclang reads SecLang, the rule language of ModSecurity and Coraza,
// into plain values. It owns the text: directives, quoting, continuations,
// variables, operators, actions, chains, and the directives that change
// earlier rules. It refuses to know what a rule means: nothing here matches,
// scores or compiles a pattern.
//
// The parser is total: any input gives rules or an error that names file and
// line. A directive or action it does not know is an error, never skipped,
// because a rule read wrongly is a rule that silently does not protect.
package seclang

// Rule is one SecRule, SecAction or SecMarker, with the members of its chain.
type Rule struct {
	// ID is 0 for markers and for members of a chain.
	ID   int
	File string
	Line int
	// Marker is the name given by SecMarker, otherwise empty.
	Marker string
	// Phase is 1 to 5. Members of a chain carry their starter's.
	Phase     int
	Variables []Variable
	// Operator has an empty name for SecAction and SecMarker, which always match.
	Operator Operator
	// Transformations in order, in lower case; t:none has already cleared what stood before it.
	Transformations []string
	// Actions other than id, phase, t, msg, tag, severity, ver, capture, multiMatch and chain, in order.
	Actions    []Action
	Msg        string
	Tags       []string
	Severity   string
	Version    string
	Capture    bool
	MultiMatch bool
	// Chain holds the further members, in order. Only a starter has any.
	Chain []Rule
}

// Variable is one target: a collection, optionally one element of it, or the count of it.
type Variable struct {
	// Name is in upper case, for instance REQUEST_HEADERS.
	Name string
	// Key selects by name, or by regular expression if Regex is set. Empty: all.
	Key   string
	Regex bool
	// Count is set for &NAME: the target is the number of elements, in decimal.
	Count bool
	// Except lists the elements taken out by !NAME:key.
	Except []Selector
}

// Selector names elements of a collection, literally or by regular expression.
type Selector struct {
	Key   string
	Regex bool
}

// Operator is the test of a rule, for instance !@rx ^$.
type Operator struct {
	// Name without @, as written.
	Name     string
	Argument string
	Negated  bool
}

// Action is one element of a rule's action list.
type Action struct {
	// Name is in lower case.
	Name  string
	Value string
}

// Links returns the rule and the members of its chain, in order.
func (r *Rule) Links() []Rule {
	return append([]Rule{*r}, r.Chain...)
}

// Has reports whether the rule carries an action of that (lower-case) name.
func (r *Rule) Has(name string) bool {
	for i := range r.Actions {
		if r.Actions[i].Name == name {
			return true
		}
	}
	return false
}
