package emulator_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	service "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/merlon-security/merlon/internal/emulator"
)

// sdk is the real client, pointed at the emulator.
func sdk(t *testing.T, l *emulator.Lambda) *service.Client {
	t.Helper()
	server := httptest.NewServer(l.InvokeHandler())
	t.Cleanup(server.Close)
	return service.New(service.Options{
		Region:       "us-east-1",
		BaseEndpoint: &server.URL,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, nil
		}),
		Retryer: aws.NopRetryer{},
	})
}

func TestInvokeWithSDK(t *testing.T) {
	t.Parallel()
	l, book := start(t, emulator.Options{Function: function(t, "echo")})
	client := sdk(t, l)
	tests := []struct {
		name   string
		input  service.InvokeInput
		status int32
		fault  string
		want   string
	}{
		{"by name", service.InvokeInput{FunctionName: aws.String("orders"), Payload: []byte(`{"a": 1}`)}, 200, "", `{"a": 1}`},
		{"by ARN", service.InvokeInput{FunctionName: aws.String("arn:aws:lambda:us-east-1:123456789012:function:orders:live"), Payload: []byte(`{}`)}, 200, "", `{}`},
		{"by partial ARN", service.InvokeInput{FunctionName: aws.String("123456789012:function:orders"), Payload: []byte(`{}`)}, 200, "", `{}`},
		{"with qualifier", service.InvokeInput{FunctionName: aws.String("orders"), Qualifier: aws.String("3"), Payload: []byte(`[]`)}, 200, "Unhandled", "cannot unmarshal array"},
		{"without payload", service.InvokeInput{FunctionName: aws.String("orders")}, 200, "", `{}`},
		{"function error", service.InvokeInput{FunctionName: aws.String("orders"), Payload: []byte(`{"do":"error"}`)}, 200, "Unhandled", "refused by the handler"},
		{"dry run", service.InvokeInput{FunctionName: aws.String("orders"), InvocationType: types.InvocationTypeDryRun}, 204, "", ""},
		{"event", service.InvokeInput{FunctionName: aws.String("orders"), InvocationType: types.InvocationTypeEvent, Payload: []byte(`{"do":"print","name":"asynchronous"}`)}, 202, "", ""},
	}
	for _, test := range tests {
		out, err := client.Invoke(t.Context(), &test.input)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if out.StatusCode != test.status || aws.ToString(out.FunctionError) != test.fault || !strings.Contains(string(out.Payload), test.want) {
			t.Errorf("%s: %d %q %s, want %d %q %s", test.name, out.StatusCode, aws.ToString(out.FunctionError), out.Payload, test.status, test.fault, test.want)
		}
	}
	book.await(t, emulator.SourceFunction, "asynchronous")

	out, err := client.Invoke(t.Context(), &service.InvokeInput{FunctionName: aws.String("orders"), LogType: types.LogTypeTail, Payload: []byte(`{}`)})
	if err != nil {
		t.Fatal(err)
	}
	tail, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
	if err != nil || !strings.Contains(string(tail), "START RequestId: ") || !strings.Contains(string(tail), "REPORT RequestId: ") {
		t.Errorf("log tail = %q, %v", tail, err)
	}
}

func TestInvokeRefusals(t *testing.T) {
	t.Parallel()
	l, _ := start(t, emulator.Options{Function: function(t, "echo")})
	client := sdk(t, l)
	_, err := client.Invoke(t.Context(), &service.InvokeInput{FunctionName: aws.String("nobody")})
	if notFound := new(types.ResourceNotFoundException); !errors.As(err, &notFound) {
		t.Errorf("unknown function: %v, want ResourceNotFoundException", err)
	}
	_, err = client.Invoke(t.Context(), &service.InvokeInput{FunctionName: aws.String("orders"), Payload: []byte("{")})
	if invalid := new(types.InvalidRequestContentException); !errors.As(err, &invalid) {
		t.Errorf("payload that is no JSON: %v, want InvalidRequestContentException", err)
	}
	_, err = client.Invoke(t.Context(), &service.InvokeInput{FunctionName: aws.String("orders"), InvocationType: types.InvocationTypeEvent,
		Payload: []byte(`"` + strings.Repeat("x", 1<<20) + `"`)})
	if err == nil || !strings.Contains(err.Error(), "RequestEntityTooLarge") {
		t.Errorf("asynchronous event over the limit: %v", err)
	}
}

// A web page must not be able to invoke the function, neither blindly nor
// through a name of its own that it points to this machine.
func TestForeignRequests(t *testing.T) {
	t.Parallel()
	l, _ := start(t, emulator.Options{Function: function(t, "echo"), AllowedHosts: []string{"orders.test"}})
	fronts := map[string]struct {
		handler http.Handler
		path    string
	}{
		"invoke": {l.InvokeHandler(), "/2015-03-31/functions/orders/invocations"},
		"url":    {l.URLHandler(emulator.Front{}), "/"},
	}
	tests := []struct {
		name   string
		host   string
		header http.Header
		status int
	}{
		{"loopback address", "127.0.0.1:8080", nil, 200},
		{"IPv6 loopback", "[::1]:8080", nil, 200},
		{"localhost", "localhost", nil, 200},
		{"allowed name", "orders.test:80", nil, 200},
		{"local page", "localhost:8080", http.Header{"Origin": {"http://localhost:3000"}}, 200},
		{"rebound name", "evil.example:8080", nil, 403},
		{"name that begins like an address", "127.0.0.1.evil.example", nil, 403},
		{"public address", "192.0.2.1", nil, 403},
		{"foreign page", "127.0.0.1:8080", http.Header{"Origin": {"https://evil.example"}}, 403},
		{"sandboxed page", "127.0.0.1:8080", http.Header{"Origin": {"null"}}, 403},
		{"foreign page without Origin", "127.0.0.1:8080", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
	}
	for name, front := range fronts {
		for _, test := range tests {
			r := httptest.NewRequestWithContext(t.Context(), "POST", front.path, strings.NewReader("{}"))
			r.Host = test.host
			for key, values := range test.header {
				r.Header[key] = values
			}
			w := httptest.NewRecorder()
			front.handler.ServeHTTP(w, r)
			if w.Code != test.status {
				t.Errorf("%s, %s: %d %s, want %d", name, test.name, w.Code, w.Body, test.status)
			}
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+l.RuntimeAPI()+"/2018-06-01/ping", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "evil.example"
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("Runtime API by a foreign name: %d %v, want 403", resp.StatusCode, err)
	}
}
