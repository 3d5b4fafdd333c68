package main_test

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
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

// TestB24SnapshotHoldsNoCredentials: whatever the configuration, nothing is
// fetched or connected before the snapshot, except to this machine. What a sink
// needs is fetched when a record is kept.
func TestB24SnapshotHoldsNoCredentials(t *testing.T) {
	e := protected(t, "hooks", func(o *emulator.Options) {
		snapStart(o)
		o.Function.Env["MERLON_QUARANTINE"] = "s3://evidence/orders"
		o.Region = "us-north-9" // of the form of a region, and none: the name does not resolve
	})
	if err := e.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, socket := range socketsOf(t, filepath.Join(optDir, "extensions", "merlon")) {
		if !socket.remote.IsLoopback() && !socket.remote.IsUnspecified() {
			t.Errorf("the snapshot holds a connection to %s", socket.remote)
		}
	}
	if strings.Contains(e.text(), "credentials fetched") {
		t.Error("credentials were fetched before the snapshot")
	}
	batch := `{"Records":[` + sqsMessage("a", "1", "orders", union) + "," + sqsMessage("b", "1", "orders", "fine") + `]}`
	if r := e.invoke(t, batch); r.Status != emulator.StatusError {
		t.Errorf("got %s %s, want an error: there is no bucket", r.Status, r.Payload)
	}
	e.awaitLine(t, emulator.SourcePlatform, "credentials fetched after the restore")
	if strings.Contains(e.text(), "fetched before") {
		t.Error("credentials were fetched before the restore")
	}
}

type socket struct{ remote netip.Addr }

// socketsOf returns the TCP connections of the processes that run a program. The
// tables hold them by inode (proc_pid_net(5)).
func socketsOf(t *testing.T, program string) []socket {
	t.Helper()
	exes, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	var found []socket
	processes := 0
	for _, exe := range exes {
		if target, err := os.Readlink(exe); err != nil || target != program {
			continue // of another user, or another program
		}
		processes++
		inodes := map[string]bool{}
		fds, err := filepath.Glob(filepath.Join(filepath.Dir(exe), "fd", "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range fds {
			if target, err := os.Readlink(fd); err == nil {
				inodes[strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]")] = true
			}
		}
		for _, table := range []string{"net/tcp", "net/tcp6"} {
			text, err := os.ReadFile(filepath.Join(filepath.Dir(exe), table))
			if err != nil {
				continue // no IPv6, or the process has ended
			}
			for line := range strings.Lines(string(text)) {
				if f := strings.Fields(line); len(f) > 9 && inodes[f[9]] {
					found = append(found, socket{remoteOf(t, f[2])})
				}
			}
		}
	}
	if processes == 0 {
		t.Skip("no process of the program is to be seen in /proc")
	}
	if len(found) == 0 {
		t.Error("the extension holds no socket at all, not even its own")
	}
	return found
}

// remoteOf reads an address as /proc/net/tcp has it: hexadecimal words in the
// machine's order.
func remoteOf(t *testing.T, field string) netip.Addr {
	t.Helper()
	words, _, _ := strings.Cut(field, ":")
	raw, err := hex.DecodeString(words)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+4 <= len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	addr, ok := netip.AddrFromSlice(raw)
	if !ok {
		t.Fatalf("address %q", field)
	}
	return addr.Unmap()
}
