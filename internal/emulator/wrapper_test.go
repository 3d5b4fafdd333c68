package emulator_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/emulator"
)

func writeScript(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

const marking = "#!/bin/sh\necho wrapped \"$@\"\nexport WRAPPED=yes\nexec \"$@\"\n"

func TestExecWrapper(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		runtime string
		wrapper string // as configured
		mode    os.FileMode
		fault   string
		runs    bool
	}{
		{"managed runtime", "python3.13", "/opt/wrapper", 0o755, "", true},
		{"OS-only runtime ignores it", "provided.al2023", "/opt/wrapper", 0o755, "", false},
		{"container image ignores it", "", "/opt/wrapper", 0o755, "", false},
		{"missing", "nodejs24.x", "/opt/other", 0o755, "exit status 127", false},
		{"not executable", "nodejs24.x", "/opt/wrapper", 0o644, "exit status 126", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := function(t, "echo")
			f.Runtime = test.runtime
			f.Env["AWS_LAMBDA_EXEC_WRAPPER"] = test.wrapper
			f.Command = append(f.Command, "--flag")
			opt := t.TempDir()
			writeScript(t, filepath.Join(opt, "wrapper"), marking, test.mode)
			l, book := start(t, emulator.Options{Function: f, Opt: opt})
			result := invoke(t, l, `{"do":"environ"}`)
			if test.fault != "" {
				if result.ErrorType != "Runtime.ExitError" || !strings.Contains(string(result.Payload), test.fault) {
					t.Errorf("Invoke = %s %s, want Runtime.ExitError with %s", result.ErrorType, result.Payload, test.fault)
				}
				book.await(t, emulator.SourceFunction, "AWS_LAMBDA_EXEC_WRAPPER")
				return
			}
			if ran := strings.Contains(string(result.Payload), "WRAPPED=yes"); ran != test.runs {
				t.Errorf("wrapper ran: %v, want %v", ran, test.runs)
			}
			if test.runs {
				book.await(t, emulator.SourceFunction, "wrapped "+f.Command[0]+" --flag")
			}
		})
	}
}

func TestBootstrap(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := func(where string) string {
		return "#!/bin/sh\nexport WHERE=" + where + "\nexec " + self + "\n"
	}
	tests := []struct {
		name            string
		inTask, inLayer bool
		want            string
	}{
		{"in the package", true, false, "WHERE=task"},
		{"in a layer", false, true, "WHERE=layer"},
		{"the package wins", true, true, "WHERE=task"},
		{"nowhere", false, false, "Couldn't find valid bootstrap(s)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := function(t, "echo")
			f.Command, f.Runtime = nil, "provided.al2023"
			opt := t.TempDir()
			if test.inTask {
				writeScript(t, filepath.Join(f.TaskRoot, "bootstrap"), script("task"), 0o755)
			}
			if test.inLayer {
				writeScript(t, filepath.Join(opt, "bootstrap"), script("layer"), 0o755)
			}
			l, _ := start(t, emulator.Options{Function: f, Opt: opt})
			result := invoke(t, l, `{"do":"environ"}`)
			if !strings.Contains(string(result.Payload), test.want) {
				t.Errorf("Invoke = %s %s, want %q", result.ErrorType, result.Payload, test.want)
			}
		})
	}
}
