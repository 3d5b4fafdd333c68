package seclang

import (
	"fmt"
	"strconv"
	"strings"
)

// actionNames is the closed list of actions of Coraza 3.8.1.
var actionNames = map[string]bool{
	"accuracy": true, "allow": true, "auditlog": true, "block": true, "capture": true, "chain": true,
	"ctl": true, "deny": true, "drop": true, "exec": true, "expirevar": true, "id": true,
	"initcol": true, "log": true, "logdata": true, "maturity": true, "msg": true, "multimatch": true,
	"noauditlog": true, "nolog": true, "pass": true, "phase": true, "redirect": true, "rev": true,
	"setenv": true, "setvar": true, "severity": true, "skip": true, "skipafter": true, "status": true,
	"t": true, "tag": true, "ver": true,
}

// transformations is the closed list of transformations of Coraza 3.8.1, in lower case.
var transformations = map[string]bool{
	"base64decode": true, "base64decodeext": true, "base64encode": true, "cmdline": true,
	"compresswhitespace": true, "cssdecode": true, "escapeseqdecode": true, "hexdecode": true,
	"hexencode": true, "htmlentitydecode": true, "jsdecode": true, "length": true, "lowercase": true,
	"md5": true, "none": true, "normalisepath": true, "normalisepathwin": true, "normalizepath": true,
	"normalizepathwin": true, "removecomments": true, "removecommentschar": true, "removenulls": true,
	"removewhitespace": true, "replacecomments": true, "replacenulls": true, "sha1": true,
	"uppercase": true, "urldecode": true, "urldecodeuni": true, "urlencode": true,
	"utf8tounicode": true, "trim": true, "trimleft": true, "trimright": true,
}

// splitActions cuts a list at the commas outside single quotes. A backslash
// takes the meaning of the character behind it away.
func splitActions(text string) ([]Action, error) {
	var (
		out    []Action
		quoted bool
		start  int
	)
	add := func(part string) error {
		name, value, _ := strings.Cut(part, ":")
		a := Action{Name: strings.ToLower(strings.TrimSpace(name)), Value: unquote(strings.TrimSpace(value))}
		if !actionNames[a.Name] {
			return fmt.Errorf("action %q is not known", clip(a.Name))
		}
		out = append(out, a)
		return nil
	}
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case text[i] == '\'':
			quoted = !quoted
		case text[i] == ',' && !quoted:
			if err := add(text[start:i]); err != nil {
				return nil, err
			}
			start = i + 1
		}
	}
	if quoted {
		return nil, fmt.Errorf("actions %q: a single quote is not closed", clip(text))
	}
	return out, add(text[start:])
}

// applyActions fills the rule from its action list and reports whether a chain continues.
func (r *Rule) applyActions(text string) (chained bool, err error) {
	actions, err := splitActions(text)
	if err != nil {
		return false, err
	}
	for _, a := range actions {
		switch a.Name {
		case "chain":
			chained = true
		case "id":
			if r.ID, err = strconv.Atoi(a.Value); err != nil || r.ID <= 0 {
				return false, fmt.Errorf("id:%s: want a positive number", a.Value)
			}
		case "phase":
			if r.Phase, err = parsePhase(a.Value); err != nil {
				return false, err
			}
		case "t":
			if err := r.transform(a.Value); err != nil {
				return false, err
			}
		case "msg":
			r.Msg = a.Value
		case "tag":
			r.Tags = append(r.Tags, a.Value)
		case "severity":
			r.Severity = a.Value
		case "ver":
			r.Version = a.Value
		case "capture":
			r.Capture = true
		case "multimatch":
			r.MultiMatch = true
		default:
			r.Actions = append(r.Actions, a)
		}
	}
	return chained, nil
}

// transform appends a transformation; exactly "none" clears those before it.
func (r *Rule) transform(name string) error {
	low := strings.ToLower(name)
	switch {
	case name == "none":
		r.Transformations = nil
	case !transformations[low]:
		return fmt.Errorf("transformation %q is not known", clip(name))
	case low != "none":
		r.Transformations = append(r.Transformations, low)
	}
	return nil
}

func parsePhase(s string) (int, error) {
	switch s {
	case "request":
		return 2, nil
	case "response":
		return 4, nil
	case "logging":
		return 5, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 5 {
		return 0, fmt.Errorf("phase:%s: want 1 to 5, request, response or logging", clip(s))
	}
	return n, nil
}
