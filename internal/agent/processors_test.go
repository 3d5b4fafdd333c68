package agent

import (
	"io"
	"runtime"
	"testing"
)

// TestProcessors: one thread where the function has less than one processor and
// one invocation at a time, all of them otherwise.
func TestProcessors(t *testing.T) {
	all := runtime.GOMAXPROCS(0)
	for _, tt := range []struct {
		name    string
		environ []string
		want    int
	}{
		{"128 MB", []string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128"}, 1},
		{"one processor", []string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=1769"}, 1},
		{"more than one processor", []string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=1770"}, all},
		{"memory unknown", nil, all},
		{"memory no number", []string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=much"}, all},
		{"Managed Instances", []string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=1024", "AWS_LAMBDA_INITIALIZATION_TYPE=lambda-managed-instances"}, all},
		{"the user's choice", []string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128", "GOMAXPROCS=2"}, all},
	} {
		if got := newExtension(tt.environ, io.Discard).processors(); got != tt.want {
			t.Errorf("%s: %d processors, want %d", tt.name, got, tt.want)
		}
	}
}
