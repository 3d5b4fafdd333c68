package runtimes_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	update  = flag.Bool("update", false, "write docs/PARITY.md")
	nodeRIC = flag.String("merlon.node", "", "directory of an installed aws-lambda-ric; with it the clients of Node, the shell and Python run too")
)

// optDir is laid out like /opt and holds the programs as they ship; bystander
// is a layer whose extension does nothing.
var optDir, bystander string

// The test binary plays the Go function, and the extension that does nothing:
// Lambda ends a runtime otherwise where there is an extension, so there is one
// on either side of a comparison.
func TestMain(m *testing.M) {
	switch {
	case filepath.Base(os.Args[0]) == "bystander":
		standBy()
		return
	case os.Getenv("TEST_PROXY") != "":
		fmt.Fprintln(os.Stderr, playProxy(os.Getenv("TEST_PROXY"), os.Getenv("TEST_UPSTREAM")))
		os.Exit(1)
	case os.Getenv("TEST_FUNCTION") != "":
		runFunction(os.Getenv("TEST_FUNCTION"))
		return
	}
	flag.Parse()
	dir, err := os.MkdirTemp("", "merlon-runtimes-")
	if err != nil {
		panic(err)
	}
	optDir, bystander = filepath.Join(dir, "opt"), filepath.Join(dir, "bystander")
	code := 1
	if err := build(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// root is the project's directory.
const root = "../.."

func build() error {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		return err
	}
	tags := regexp.MustCompile(`(?m)^TAGS\s*=\s*(\S+)`).FindSubmatch(makefile)
	if tags == nil {
		return fmt.Errorf("the Makefile sets no TAGS")
	}
	for out, pkg := range map[string]string{"extensions/merlon": "./extension", "merlon-wrapper": "./layer/wrapper"} {
		cmd := exec.Command("go", "build", "-tags", string(tags[1]), "-o", filepath.Join(optDir, out), pkg)
		cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
		if msg, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", pkg, err, msg)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(bystander, "extensions"), 0o755); err != nil {
		return err
	}
	return os.Symlink(self, filepath.Join(bystander, "extensions", "bystander"))
}

// standBy registers for SHUTDOWN and waits for it.
func standBy() {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2020-01-01/extension/"
	call := func(method, path, body, header, value string) *http.Response {
		req, err := http.NewRequestWithContext(context.Background(), method, base+path, strings.NewReader(body))
		if err != nil {
			panic(err)
		}
		req.Header.Set(header, value)
		resp, err := (&http.Client{Transport: &http.Transport{Proxy: nil}}).Do(req)
		if err != nil {
			panic(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			panic(err)
		}
		resp.Body.Close()
		return resp
	}
	id := call("POST", "register", `{"events":["SHUTDOWN"]}`, "Lambda-Extension-Name", "bystander").Header.Get("Lambda-Extension-Identifier")
	call("GET", "event/next", "", "Lambda-Extension-Identifier", id)
}
