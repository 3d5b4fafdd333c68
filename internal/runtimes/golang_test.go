package runtimes_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-lambda-go/lambdaurl"
)

// order is what an event asks the function to do.
type order struct {
	Do   string `json:"do"`
	Size int    `json:"size"`
	// Seen is a file that the caller makes when it has the first bytes: what
	// happens in mid-stream happens then, and not before anything was sent.
	Seen string `json:"seen"`
}

func awaitCaller(file string) {
	for {
		if _, err := os.Stat(file); err == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// rawHandler gets and gives bytes, so that nothing is encoded again on the way.
type rawHandler func(ctx context.Context, event []byte) ([]byte, error)

func (h rawHandler) Invoke(ctx context.Context, event []byte) ([]byte, error) { return h(ctx, event) }

// runFunction is the Go function, of the kind named.
func runFunction(kind string) {
	fmt.Println("start", kind)
	switch kind {
	case "init-error":
		os.Exit(3)
	case "init-panic":
		panic("cannot start")
	case "sigterm": // registers an internal extension through the address it was given
		lambda.StartWithOptions(rawHandler(act), lambda.WithEnableSIGTERM(func() { fmt.Println("got SIGTERM") }))
	case "stream":
		lambda.Start(stream)
	case "paced":
		lambda.Start(func() (io.Reader, error) {
			r, w := io.Pipe()
			go func() {
				for range pacedPieces {
					fmt.Fprintf(w, "%020d", time.Now().UnixNano())
					time.Sleep(2 * time.Millisecond) // the pieces must not meet on the way
				}
				w.Close()
			}()
			return r, nil
		})
	case "soak":
		lambda.Start(soaked)
	case "url":
		lambdaurl.Start(http.HandlerFunc(page), lambdaurl.WithDetectContentType(true))
	case "typed":
		lambda.Start(func(_ context.Context, o order) (map[string]any, error) {
			if o.Do == "error" {
				return nil, refusal{"the handler refused"}
			}
			return map[string]any{"done": o.Do, "html": "<&>"}, nil
		})
	default:
		lambda.Start(rawHandler(act))
	}
}

// refusal has a name of its own, which becomes the error's type.
type refusal struct{ why string }

func (r refusal) Error() string { return r.why }

var invocations int

// act answers in one piece.
func act(ctx context.Context, event []byte) ([]byte, error) {
	invocations++
	var o order
	_ = json.Unmarshal(event, &o)
	switch o.Do {
	case "error":
		return nil, errors.New("the handler refused")
	case "panic":
		panic("out of cheese")
	case "nil":
		var p *order
		return []byte(p.Do), nil
	case "exit 0":
		os.Exit(0)
	case "exit 1":
		os.Exit(1)
	case "hang":
		<-ctx.Done()
		select {}
	case "big":
		return []byte(`"` + strings.Repeat("x", o.Size-2) + `"`), nil
	case "empty":
		return nil, nil
	case "no JSON":
		return []byte("caf\xe9 \x00\xff"), nil
	case "count":
		return json.Marshal(invocations)
	case "wrapped by":
		return json.Marshal(map[string]*string{"wrapper": wrappedBy()})
	case "context":
		return context2JSON(ctx)
	case "unknown path":
		return get("/2018-06-01/no/such/path")
	}
	return event, nil
}

// context2JSON tells everything that the client made of the event's headers.
func context2JSON(ctx context.Context) ([]byte, error) {
	c, _ := lambdacontext.FromContext(ctx)
	deadline, ok := ctx.Deadline()
	return json.Marshal(map[string]any{
		"context": c, "trace": os.Getenv("_X_AMZN_TRACE_ID"), "deadline": ok && time.Until(deadline) < time.Minute,
		"function": lambdacontext.FunctionName, "log": lambdacontext.LogGroupName,
	})
}

// wrappedBy names the other wrapper that started us, nil if there was none.
func wrappedBy() *string {
	if name, ok := os.LookupEnv("TEST_WRAPPED"); ok {
		return &name
	}
	return nil
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

// stream answers in pieces.
func stream(_ context.Context, o order) (io.Reader, error) {
	switch o.Do {
	case "error":
		return nil, errors.New("nothing was sent")
	case "empty":
		return strings.NewReader(""), nil
	case "big":
		// The client streams only what has no JSON of its own.
		return io.MultiReader(io.LimitReader(endless{}, int64(o.Size))), nil
	}
	r, w := io.Pipe()
	go func() {
		for _, piece := range []string{"one ", "two ", "three"} {
			io.WriteString(w, piece)
		}
		switch o.Do {
		case "fail":
			w.CloseWithError(errors.New("broke off"))
		case "exit":
			awaitCaller(o.Seen)
			os.Exit(7)
		}
		w.Close()
	}()
	return r, nil
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a' + byte(i%26)
	}
	return len(p), nil
}

// page answers a function URL in mode RESPONSE_STREAM.
func page(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/created":
		w.Header().Set("X-Kind", "slow")
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		http.SetCookie(w, &http.Cookie{Name: "c", Value: "d"})
		w.WriteHeader(http.StatusCreated)
	case "/missing":
		http.NotFound(w, r)
		return
	case "/empty":
		w.WriteHeader(http.StatusNoContent)
		return
	case "/exit":
		io.WriteString(w, "half")
		awaitCaller(r.URL.Query().Get("seen"))
		os.Exit(7)
	}
	io.WriteString(w, "<!DOCTYPE html>\n")
	body, err := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %q %v\n", r.Method, r.URL.RequestURI(), body, err)
}
