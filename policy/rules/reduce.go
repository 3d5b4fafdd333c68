package rules

import "strings"

// gate is how CRS leaves out the rules of higher paranoia levels: a rule that
// skips to the end of the file unless the level is reached.
const gate = `SecRule TX:DETECTION_PARANOIA_LEVEL "@lt `

// upTo leaves out of a rule text what its own gates would skip at a paranoia
// level, and the gates that never close. What is never parsed costs nothing at
// start and nothing for each event.
func upTo(level int, text string) string {
	var b strings.Builder
	b.Grow(len(text))
	skipTo := ""
	dropped := map[string]bool{}
	for line := range strings.Lines(text) {
		switch {
		case skipTo != "":
			if strings.HasPrefix(line, `SecMarker "`+skipTo+`"`) {
				skipTo = ""
				b.WriteString(line)
			} else if id := between(line, `"id:`, ","); id != "" {
				dropped[id] = true
			}
		case strings.HasPrefix(line, gate):
			if needs := int(line[len(gate)] - '0'); needs > level {
				skipTo = strings.TrimRight(between(line, "skipAfter:", "\""), "'\n")
			}
		case strings.HasPrefix(line, "SecRuleUpdateTargetById "):
			// The engine refuses to change a rule that is not there.
			if id, _, _ := strings.Cut(line[len("SecRuleUpdateTargetById "):], " "); !dropped[id] {
				b.WriteString(line)
			}
		default:
			b.WriteString(line)
		}
	}
	return b.String()
}

// between returns what stands between two marks in s; empty if one is missing.
func between(s, from, to string) string {
	_, rest, ok := strings.Cut(s, from)
	if !ok {
		return ""
	}
	v, _, ok := strings.Cut(rest, to)
	if !ok {
		return ""
	}
	return v
}
