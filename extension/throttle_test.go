package main_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/emulator"
)

// throttle gives the extension the given share of a processor, as Lambda does
// to a small function: it is stopped and continued in turns until the test ends.
func throttle(t *testing.T, share float64) {
	t.Helper()
	pid := extensionPID(t)
	const period = 50 * time.Millisecond
	on := time.Duration(share * float64(period))
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		running := true
		timer := time.NewTimer(on)
		for {
			select {
			case <-stop:
				syscall.Kill(pid, syscall.SIGCONT)
				return
			case <-timer.C:
			}
			if running {
				syscall.Kill(pid, syscall.SIGSTOP)
				timer.Reset(period - on)
			} else {
				syscall.Kill(pid, syscall.SIGCONT)
				timer.Reset(on)
			}
			running = !running
		}
	}()
	t.Cleanup(func() { close(stop); <-stopped })
}

// extensionPID finds the extension that this test started: a child of ours whose
// program is in optDir.
func extensionPID(t *testing.T) int {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		exe, _ := os.Readlink(filepath.Join(d, "exe"))
		stat, _ := os.ReadFile(filepath.Join(d, "stat"))
		fields := strings.Fields(string(stat))
		if exe == filepath.Join(optDir, "extensions", "merlon") && len(fields) > 3 && fields[3] == strconv.Itoa(os.Getpid()) {
			pid, err := strconv.Atoi(filepath.Base(d))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	t.Fatal("no extension is running")
	return 0
}

// TestD1FillerBuysNoTime hides an attack behind 5.9 MB of filler and gives the
// extension 0.07 of a processor, the share of a 128 MB function. What cannot be
// inspected in the time must be refused before the invocation's deadline, not
// delivered after it.
func TestD1FillerBuysNoTime(t *testing.T) {
	e := protected(t, "plain", func(o *emulator.Options) {
		block(o)
		o.Function.Timeout = 3 * time.Second
	})
	e.invoke(t, `{"a":1}`) // the environment is up
	throttle(t, 0.07)
	words := strings.Repeat("please deliver to the back door and ring twice ", 1<<10)
	for _, c := range []struct{ name, payload string }{
		{"many leaves", `{"notes":["` + strings.Repeat(`a plain note","`, 5_900_000/15) + `x"],"q":"<script>alert(1)</script>"}`},
		{"one string", `{"note":"` + strings.Repeat(words, 5_900_000/len(words)) + `","q":"<script>alert(1)</script>"}`},
	} {
		if r := e.invoke(t, c.payload); !refused(r) {
			t.Errorf("%s: %s %q %.200s, want a refusal", c.name, r.Status, r.ErrorType, r.Payload)
		}
	}
	if r := e.invoke(t, `{"a":2}`); r.Status != emulator.StatusSuccess {
		t.Errorf("benign event afterwards: %s %s", r.Status, r.Payload)
	}
}
