package main_test

import (
	"encoding/base64"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

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

// memoryGroup makes a control group with so many bytes of memory, as a file that
// a process writes its number to, and one that tells the most that was used.
func memoryGroup(t *testing.T, bytes int) (procs, peak string) {
	t.Helper()
	for _, g := range []struct{ root, limit, peak string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes"},
		{"/sys/fs/cgroup", "memory.max", "memory.peak"},
	} {
		dir := filepath.Join(g.root, "merlon-"+strconv.Itoa(os.Getpid()))
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		t.Cleanup(func() { os.Remove(dir) })
		if os.WriteFile(filepath.Join(dir, g.limit), []byte(strconv.Itoa(bytes)), 0o644) == nil {
			return filepath.Join(dir, "cgroup.procs"), filepath.Join(dir, g.peak)
		}
	}
	t.Skip("no control group for memory can be made here")
	return "", ""
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
		t.Skip("no node")
	}
	procs, peak := memoryGroup(t, 128<<20)
	dir := t.TempDir()
	script := filepath.Join(dir, "runtime.js")
	opt := filepath.Join(dir, "opt")
	grouped := fmt.Sprintf("#!/bin/sh\necho $$ > %s\nexec %s/extensions/merlon\n", procs, optDir)
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
		o.Function.Command = []string{"/bin/sh", "-c", "echo $$ > " + procs + "; exec " + node + " --max-old-space-size=64 " + script}
	})
	ordinary := func(after string) {
		if r := e.invoke(t, `{"name":"Ada","note":"please ring twice"}`); r.Status != emulator.StatusSuccess {
			t.Errorf("ordinary event after %s: %s %s %s", after, r.Status, r.ErrorType, r.Payload)
		}
	}
	ordinary("nothing")
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
	for name, payload := range events {
		r := e.invoke(t, payload)
		if r.ErrorType == "Extension.Crash" || r.Status == emulator.StatusTimeout {
			t.Errorf("%s: %s %s", name, r.Status, r.ErrorType)
		}
		most, _ := os.ReadFile(peak)
		t.Logf("%-30s %s %s, at most %s bytes so far", name, r.Status, r.ErrorType, strings.TrimSpace(string(most)))
		ordinary(name)
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"key%d":"value",`, i)
	}
	return b.String() + `"z":1`
}
