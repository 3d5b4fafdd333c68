package main

import (
	"archive/zip"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// buildProgram makes a small static program to stand for the extension and the
// function: what is tested here is the packing.
func buildProgram(t *testing.T, out string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		t.Fatal(err)
	}
	pkg := "../../layer/wrapper"
	if filepath.Base(out) == "extension" {
		pkg = "../../testdata/functions/orders" // any other program will do
	}
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, msg)
	}
}

func TestLayerBuildCheckAndWrap(t *testing.T) {
	dir := t.TempDir()
	from := filepath.Join(dir, "from")
	buildProgram(t, filepath.Join(from, runtime.GOARCH, "wrapper"))
	buildProgram(t, filepath.Join(from, runtime.GOARCH, "extension"))
	build := func(out string) []byte {
		code, text, errs := merlon(t, nil, "layer", "build", "--from", from, "--out", filepath.Join(dir, out),
			"--unpack", filepath.Join(dir, "opt"), "--release", "1.2.3", "--license", "../../LICENSE")
		if code != 0 {
			t.Fatalf("layer build: exit %d: %s%s", code, text, errs)
		}
		zips, err := filepath.Glob(filepath.Join(dir, out, "merlon-layer-*.zip"))
		if err != nil || len(zips) != 1 {
			t.Fatalf("layer build made %v (%v), want one zip", zips, err)
		}
		if code, _, errs := merlon(t, nil, "layer", "check", zips[0]); code != 0 {
			t.Errorf("layer check: %s", errs)
		}
		data, err := os.ReadFile(zips[0])
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	if !bytes.Equal(build("one"), build("two")) {
		t.Error("two builds of the same programs differ")
	}
	if info, err := os.Stat(filepath.Join(dir, "opt", "extensions", "merlon")); err != nil || info.Mode().Perm()&0o111 == 0 {
		t.Errorf("unpacked extension: %v, %v", info, err)
	}
	wrapPackage(t, dir)
}

func wrapPackage(t *testing.T, dir string) {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	program, err := os.ReadFile(filepath.Join(dir, "from", runtime.GOARCH, "extension"))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"bootstrap": program, "data/x.txt": []byte("x")} {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(0o755)
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	pkg := filepath.Join(dir, "function.zip")
	if err := os.WriteFile(pkg, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, errs := merlon(t, nil, "layer", "wrap", pkg, "--layer", filepath.Join(dir, "opt"))
	if code != 0 || !strings.Contains(out, "function-merlon.zip") {
		t.Fatalf("layer wrap: exit %d: %s%s", code, out, errs)
	}
	r, err := zip.OpenReader(filepath.Join(dir, "function-merlon.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	names := map[string]bool{}
	for _, f := range r.File {
		names[f.Name] = true
	}
	for _, want := range []string{"bootstrap", "bootstrap.merlon-real", "data/x.txt"} {
		if !names[want] {
			t.Errorf("wrapped package has no %s: %v", want, names)
		}
	}
	if code, _, errs := merlon(t, nil, "layer", "wrap", filepath.Join(dir, "function-merlon.zip"), "--layer", filepath.Join(dir, "opt")); code != 1 || errs == "" {
		t.Errorf("wrapping twice: exit %d, %q, want 1 and why", code, errs)
	}
}
