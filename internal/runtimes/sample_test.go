package runtimes_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// process is the extension's, seen through /proc.
type process struct{ pid int }

// extensionProcess finds the extension that was told to listen there.
func extensionProcess(t *testing.T, listen string) process {
	t.Helper()
	want := filepath.Join(optDir, "extensions", "merlon")
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		if exe, err := os.Readlink(dir + "/exe"); err != nil || exe != want {
			continue
		}
		environ, err := os.ReadFile(dir + "/environ")
		if err != nil || !bytes.Contains(environ, []byte("MERLON_LISTEN="+listen+"\x00")) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			t.Fatal(err)
		}
		return process{pid}
	}
	t.Fatalf("no process runs %s", want)
	return process{}
}

// sample is what the process holds after so many invocations.
type sample struct {
	after       int
	resident    float64 // MB
	descriptors int
	threads     int
}

func (p process) sample(t *testing.T, after int) sample {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d", p.pid)
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		t.Fatal(err)
	}
	s := sample{after: after}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		switch name {
		case "VmRSS":
			s.resident = float64(n) / 1024
		case "Threads":
			s.threads = n
		}
	}
	fds, err := os.ReadDir(dir + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	s.descriptors = len(fds)
	if s.resident == 0 || s.threads == 0 {
		t.Fatalf("read %s: %+v", dir, s)
	}
	return s
}

type samples []sample

// settled are those past the first fifth, in which heap, caches and automata
// take their size.
func (s samples) settled() samples { return s[len(s)/5:] }

// growth is what resident memory gained over the settled part, by the line of
// least squares through it.
func (s samples) growth() float64 {
	part := s.settled()
	var x, y, xx, xy float64
	for _, p := range part {
		x, y = x+float64(p.after), y+p.resident
		xx, xy = xx+float64(p.after)*float64(p.after), xy+float64(p.after)*p.resident
	}
	n := float64(len(part))
	slope := (n*xy - x*y) / (n*xx - x*x)
	return slope * float64(part[len(part)-1].after-part[0].after)
}

func (s samples) most(of func(sample) float64) float64 {
	return of(slices.MaxFunc(s, func(a, b sample) int { return int(of(a)*1024) - int(of(b)*1024) }))
}

func (s samples) String() string {
	resident := func(p sample) float64 { return p.resident }
	return fmt.Sprintf("resident %.1f MB after %d, %.1f at the end, %.1f at most, growth over the settled part %+.2f MB by regression; descriptors %d to %.0f; threads at most %.0f",
		s[0].resident, s[0].after, s[len(s)-1].resident, s.most(resident), s.growth(), s[0].descriptors,
		s.most(func(p sample) float64 { return float64(p.descriptors) }), s.most(func(p sample) float64 { return float64(p.threads) }))
}

// check holds the samples against a leak. Memory is only judged over a run long
// enough for it to settle.
func (s samples) check(t *testing.T, n int) {
	t.Helper()
	begin, end := s.settled()[0], s[len(s)-1]
	if end.descriptors > begin.descriptors+4 {
		t.Errorf("%d descriptors after %d invocations, %d after %d", end.descriptors, end.after, begin.descriptors, begin.after)
	}
	if growth := s.growth(); n >= 20_000 && growth > 6 {
		t.Errorf("resident memory grows by %.1f MB over the settled part", growth)
	}
}
