package emulator_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
)

// The test binary plays the function and the extensions too: as a function
// when TEST_FUNCTION says which, as an extension when it is started from a
// directory named extensions.
func TestMain(m *testing.M) {
	if filepath.Base(filepath.Dir(os.Args[0])) == "extensions" {
		os.Exit(runExtension(filepath.Base(os.Args[0])))
	}
	if name := os.Getenv("TEST_FUNCTION"); name != "" {
		runFunction(name)
		return
	}
	os.Exit(m.Run())
}

// rawHandler gets and gives bytes, so that nothing is re-encoded on the way.
type rawHandler func(ctx context.Context, event []byte) ([]byte, error)

func (h rawHandler) Invoke(ctx context.Context, event []byte) ([]byte, error) { return h(ctx, event) }

func runFunction(name string) {
	switch name {
	case "init-error":
		fmt.Fprintln(os.Stderr, "cannot start")
		os.Exit(1)
	case "sigterm":
		lambda.StartWithOptions(rawHandler(actOn), lambda.WithEnableSIGTERM(func() { fmt.Println("got SIGTERM") }))
	case "stream":
		lambda.Start(streamHandler)
	default:
		lambda.Start(rawHandler(actOn))
	}
}

// order is what tests ask of the function.
type order struct {
	Do   string `json:"do"`
	Size int    `json:"size"`
	Name string `json:"name"`
}

var (
	invocations atomic.Int64
	met         atomic.Int64
	everybody   = make(chan struct{})
)

func actOn(ctx context.Context, event []byte) ([]byte, error) {
	invocations.Add(1)
	var o order
	if err := json.Unmarshal(event, &o); err != nil {
		return nil, err
	}
	switch o.Do {
	case "error":
		return nil, errors.New("refused by the handler")
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
	case "sum":
		sum := sha256.Sum256(event)
		return json.Marshal(map[string]any{"sha256": hex.EncodeToString(sum[:]), "size": len(event)})
	case "environ":
		return json.Marshal(os.Environ())
	case "cwd":
		dir, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		return json.Marshal(dir)
	case "print":
		fmt.Println(o.Name)
		fmt.Fprintln(os.Stderr, o.Name+" on stderr")
		return []byte(`"printed"`), nil
	case "count":
		return json.Marshal(map[string]int{"invocations": int(invocations.Load()), "pid": os.Getpid()})
	case "meet": // until so many are here at once
		fmt.Println("met", o.Name)
		if int(met.Add(1)) == o.Size {
			close(everybody)
		}
		<-everybody
	}
	return event, nil
}

// streamHandler answers in three pieces; the order "fail" breaks it off.
func streamHandler(ctx context.Context, event json.RawMessage) (io.Reader, error) {
	var o order
	if err := json.Unmarshal(event, &o); err != nil {
		return nil, err
	}
	pieces := []io.Reader{strings.NewReader("one "), strings.NewReader("two "), strings.NewReader("three")}
	if o.Do == "fail" {
		pieces[2] = failingReader{}
	}
	return io.MultiReader(pieces...), nil
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("broke off") }
