package rules

import (
	"slices"
	"strconv"
	"strings"
)

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

// promoted are rules of paranoia level 2 that are evaluated at level 1 too:
// serialised Java objects raw and in base64, and the classes of gadget chains.
// They find what level 1 does not, and no ordinary value holds it.
var promoted = [...]string{"944200", "944210", "944240"}

// promote moves the promoted rules behind the others, out of their gates. None
// of them is part of a chain or reads what another leaves behind.
func promote(text string) string {
	var b, moved strings.Builder
	b.Grow(len(text))
	for line := range strings.Lines(text) {
		id := strings.Trim(between(line, `"id:`, ","), "'")
		to := &b
		if id != "" && slices.Contains(promoted[:], id) {
			to = &moved
		}
		to.WriteString(line)
	}
	b.WriteString(moved.String())
	return b.String()
}

// partOf keeps the rules about responses of one part.
func partOf(text string, part Part) string {
	var b strings.Builder
	mine := true
	for line := range strings.Lines(text) {
		if id, err := strconv.Atoi(between(line, `"id:`, ",")); err == nil { // or it belongs to the one before
			mine = aboutErrors(id) == (part == Errors)
		}
		if mine || strings.HasPrefix(line, "SecMarker ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// aboutErrors reports whether a rule about responses is about error messages.
func aboutErrors(id int) bool {
	switch id / 1000 {
	case 951, 952, 953, 954:
		return true
	case 9_104:
		return id < 9_104_020
	}
	return id == 950150 || id == 956100
}

// initialisation keeps of the Core Rule Set's request rules those that give its
// variables their values.
func initialisation(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		// From 901300 on it looks at the request.
		if id, err := strconv.Atoi(between(line, `"id:`, ",")); err == nil && id >= 901000 && id < 901300 {
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
