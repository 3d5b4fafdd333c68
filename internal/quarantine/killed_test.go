package quarantine_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
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
	hostVar = "MERLON_TEST_HOST" // where S3 listens, if that is the store
	rootVar = "MERLON_TEST_ROOT" // its certificate, in base64
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
	k, err := childKeeper()
	if err != nil {
		return err
	}
	if err := k.Keep(context.Background(), twoParts()); err != nil {
		return err
	}
	reach("returned")
	return errors.New("nobody killed it")
}

func childKeeper() (*quarantine.Keeper, error) {
	o := quarantine.Options{
		Target: "log", Recipient: os.Getenv(keyVar), Now: func() time.Time { return start }, Notify: func(quarantine.Notice) {},
		Env: func(name string) string {
			return map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI"}[name]
		},
	}
	if host := os.Getenv(hostVar); host != "" {
		der, err := base64.StdEncoding.DecodeString(os.Getenv(rootVar))
		if err != nil {
			return nil, err
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		roots.AddCert(cert)
		o.Target = bucket
		return quarantine.NewOn(o, func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, host)
		}, roots, time.Minute)
	}
	f, err := os.OpenFile(os.Getenv(sinkVar), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	o.Out = &steps{f: f}
	return quarantine.New(o)
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
		last := killAt(t, c.step, nil, sinkVar+"="+sink, keyVar+"="+id.Recipient().String())
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

// TestB9KilledBeforeS3Answers: the same where the sink is a service, which may
// have the record although its answer never came.
func TestB9KilledBeforeS3Answers(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		step            string
		whole, returned bool
	}{{"asked", false, false}, {"stored", true, false}, {"returned", true, true}} {
		at := make(chan struct{})
		s := newService(t, "s3")
		if c.step == "returned" {
			at = nil
		} else {
			s.next(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				if c.step == "stored" {
					s.accept(w, r, body)
				}
				close(at)
				<-r.Context().Done() // the child is dead
			})
		}
		last := killAt(t, c.step, at, hostVar+"="+s.Listener.Addr().String(), keyVar+"="+b.id.Recipient().String(),
			rootVar+"="+base64.StdEncoding.EncodeToString(s.TLS.Certificates[0].Certificate[0]))
		recs := b.opened(s.kept())
		if (len(recs) == 1) != c.whole || (last == "returned") != c.returned {
			t.Errorf("killed when %s: %d records in the sink, want one %v; returned %v, want %v", c.step, len(recs), c.whole, last == "returned", c.returned)
		}
	}
}

// killAt runs a child until it announces the step, or at is closed if the step
// is the service's, kills it, and returns the last step it announced.
func killAt(t *testing.T, step string, at <-chan struct{}, env ...string) (last string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), stepVar+"="+step), env...)
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
	lines := make(chan string)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(out); in.Scan(); {
			lines <- in.Text()
		}
	}()
	for there := false; !there; {
		select {
		case line, ok := <-lines:
			if !ok {
				t.Errorf("the child ended before %q", step)
			}
			last, there = line, !ok || line == step
		case <-at:
			there = true
		}
	}
	if err := cmd.Process.Kill(); err != nil { // SIGKILL
		t.Fatal(err)
	}
	for line := range lines {
		last = line
	}
	_ = cmd.Wait() // it was killed
	return last
}
