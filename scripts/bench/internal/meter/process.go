package meter

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ProcessCPU is the processor time that another process has used, to the
// nanosecond; /proc/PID/stat counts in hundredths of a second. Linux numbers the
// clocks of processes by their pid (clock_getcpuclockid(3)).
func ProcessCPU(pid int) (time.Duration, error) {
	const schedClock = 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|schedClock), &t); err != nil {
		return 0, fmt.Errorf("processor clock of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// Memory is the resident set of a process in bytes, now and at its highest.
type Memory struct{ Now, Peak int64 }

// ProcessMemory reads /proc/PID/status.
func ProcessMemory(pid int) (m Memory, err error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return m, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), ":")
		kb, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch key {
		case "VmRSS":
			m.Now = kb << 10
		case "VmHWM":
			m.Peak = kb << 10
		}
	}
	if m.Now == 0 {
		return m, fmt.Errorf("process %d has no memory: it ended", pid)
	}
	return m, nil
}
