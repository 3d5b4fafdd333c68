package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// binding connects a variable to its field. set leaves the field alone when it
// returns an error; the error says what is wanted and never quotes the value,
// because the caller knows whether that may be shown. get returns the value as
// a user would write it, with secrets hidden.
type binding struct {
	kind string // what is wanted, for people
	set  func(*Config, string) error
	get  func(*Config) string
}

// want is the error of a value that is not of the kind described.
func want(kind string) error { return errors.New("want " + kind) }

func oneOf[T interface {
	~uint8
	fmt.Stringer
}](at func(*Config) *T, all ...T) binding {
	words := make([]string, len(all))
	for i, v := range all {
		words[i] = v.String()
	}
	kind := strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
	return binding{
		kind: kind,
		set: func(c *Config, s string) error {
			for i, w := range words {
				if s == w {
					*at(c) = all[i]
					return nil
				}
			}
			return want(kind)
		},
		get: func(c *Config) string { return (*at(c)).String() },
	}
}

func number(at func(*Config) *int, low, high int) binding {
	kind := fmt.Sprintf("a whole number from %d to %d", low, high)
	return binding{
		kind: kind,
		set: func(c *Config, s string) error {
			n, ok := digits(s)
			if !ok || n < low || n > high {
				return want(kind)
			}
			*at(c) = n
			return nil
		},
		get: func(c *Config) string { return strconv.Itoa(*at(c)) },
	}
}

func percent(at func(*Config) *int, low, high int) binding {
	b := number(at, low, high)
	kind := fmt.Sprintf("a percentage from %d%% to %d%%", low, high)
	return binding{
		kind: kind,
		set: func(c *Config, s string) error {
			if b.set(c, strings.TrimSuffix(s, "%")) != nil {
				return want(kind)
			}
			return nil
		},
		get: func(c *Config) string { return b.get(c) + "%" },
	}
}

// digits reads decimal digits only: strconv alone would take "+5" and "_".
func digits(s string) (int, bool) {
	for _, r := range s {
		if r < '0' || r > '9' {
			return 0, false
		}
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}

// members reads a comma list of words from a closed set, in any order.
func members(at func(*Config) *[]string, all []string) binding {
	kind := "a comma list of " + strings.Join(all, ", ")
	return list(at, kind, func(word string) error {
		for _, w := range all {
			if w == word {
				return nil
			}
		}
		if near := nearest(word, all); near != "" {
			return fmt.Errorf("no trigger is called %s: did you mean %s? %s", quote(word), near, want(kind))
		}
		return fmt.Errorf("no trigger is called %s: %s", quote(word), want(kind))
	})
}

// list reads a comma list; spaces around words are allowed, empty words are
// not, so that a lost variable in a template is noticed.
func list(at func(*Config) *[]string, kind string, check func(string) error) binding {
	return binding{
		kind: kind,
		set: func(c *Config, s string) error {
			var words []string
			seen := map[string]bool{}
			for word := range strings.SplitSeq(s, ",") {
				word = strings.TrimSpace(word)
				if word == "" {
					return want(kind)
				}
				if err := check(word); err != nil {
					return err
				}
				if !seen[word] {
					seen[word] = true
					words = append(words, word)
				}
			}
			*at(c) = words
			return nil
		},
		get: func(c *Config) string { return strings.Join(*at(c), ",") },
	}
}
