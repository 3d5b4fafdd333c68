package meter_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/merlon-security/merlon/scripts/bench/internal/meter"
)

var sink []byte

func TestRepeatCountsWork(t *testing.T) {
	runs := 0
	c, err := meter.Repeat(5*time.Millisecond, 3, func() error {
		runs++
		sink = make([]byte, 4096)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Runs != runs || c.CPU <= 0 || c.Allocs < 1 || c.Allocs > 2 || c.Bytes < 4096 || c.Bytes > 6000 {
		t.Errorf("Repeat = %+v after %d runs of one allocation of 4096 bytes", c, runs)
	}
}

func TestRepeatRunsAtLeastOnce(t *testing.T) {
	if c, err := meter.Repeat(0, 1, func() error { return nil }); err != nil || c.Runs != 1 {
		t.Errorf("Repeat(0, 1) = %+v, %v, want one run", c, err)
	}
	broken := errors.New("broken")
	if _, err := meter.Repeat(0, 1, func() error { return broken }); !errors.Is(err, broken) {
		t.Errorf("Repeat = %v, want the work's error", err)
	}
}

// TestProcessCPU: the clock of this process is the one getrusage reads.
func TestProcessCPU(t *testing.T) {
	before := meter.CPU()
	got, err := meter.ProcessCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if after := meter.CPU(); got < before-10*time.Millisecond || got > after+10*time.Millisecond {
		t.Errorf("ProcessCPU = %v, getrusage says %v to %v", got, before, after)
	}
	if m, err := meter.ProcessMemory(os.Getpid()); err != nil || m.Now < 1<<20 || m.Peak < m.Now {
		t.Errorf("ProcessMemory = %+v, %v", m, err)
	}
}
