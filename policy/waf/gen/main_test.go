package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/merlon-security/merlon/policy/rules"
)

// TestScreensAreCurrent compiles the screens anew: a change to the rules, or to
// how they are analysed, must not ship with programs made before it.
func TestScreensAreCurrent(t *testing.T) {
	programs, err := screens(os.DirFS("../../rules"))
	if err != nil {
		t.Fatal(err)
	}
	for level := 1; level <= 4; level++ {
		if !bytes.Equal(programs[rules.ScreenFile(level)], rules.Screen(level)) {
			t.Errorf("%s is stale: run make rules", rules.ScreenFile(level))
		}
	}
}
