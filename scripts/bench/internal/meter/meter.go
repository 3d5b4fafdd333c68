// Package meter reads what work has cost: processor time and allocations of a
// process. Wall time is not its business; on a shared machine that mostly shows
// the neighbours.
package meter

import (
	"runtime"
	"syscall"
	"time"
)

// CPU is the user and system time that this process has used, garbage
// collection included.
func CPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic("bug: getrusage of this process: " + err.Error())
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Cost is the mean over the runs of a piece of work.
type Cost struct {
	Runs   int
	CPU    time.Duration
	Allocs float64
	Bytes  float64
}

// Repeat does the work until it has used least of processor time, and at least
// min times; with least at zero, min times.
func Repeat(least time.Duration, min int, work func() error) (Cost, error) {
	runtime.GC() // what others left behind is not this work's
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start, runs := CPU(), 0
	var used time.Duration
	for batch := 1; runs < min || used < least; {
		for range batch {
			if err := work(); err != nil {
				return Cost{}, err
			}
		}
		runs += batch
		used = CPU() - start
		if used < 2*time.Millisecond { // reading the clock must not be what is measured
			batch *= 2
		}
	}
	runtime.ReadMemStats(&after)
	n := float64(runs)
	return Cost{
		Runs: runs, CPU: time.Duration(float64(used) / n),
		Allocs: float64(after.Mallocs-before.Mallocs) / n, Bytes: float64(after.TotalAlloc-before.TotalAlloc) / n,
	}, nil
}
