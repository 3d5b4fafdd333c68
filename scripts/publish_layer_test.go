// Package scripts_test runs the shell scripts against fakes of the programs
// they call.
package scripts_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fakeAWS writes each call, one argument a line, and answers as the AWS CLI
// does. In eu-west-9 publishing is refused, in us-fail-1 sharing, and eu-odd-1
// answers what is no ARN.
const fakeAWS = `#!/bin/sh
{ printf '%s\n' "$@"; echo; } >>"$CALLS"
while [ $# -gt 0 ]; do
	case $1 in
	publish-layer-version) what=publish ;;
	add-layer-version-permission) what=share ;;
	--region) region=$2 ;;
	--layer-name) layer=$2 ;;
	--zip-file) [ -f "${2#fileb://}" ] || { echo "Error parsing parameter '--zip-file'" >&2; exit 252; } ;;
	esac
	shift
done
case $what:$region in
publish:eu-west-9) echo "An error occurred (UnrecognizedClientException)" >&2; exit 254 ;;
publish:eu-odd-1) echo None ;;
publish:*) echo "arn:aws:lambda:$region:123456789012:layer:$layer:42" ;;
share:us-fail-1) echo "An error occurred (AccessDeniedException)" >&2; exit 254 ;;
share:*) echo revision ;;
esac
`

type outcome struct {
	stdout, stderr string
	status         int
	calls          [][]string
	layers         string // layers.json, "" if it was not written
}

// publish runs the script in a directory with two layers in it.
func publish(t *testing.T, args ...string) outcome {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"bin/aws": fakeAWS, "x86_64.zip": "PK", "arm64.zip": "PK", "empty.zip": "", "a b.zip": "PK"} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "large.zip"), make([]byte, 12_000_000), 0o644); err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("publish-layer.sh")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(script, args...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"), "CALLS="+filepath.Join(dir, "calls"))
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	o := outcome{stdout: stdout.String(), stderr: stderr.String(), status: cmd.ProcessState.ExitCode()}
	if b, err := os.ReadFile(filepath.Join(dir, "calls")); err == nil {
		for call := range strings.SplitSeq(strings.TrimSuffix(string(b), "\n\n"), "\n\n") {
			o.calls = append(o.calls, strings.Split(call, "\n"))
		}
	}
	b, _ := os.ReadFile(filepath.Join(dir, "layers.json"))
	o.layers = string(b)
	return o
}

type layers struct {
	Version string
	Layers  []struct{ Region, Architecture, ARN string }
}

func read(t *testing.T, o outcome) layers {
	t.Helper()
	var l layers
	if err := json.Unmarshal([]byte(o.layers), &l); err != nil {
		t.Fatalf("layers.json is %q: %v; stderr %s", o.layers, err, o.stderr)
	}
	return l
}

func TestA13PublishToAllRegions(t *testing.T) {
	o := publish(t, "--regions", "eu-west-1,us-gov-east-1", "--version", "0.1.0", "--x86_64", "x86_64.zip", "--arm64", "arm64.zip")
	l := read(t, o)
	if o.status != 0 || o.stderr != "" || l.Version != "0.1.0" || len(l.Layers) != 4 || len(o.calls) != 4 {
		t.Fatalf("status %d, stderr %q, %d calls, %+v, want four layers of 0.1.0", o.status, o.stderr, len(o.calls), l)
	}
	if got := l.Layers[3]; got.Region != "us-gov-east-1" || got.Architecture != "arm64" || got.ARN != "arn:aws:lambda:us-gov-east-1:123456789012:layer:merlon-arm64:42" {
		t.Errorf("the last layer is %+v", got)
	}
	want := "lambda publish-layer-version --region eu-west-1 --layer-name merlon-x86_64 --description Merlon 0.1.0 for x86_64 " +
		"--license-info Apache-2.0 --compatible-architectures x86_64 --zip-file fileb://x86_64.zip --query LayerVersionArn --output text"
	if got := strings.Join(o.calls[0], " "); got != want {
		t.Errorf("aws %s\nwant %s", got, want)
	}
	if strings.Count(o.stdout, "arn:aws:lambda:") != 4 {
		t.Errorf("stdout is %q, want the four ARNs", o.stdout)
	}
}

func TestA13PublishShares(t *testing.T) {
	tests := map[string][]string{
		"--principal *":                  {"--public"},
		"--principal 210987654321":       {"--account", "210987654321"},
		"--organization-id o-abcdefghij": {"--organization", "o-abcdefghij"},
	}
	for want, args := range tests {
		o := publish(t, append([]string{"--regions", "eu-west-1", "--version", "1", "--arm64", "a b.zip"}, args...)...)
		if o.status != 0 || len(o.calls) != 2 {
			t.Fatalf("%v: status %d, stderr %q, %d calls, want two", args, o.status, o.stderr, len(o.calls))
		}
		call := strings.Join(o.calls[1], " ")
		if !strings.Contains(call, "add-layer-version-permission --region eu-west-1 --layer-name merlon-arm64 --version-number 42") || !strings.Contains(call, want) {
			t.Errorf("%v: aws %s, want %s", args, call, want)
		}
	}
	o := publish(t, "--regions", "eu-west-1", "--version", "1", "--arm64", "arm64.zip")
	if len(o.calls) != 1 {
		t.Errorf("shared without being asked to: %q", o.calls)
	}
}

func TestA13PublishDryRun(t *testing.T) {
	o := publish(t, "--regions", "eu-west-1\n us-east-1", "--version", "0.1.0", "--x86_64", "x86_64.zip", "--public", "--dry-run")
	if o.status != 0 || o.calls != nil || o.layers != "" {
		t.Errorf("status %d, calls %q, layers.json %q, want nothing called and nothing written", o.status, o.calls, o.layers)
	}
	if strings.Count(o.stderr, "publish-layer-version") != 2 || strings.Count(o.stderr, "add-layer-version-permission") != 2 {
		t.Errorf("stderr is %q, want the four commands", o.stderr)
	}
}

func TestA13PublishGoesOnAfterAFailure(t *testing.T) {
	o := publish(t, "--regions", "eu-west-9,eu-odd-1,us-fail-1,eu-west-1", "--version", "0.1.0", "--x86_64", "x86_64.zip", "--public")
	l := read(t, o)
	if o.status != 1 || len(l.Layers) != 2 || l.Layers[0].Region != "us-fail-1" || l.Layers[1].Region != "eu-west-1" {
		t.Errorf("status %d, %+v, want 1 and the two layers that exist", o.status, l)
	}
	for _, want := range []string{"eu-west-9 x86_64: not published", "UnrecognizedClientException", `answered "None"`, "published as arn:aws:lambda:us-fail-1:123456789012:layer:merlon-x86_64:42, but not shared", "3 failed"} {
		if !strings.Contains(o.stderr, want) {
			t.Errorf("stderr is %q, want %q in it", o.stderr, want)
		}
	}
}

func TestA13PublishRefuses(t *testing.T) {
	with := func(args ...string) []string {
		return append([]string{"--regions", "eu-west-1", "--version", "1", "--arm64", "arm64.zip"}, args...)
	}
	tests := map[string]struct {
		args []string
		says string
	}{
		"no regions":         {[]string{"--version", "1", "--arm64", "arm64.zip"}, "--regions is missing"},
		"no version":         {[]string{"--regions", "eu-west-1", "--arm64", "arm64.zip"}, "--version"},
		"no layer":           {[]string{"--regions", "eu-west-1", "--version", "1"}, "no layer given"},
		"a missing file":     {with("--x86_64", "missing.zip"), "merlon layer build"},
		"an empty file":      {with("--x86_64", "empty.zip"), "empty"},
		"a large file":       {with("--x86_64", "large.zip"), "want under 12000000"},
		"a bad region":       {with("--regions", "eu-west-1,Frankfurt"), `region "Frankfurt"`},
		"a region with JSON": {with("--regions", `eu-west-1"`), "region"},
		"a bad name":         {with("--name", "mer lon"), "--name"},
		"a bad account":      {with("--account", "12"), "--account"},
		"a bad organization": {with("--organization", "acme"), "--organization"},
		"an unknown flag":    {with("--regoins", "x"), "unknown argument: --regoins"},
		"a missing value":    {with("--out"), "want a value"},
	}
	for name, tt := range tests {
		o := publish(t, tt.args...)
		if o.status != 2 || o.calls != nil || !strings.Contains(o.stderr, tt.says) {
			t.Errorf("%s: status %d, calls %q, stderr %q, want 2, none and %q", name, o.status, o.calls, o.stderr, tt.says)
		}
	}
}
