package main_test

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestSizeAndLinking(t *testing.T) {
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		t.Setenv("GOARCH", arch)
		out := filepath.Join(t.TempDir(), arch)
		if err := build(out); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(out)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes", arch, info.Size())
		if info.Size() >= 3_000_000 {
			t.Errorf("%s: %d bytes, want under 3 MB: it is read at every cold start", arch, info.Size())
		}
		f, err := elf.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		// Images without a C library have no loader.
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP {
				t.Errorf("%s: needs a dynamic loader, want a static program", arch)
			}
		}
		if f.Machine != machine {
			t.Errorf("%s: built for %v", arch, f.Machine)
		}
	}
}

func TestImportGraph(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 20 {
		t.Fatalf("go list -deps lists %d packages, want the whole graph", len(deps))
	}
	own := map[string]bool{}
	for _, dep := range deps {
		switch dep {
		case "net", "net/http", "encoding/json", "crypto/tls", "regexp", "text/template", "log/slog", "os/exec":
			t.Errorf("the wrapper imports %s", dep)
		}
		if rest, ok := strings.CutPrefix(dep, "github.com/merlon-security/merlon/"); ok {
			own[rest] = true
		} else if first, _, _ := strings.Cut(dep, "/"); strings.Contains(first, ".") {
			t.Errorf("the wrapper imports the module %s", dep)
		}
	}
	for name := range own {
		switch name {
		case "internal/config", "internal/hello", "layer/internal/attach", "layer/wrapper":
		default:
			t.Errorf("the wrapper imports our package %s", name)
		}
	}
}
