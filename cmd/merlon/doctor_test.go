package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestDoctorChecksADeployedFunction runs the real SDK against a service that
// answers GetFunctionConfiguration (AWS Lambda API reference).
func TestDoctorChecksADeployedFunction(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	const layer = `"Layers":[{"Arn":"arn:aws:lambda:eu-west-1:1:layer:merlon-x86_64:3"}]`
	for _, c := range []struct {
		name, reply string
		code        int
		want        string
	}{
		{"good", `{"Runtime":"nodejs22.x","Architectures":["x86_64"],` + layer + `,"Environment":{"Variables":{"AWS_LAMBDA_EXEC_WRAPPER":"/opt/merlon-wrapper","MERLON_MODE":"block"}}}`, 0, "is set up"},
		{"no layer", `{"Runtime":"nodejs22.x","Environment":{"Variables":{"AWS_LAMBDA_EXEC_WRAPPER":"/opt/merlon-wrapper"}}}`, 1, "no layer named merlon"},
		{"no variable", `{"Runtime":"python3.13",` + layer + `}`, 1, "AWS_LAMBDA_EXEC_WRAPPER is not set"},
		{"another wrapper", `{"Runtime":"python3.13",` + layer + `,"Environment":{"Variables":{"AWS_LAMBDA_EXEC_WRAPPER":"/opt/datadog_wrapper"}}}`, 1, "MERLON_NEXT_WRAPPER"},
		{"provided", `{"Runtime":"provided.al2023",` + layer + `,"Environment":{"Variables":{"AWS_LAMBDA_EXEC_WRAPPER":"/opt/merlon-wrapper"}}}`, 1, "merlon layer wrap"},
		{"wrong architecture", `{"Runtime":"nodejs22.x","Architectures":["arm64"],` + layer + `,"Environment":{"Variables":{"AWS_LAMBDA_EXEC_WRAPPER":"/opt/merlon-wrapper"}}}`, 1, "is not for arm64"},
		{"bad setting", `{"Runtime":"nodejs22.x",` + layer + `,"Environment":{"Variables":{"AWS_LAMBDA_EXEC_WRAPPER":"/opt/merlon-wrapper","MERLON_MODE":"Block"}}}`, 1, `MERLON_MODE="Block"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != "GET" || r.URL.Path != "/2015-03-31/functions/orders/configuration" {
					http.NotFound(w, r)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				w.Write([]byte(c.reply))
			}))
			defer srv.Close()
			code, out, errs := merlon(t, nil, "doctor", "--function", "orders", "--endpoint", srv.URL)
			if code != c.code || !strings.Contains(out, c.want) {
				t.Errorf("exit %d, want %d with %q:\n%s%s", code, c.code, c.want, out, errs)
			}
		})
	}
}

func TestDoctorNamesTheMissingPermission(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
		w.WriteHeader(http.StatusForbidden)
		w.Write([]byte(`{"Message":"no"}`))
	}))
	defer srv.Close()
	code, _, errs := merlon(t, nil, "doctor", "--function", "orders", "--endpoint", srv.URL)
	if code != 1 || !strings.Contains(errs, "lambda:GetFunctionConfiguration") {
		t.Errorf("exit %d, %q", code, errs)
	}
}
