package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// chained builds the wrapper with a temporary directory in the place of /opt,
// the only difference to the one that ships: no test may write to /opt.
func chained(t *testing.T) (program, opt string) {
	t.Helper()
	opt = t.TempDir()
	source, err := filepath.Abs(filepath.Join("..", "..", "internal", "config", "values.go"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), `"/opt/"`) != 1 {
		t.Fatalf("%s names /opt/ %d times, want once", source, strings.Count(string(text), `"/opt/"`))
	}
	dir := t.TempDir()
	replaced := filepath.Join(dir, "values.go")
	if err := os.WriteFile(replaced, []byte(strings.Replace(string(text), `"/opt/"`, fmt.Sprintf("%q", opt+"/"), 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {source: replaced}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o644); err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(dir, "merlon-wrapper")
	if err := build(program, "-overlay", file); err != nil {
		t.Fatal(err)
	}
	return program, opt
}

func TestNextWrapperChain(t *testing.T) {
	program, opt := chained(t)
	listen, heard := extension(t)
	script := func(name, text string) string {
		file := filepath.Join(opt, name)
		if err := os.WriteFile(file, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
		return file
	}
	run := func(next string, extra ...string) result {
		return start(t, func() *exec.Cmd {
			cmd := exec.Command(program, self(t), "one", "two words")
			cmd.Env = append(lambda(listen, extra...), "MERLON_NEXT_WRAPPER="+next)
			return cmd
		})
	}

	adds := script("adds", `export OTHER_SAW="$AWS_LAMBDA_RUNTIME_API"; exec "$@" three`)
	r := run(adds)
	if r.Runtime == nil || !slices.Equal(r.Runtime.Args, []string{self(t), "one", "two words", "three"}) || value(t, r.Runtime.Environ, "OTHER_SAW") != listen {
		t.Errorf("chain: %+v, want the other wrapper's argument and our address seen by it", r)
	}

	// The other product's script starts us in turn: say hello, start the
	// runtime, do not start the script again.
	back := script("back", `exec "`+program+`" "$@"`)
	if r := run(back); r.Runtime == nil || !slices.Equal(r.Runtime.Args, []string{self(t), "one", "two words"}) {
		t.Errorf("a chain that comes back: %+v, want the runtime", r)
	}

	// The kill switch turns us off, not the other product.
	for len(heard) > 0 {
		<-heard
	}
	if r := run(adds, "MERLON_MODE=off"); r.Runtime == nil || value(t, r.Runtime.Environ, "OTHER_SAW") != realAPI || len(heard) != 0 {
		t.Errorf("A5 with a chain: %+v, want the other wrapper on the real API", r)
	}

	if r := run(filepath.Join(opt, "missing")); r.Status != 127 || r.Runtime != nil {
		t.Errorf("a missing wrapper: %+v, want status 127", r)
	}
}

func TestNextWrapperIsOurselves(t *testing.T) {
	program, opt := chained(t)
	ours := filepath.Join(opt, "merlon-wrapper")
	copyFile(t, program, ours)
	listen, _ := extension(t)
	r := start(t, func() *exec.Cmd {
		cmd := exec.Command(ours, self(t))
		cmd.Env = lambda(listen, "MERLON_NEXT_WRAPPER="+ours)
		return cmd
	})
	if r.Status != 126 || !strings.Contains(fmt.Sprint(notice(t, r)["reason"]), "itself") {
		t.Errorf("%+v, want status 126: it would never end", r)
	}
}

func TestA8NextWrapperOutsideTheDeployment(t *testing.T) {
	listen, _ := extension(t)
	file := filepath.Join(t.TempDir(), "evil")
	if err := os.WriteFile(file, []byte("#!/bin/sh\necho ran\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := launch(t, lambda(listen, "MERLON_NEXT_WRAPPER="+file))
	if r.Runtime == nil || r.Stdout == "ran\n" {
		t.Errorf("%+v, want the runtime started without the wrapper from a writable directory", r)
	}
	if r := launch(t, lambda(listen, "MERLON_ON_FAULT=closed", "MERLON_NEXT_WRAPPER="+file)); r.Status != 1 || !strings.Contains(r.Stderr, "MERLON_NEXT_WRAPPER") {
		t.Errorf("closed: %+v, want a refusal that names the variable", r)
	}
}
