package seclang

import (
	"fmt"
	"regexp"
	"strings"
)

// parseVariables adds the targets of text to vars. An exclusion applies to
// the targets of the same collection that stand before it, as in Coraza.
func parseVariables(vars []Variable, text string) ([]Variable, error) {
	for text != "" {
		var (
			v       Variable
			negated bool
			err     error
		)
		for text != "" && (text[0] == '!' || text[0] == '&') {
			if text[0] == '!' {
				negated = true
			} else {
				v.Count = true
			}
			text = text[1:]
		}
		end := strings.IndexAny(text, ":|")
		if end < 0 {
			end = len(text)
		}
		v.Name, text = strings.ToUpper(text[:end]), text[end:]
		selectable, known := collections[v.Name]
		if !known {
			return nil, fmt.Errorf("variable %q is not known", v.Name)
		}
		if strings.HasPrefix(text, ":") {
			if !selectable {
				return nil, fmt.Errorf("variable %s has no elements to select from", v.Name)
			}
			if v.Key, v.Regex, text, err = parseKey(v.Name, text[1:]); err != nil {
				return nil, err
			}
		}
		if text != "" {
			if text[0] != '|' || len(text) == 1 {
				return nil, fmt.Errorf("variable %s: want | or the end, have %q", v.Name, text)
			}
			text = text[1:]
		}
		if !negated {
			vars = append(vars, v)
			continue
		}
		for i := range vars {
			if vars[i].Name == v.Name {
				// A fresh slice: rules copied from one another must not share exclusions.
				vars[i].Except = append(vars[i].Except[:len(vars[i].Except):len(vars[i].Except)], Selector{Key: v.Key, Regex: v.Regex})
			}
		}
	}
	return vars, nil
}

// parseKey reads the selector behind the colon: a name, /regex/ or '/regex/'.
// XML and JSON take a path, which runs to the next bar.
func parseKey(name, text string) (key string, regex bool, rest string, err error) {
	if name == "XML" || name == "JSON" {
		key, rest = cutAt(text, '|')
		return key, false, rest, nil
	}
	quoted := strings.HasPrefix(text, "'")
	if quoted {
		text = text[1:]
	}
	if !strings.HasPrefix(text, "/") {
		key, rest = cutAt(text, '|')
		if quoted {
			if !strings.HasSuffix(key, "'") {
				return "", false, "", fmt.Errorf("selector %q: quote is not closed", key)
			}
			key = key[:len(key)-1]
		}
		if strings.Contains(key, "/") {
			return "", false, "", fmt.Errorf("selector %q: a slash inside a name is read differently by engines: use a regular expression", key)
		}
		return key, false, rest, nil
	}
	end, ok := closingSlash(text)
	if !ok {
		return "", false, "", fmt.Errorf("selector %q: want a closing slash", text)
	}
	key, rest = text[1:end], text[end+1:]
	if quoted {
		if !strings.HasPrefix(rest, "'") {
			return "", false, "", fmt.Errorf("selector %q: quote is not closed", key)
		}
		rest = rest[1:]
	}
	if _, err := regexp.Compile(key); err != nil {
		return "", false, "", fmt.Errorf("selector %q: %w", key, err)
	}
	return key, true, rest, nil
}

// closingSlash finds the first unescaped slash behind the one text starts with.
func closingSlash(text string) (int, bool) {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '/':
			return i, true
		}
	}
	return 0, false
}

// cutAt cuts before the first sep, which stays with the rest.
func cutAt(s string, sep byte) (before, rest string) {
	if i := strings.IndexByte(s, sep); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}
