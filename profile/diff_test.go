package profile

import (
	"fmt"
	"strings"
	"testing"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	a, err := Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("length: 5-64", "length: 5-96", `          - {path: items, type: [array], size: 1-12}`+"\n", "",
		`"GET /orders/{int}"`, `"GET /orders/{uuid}"`, "samples: 41233", "samples: 50000").Replace(sample)
	b, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range Diff(a, b) {
		got = append(got, c.String())
	}
	want := []string{
		"- function-url GET /orders/{int}",
		`- function-url GET /orders/{int} query page {type: [string], length: 1-4, chars: [digit], format: integer}`,
		"+ function-url GET /orders/{uuid}",
		`+ function-url GET /orders/{uuid} query page {type: [string], length: 1-4, chars: [digit], format: integer}`,
		"~ function-url POST /orders body customer.e-mail {type: [string], length: 5-64, chars: [lower, digit, dot, at], format: email} → " +
			"{type: [string], length: 5-96, chars: [lower, digit, dot, at], format: email}",
		"- function-url POST /orders body items {type: [array], size: 1-12}",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("Diff:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := Diff(a, a); len(got) > 0 {
		t.Errorf("a profile differs from itself: %v", got)
	}
	if got := Diff(nil, a); len(got) == 0 || !got[0].Added() {
		t.Errorf("the first profile adds nothing: %v", got)
	}
}
