package proxy_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/merlon-security/merlon/proxy"
)

// The test binary plays other processes of an execution environment when this
// variable says so.
const roleVariable = "PROXY_TEST_ROLE"

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleVariable); role {
	case "":
		os.Exit(m.Run())
	case "function":
		lambda.Start(handle)
	case "relay":
		if err := relayUntilEOF(os.Getenv("AWS_LAMBDA_RUNTIME_API")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	default:
		fmt.Fprintf(os.Stderr, "%s=%q: unknown role\n", roleVariable, role)
		os.Exit(2)
	}
}

// handle is the function: it echoes unless the event asks for something else.
func handle(_ context.Context, event json.RawMessage) (any, error) {
	switch string(event) {
	case `"fail"`:
		return nil, errors.New("the handler said no")
	case `"panic"`:
		panic("the handler broke")
	case `"break off"`:
		return io.MultiReader(strings.NewReader("half a"), breaksOff{}), nil
	}
	return event, nil
}

// breaksOff fails a streamed response midway.
type breaksOff struct{}

func (breaksOff) Read([]byte) (int, error) { return 0, errors.New("the stream broke") }

// indifferent lets every event pass.
type indifferent struct{}

func (indifferent) Inspect(context.Context, *proxy.Invocation) proxy.Outcome { return proxy.Outcome{} }
func (indifferent) Idle(context.Context, time.Time)                          {}

// relayUntilEOF relays until standard input ends; its address is the first line
// it prints.
func relayUntilEOF(upstream string) error {
	rl, err := proxy.New(proxy.Options{Upstream: upstream, Inspector: indifferent{}})
	if err != nil {
		return err
	}
	if err := rl.Listen("127.0.0.1:0"); err != nil {
		return err
	}
	fmt.Println(rl.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return rl.Serve()
}

// startRole runs this binary in another role, with the Runtime API at addr,
// until the test ends. The process is returned with its standard output.
func startRole(tb testing.TB, role, addr string) (*exec.Cmd, *bufio.Reader) {
	tb.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role, "AWS_LAMBDA_RUNTIME_API="+addr,
		"_HANDLER=handler", "AWS_LAMBDA_FUNCTION_NAME=test", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd, bufio.NewReader(stdout)
}
