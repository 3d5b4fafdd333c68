package main_test

import (
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/emulator"
	"github.com/merlon-security/merlon/internal/event/eventtest"
)

var hostile = flag.Bool("merlon.hostile", false, "run a Node function and the extension in 128 MB of memory, under hostile events")

// nodeRuntime is a runtime and its function in Node: it reads each event as JSON
// and answers with the number of bytes.
const nodeRuntime = `
const http = require("http"), [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":")
const agent = new http.Agent({ keepAlive: true })
const call = (method, path, body) => new Promise((done, fail) => {
  const r = http.request({ host, port, method, path: "/2018-06-01/runtime/invocation/" + path, agent }, res => {
    const parts = []
    res.on("data", p => parts.push(p)).on("end", () => done([res.headers, Buffer.concat(parts)])).on("error", fail)
  })
  r.on("error", fail).end(body)
})
const run = async () => {
  for (;;) {
    const [headers, event] = await call("GET", "next")
    JSON.parse(event)
    await call("POST", headers["lambda-runtime-aws-request-id"] + "/response", JSON.stringify({ bytes: event.length }))
  }
}
run().catch(() => process.exit(1))
`

// A memoryGroup bounds what processes have of memory together: a control group,
// where one can be made, which the kernel enforces. Elsewhere their anonymous
// memory is looked at every two milliseconds, and nothing is enforced.
type memoryGroup struct {
	most         atomic.Int64 // seen, without a control group
	dir          string       // of the control group; empty if there is none
	peak, events string       // files in it
	limit        int64
	pids         string // file that every process writes its number to
}

func newMemoryGroup(t *testing.T, limit int64) *memoryGroup {
	t.Helper()
	m := &memoryGroup{limit: limit, pids: filepath.Join(t.TempDir(), "pids")}
	var why []string
	for _, g := range []struct{ root, limit, peak, events string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes", "memory.oom_control"},
		{"/sys/fs/cgroup", "memory.max", "memory.peak", "memory.events"},
	} {
		dir := filepath.Join(g.root, "merlon-"+strconv.Itoa(os.Getpid()))
		if err := os.Mkdir(dir, 0o755); err != nil {
			why = append(why, err.Error())
			continue
		}
		t.Cleanup(func() { os.Remove(dir) })
		if err := setLimit(filepath.Join(dir, g.limit), limit); err != nil {
			why = append(why, err.Error())
			continue
		}
		m.dir, m.peak, m.events = dir, filepath.Join(dir, g.peak), filepath.Join(dir, g.events)
		m.used(t) // it can be read
		m.killed(t)
		return m
	}
	t.Logf("no control group can be made here (%s): memory is looked at, not enforced", strings.Join(why, "; "))
	stop, stopped := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(stop); <-stopped })
	go func() {
		defer close(stopped)
		every := time.NewTicker(2 * time.Millisecond)
		defer every.Stop()
		for {
			select {
			case <-stop:
				return
			case <-every.C:
				m.most.Store(max(m.most.Load(), m.anonymous()))
			}
		}
	}()
	return m
}

// anonymous is what the processes have now that no file backs.
func (m *memoryGroup) anonymous() (sum int64) {
	pids, _ := os.ReadFile(m.pids) // not there before the first has joined
	for _, pid := range strings.Fields(string(pids)) {
		status, _ := os.ReadFile("/proc/" + pid + "/status") // it may have ended
		_, rest, _ := strings.Cut(string(status), "RssAnon:")
		kb, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
		n, _ := strconv.ParseInt(kb, 10, 64)
		sum += n << 10
	}
	return sum
}

// setLimit writes a limit and reads it back. The file must be there: in what is no
// control group it could be made, and would limit nothing.
func setLimit(name string, limit int64) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strconv.FormatInt(limit, 10))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	got, err := os.ReadFile(name)
	if err == nil && strings.TrimSpace(string(got)) != strconv.FormatInt(limit, 10) {
		err = fmt.Errorf("%s: %s, want %d", name, got, limit)
	}
	return err
}

// join is a line of shell by which a process joins.
func (m *memoryGroup) join() string {
	line := "echo $$ >> " + m.pids
	if m.dir != "" {
		line += " && echo $$ > " + filepath.Join(m.dir, "cgroup.procs")
	}
	return line + " || exit 1"
}

// used is the most that the processes had together so far, or at most had.
func (m *memoryGroup) used(t *testing.T) (most int64) {
	t.Helper()
	if m.dir != "" {
		return readNumber(t, m.peak, "")
	}
	if m.most.Load() < 1<<20 {
		t.Fatal("two processes have no memory: it cannot be seen here")
	}
	return m.most.Load()
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// killed is how many processes the kernel ended for want of memory.
func (m *memoryGroup) killed(t *testing.T) int64 {
	t.Helper()
	if m.dir == "" {
		return 0
	}
	return readNumber(t, m.events, "oom_kill ")
}

// members is how many processes joined and are alive.
func (m *memoryGroup) members(t *testing.T) (n int) {
	t.Helper()
	name := m.pids
	if m.dir != "" {
		name = filepath.Join(m.dir, "cgroup.procs")
	}
	pids, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range strings.Fields(string(pids)) {
		if exists("/proc/" + pid) {
			n++
		}
	}
	return n
}

// readNumber reads the number behind a word of a file, or the file's only one.
func readNumber(t *testing.T, name, word string) int64 {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, word); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return n
		}
	}
	t.Fatalf("%s has no %q:\n%s", name, word, text)
	return 0
}

// TestE4HostileEventsIn128MB runs the extension and a Node function together in
// 128 MB, which the kernel enforces, and sends what costs most memory. Nothing
// may end the environment, and ordinary events are answered behind each.
func TestE4HostileEventsIn128MB(t *testing.T) {
	if !*hostile {
		t.Skip("only with -merlon.hostile (make hostile)")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("this needs Node: %v", err)
	}
	group := newMemoryGroup(t, 128<<20)
	dir := t.TempDir()
	script := filepath.Join(dir, "runtime.js")
	opt := filepath.Join(dir, "opt")
	grouped := fmt.Sprintf("#!/bin/sh\n%s\nexec %s/extensions/merlon\n", group.join(), optDir)
	for _, err := range []error{
		os.WriteFile(script, []byte(nodeRuntime), 0o644),
		os.MkdirAll(filepath.Join(opt, "extensions"), 0o755),
		os.WriteFile(filepath.Join(opt, "extensions", "merlon"), []byte(grouped), 0o755),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	e := protected(t, "", func(o *emulator.Options) {
		block(o)
		o.Opt = opt
		o.Function.Memory, o.Function.Timeout = 128, 0
		o.RuntimeAPI = o.Function.Env["MERLON_LISTEN"]
		o.Function.Command = []string{"/bin/sh", "-c", group.join() + "; exec " + node + " --max-old-space-size=64 " + script}
	})
	ordinary := func(after string) {
		if r := e.invoke(t, `{"name":"Ada","note":"please ring twice"}`); r.Status != emulator.StatusSuccess {
			t.Errorf("ordinary event after %s: %s %s %s", after, r.Status, r.ErrorType, r.Payload)
		}
	}
	ordinary("nothing")
	if n := group.members(t); n != 2 {
		t.Fatalf("%d processes in the group, want the extension and the function", n)
	}
	gzip := base64.StdEncoding.EncodeToString(eventtest.Gzip(strings.Repeat("0 ", 32<<20)))
	events := map[string]string{
		"a gzip bomb":       `["` + gzip + `"]`,
		"6 MB of gzip":      `["` + strings.Repeat(gzip+`","`, 5_900_000/len(gzip)) + `"]`,
		"ten thousand keys": `{` + manyKeys(10_000) + `}`,
	}
	for _, h := range eventtest.Hostile() {
		events[h.Name] = h.Make(5_500_000) // some come out a little longer
	}
	if len(events) < 25 {
		t.Errorf("%d hostile events", len(events))
	}
	for _, name := range slices.Sorted(maps.Keys(events)) {
		r := e.invoke(t, events[name])
		if r.ErrorType == "Extension.Crash" || r.ErrorType == "Runtime.ExitError" || r.Status == emulator.StatusTimeout {
			t.Errorf("%s: %s %s", name, r.Status, r.ErrorType)
		}
		t.Logf("%-30s %s %s, at most %.1f MB so far", name, r.Status, r.ErrorType, float64(group.used(t))/(1<<20))
		ordinary(name)
	}
	if n := group.killed(t); n > 0 {
		t.Errorf("%d processes were killed for want of memory", n)
	}
	if most := group.used(t); most > group.limit {
		t.Errorf("the two had up to %d bytes, want at most %d", most, group.limit)
	}
	if n := group.members(t); n != 2 {
		t.Errorf("%d processes are left, want the two that began", n)
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"key%d":"value",`, i)
	}
	return b.String() + `"z":1`
}
