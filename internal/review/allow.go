package review

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/merlon-security/merlon/internal/verdict"
)

// Allow is the part of a policy file that would let an event like this one pass,
// as narrow as the record permits; empty if there is none. notes say what the
// record does not.
func Allow(e *Entry) (yaml string, notes []string) {
	if len(e.Matches) == 0 {
		return "", withoutMatches(e)
	}
	var b strings.Builder
	b.WriteString("exceptions:\n")
	var done []string
	for i := range e.Matches {
		m := &e.Matches[i]
		if m.Action == "monitor" {
			continue // refuses nothing
		}
		entry, note := exception(e, m)
		if slices.Contains(done, entry) {
			continue
		}
		done = append(done, entry)
		b.WriteString(entry)
		if note != "" {
			notes = appendNew(notes, note)
		}
	}
	if len(done) == 0 {
		return "", []string{"Only rules that report matched; nothing is refused because of them."}
	}
	if e.MatchCount > len(e.Matches) {
		notes = append(notes, fmt.Sprintf("The verdict shows %d of %d findings. The others may need exceptions of their own: try the file with merlon inspect.", len(e.Matches), e.MatchCount))
	}
	if len(e.Limits) > 0 {
		notes = append(notes, withoutMatches(e)...)
	}
	return b.String(), notes
}

// withoutMatches is what would let an event pass that no rule is about.
func withoutMatches(e *Entry) []string {
	switch {
	case len(e.Limits) > 0:
		return []string{"A limit kept part of the event from being inspected (" + strings.Join(e.Limits, ", ") +
			"). onLimit: pass in the policy file, or MERLON_ON_LIMIT=pass, lets such events through; nothing narrower does."}
	case e.Error != "":
		return []string{"This is a fault of Merlon's. Exceptions do not reach it; MERLON_ON_FAULT decides."}
	}
	return nil
}

// exception writes one entry of the list.
func exception(e *Entry, m *verdict.Match) (text, note string) {
	var b strings.Builder
	fmt.Fprintf(&b, "  - rule: \"%d\"\n", m.RuleID)
	path, exact := pathOf(m)
	if path != "" {
		fmt.Fprintf(&b, "    path: %s\n", path)
	}
	if m.Place != "" && m.Place != "unknown" {
		fmt.Fprintf(&b, "    place: %s\n", m.Place)
	}
	// $default is the route of everything.
	if h := e.HTTP; h != nil && h.Route != "" && h.Route != "$default" && h.Route != "?" {
		fmt.Fprintf(&b, "    route: %s\n", scalar(h.Route))
	}
	b.WriteString("    reason: Say here why this is no attack.\n")
	switch {
	case path == "":
		note = "The verdict does not show the whole path of a value, so the exception holds for every value of its place."
	case !exact:
		note = "A part of the path is shown reduced; null stands for it, and for any other key there."
	}
	return b.String(), note
}

// pathOf turns the printed path of a match into the list that a policy file
// wants. Indices become null: which item of a list it was is chance. A path that
// was cut, or cannot be read, is none.
func pathOf(m *verdict.Match) (list string, exact bool) {
	steps, exact, ok := parsePath(m.Field)
	if !ok {
		return "", false
	}
	if m.OnName { // the field is the object above the name
		steps = append(steps, "null")
	}
	if len(steps) == 0 {
		return "", false
	}
	return "[" + strings.Join(steps, ", ") + "]", exact
}

// parsePath reads what verdict.Path prints: Records[3].body["a key"].name, with
// reduced keys as [a(5)@a(7)].
func parsePath(s string) (steps []string, exact, ok bool) {
	exact = true
	for i := 0; i < len(s); {
		switch {
		case strings.HasPrefix(s[i:], `["`):
			quoted, err := strconv.QuotedPrefix(s[i+1:])
			end := i + 1 + len(quoted)
			if err != nil || !strings.HasPrefix(s[end:], "]") {
				return nil, false, false
			}
			key, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, false, false
			}
			steps = append(steps, scalar(key))
			i = end + 1
		case s[i] == '[':
			end := strings.IndexByte(s[i:], ']')
			if end < 0 {
				return nil, false, false
			}
			if _, err := strconv.Atoi(s[i+1 : i+end]); err != nil {
				// A reduced key may hold brackets of its own; then the rest does not read.
				exact = false
			}
			steps = append(steps, "null")
			i += end + 1
		default:
			if s[i] == '.' && i > 0 {
				i++
			}
			n := strings.IndexAny(s[i:], ".[")
			if n < 0 {
				n = len(s) - i
			}
			key := s[i : i+n]
			if key == "" || strings.ContainsFunc(key, func(c rune) bool { return !plainRune(c) }) {
				return nil, false, false
			}
			steps = append(steps, scalar(key))
			i += n
		}
	}
	return steps, exact, true
}

func plainRune(c rune) bool {
	return c == '_' || c == '-' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// scalar writes a text so that YAML reads it as that text and nothing else. JSON
// strings are YAML.
func scalar(s string) string {
	plain := s != "" && (s[0] >= 'a' && s[0] <= 'z' || s[0] >= 'A' && s[0] <= 'Z') &&
		!strings.ContainsFunc(s, func(c rune) bool { return !plainRune(c) }) &&
		!slices.Contains([]string{"null", "true", "false", "yes", "no", "on", "off", "y", "n", "inf", "nan"}, strings.ToLower(s))
	if plain {
		return s
	}
	b, err := json.Marshal(s)
	if err != nil {
		panic("bug: a string always marshals: " + err.Error())
	}
	return string(b)
}
