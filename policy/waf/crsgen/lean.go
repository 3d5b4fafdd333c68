package crsgen

import (
	"fmt"
	"slices"
	"strings"
)

// Lean rewrites rules for the extension. What a rule matches stays as it is;
// what only costs goes: log texts with macros, which the engine expands for
// every rule it evaluates, matching or not; scores by attack class, which
// nothing reads; tags by which nothing selects. Operators are
// renamed to those of package waf that do the same for less.
func Lean(conf string) (string, error) {
	var b strings.Builder
	for line := range strings.Lines(conf) {
		line = strings.TrimRight(line, "\n")
		name, _, _ := strings.Cut(line, " ")
		switch name {
		case "SecRule", "SecAction":
			lean, err := leanRule(line)
			if err != nil {
				return "", err
			}
			b.WriteString(lean)
		case "SecMarker", "SecRuleUpdateTargetById":
			b.WriteString(line)
		case "SecComponentSignature", "":
			continue
		default:
			return "", fmt.Errorf("directive %q is new: decide what the extension does with it", name)
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}

// twins are the operators that have a cheaper twin in package waf.
var twins = map[string]string{"rx": "merlonRx", "pm": "merlonPm", "pmFromFile": "merlonPmFromFile", "detectSQLi": "merlonDetectSQLi"}

func leanRule(line string) (string, error) {
	args, err := quoted(line)
	if err != nil {
		return "", err
	}
	head, operator, actions := "SecAction", "", ""
	switch {
	case strings.HasPrefix(line, "SecAction ") && len(args) == 1:
		actions = args[0]
	case len(args) == 2:
		head = strings.TrimSpace(line[:strings.IndexByte(line, '"')])
		operator, actions = " \""+renamed(args[0])+"\"", args[1]
	case len(args) == 1: // a member of a chain without actions of its own
		head = strings.TrimSpace(line[:strings.IndexByte(line, '"')])
		return head + " \"" + renamed(args[0]) + "\"", nil
	default:
		return "", fmt.Errorf("rule with %d quoted parts: %.80s", len(args), line)
	}
	return head + operator + " \"" + leanActions(actions) + "\"", nil
}

func renamed(operator string) string {
	bare := strings.TrimPrefix(operator, "!")
	neg := operator[:len(operator)-len(bare)]
	if !strings.HasPrefix(bare, "@") {
		return neg + "@merlonRx " + bare
	}
	name, arg, _ := strings.Cut(bare[1:], " ")
	if twin, ok := twins[name]; ok {
		return strings.TrimRight(neg+"@"+twin+" "+arg, " ")
	}
	return operator
}

// quoted returns the parts of a line in double quotes, escapes kept.
func quoted(line string) ([]string, error) {
	var out []string
	for i := 0; i < len(line); i++ {
		if line[i] != '"' {
			continue
		}
		start := i + 1
		for i++; i < len(line) && line[i] != '"'; i++ {
			if line[i] == '\\' {
				i++
			}
		}
		if i >= len(line) {
			return nil, fmt.Errorf("open quote: %.80s", line)
		}
		out = append(out, line[start:i])
	}
	return out, nil
}

// dropped are actions that serve logging alone.
var dropped = []string{"logdata", "ver", "rev", "auditlog", "noauditlog"}

func leanActions(actions string) string {
	var kept []string
	for _, a := range splitActions(actions) {
		name, value, _ := strings.Cut(a, ":")
		name, value = strings.TrimSpace(name), strings.Trim(value, "'")
		switch {
		case slices.Contains(dropped, name), name == "tag" && !keepTag(value), name == "setvar" && !keepVar(value):
			continue
		case name == "msg":
			value, _, _ = strings.Cut(value, "%{")
			a = "msg:'" + strings.TrimRight(value, " (:") + "'"
		}
		kept = append(kept, strings.TrimSpace(a))
	}
	return strings.Join(kept, ",")
}

// splitActions splits at commas outside single quotes.
func splitActions(s string) []string {
	var out []string
	start, in := 0, false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '\'':
			in = !in
		case ',':
			if !in {
				out = append(out, s[start:i])
				start = i + 1
			}
		}
	}
	return append(out, s[start:])
}

// keepTag keeps what findings show and what rules select by.
func keepTag(tag string) bool {
	return strings.HasPrefix(tag, "merlon/") || strings.HasPrefix(tag, "cwe/") || strings.HasPrefix(tag, "attack/") ||
		strings.HasPrefix(tag, "OWASP_TOP_10/") || strings.HasPrefix(tag, "attack-") || strings.HasPrefix(tag, "capec/") ||
		strings.HasPrefix(tag, "paranoia-level/") || tag == "xss-perf-disable" || tag == "OWASP_CRS"
}

// keepVar drops the scores by attack class.
func keepVar(assignment string) bool {
	for _, class := range [...]string{
		"sql_injection", "xss", "rfi", "lfi", "rce", "php_injection", "http_violation", "session_fixation",
	} {
		if strings.HasPrefix(assignment, "tx."+class+"_score") {
			return false
		}
	}
	return true
}
