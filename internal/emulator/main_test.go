package emulator_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
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
	case "hooks", "failing hooks": // as a runtime does that has restore hooks
		if err := awaitRestore(name == "failing hooks"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		lambda.Start(rawHandler(actOn))
	case "stream":
		lambda.Start(streamHandler)
	default:
		lambda.Start(rawHandler(actOn))
	}
}

func awaitRestore(fail bool) error {
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/restore"
	fmt.Println("pid", os.Getpid())
	resp, err := http.Get(api + "/next")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	fmt.Println("restored", resp.StatusCode, resp.ContentLength)
	if !fail {
		return nil
	}
	req, err := http.NewRequest("POST", api+"/error", strings.NewReader(`{"errorType":"Hook","errorMessage":"no database"}`))
	if err != nil {
		return err
	}
	req.Header.Set("Lambda-Runtime-Function-Error-Type", "Runtime.AfterRestoreError")
	told, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer told.Body.Close()
	return fmt.Errorf("restore/error: %d", told.StatusCode)
}

// credentials asks where the environment says, with the token it has or another.
func credentials(token string) ([]byte, error) {
	req, err := http.NewRequest("GET", os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI"), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return json.Marshal(fmt.Sprint(resp.StatusCode, err))
	}
	return body, nil
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
	case "credentials":
		return credentials(os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN"))
	case "credentials of another":
		return credentials("guessed")
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
