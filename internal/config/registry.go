package config

// Prefix begins every variable of ours.
const Prefix = "MERLON_"

// Readers says which programs act on a variable.
type Readers uint8

const (
	Extension Readers = 1 << iota
	Wrapper
)

// String lists the readers.
func (r Readers) String() string {
	switch r {
	case Extension:
		return "extension"
	case Wrapper:
		return "wrapper"
	case Extension | Wrapper:
		return "both"
	}
	return "none"
}

// Var describes one variable.
type Var struct {
	Name    string
	Type    string // what it accepts, for people: "off, monitor or block"
	Default string // as a user would write it, or in words
	Doc     string // what it does, one or two sentences
	Readers Readers
	Secret  bool   // never printed, and stripped from the runtime's environment
	Policy  string // its key in a policy file, "" if only the environment sets it
	Since   string // first release that acts on it; "" if this build does not

	binding
}

// Available reports whether this build acts on the variable.
func (v Var) Available() bool { return v.Since != "" }

// Registry lists every variable, in the order of the documentation. The slice
// is the caller's.
func Registry() []Var {
	vars := append(decisionVars(), answerVars()...)
	vars = append(vars, reportVars()...)
	vars = append(vars, attachmentVars()...)
	vars = append(vars, behaviourVars()...)
	defaults := Default()
	for i := range vars {
		vars[i].Type = vars[i].kind
		if vars[i].Default == "" {
			vars[i].Default = vars[i].get(&defaults)
		}
	}
	return vars
}

// SecretNames lists the variables that must not reach the runtime.
func SecretNames() []string {
	var names []string
	for _, v := range Registry() {
		if v.Secret {
			names = append(names, v.Name)
		}
	}
	return names
}
