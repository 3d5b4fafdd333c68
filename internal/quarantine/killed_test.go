package quarantine_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/quarantine"
	"github.com/merlon-security/merlon/internal/quarantine/extract"
)

const (
	stepVar = "MERLON_TEST_STEP" // where the child stops and waits to be killed
	sinkVar = "MERLON_TEST_SINK" // the file it writes to
	keyVar  = "MERLON_TEST_KEY"  // the public key
)

func TestMain(m *testing.M) {
	if os.Getenv(stepVar) != "" {
		fmt.Fprintln(os.Stderr, "child:", child())
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// twoParts is a record that takes two lines.
func twoParts() quarantine.Entry { return entry(event.Kinesis, strings.Repeat("x", 150_000)) }

// child keeps a record and stops at its step.
func child() error {
	f, err := os.OpenFile(os.Getenv(sinkVar), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	k, err := quarantine.New(quarantine.Options{
		Target: "log", Recipient: os.Getenv(keyVar), Env: func(string) string { return "" }, Out: &steps{f: f},
		Now: time.Now, Notify: func(quarantine.Notice) {},
	})
	if err != nil {
		return err
	}
	if err := k.Keep(context.Background(), twoParts()); err != nil {
		return err
	}
	reach("returned")
	return errors.New("nobody killed it")
}

// reach announces a step and, if it is the one, waits.
func reach(step string) {
	fmt.Println(step)
	if step == os.Getenv(stepVar) {
		_, _ = io.Copy(io.Discard, os.Stdin) // until the parent is done with us
	}
}

// steps stops around each write.
type steps struct {
	f io.Writer
	n int
}

func (s *steps) Write(p []byte) (int, error) {
	reach(fmt.Sprintf("before %d", s.n))
	n, err := s.f.Write(p)
	reach(fmt.Sprintf("after %d", s.n))
	s.n++
	return n, err
}

// TestB9KilledAtEachStep: whenever the process dies, either the record is in the
// sink, or Keep has not returned and the source still has it.
func TestB9KilledAtEachStep(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		step     string
		whole    bool // the record can be extracted
		returned bool // Keep said so
	}{
		{"before 0", false, false}, {"after 0", false, false}, {"before 1", false, false}, {"after 1", true, false}, {"returned", true, true},
	} {
		sink := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(sink, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		last := killAt(t, c.step, sink, id.Recipient().String())
		f, err := os.Open(sink)
		if err != nil {
			t.Fatal(err)
		}
		res, err := extract.Read(f, id)
		_ = f.Close() // read only
		if err != nil {
			t.Fatal(err)
		}
		whole := len(res.Records) == 1 && string(res.Records[0].Body) == string(twoParts().Items[0].Body)
		if whole != c.whole || (last == "returned") != c.returned {
			t.Errorf("killed at %q: in the sink %v, want %v; returned %v, want %v", c.step, whole, c.whole, last == "returned", c.returned)
		}
	}
}

// killAt runs a child until it announces the step, kills it, and returns the
// last step it announced.
func killAt(t *testing.T, step, sink, key string) (last string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), stepVar+"="+step, sinkVar+"="+sink, keyVar+"="+key)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for last != step && lines.Scan() {
		last = lines.Text()
	}
	if err := cmd.Process.Kill(); err != nil { // SIGKILL
		t.Fatal(err)
	}
	for lines.Scan() {
		last = lines.Text()
	}
	_ = cmd.Wait() // it was killed
	return last
}
