package policy_test

import (
	"runtime/debug"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/policy"
	"github.com/merlon-security/merlon/profile"
)

// A stack that overflows ends the process, whatever recovers. Files that nest as
// deep as their size allows must stay far from it: the limit is a small part of
// Go's here, and breaking it ends the test.
func TestFilesThatNestKeepTheStackSmall(t *testing.T) {
	defer debug.SetMaxStack(debug.SetMaxStack(4 << 20))
	const size = 30_000
	for _, nest := range [][3]string{
		{"[", "1", "]"}, {"{a: ", "1", "}"}, {`{"a":`, "", ""}, {"[", "", ""}, {"- ", "x", ""}, {"? ", "x", ""}, {"a: ", "x", ""}, {"- a: ", "x", ""}, {"! ", "x", ""}, {"(", "1", ")"}, {"-", "1", ""},
	} {
		n := size / (len(nest[0]) + len(nest[2]))
		deep := strings.Repeat(nest[0], n) + nest[1] + strings.Repeat(nest[2], n)
		const kind = "apiVersion: merlon.dev/v1\nkind: "
		for what, text := range map[string]string{
			"alone":        deep,
			"as a value":   kind + "Policy\nmode: " + deep + "\n",
			"a condition":  kind + "Policy\nrules:\n  - {id: deep, when: '" + deep + "', action: block, reason: x}\n",
			"a profile":    kind + "Profile\nmetadata: " + deep + "\n",
			"a long block": kind + "Policy\nexceptions:\n" + stairs(nest[0], size),
		} {
			if _, err := policy.Parse([]byte(text)); err == nil {
				t.Errorf("%.10s… %s is a policy", deep, what)
			}
			_ = policy.Salvage([]byte(text)) // what can be had of it; that it returns is the test
			if _, err := profile.Parse([]byte(text)); err == nil {
				t.Errorf("%.10s… %s is a profile", deep, what)
			}
		}
	}
}

// stairs nests by indentation.
func stairs(mark string, size int) string {
	var b strings.Builder
	for indent := 1; b.Len() < size; indent++ {
		b.WriteString(strings.Repeat(" ", indent) + mark + "\n")
	}
	return b.String()
}
