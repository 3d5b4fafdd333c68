package main_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// The test binary plays the function too, when TEST_FUNCTION says which. The
// extension and the wrapper are the real programs, built once into the layout
// of a layer.
func TestMain(m *testing.M) {
	if name := os.Getenv("TEST_FUNCTION"); name != "" {
		runFunction(name)
		return
	}
	if makefile, err := os.ReadFile("../Makefile"); err != nil || !strings.Contains(string(makefile), "= "+shippedTags+"\n") {
		fmt.Fprintln(os.Stderr, "the tags here are not those of the Makefile:", err)
		os.Exit(1)
	}
	dir, err := os.MkdirTemp("", "merlon-opt-")
	if err != nil {
		panic(err)
	}
	code := 1
	if err := buildLayer(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		optDir = dir
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// optDir is laid out like /opt.
var optDir string

// shippedTags are those of the Makefile: the programs are tested as they ship.
const shippedTags = "tinygo,no_fs_access,coraza.disabled_operators.validateSchema,coraza.disabled_operators.rbl," +
	"coraza.disabled_operators.inspectFile,coraza.disabled_operators.geoLookup,coraza.disabled_operators.restpath," +
	"coraza.disabled_operators.validateNid"

func buildLayer(dir string) error {
	for out, pkg := range map[string]string{"extensions/merlon": ".", "merlon-wrapper": "../layer/wrapper"} {
		cmd := exec.Command("go", "build", "-tags", shippedTags, "-o", filepath.Join(dir, out), pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if msg, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", pkg, err, msg)
		}
	}
	return nil
}

// rawHandler gets and gives bytes, so that nothing is encoded again on the way.
type rawHandler func(ctx context.Context, event []byte) ([]byte, error)

func (h rawHandler) Invoke(ctx context.Context, event []byte) ([]byte, error) { return h(ctx, event) }

func runFunction(name string) {
	switch name {
	case "init-error":
		fmt.Fprintln(os.Stderr, "cannot start")
		os.Exit(1)
	case "around":
		goAround()
	case "sigterm": // registers an internal extension through the address it was given
		lambda.StartWithOptions(rawHandler(act), lambda.WithEnableSIGTERM(func() { fmt.Println("got SIGTERM") }))
	case "hooks", "failing hooks": // waits behind the snapshot, as a runtime does that has restore hooks
		if err := awaitRestore(name == "failing hooks"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		lambda.Start(rawHandler(act))
	case "leaks":
		lambda.Start(leaks)
	case "nonce": // answers each invocation with what only its caller knows
		company.Add(companions)
		lambda.Start(rawHandler(tellNonce))
	case "firehose": // answers as a transformation does
		lambda.Start(rawHandler(transform))
	default:
		if f := typedFunctions[name]; f != nil {
			lambda.Start(f)
		}
		lambda.Start(rawHandler(act))
	}
}

var invocations atomic.Int64

// act does what an event of the form {"do":…} asks for, and tells of any other
// event what arrived.
func act(ctx context.Context, event []byte) ([]byte, error) {
	invocations.Add(1)
	var o struct {
		Do   string `json:"do"`
		Size int    `json:"size"`
		Name string `json:"name"`
	}
	_ = json.Unmarshal(event, &o)
	if o.Name != "" {
		fmt.Println("handler got " + o.Name)
	}
	switch o.Do {
	case "wait": // until the test lets go
		gate, err := os.Open(os.Getenv("TEST_GATE"))
		if err != nil {
			return nil, err
		}
		defer gate.Close()
		if _, err := gate.Read(make([]byte, 1)); err != nil {
			return nil, err
		}
	case "error":
		return nil, errors.New("the handler refused")
	case "panic":
		panic("out of cheese")
	case "exit 0":
		os.Exit(0)
	case "exit 1":
		os.Exit(1)
	case "hang":
		<-ctx.Done()
		select {}
	case "big":
		return []byte(`"` + strings.Repeat("x", o.Size-2) + `"`), nil
	case "environ":
		return json.Marshal(os.Environ())
	case "unknown path":
		return get("/2018-06-01/no/such/path")
	case "flood":
		return flood(o.Size)
	case "hello":
		return post("/merlon/hello")
	case "forge": // a reply to an invocation that does not exist
		return post("/2018-06-01/runtime/invocation/nobody/response")
	case "count":
		return json.Marshal(invocations.Load())
	}
	sum := sha256.Sum256(event)
	return json.Marshal(map[string]any{"statusCode": 200, "sha256": hex.EncodeToString(sum[:]), "size": len(event), "invocations": invocations.Load()})
}

// held keeps connections open.
var held []net.Conn

// flood opens connections to the address the runtime polls, until as many as
// asked for are open or none opens any more. Every other one sends a part of a
// request.
func flood(n int) ([]byte, error) {
	for i := range n {
		c, err := net.DialTimeout("tcp", os.Getenv("AWS_LAMBDA_RUNTIME_API"), time.Second)
		if err != nil {
			break
		}
		if i%2 == 0 {
			_, _ = io.WriteString(c, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost:")
		}
		held = append(held, c)
	}
	return json.Marshal(len(held))
}

func post(path string) ([]byte, error) {
	resp, err := http.Post("http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+path, "", strings.NewReader("{}"))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return json.Marshal(resp.Status)
}

func get(path string) ([]byte, error) {
	resp, err := http.Get("http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + path)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	return json.Marshal(fmt.Sprintf("%d %s", resp.StatusCode, body))
}
