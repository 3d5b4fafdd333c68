package screen_test

import (
	"strings"
	"testing"

	"github.com/merlon-security/merlon/policy/screen"
	"github.com/merlon-security/merlon/policy/seclang"
)

// Patterns of a user that cannot stand beside each other in one expression: a
// name given twice, a quotation left open.
func TestPatternsThatDoNotCombine(t *testing.T) {
	rules, err := seclang.Vet(seclang.Source{Name: "r", Text: `SecRule ARGS "@rx a(?P<x>b)c" "id:1,phase:2,deny,msg:'a'"
SecRule ARGS "@rx a(?P<x>b)d" "id:2,phase:2,deny,msg:'a'"
SecRule ARGS "@rx ab\Qe" "id:3,phase:2,deny,msg:'a'"
SecRule ARGS "@rx ab\Qf" "id:4,phase:2,deny,msg:'a'"`})
	if err != nil {
		t.Fatal(err)
	}
	p, err := screen.Compile(rules, screen.Options{Paranoia: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		text string
		want int
	}{{"abc abd ", 2}, {"abe abf ", 2}, {"abc abe ", 2}, {"abc abd abe abf ", 4}} {
		in := &screen.Input{Args: []screen.Arg{{Name: "a", Value: strings.Repeat(row.text, 100)}}}
		if r := p.Scan(p.NewScratch(), in); len(r.Hits) != row.want {
			t.Errorf("%s: Scan = %+v, want %d hits", row.text, r, row.want)
		}
	}
}
