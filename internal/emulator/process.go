package emulator

import (
	"errors"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// process is a program of the environment, in a process group of its own.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed when it was reaped and its output collected
	state  string        // "exit status 1", "signal: killed"; valid after exited
	failed bool          // not exit status 0; valid after exited
}

type processSpec struct {
	argv []string
	env  []string
	dir  string
	as   Line // source and name of its output
	tell func(Line)
}

// drainTime bounds the wait for output that a process outside the group (it
// called setsid) still holds open.
const drainTime = time.Second

// startProcess starts a program. onExit is called once it is gone.
func startProcess(spec processSpec, l *logs, onExit func(*process)) (*process, error) {
	cmd, ends, err := spawn(spec)
	// A program that was written a moment ago may still be open for writing in
	// a child that another goroutine is just forking.
	for range 100 {
		if !errors.Is(err, syscall.ETXTBSY) {
			break
		}
		time.Sleep(10 * time.Millisecond)
		cmd, ends, err = spawn(spec)
	}
	if err != nil {
		return nil, err
	}
	stdout, stderr := spec.as, spec.as
	stderr.Stderr = true
	var readers sync.WaitGroup
	readers.Go(func() { l.collect(ends[0], stdout, spec.tell) })
	readers.Go(func() { l.collect(ends[1], stderr, spec.tell) })

	p := &process{cmd: cmd, exited: make(chan struct{})}
	go func() {
		err := cmd.Wait()
		p.state, p.failed = cmd.ProcessState.String(), err != nil
		// Children that the program left behind in its group would go on
		// unseen and hold its output open.
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		for _, r := range ends {
			r.SetReadDeadline(time.Now().Add(drainTime))
		}
		readers.Wait()
		closeAll(ends[:])
		close(p.exited)
		onExit(p)
	}()
	return p, nil
}

// spawn starts the program with pipes of our own instead of exec.Cmd's: Wait
// must return when the process is gone, not when the last holder of its output
// is. ends are the reading ends of stdout and stderr.
func spawn(spec processSpec) (cmd *exec.Cmd, ends [2]*os.File, err error) {
	var writers [2]*os.File
	defer func() {
		closeAll(writers[:])
		if err != nil {
			closeAll(ends[:])
		}
	}()
	for i := range ends {
		if ends[i], writers[i], err = os.Pipe(); err != nil {
			return nil, ends, err
		}
	}
	cmd = &exec.Cmd{
		Path:        spec.argv[0],
		Args:        spec.argv,
		Env:         spec.env,
		Dir:         spec.dir,
		Stdout:      writers[0],
		Stderr:      writers[1],
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	return cmd, ends, cmd.Start()
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

// terminate asks the program to end.
func (p *process) terminate() {
	p.cmd.Process.Signal(syscall.SIGTERM)
}

// kill ends the program and everything in its group, and waits until it is
// reaped.
func (p *process) kill() {
	select {
	case <-p.exited: // the id may belong to somebody else by now
		return
	default:
	}
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.exited
}

// awaitExit reports whether the program was gone by the deadline.
func (p *process) awaitExit(deadline time.Time) bool {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-p.exited:
		return true
	case <-timer.C:
		return false
	}
}
