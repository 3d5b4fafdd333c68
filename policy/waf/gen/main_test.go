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
	for _, o := range compositions() {
		if name := rules.ScreenFile(o.Part, o.Paranoia); !bytes.Equal(programs[name], rules.Screen(o.Part, o.Paranoia)) {
			t.Errorf("%s is stale: run make rules", name)
		}
	}
}
