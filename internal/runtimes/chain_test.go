package runtimes_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/emulator"
	"github.com/merlon-security/merlon/proxy"
)

const attack = `{"q":"1' UNION SELECT password FROM users -- "}`

// playProxy is another product's proxy: "plain" is what net/http/httputil makes
// of one line, "relay" a second relay of ours. It prints its address and serves
// until it is killed.
func playProxy(kind, upstream string) error {
	if kind == "relay" {
		rl, err := proxy.New(proxy.Options{Upstream: upstream})
		if err != nil {
			return err
		}
		if err := rl.Listen(os.Getenv("TEST_LISTEN")); err != nil {
			return err
		}
		fmt.Println(rl.Addr())
		return rl.Serve()
	}
	l, err := net.Listen("tcp", os.Getenv("TEST_LISTEN"))
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	target := &url.URL{Scheme: "http", Host: upstream}
	rp := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) }, // the target's own name, no X-Forwarded-For
		FlushInterval: -1,
		Transport:     &http.Transport{DisableCompression: true},
	}
	return http.Serve(l, rp)
}

// startProxy runs one in a process of its own. It may be started before what
// it leads to.
func startProxy(t *testing.T, kind, listen, upstream string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "TEST_PROXY="+kind, "TEST_UPSTREAM="+upstream, "TEST_LISTEN="+listen)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("%s proxy: %q %v", kind, line, err)
	}
}

// chained is a Go function behind the layer in block mode.
func chained(t *testing.T, kind string, change func(*emulator.Options)) *environment {
	t.Helper()
	c := clients(t)[0]
	o := c.options(t, parityCase{function: kind}, true)
	change(&o)
	return startBlocking(t, o, 0)
}

// holds sends what has to pass and what must not, and a stream that fails.
func (e *environment) holds(t *testing.T, wrapped string) {
	t.Helper()
	if got := e.take(t, step{payload: `{"a":1}`}); got.status != "success" {
		t.Errorf("benign event: %s", got.detail)
	}
	if got := e.take(t, step{payload: attack}); got.status != "error Function.MerlonBlocked" {
		t.Errorf("attack: %s, want a refusal", got.detail)
	}
	if got := e.take(t, step{payload: twoIn}); !strings.HasPrefix(got.detail, "success") {
		t.Errorf("2 MiB: %.300s", got.detail)
	}
	if got := e.take(t, step{payload: do("wrapped by")}); !strings.Contains(got.detail, wrapped) {
		t.Errorf("the runtime was not wrapped: %s, want %q", got.detail, wrapped)
	}
	for range 20 {
		if got := e.take(t, step{payload: do("error")}); got.status != "error Runtime.Unknown" {
			t.Errorf("handler error: %s", got.detail)
		}
	}
}

func script(t *testing.T, file, text string) string {
	t.Helper()
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

// ownOpt is a layer's directory that a test may add to. The launcher in it
// takes the directory for /opt, where alone other wrappers may stand.
func ownOpt(t *testing.T) string {
	t.Helper()
	opt := t.TempDir()
	if err := os.Mkdir(filepath.Join(opt, "extensions"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(optDir, "extensions", "merlon"), filepath.Join(opt, "extensions", "merlon")); err != nil {
		t.Fatal(err)
	}
	source, err := filepath.Abs(filepath.Join(root, "internal", "config", "values.go"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), `"/opt/"`); n != 1 {
		t.Fatalf("%s names /opt/ %d times, want once", source, n)
	}
	replaced, overlay := filepath.Join(t.TempDir(), "values.go"), filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(replaced, []byte(strings.Replace(string(text), `"/opt/"`, fmt.Sprintf("%q", opt+"/"), 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {source: replaced}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, list, 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-overlay", overlay, "-o", filepath.Join(opt, "merlon-wrapper"), "./layer/wrapper")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if msg, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, msg)
	}
	return opt
}

func TestChainOtherWrapperInside(t *testing.T) {
	t.Parallel()
	opt := ownOpt(t)
	next := script(t, filepath.Join(opt, "other"), `TEST_WRAPPED=other exec "$@"`)
	chained(t, "plain", func(o *emulator.Options) {
		o.Opt, o.Function.Command[0] = opt, filepath.Join(opt, "merlon-wrapper")
		o.Function.Env["MERLON_NEXT_WRAPPER"] = next
	}).holds(t, "other")
}

func TestChainOtherWrapperOutside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	chained(t, "plain", func(o *emulator.Options) {
		first := script(t, filepath.Join(dir, "other"), `TEST_WRAPPED=other exec "`+o.Function.Command[0]+`" "$@"`)
		o.Function.Command[0] = first
	}).holds(t, "other")
}

// TestChainUpstream puts another proxy between Merlon and the service: runtime,
// Merlon, the other, the service.
func TestChainUpstream(t *testing.T) {
	for _, kind := range []string{"plain", "relay"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			service, other := freePort(t), freePort(t)
			startProxy(t, kind, other, service)
			e := chained(t, "plain", func(o *emulator.Options) {
				o.Listen = service
				o.Function.Env["MERLON_UPSTREAM"] = other
			})
			e.holds(t, "null")
		})
	}
}

// TestChainInFront puts another proxy between the runtime and Merlon, with the
// wrapper of its own that every such product has.
func TestChainInFront(t *testing.T) {
	for _, kind := range []string{"plain", "relay"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			other, dir := freePort(t), t.TempDir()
			e := chained(t, "plain", func(o *emulator.Options) {
				startProxy(t, kind, other, o.Function.Env["MERLON_LISTEN"])
				inner := script(t, filepath.Join(dir, "other"), `AWS_LAMBDA_RUNTIME_API=`+other+` TEST_WRAPPED=other exec "$@"`)
				o.Function.Command = append([]string{o.Function.Command[0], inner}, o.Function.Command[1:]...)
			})
			e.holds(t, "other")
		})
	}
}

// TestChainStreams sends streams, their trailers and their ends through three
// relays in a row.
func TestChainStreams(t *testing.T) {
	t.Parallel()
	service, first, last, dir := freePort(t), freePort(t), freePort(t), t.TempDir()
	startProxy(t, "relay", first, service)
	e := chained(t, "stream", func(o *emulator.Options) {
		o.Listen, o.Function.Timeout = service, time.Minute
		o.Function.Env["MERLON_UPSTREAM"] = first
		startProxy(t, "relay", last, o.Function.Env["MERLON_LISTEN"])
		inner := script(t, filepath.Join(dir, "other"), `AWS_LAMBDA_RUNTIME_API=`+last+` exec "$@"`)
		o.Function.Command = append([]string{o.Function.Command[0], inner}, o.Function.Command[1:]...)
	})
	for _, c := range []struct{ payload, status, detail string }{
		{do("all"), "success", "one two three"},
		{do("fail"), "error Runtime.Unknown", "broke off"},
		{do("empty"), "success", ""},
		{twenty, "success", "20971520 bytes"},
	} {
		if got := e.take(t, step{payload: c.payload, stream: true}); got.status != c.status || !strings.Contains(got.detail, c.detail) {
			t.Errorf("%s: %.300s, want %s with %q", c.payload, got.detail, c.status, c.detail)
		}
	}
}
