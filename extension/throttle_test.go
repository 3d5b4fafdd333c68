package main_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/merlon-security/merlon/internal/emulator"
)

// throttle gives the extension the given share of a processor, as Lambda does
// to a small function: whenever it has had its part of a period it is stopped
// until the next. What counts is the time it had, not the time that went by: a
// busy machine must not leave it less.
func throttle(t *testing.T, share float64) {
	t.Helper()
	pid := extensionPID(t)
	if processorTime(pid) == 0 {
		t.Fatal("the extension's processor time cannot be read")
	}
	const period = 50 * time.Millisecond
	part := time.Duration(share * float64(period))
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		defer syscall.Kill(pid, syscall.SIGCONT)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		began, may, running := time.Now(), processorTime(pid)+part, true
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			had := processorTime(pid)
			if time.Since(began) >= period {
				began, may = time.Now(), min(may, had)+part // what was not used lapses
			}
			switch {
			case running && had >= may:
				syscall.Kill(pid, syscall.SIGSTOP)
				running = false
			case !running && had < may:
				syscall.Kill(pid, syscall.SIGCONT)
				running = true
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-stopped })
}

// processorTime is what a process has had of all processors so far
// (clock_getcpuclockid(3)).
func processorTime(pid int) time.Duration {
	var had syscall.Timespec
	_, _, _ = syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(^pid<<3|2), uintptr(unsafe.Pointer(&had)), 0)
	return time.Duration(had.Nano())
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
