package emulator_test

import (
	"path/filepath"
	"testing"

	"github.com/merlon-security/merlon/internal/emulator"
)

// curlRuntime is the custom runtime of AWS's tutorial, "Building a custom
// runtime": a second client, with an HTTP implementation of its own.
const curlRuntime = `#!/bin/bash
set -euo pipefail
while true; do
  headers="$(mktemp)"
  event=$(curl -sS -L -D "$headers" "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next")
  id=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$headers" | tr -d '[:space:]' | cut -d: -f2)
  rm -f "$headers"
  curl -sS -X POST "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$id/response" -d "echo $event" >/dev/null
done
`

func TestCurlRuntime(t *testing.T) {
	t.Parallel()
	f := function(t, "echo")
	f.Command, f.Runtime = nil, "provided.al2023"
	writeScript(t, filepath.Join(f.TaskRoot, "bootstrap"), curlRuntime, 0o755)
	l, _ := start(t, emulator.Options{Function: f})
	for range 3 {
		if got, want := string(invoke(t, l, `{"a": 1}`).Payload), `echo {"a": 1}`; got != want {
			t.Errorf("Invoke = %q, want %q", got, want)
		}
	}
}
