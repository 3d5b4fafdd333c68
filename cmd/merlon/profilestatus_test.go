package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/profile"
)

// merlonIn runs the program with a status that is wanted.
func merlonIn(t *testing.T, in string, want int, args ...string) (out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	if got := run(t.Context(), args, stdio{strings.NewReader(in), &o, &e}); got != want {
		t.Fatalf("merlon %v: status %d, want %d\n%s%s", args, got, want, o.String(), e.String())
	}
	return o.String(), e.String()
}

func saved(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestProfileStatus(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 1))
	var days []string
	for day := 1; day <= 2; day++ {
		out, _ := merlonIn(t, orders(r, 300), 0, "profile", "learn", "--function", "orders", "--env", fmt.Sprint("env", day), "--day", fmt.Sprintf("2026-10-0%d", day))
		days = append(days, saved(t, "evidence.jsonl", out))
	}
	out, _ := merlonIn(t, "", 0, append([]string{"profile", "status"}, days...)...)
	for _, want := range []string{"orders: 600 invocations in 2 environments, 2026-10-01 to 2026-10-02", "function-url POST /orders", "before alert: it rests on 600 invocations: want 1000", "before alert: it was learned on 2 days: want 7"} {
		if !strings.Contains(out, want) {
			t.Errorf("status lacks %q:\n%s", want, out)
		}
	}
	built, _ := merlonIn(t, "", 0, append([]string{"profile", "build"}, days...)...)
	inUse := saved(t, "profile.yaml", built)
	out, _ = merlonIn(t, "", 0, append([]string{"profile", "status", "--json", "--profile", inUse}, days...)...)
	var p profile.Progress
	if err := json.Unmarshal([]byte(out), &p); err != nil {
		t.Fatal(err)
	}
	for _, part := range p.Routes {
		if part.New > 0 {
			t.Errorf("%s has %d elements that are not in the profile built of them", part.Name, part.New)
		}
	}
	if p.Function != "orders" || p.Samples != 600 || len(p.Routes) != 2 || len(p.Dimensions) < 5 {
		t.Errorf("status --json: %+v", p)
	}
	other := saved(t, "other.yaml", strings.Replace(built, "function: orders", "function: mail", 1))
	if _, why := merlonIn(t, "", 1, append([]string{"profile", "status", "--profile", other}, days...)...); !strings.Contains(why, `a profile of "mail": the evidence is of "orders"`) {
		t.Errorf("status with another function's profile: %s", why)
	}
}

func TestProfileExport(t *testing.T) {
	t.Parallel()
	const head = "apiVersion: merlon.dev/v1\nkind: Profile\nmetadata: {version: 1}\n"
	file := saved(t, "profile.yaml", head+"process:\n  aws:\n    - {action: 's3:GetObject', resources: ['arn:aws:s3:::photos/*']}\n")
	out, note := merlonIn(t, "", 0, "profile", "export", "--iam", file)
	var policy profile.IAMPolicy
	if err := json.Unmarshal([]byte(out), &policy); err != nil || len(policy.Statement) != 1 || policy.Statement[0].Effect != "Allow" {
		t.Errorf("export: %v\n%s", err, out)
	}
	if !strings.Contains(note, "arn:aws:s3:::photos/* stands for several") {
		t.Errorf("nothing is said of the wildcard: %s", note)
	}
	bare := saved(t, "bare.yaml", head+"process:\n  aws:\n    - {action: 's3:GetObject'}\n")
	if out, why := merlonIn(t, "", 1, "profile", "export", "--iam", bare); out != "" || !strings.Contains(why, "s3:GetObject names no resources") {
		t.Errorf("an action without resources: %s%s", out, why)
	}
	none := saved(t, "none.yaml", head)
	if _, why := merlonIn(t, "", 1, "profile", "export", "--iam", none); !strings.Contains(why, "lists no action") {
		t.Errorf("a profile without actions: %s", why)
	}
}

// TestProfileImport: of each kind of contract a profile, which check takes.
func TestProfileImport(t *testing.T) {
	t.Parallel()
	const testdata = "../../internal/contract/testdata/"
	schema := saved(t, "job.json", `{"type":"object","additionalProperties":false,"properties":{"job":{"type":"string","format":"uuid"}}}`)
	for _, tt := range []struct {
		want string
		args []string
	}{
		{`- route: "GET /v1/orders/{any}"`, []string{"--openapi", testdata + "shop.yaml", "--trigger", "function-url"}},
		{`- route: "GET /shop/orders/{any}"`, []string{"--openapi", testdata + "shop.yaml", "--base-path", "/shop"}},
		{`- {path: "items[].quantity", type: [number], number: "1..99", whole: true}`, []string{"--openapi", testdata + "shop.yaml"}},
		{"- trigger: sqs\n    event:\n      - {path: \".\", open: true}", []string{"--schema", schema, "--trigger", "sqs"}},
		{`- route: "POST /jobs"`, []string{"--schema", schema, "--trigger", "function-url", "--route", "POST /jobs"}},
		{"- trigger: dynamodb\n", []string{"--template", testdata + "template.yaml", "--resource", "Worker"}},
	} {
		out, _ := merlonIn(t, "", 0, append([]string{"profile", "import", "--function", "orders"}, tt.args...)...)
		if !strings.Contains(out, tt.want) || !strings.Contains(out, "source: import") {
			t.Errorf("import %v lacks %q:\n%s", tt.args, tt.want, out)
		}
		merlonIn(t, "", 0, "profile", "check", saved(t, "profile.yaml", out))
	}
	for _, tt := range []struct {
		want string
		args []string
	}{
		{"wants a route", []string{"--schema", schema, "--trigger", "function-url"}},
		{"does not make a valid profile", []string{"--schema", schema, "--trigger", "function-url", "--route", "jobs"}},
		{`trigger "s4": want one of direct, sqs`, []string{"--schema", schema, "--trigger", "s4"}},
		{`trigger "sqs": want one that brings HTTP requests`, []string{"--openapi", testdata + "shop.yaml", "--trigger", "sqs"}},
		{"the template has Orders, Worker", []string{"--template", testdata + "template.yaml"}},
	} {
		if _, why := merlonIn(t, "", 1, append([]string{"profile", "import", "--function", "orders"}, tt.args...)...); !strings.Contains(why, tt.want) {
			t.Errorf("import %v: %s, want %q", tt.args, why, tt.want)
		}
	}
}
