package guard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/event/eventtest"
	"github.com/merlon-security/merlon/internal/verdict"
)

// Set for the test binary, it judges the hostile event in a file with the limits
// of a function of so many megabytes, alone, so that the memory is that event's.
const judgeFile, judgeMemory = "TEST_HOSTILE_FILE", "TEST_HOSTILE_MEMORY"

func TestMain(m *testing.M) {
	if file := os.Getenv(judgeFile); file != "" {
		if err := spend(file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// largest is about what Lambda delivers at most.
const largest = 5_900_000

func hostileEvents() []eventtest.HostileEvent {
	return append(eventtest.Hostile(), eventtest.Bombs()...)
}

// hostileEvent makes an event of n bytes, or one that holds eleven times as many.
func hostileEvent(h eventtest.HostileEvent, n int) []byte {
	if slices.ContainsFunc(eventtest.Bombs(), func(b eventtest.HostileEvent) bool { return b.Name == h.Name }) {
		n *= 11
	}
	return []byte(h.Make(n))
}

// spent is what judging one event took.
type spent struct {
	CPU  time.Duration
	Peak int64 // kilobytes of resident memory, at most
}

// usage reads the process's own clock, and the most memory it has had. (Maxrss
// begins with that of the process that started it; VmHWM, of proc(5), does not.)
func usage() (cpu time.Duration, peak int64, err error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, 0, err
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0, err
	}
	_, line, _ := strings.Cut(string(status), "VmHWM:")
	_, err = fmt.Sscan(line, &peak)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), peak, err
}

// spend judges one hostile event without a deadline and prints what it took.
func spend(file string) error {
	memory, err := strconv.Atoi(os.Getenv(judgeMemory))
	if err != nil {
		return err
	}
	e, err := engine()
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(file)
	if err := errors.Join(err, e.Warm()); err != nil {
		return err
	}
	g := blocking(e, nil)
	g.Limits = event.LimitsFor(memory)
	before, _, err := usage()
	if err != nil {
		return err
	}
	g.Judge(context.Background(), raw, nil, noDeadline)
	after, peak, err := usage()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(spent{after - before, peak})
}

// BenchmarkHostile judges the events that cost the most for their size, each in
// a process of its own, as in a function of 128 MB and in one of 1,024:
// processor time, megabytes delivered for a second of it, and the most memory of
// the process. Run it with -benchtime 1x.
func BenchmarkHostile(b *testing.B) {
	file := b.TempDir() + "/event"
	for _, memory := range []int{128, 1024} {
		var slowest, longest, hungriest worst
		for _, h := range hostileEvents() {
			b.Run(fmt.Sprintf("%dMB/%s", memory, strings.ReplaceAll(h.Name, " ", "-")), func(b *testing.B) {
				raw := hostileEvent(h, largest)
				if err := os.WriteFile(file, raw, 0o600); err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					s := judgedAlone(b, file, memory)
					mb := float64(len(raw)) / 1e6
					slowest.note(h.Name, s.CPU.Seconds()/mb)
					longest.note(h.Name, s.CPU.Seconds())
					hungriest.note(h.Name, float64(s.Peak)/1e3)
					b.ReportMetric(s.CPU.Seconds(), "cpu-s")
					b.ReportMetric(mb/s.CPU.Seconds(), "MB/cpu-s")
					b.ReportMetric(float64(s.Peak)/1e3, "MB-peak")
				}
			})
		}
		fmt.Printf("worst with %d MB: %.2f MB/s (%s), %.1f s of processor time for an event (%s), %.0f MB of memory (%s)\n", memory,
			1/slowest.value, slowest.name, longest.value, longest.name, hungriest.value, hungriest.name)
	}
}

type worst struct {
	name  string
	value float64
}

func (w *worst) note(name string, value float64) {
	if value > w.value {
		*w = worst{name, value}
	}
}

// judgedAlone has another process judge the event in a file, with the
// collector's limit that the extension sets.
func judgedAlone(b *testing.B, file string, memory int) (s spent) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), judgeFile+"="+file, fmt.Sprintf("%s=%d", judgeMemory, memory), fmt.Sprintf("GOMEMLIMIT=%dMiB", max(48, memory/8)))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err := errors.Join(err, json.Unmarshal(out, &s)); err != nil {
		b.Fatalf("%v: %s%s", err, out, stderr.Bytes())
	}
	return s
}

// A hostile event is refused, and the verdict names the limit that kept a part
// of it from being inspected. (A tenth of everything, limits too: it is quicker.)
func TestHostileEventsAreRefusedByTheirLimit(t *testing.T) {
	t.Parallel()
	refused := 0
	for _, h := range hostileEvents() {
		if h.Limit == "" {
			continue
		}
		r := &records{}
		g := blocking(clean, r)
		g.Keeper = &keeper{}
		g.Limits.Nodes, g.Limits.Decoded = g.Limits.Nodes/10, g.Limits.Decoded/10
		inspect(t, g, string(hostileEvent(h, largest/10)))
		if rec := r.all[0]; !rec.Blocked || rec.Reason != verdict.LimitReached || !slices.Contains(rec.Limits, h.Limit) || !strings.Contains(rec.Message, h.Limit) {
			t.Errorf("%s: blocked %t, %s, %q, limits %v, want %s", h.Name, rec.Blocked, rec.Reason, rec.Message, rec.Limits, h.Limit)
		}
		refused++
	}
	if refused < 18 {
		t.Errorf("%d hostile events with a limit, want at least 18", refused)
	}
}
