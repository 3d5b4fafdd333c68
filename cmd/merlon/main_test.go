package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

func merlon(t *testing.T, in io.Reader, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, stdio{in, &o, &e})
	return code, o.String(), e.String()
}

func TestHelpNamesEveryCommand(t *testing.T) {
	code, out, _ := merlon(t, nil, "--help")
	if code != 0 {
		t.Errorf("exit %d, want 0", code)
	}
	for _, want := range []string{"run", "inspect", "layer build", "layer wrap", "layer check", "doctor", "policy check", "policy test"} {
		if !strings.Contains(out, want) {
			t.Errorf("help does not name %q:\n%s", want, out)
		}
	}
}

func TestWrongCommandLine(t *testing.T) {
	for _, args := range [][]string{{"inpect"}, {"inspect", "--mode", "maybe"}, {"inspect", "--policy", "/no/such/file"}, {}} {
		if code, _, errs := merlon(t, nil, args...); code != 2 || !strings.Contains(errs, "merlon:") {
			t.Errorf("merlon %v: exit %d, %q; want 2 and a message", args, code, errs)
		}
	}
}

// TestInspectFormat pins the output: one object a line, in the order of the
// input, with exactly these members.
func TestInspectFormat(t *testing.T) {
	in := strings.Join([]string{
		`{"id":"a","event":{"q":"1' UNION SELECT password FROM users -- "}}`,
		``,
		`{"id":"b","event":{"q":"hello"}}`,
		`{"q":"bare"}`,
		`{"id":"c","event":{},"more":1}`,
		`{"id":7,"event":{"q":"<script>alert(1)</script>"}}`,
	}, "\n")
	code, out, errs := merlon(t, strings.NewReader(in), "inspect")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	want := []struct {
		id, action string
		blocked    bool
	}{{"a", "block", true}, {"b", "allow", false}, {"4", "allow", false}, {"5", "allow", false}, {"7", "block", true}}
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d:\n%s", len(lines), len(want), out)
	}
	members := []string{"id", "action", "blocked", "score", "rules", "trigger", "where", "reason", "inspectUs"}
	for i, l := range lines {
		var got map[string]any
		if err := json.Unmarshal([]byte(l), &got); err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		if got["id"] != want[i].id || got["action"] != want[i].action || got["blocked"] != want[i].blocked {
			t.Errorf("line %d: %s, want %+v", i+1, l, want[i])
		}
		for _, m := range members {
			if _, ok := got[m]; !ok {
				t.Errorf("line %d has no %q", i+1, m)
			}
		}
		if len(got) != len(members) {
			t.Errorf("line %d has %d members, want %d: %s", i+1, len(got), len(members), l)
		}
	}
	if !strings.Contains(lines[0], `"where":["q"]`) || !strings.Contains(lines[0], "91008") {
		t.Errorf("line 1 names no place or rule: %s", lines[0])
	}
}

func TestInspectUnreadableInput(t *testing.T) {
	code, out, errs := merlon(t, strings.NewReader("{\"q\":1}\nnot json\n{\"q\":2}\n"), "inspect")
	if code != 1 || !strings.Contains(errs, "line 2") {
		t.Errorf("exit %d, %q; want 1 and the line's number", code, errs)
	}
	if n := strings.Count(out, "\n"); n != 3 {
		t.Errorf("%d lines of output, want 3: a bad line must not hide the others", n)
	}
}

func TestInspectModes(t *testing.T) {
	const in = `{"q":"1' UNION SELECT password FROM users -- "}`
	if _, out, _ := merlon(t, strings.NewReader(in), "inspect", "--mode", "monitor"); !strings.Contains(out, `"action":"monitor","blocked":false`) {
		t.Errorf("monitor: %s", out)
	}
	if _, out, _ := merlon(t, strings.NewReader(in), "inspect", "--threshold", "100"); !strings.Contains(out, `"action":"allow"`) {
		t.Errorf("threshold 100: %s", out)
	}
}

// endless generates n lines without holding them.
type endless struct {
	n, no int
	buf   []byte
}

func (e *endless) Read(p []byte) (int, error) {
	for len(e.buf) < len(p) && e.no < e.n {
		e.no++
		e.buf = fmt.Appendf(e.buf, "{\"id\":\"%d\",\"event\":{\"n\":%d}}\n", e.no, e.no)
	}
	if len(e.buf) == 0 {
		return 0, io.EOF
	}
	n := copy(p, e.buf)
	e.buf = e.buf[:copy(e.buf, e.buf[n:])]
	return n, nil
}

// order checks ids as they come, and measures the live heap on the way.
type order struct {
	t    *testing.T
	next int
	peak uint64
	rest []byte
}

func (o *order) Write(p []byte) (int, error) {
	o.rest = append(o.rest, p...)
	sc := bufio.NewScanner(bytes.NewReader(o.rest))
	done := 0
	for sc.Scan() {
		if done+len(sc.Bytes())+1 > len(o.rest) {
			break
		}
		done += len(sc.Bytes()) + 1
		o.next++
		if want := fmt.Sprintf(`{"id":"%d",`, o.next); !bytes.HasPrefix(sc.Bytes(), []byte(want)) {
			o.t.Errorf("line %d: %.60s, want it to begin with %s", o.next, sc.Bytes(), want)
		}
		if o.next%10000 == 0 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			o.peak = max(o.peak, m.HeapAlloc)
		}
	}
	o.rest = append([]byte(nil), o.rest[done:]...)
	return len(p), nil
}

func TestInspectManyLinesInBoundedMemory(t *testing.T) {
	const n = 100_000
	o := &order{t: t}
	code := run(context.Background(), []string{"inspect"}, stdio{&endless{n: n}, o, io.Discard})
	if code != 0 || o.next != n {
		t.Fatalf("exit %d after %d lines, want 0 after %d", code, o.next, n)
	}
	if const64MB := uint64(64 << 20); o.peak > const64MB {
		t.Errorf("live heap reached %d MB, want at most 64 MB", o.peak>>20)
	}
}

func TestInspectSixMegabyteLine(t *testing.T) {
	line := `{"id":"big","event":{"rows":[` + strings.TrimSuffix(strings.Repeat(`"abcdefghijklmnop",`, 6<<20/19), ",") + `],"q":"<script>alert(1)</script>"}}`
	code, out, errs := merlon(t, strings.NewReader(line), "inspect")
	if code != 0 || !strings.Contains(out, `"blocked":true`) || !strings.Contains(out, `"where":["q"]`) {
		t.Errorf("exit %d, %.300s %s", code, out, errs)
	}
}

func TestDoctorExplainsFaults(t *testing.T) {
	t.Setenv("MERLON_MODE", "Block")
	t.Setenv("MERLON_TRESHOLD", "5")
	code, out, _ := merlon(t, nil, "doctor")
	if code != 1 {
		t.Errorf("exit %d, want 1", code)
	}
	for _, want := range []string{`MERLON_MODE="Block": want`, "MERLON_THRESHOLD", "VARIABLE", "MERLON_LISTEN"} {
		if !strings.Contains(out, want) {
			t.Errorf("doctor does not say %q:\n%s", want, out)
		}
	}
}
