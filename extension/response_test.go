package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/merlon-security/merlon/internal/emulator"
)

const leak = "You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version for the right syntax to use"

// leaks is a function that says too much: in a reply, in a stream, midway or in its
// beginning, in an error.
func leaks(_ context.Context, raw json.RawMessage) (any, error) {
	var e struct {
		RawPath, Path, Do string
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, err
	}
	stream := func(status int, parts ...string) any {
		var rs []io.Reader
		for _, p := range parts {
			rs = append(rs, strings.NewReader(p))
		}
		return &events.LambdaFunctionURLStreamingResponse{
			StatusCode: status, Headers: map[string]string{"Content-Type": "text/html"}, Body: io.MultiReader(rs...),
		}
	}
	html := map[string]string{"Content-Type": "text/html"}
	switch e.RawPath + e.Path + e.Do {
	case "/leak":
		return events.APIGatewayProxyResponse{StatusCode: 500, Headers: html, Body: "<p>" + leak}, nil
	case "/stream":
		return stream(200, "<p>fine</p>", strings.Repeat("<p>more</p>", 1000)), nil
	case "/stream/leak":
		return stream(500, strings.Repeat("<p>more</p>", 10_000), leak, strings.Repeat("<p>more</p>", 100_000)), nil
	case "/secret", "secret":
		return map[string]string{"connection": "postgres://app:" + os.Getenv("DB_PASSWORD") + "@db/orders"}, nil
	case "secret in an error":
		return nil, errors.New("connect with " + os.Getenv("DB_PASSWORD"))
	case "/error":
		return nil, errors.New(leak)
	}
	return events.APIGatewayProxyResponse{StatusCode: 200, Headers: html, Body: "<p>fine</p>"}, nil
}

func responses(mode string) func(*emulator.Options) {
	return func(o *emulator.Options) {
		block(o)
		o.Function.Env["MERLON_RESPONSES"], o.Function.Env["MERLON_RESPONSE_BYTES"] = mode, "0"
	}
}

// TestResponsesAreWithheld: what a function must not say does not reach its caller,
// through every front, and the function lives on.
func TestResponsesAreWithheld(t *testing.T) {
	fronts := []emulator.Front{
		{Kind: emulator.FunctionURL}, {Kind: emulator.HTTPAPI}, {Kind: emulator.RESTAPI}, {Kind: emulator.ALB}, {Kind: emulator.ALB, MultiValue: true},
	}
	e := protected(t, "leaks", responses("block"))
	for _, front := range fronts {
		srv := httptest.NewServer(e.URLHandler(front))
		for range 2 {
			if status, _, body := send(t, srv.URL, "GET", "/leak", "", "", ""); status != 502 || !strings.Contains(body, `"message":"Bad Gateway"`) {
				t.Errorf("%s: got %d %.200q, want our 502", front.Kind, status, body)
			}
			if status, _, body := send(t, srv.URL, "GET", "/fine", "", "", ""); status != 200 || body != "<p>fine</p>" {
				t.Errorf("%s: got %d %.200q, want what the function says", front.Kind, status, body)
			}
		}
		srv.Close()
	}
	line := e.await(t, `"reason":"response-match"`, `"action":"block"`)
	if strings.Contains(line, "SQL syntax") || !strings.Contains(line, `"overridden":true,"status":502`) {
		t.Errorf("verdict line: %s", line)
	}
}

// TestSecretsAreWithheld: the function's own secrets reach no caller, in a result or
// in an error.
func TestSecretsAreWithheld(t *testing.T) {
	const secret = "t7Kq-92mX_vB4zLp0sWd"
	e := protected(t, "leaks", func(o *emulator.Options) {
		block(o)
		o.Function.Env["MERLON_RESPONSES"], o.Function.Env["DB_PASSWORD"] = "block", secret
	})
	srv := httptest.NewServer(e.URLHandler(emulator.Front{Kind: emulator.FunctionURL}))
	defer srv.Close()
	if status, _, body := send(t, srv.URL, "GET", "/secret", "", "", ""); status != 502 || strings.Contains(body, secret) {
		t.Errorf("got %d %.200q, want our 502", status, body)
	}
	for _, do := range []string{"secret", "secret in an error"} {
		r := e.invoke(t, `{"do":"`+do+`"}`)
		if !strings.Contains(string(r.Payload), "Merlon.ResponseWithheld") || strings.Contains(string(r.Payload), secret) {
			t.Errorf("%s: the caller gets %.200q", do, r.Payload)
		}
	}
	if line := e.await(t, `"reason":"response-match"`, `"type":"direct"`); strings.Contains(line, secret) {
		t.Errorf("verdict line: %s", line)
	}
}

// TestResponsesAreReported: in monitor the caller gets what the function says.
func TestResponsesAreReported(t *testing.T) {
	e := protected(t, "leaks", responses("monitor"))
	for _, stream := range []bool{false, true} {
		srv := httptest.NewServer(e.URLHandler(emulator.Front{Kind: emulator.FunctionURL, Stream: stream}))
		if status, _, body := send(t, srv.URL, "GET", "/leak", "", "", ""); !strings.Contains(body, leak) {
			t.Errorf("got %d %.200q, want what the function says", status, body)
		}
		srv.Close()
	}
	e.await(t, `"reason":"response-match"`, `"action":"monitor"`, `"wouldAction":"block"`)
}

// TestStreamsAreCut: a stream passes until it says too much, and its caller sees it
// break off; the function runs on and serves the next request.
func TestStreamsAreCut(t *testing.T) {
	e := protected(t, "leaks", responses("block"))
	srv := httptest.NewServer(e.URLHandler(emulator.Front{Kind: emulator.FunctionURL, Stream: true}))
	defer srv.Close()
	for range 2 {
		if status, _, body := send(t, srv.URL, "GET", "/stream", "", "", ""); status != 200 || len(body) != len("<p>fine</p>")+1000*len("<p>more</p>") {
			t.Errorf("got %d with %d bytes, want all of the stream", status, len(body))
		}
		resp, err := http.Get(srv.URL + "/stream/leak")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err == nil || resp.StatusCode != 500 || strings.Contains(string(body), leak) || !strings.HasPrefix(string(body), "<p>more</p>") {
			t.Errorf("got %d with %d bytes (%v), want a stream that breaks off before the leak", resp.StatusCode, len(body), err)
		}
	}
	e.await(t, `"reason":"response-match"`, `"action":"block"`)
	e.await(t, `"event":"reply-cut"`)
}
