package service

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"time"
)

// Process is a process of the environment.
type Process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	out   *bufio.Reader
	// Began is when it was started.
	Began time.Time
}

// Launch starts a program with the variables a Lambda environment has, and env.
// What the program prints is discarded unless Line reads it.
func Launch(env []string, program string, args ...string) (*Process, error) {
	cmd := exec.Command(program, args...)
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "AWS_REGION=eu-west-1", "AWS_LAMBDA_FUNCTION_NAME=bench", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128", "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand", "_HANDLER=handler", "LAMBDA_TASK_ROOT=/var/task",
	}, env...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, stdin: stdin}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(stdout)
	p.Began = time.Now()
	return p, cmd.Start()
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Line reads the first line the program prints and discards the rest.
func (p *Process) Line() (string, error) {
	line, err := p.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("%s said nothing: %w", p.cmd.Path, err)
	}
	p.Discard()
	return line, nil
}

// Discard reads away what the program prints.
func (p *Process) Discard() { go func() { _, _ = io.Copy(io.Discard, p.out) }() }

// Stop ends the process.
func (p *Process) Stop() {
	_ = p.stdin.Close()
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // it was killed
}

// FreeAddr returns a loopback address that nobody listens on.
func FreeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
