package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// These look inside because they name directories that a test may not write.
// Being in package main they also tie the cached results of the process tests
// to the wrapper's sources.

func TestFindTellsHowItWasStarted(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, realName), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	environ := []string{"PATH=/bin", "LAMBDA_TASK_ROOT=" + root}
	tests := []struct {
		name string
		args []string
		want target
	}{
		{"exec wrapper", []string{"/opt/merlon-wrapper", "/var/lang/bin/node", "--x"}, target{"wrapper", "/var/lang/bin/node", []string{"/var/lang/bin/node", "--x"}}},
		{"relative path", []string{"/opt/merlon-wrapper", "./app"}, target{"wrapper", "./app", []string{"./app"}}},
		{"PATH", []string{"/opt/merlon-wrapper", "sh", "-c"}, target{"wrapper", "/bin/sh", []string{"sh", "-c"}}},
		{"shim in another directory", []string{"/var/task/bootstrap"}, target{"bootstrap", filepath.Join(root, realName), []string{"/var/task/bootstrap"}}},
		{"a program called bootstrap", []string{"/opt/merlon-wrapper", "/var/task/bootstrap"}, target{"wrapper", "/var/task/bootstrap", []string{"/var/task/bootstrap"}}},
	}
	for _, tt := range tests {
		got, err := find(tt.args, environ)
		if err != nil || got.via != tt.want.via || got.path != tt.want.path || !slices.Equal(got.argv, tt.want.argv) {
			t.Errorf("find(%s) = %+v, %v, want %+v", tt.name, got, err, tt.want)
		}
	}
}

func TestThroughKeepsTheProgram(t *testing.T) {
	shim := target{"bootstrap", "/var/task/bootstrap.merlon-real", []string{"/var/task/bootstrap", "x"}}
	got := shim.through("/opt/other")
	if want := []string{"/opt/other", "/var/task/bootstrap.merlon-real", "x"}; got.path != "/opt/other" || !slices.Equal(got.argv, want) {
		t.Errorf("through = %+v, want %q: started by its path, not by the shim's name", got, want)
	}
}
