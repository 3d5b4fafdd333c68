package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/emulator"
	"github.com/merlon-security/merlon/internal/faults"
)

// A state is where the extension is when a signal comes. The invocation that
// meets it carries the event; a state without one is between invocations.
type state struct {
	name  string
	point string // where a call of the extension is stopped then
	first bool   // it is in the first invocation, which INIT precedes
	event string
	// killed says what SIGKILL does: what the caller gets and how often the
	// handler got the event.
	killed  string
	handled bool
}

const (
	reply   = "the reply"
	refusal = "the refusal"
	crash   = "`Extension.Crash`, or `Runtime.ExitError` if Lambda notices that first"

	onceGiven = "the event, once"
	notGiven  = "nothing"
)

func states(t *testing.T) []state {
	t.Helper()
	large := `{"name":"first","note":"` + strings.Repeat("please deliver to the back door and ring twice ", 100_000) + `"}`
	const small, bad = `{"name":"first"}`, `{"name":"first","q":"1' UNION SELECT password FROM users -- "}`
	return []state{
		{"before it registers", "before register", true, small, reply, true},
		{"registered, before its first poll", "before event", true, small, reply, true},
		{"idle", "", false, small, crash, false},
		{"receiving an event", "after next", false, small, crash, false},
		{"inspecting 4.7 MB", "after next", false, large, crash, false},
		{"while the handler works", "handler", false, `{"name":"first","do":"wait"}`, crash, true},
		{"passing the reply on", "before response", false, small, crash, true},
		{"the reply accepted, its runtime not told", "after response", false, small, reply, true},
		{"refusing", "before error", false, bad, crash, false},
		{"the refusal accepted, its lines not written", "after error", false, bad, refusal, false},
	}
}

// signalRows are the rows of TestExtensionIsSignalled, with the state of each.
func signalRows(t *testing.T) (rows []faults.Row, at []state) {
	for _, s := range states(t) {
		caller, function := reply, onceGiven
		if s.name == "refusing" || strings.HasPrefix(s.name, "the refusal") {
			caller, function = refusal, notGiven
		}
		killed := faults.Row{Fault: "SIGKILL " + s.name, Mode: faults.Any, Caller: s.killed, Function: notGiven}
		if s.handled {
			killed.Function = onceGiven
		}
		rows = append(rows, killed,
			faults.Row{Fault: "SIGTERM " + s.name, Mode: faults.Any, Caller: caller, Function: function})
		at = append(at, s, s)
		if s.point != "before register" {
			rows = append(rows, faults.Row{Fault: "SIGSTOP for a while, " + s.name, Mode: faults.Any, Caller: caller, Function: function})
			at = append(at, s)
			continue
		}
		// Lambda starts the runtime as soon as it has the registration, and the
		// launcher's challenge finds nobody who answers.
		rows = append(rows,
			faults.Row{Fault: "SIGSTOP for a while, while it is challenged", Mode: faults.Any, Caller: reply, Function: onceGiven},
			faults.Row{Fault: "SIGSTOP for longer than the launcher waits, while it is challenged", Mode: "open", Caller: reply + "; the environment is unprotected", Function: onceGiven, Line: "`no complete answer in time`, `Unprotected`"},
			faults.Row{Fault: "SIGSTOP for longer than the launcher waits, while it is challenged", Mode: "closed", Caller: reply + ", of a second INIT", Function: onceGiven, Line: "`no complete answer in time`"})
		at = append(at, s, s, s)
	}
	return rows, at
}

// TestExtensionIsSignalled sends signals to the extension wherever it may be.
// Whatever becomes of the invocation, the environment after it refuses an attack.
func TestExtensionIsSignalled(t *testing.T) {
	t.Parallel()
	rows, at := signalRows(t)
	for i, row := range rows {
		modes := []string{row.Mode}
		if row.Mode == faults.Any {
			modes = []string{"open", "closed"}
		}
		for _, onFault := range modes {
			t.Run(row.Fault+", "+onFault, func(t *testing.T) {
				t.Parallel()
				gate := filepath.Join(t.TempDir(), "gate")
				r := newRig(t, rigOptions{change: func(o *emulator.Options) {
					o.Function.Env["MERLON_ON_FAULT"] = onFault
					o.Function.Env["TEST_GATE"] = gate
				}})
				caller := r.signalled(t, row.Fault, at[i], gate)
				for line := range strings.SplitSeq(row.Line, ", ") {
					r.awaitAny(t, strings.Trim(line, "`"))
				}
				caller += r.recovers(t)
				if onFault == "closed" && strings.Contains(row.Fault, "challenged") && strings.Count(r.text(), "platform: EXTENSION") == 2 {
					caller += ", of a second INIT"
				}
				if caller != row.Caller {
					t.Errorf("the caller gets %s, want %s", caller, row.Caller)
				}
				function := []string{notGiven, onceGiven}[min(1, r.handled("first"))]
				if n := r.handled("first"); n > 1 || function != row.Function {
					t.Errorf("the handler got the event %d times, want %s", n, row.Function)
				}
			})
		}
	}
}

// signalled invokes the function with a signal on the way, and returns what the
// caller has in the end.
func (r *rig) signalled(t *testing.T, fault string, s state, gate string) string {
	t.Helper()
	if !s.first {
		r.invoke(t, `{"a":1}`)
	}
	if s.point == "" {
		if err := r.Warm(t.Context()); err != nil { // waits until the runtime has polled again
			t.Fatal(err)
		}
		r.send(t, fault, nil)
		return called(r.invoke(t, s.event))
	}
	if s.point == "handler" {
		if err := syscall.Mkfifo(gate, 0o600); err != nil {
			t.Fatal(err)
		}
		result := r.begin(t, s.event)
		r.awaitLine(t, emulator.SourceFunction, "handler got first")
		r.send(t, fault, nil)
		// The handler may be dead already; opening for reading too waits for nobody.
		g, err := os.OpenFile(gate, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		if _, err := g.WriteString("go on\n"); err != nil {
			t.Fatal(err)
		}
		return called(<-result)
	}
	at := r.stopAt(s.point)
	result := r.begin(t, s.event)
	at.wait(t)
	r.send(t, fault, at)
	return called(<-result)
}

// send sends the fault's signal, and lets a stopped call go on. An inspection is
// met by letting the event go first.
func (r *rig) send(t *testing.T, fault string, at *stop) {
	t.Helper()
	if at != nil && strings.Contains(fault, "inspecting") {
		at.release()
		at = nil
	}
	pid := r.process(t)
	switch {
	case strings.HasPrefix(fault, "SIGKILL"):
		r.signal(t, syscall.SIGKILL)
		return // its calls end with its connections
	case strings.HasPrefix(fault, "SIGTERM"):
		r.signal(t, syscall.SIGTERM)
	case strings.HasPrefix(fault, "SIGSTOP"):
		r.signal(t, syscall.SIGSTOP)
		awaitState(t, pid, "T")
		resume := func() { _ = syscall.Kill(pid, syscall.SIGCONT) }
		if strings.Contains(fault, "longer than the launcher waits") {
			go func() {
				defer resume()
				for end := time.Now().Add(time.Minute); time.Now().Before(end) && !strings.Contains(r.text(), "no complete answer in time"); {
					time.Sleep(time.Millisecond) // there is nothing to wait on
				}
			}()
		} else {
			time.AfterFunc(300*time.Millisecond, resume)
		}
	}
	if at != nil {
		at.release()
	}
}

// awaitState waits until a process is in a state of /proc/PID/stat.
func awaitState(t *testing.T, pid int, want string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		_, rest, _ := strings.Cut(string(stat), ") ")
		if state := rest[:min(1, len(rest))]; state == want {
			return
		}
		time.Sleep(time.Millisecond) // there is nothing to wait on
	}
	t.Fatalf("process %d did not come to state %q", pid, want)
}

// called names a result as the tables do.
func called(r emulator.Result) string {
	switch {
	case refused(r):
		return refusal
	case r.Status == emulator.StatusSuccess:
		return reply
	case r.ErrorType == "Extension.Crash", r.ErrorType == "Runtime.ExitError":
		return crash
	}
	return "`" + r.ErrorType + "`"
}

// recovers establishes that the function answers after a fault, at once unless
// Lambda notices only then that its environment has died, and returns what is to
// be said of its protection: nothing if an attack is refused.
func (r *rig) recovers(t *testing.T) (protection string) {
	t.Helper()
	again := func(event string) string {
		got := called(r.invoke(t, event))
		if got == crash {
			got = called(r.invoke(t, event))
		}
		return got
	}
	switch got := again(attack); got {
	case refusal:
	case reply:
		protection = "; the environment is unprotected"
	default:
		t.Errorf("afterwards an attack gets %s", got)
	}
	if got := again(`{"name":"last"}`); got != reply {
		t.Errorf("afterwards an event gets %s", got)
	}
	r.awaitLine(t, emulator.SourceFunction, "handler got last")
	return protection
}

// handled counts how often the handler got the event of a name.
func (r *rig) handled(name string) int { return strings.Count(r.text(), "handler got "+name+"\n") }
