package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/emulator"
)

// awaitRestore does what a runtime does at the end of INIT, and fails like one
// whose hook failed if it is told to.
func awaitRestore(fail bool) error {
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/restore"
	resp, err := http.Get(api + "/next")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.ContentLength != 0 {
		return fmt.Errorf("restore/next: %d with %d bytes", resp.StatusCode, resp.ContentLength)
	}
	fmt.Println("restored")
	if !fail {
		return nil
	}
	req, err := http.NewRequest("POST", api+"/error", strings.NewReader(`{"errorType":"Hook"}`))
	if err != nil {
		return err
	}
	req.Header.Set("Lambda-Runtime-Function-Error-Type", "Runtime.AfterRestoreError")
	told, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer told.Body.Close()
	return fmt.Errorf("restore/error: %d", told.StatusCode)
}

func snapStart(o *emulator.Options) {
	block(o)
	o.SnapStart = true
	o.Function.Env["MERLON_THRESHOLD"] = "0" // a fault, of which a line is written before the snapshot
}

// TestD4NothingUniqueIsInTheSnapshot: what a copy of the environment writes has
// another name than what was written before the snapshot, and is counted anew,
// whether the runtime waits for the restore or not.
func TestD4NothingUniqueIsInTheSnapshot(t *testing.T) {
	for _, function := range []string{"hooks", "plain"} {
		t.Run(function, func(t *testing.T) {
			t.Parallel()
			e := protected(t, function, snapStart)
			if err := e.Warm(t.Context()); err != nil {
				t.Fatal(err)
			}
			before := named(t, e.await(t, `"ConfigFault"`))
			for range 2 {
				if r := e.invoke(t, `{"q":"`+union+`"}`); r.ErrorType != "Function.MerlonBlocked" {
					t.Fatalf("got %s %s, want a refusal", r.ErrorType, r.Payload)
				}
			}
			var restored struct{ EnvID string }
			if err := json.Unmarshal([]byte(e.await(t, `"message":"restored from a snapshot"`)), &restored); err != nil {
				t.Fatal(err)
			}
			after := named(t, e.await(t, `"schema":"merlon.verdict/1"`))
			if after.ID == before.ID || after.ID != restored.EnvID || after.Seq != 1 {
				t.Errorf("environment %+v before, %+v after the restore as %q, want another name that counts from 1", before, after, restored.EnvID)
			}
			e.close(t)
			if n := strings.Count(e.text(), `"restored from a snapshot"`); n != 1 {
				t.Errorf("%d restores, want 1", n)
			}
			if !strings.Contains(e.text(), `"message":"runtime attached"`) || strings.Contains(e.text(), `"event":"unprotected"`) {
				t.Error("the launcher did not attach the runtime")
			}
		})
	}
}

type envName struct {
	ID  string `json:"id"`
	Seq int    `json:"seq"`
}

func named(t *testing.T, line string) envName {
	t.Helper()
	var l struct{ Env envName }
	if err := json.Unmarshal([]byte(line), &l); err != nil || l.Env.ID == "" {
		t.Fatalf("no environment in %s (%v)", line, err)
	}
	return l.Env
}

// TestRestoreParity: a hook that fails is told to callers as without the layer.
func TestRestoreParity(t *testing.T) {
	set := func(o *emulator.Options) { o.SnapStart = true }
	for function, want := range map[string]emulator.Status{"hooks": emulator.StatusSuccess, "failing hooks": emulator.StatusFailure} {
		d, p := direct(t, function, set), protected(t, function, set)
		for range 2 {
			expected, got := d.invoke(t, `{"a":1}`), p.invoke(t, `{"a":1}`)
			if outcome(got) != outcome(expected) || got.Status != want {
				t.Errorf("%s behind the layer:\n got %s\nwant %s", function, outcome(got), outcome(expected))
			}
		}
	}
}
