package main_test

import (
	"testing"

	"github.com/merlon-security/merlon/internal/emulator"
)

// TestLogThatTakesNothing: a reader of the log that stops reading, or goes, must
// not hold up, lose or let through a single invocation.
func TestLogThatTakesNothing(t *testing.T) {
	t.Parallel()
	for _, onFault := range []string{"open", "closed"} {
		for _, how := range []string{"full from the start", "full later", "closed later"} {
			t.Run(onFault+", "+how, func(t *testing.T) {
				t.Parallel()
				name, log := pipe(t)
				if how == "full from the start" {
					fill(t, log)
				}
				r := newRig(t, rigOptions{log: name, change: func(o *emulator.Options) { o.Function.Env["MERLON_ON_FAULT"] = onFault }})
				r.invoke(t, `{"a":1}`)
				pid := r.process(t)
				switch how {
				case "full later":
					fill(t, log)
				case "closed later":
					log.Close()
				}
				// More lines than the queue of the log holds would take too long; each
				// refusal writes one, and each forged reply another.
				for range 40 {
					if got := r.invoke(t, attack); !refused(got) {
						t.Fatalf("attack: %s %s, want a refusal", got.Status, got.Payload)
					}
					if got := r.invoke(t, `{"do":"forge"}`); got.Status != emulator.StatusSuccess {
						t.Fatalf("benign event: %s %s", got.Status, got.Payload)
					}
				}
				if now := r.process(t); now != pid {
					t.Error("the extension died and was started again")
				}
			})
		}
	}
}
