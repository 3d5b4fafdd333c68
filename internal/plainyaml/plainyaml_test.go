package plainyaml_test

import (
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/plainyaml"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"a: 1\nb: [x, y]\n", ""},
		{"---\na: 1\n", ""},
		{"a: &x 1\nb: *x\n", "[1:4] anchors are not allowed"},
		{"a: 1\nb: *x\n", "[2:4] aliases are not allowed"},
		{"a: {<<: 1}\n", "merge keys are not allowed"},
		{"a: !!str 1\n", "tags"},
		{"a: 1\n---\nb: 1\n", "several documents"},
		{"a: " + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "\n", "[1:103] nests deeper"}, // with the colon
		{"a: " + strings.Repeat("[", 90) + strings.Repeat("]", 90) + "\n", ""},
		{strings.Repeat("- ", 101) + "x\n", "[1:201] nests deeper"},
		{strings.Repeat("- {a: [x]}\n", 200), ""},
	} {
		err := plainyaml.Check([]byte(tt.text))
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Check(%q) = %v, want %q", tt.text, err, tt.want)
		}
	}
}
