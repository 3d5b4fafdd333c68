package main_test

import (
	"testing"

	"github.com/merlon-security/merlon/internal/emulator"
)

// TestVerdictsAreWrittenBeforeTheFreeze: when everything stands still behind an
// invocation, its verdict is in the log. All tests here run in environments that
// freeze; this one does not let them thaw.
func TestVerdictsAreWrittenBeforeTheFreeze(t *testing.T) {
	attack := `{"q":"` + union + `"}`
	batch := `{"Records":[` + sqsMessage("a", "1", "orders", union) + "," + sqsMessage("b", "1", "orders", "fine") + `]}`
	for _, c := range []struct {
		action, payload string
		set             func(*emulator.Options)
	}{
		{"monitor", attack, func(*emulator.Options) {}},
		{"block", attack, block},
		{"strip", batch, kept},
	} {
		t.Run(c.action, func(t *testing.T) {
			t.Parallel()
			e := protected(t, "plain", c.set)
			e.invoke(t, c.payload)
			if err := e.Warm(t.Context()); err != nil { // waits for the end of the invocation, and the freeze
				t.Fatal(err)
			}
			e.await(t, `"schema":"merlon.verdict/1"`, `"action":"`+c.action+`"`)
		})
	}
}
