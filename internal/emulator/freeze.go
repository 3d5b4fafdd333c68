package emulator

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// freeze stops every process of the environment where it stands, as the
// service does as soon as an invocation is over. Nothing in it runs until thaw,
// but what other machines do to its connections goes on.
func (e *environment) freeze() {
	processes := e.processes()
	for _, p := range processes {
		p.signal(syscall.SIGSTOP)
	}
	for _, p := range processes {
		p.awaitStopped()
	}
}

// thaw lets the processes go on. It does no harm to those that run.
func (e *environment) thaw() {
	for _, p := range e.processes() {
		p.signal(syscall.SIGCONT)
	}
}

func (e *environment) processes() []*process {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []*process
	if e.runtimeProcess != nil {
		all = append(all, e.runtimeProcess)
	}
	for _, x := range e.extensions {
		if x.process != nil {
			all = append(all, x.process)
		}
	}
	return all
}

// signal reaches the program and everything in its group.
func (p *process) signal(s syscall.Signal) {
	select {
	case <-p.exited: // the id may belong to somebody else by now
	default:
		syscall.Kill(-p.cmd.Process.Pid, s)
	}
}

// awaitStopped returns when no thread of the program runs any more. A signal is
// on its way for a moment after kill(2) returned, and somebody else's SIGCONT may
// come behind it: it is sent until it lasts.
func (p *process) awaitStopped() {
	tasks := fmt.Sprintf("/proc/%d/task/*/stat", p.cmd.Process.Pid)
	for {
		select {
		case <-p.exited:
			return
		default:
		}
		if stopped(tasks) {
			return
		}
		time.Sleep(100 * time.Microsecond)
		p.signal(syscall.SIGSTOP)
	}
}

// stopped reports whether all the tasks are stopped or dead (proc_pid_stat(5)).
// Without /proc there is nothing to see, and nothing to wait for.
func stopped(tasks string) bool {
	files, err := filepath.Glob(tasks)
	if err != nil {
		return true // a pattern of ours; Glob knows no other error
	}
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// The name before the state is in parentheses and may hold anything.
		_, state, _ := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte{' '})
		if len(state) > 0 && !bytes.ContainsAny(state[:1], "TtZX") {
			return false
		}
	}
	return true
}
