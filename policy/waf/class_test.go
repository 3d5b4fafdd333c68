package waf_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy/rules"
)

// The classes by which a policy names rules are those of the rules.
func TestB23ClassesAreThoseOfTheRules(t *testing.T) {
	t.Parallel()
	tags := regexp.MustCompile(`tag:'?(attack-[a-zA-Z0-9_-]+)`)
	found := []string{"behaviour"} // of departures from the profile
	for _, o := range []rules.Options{{Paranoia: 4, Threshold: 5}, {Set: rules.CRSOnly, Paranoia: 4, Threshold: 5}} {
		for _, m := range tags.FindAllStringSubmatch(rules.SecLang(o), -1) {
			class, ok := verdict.Class(m[1])
			if !ok {
				t.Fatalf("Class(%q) is none", m[1])
			}
			if !slices.Contains(found, class) {
				found = append(found, class)
			}
		}
	}
	slices.Sort(found)
	if want := verdict.Classes(); !slices.Equal(found, want) {
		t.Errorf("the rules have the classes\n%q, verdict.Classes\n%q", found, want)
	}
}
