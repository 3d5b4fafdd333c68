package bundle_test

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/layer/bundle"
)

var wrapperARM = program(elf.EM_AARCH64, "wrapper")

func wrap(in []byte) ([]byte, error) {
	var out bytes.Buffer
	err := bundle.Wrap(bytes.NewReader(in), int64(len(in)), &out, wrapperARM, bundle.ARM64)
	return out.Bytes(), err
}

func TestA1WrapInsertsTheShim(t *testing.T) {
	in := archive(t,
		entry{"data/", "", 0o755 | fs.ModeDir},
		entry{"data/file", strings.Repeat("text ", 1000), 0o640},
		entry{"bootstrap", string(program(elf.EM_AARCH64, "the function")), 0o755},
		entry{"link", "data/file", 0o777 | fs.ModeSymlink},
		entry{"extra/bootstrap", "not the program", 0o644},
	)
	out, err := wrap(in)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := wrap(in); err != nil || !bytes.Equal(out, again) {
		t.Errorf("Wrap() differs from one call to the next, error %v", err)
	}
	before, after := files(t, in), files(t, out)
	if len(after) != len(before)+1 {
		t.Errorf("%d files from %d, want one more", len(after), len(before))
	}
	for _, f := range before {
		name := f.Name
		if name == "bootstrap" {
			name = "bootstrap.merlon-real"
		}
		g := find(after, name)
		if g == nil || g.Mode() != f.Mode() || g.CRC32 != f.CRC32 || !bytes.Equal(g.Extra, f.Extra) || !bytes.Equal(raw(t, f), raw(t, g)) {
			t.Errorf("%s: %+v, want it byte for byte as before", name, g)
		}
	}
	if ours := find(after, "bootstrap"); ours == nil || ours.Mode() != 0o755 || !bytes.Equal(read(t, ours), wrapperARM) {
		t.Errorf("bootstrap = %+v, want the wrapper with mode 0755", ours)
	}
	if _, err := wrap(out); !errors.Is(err, bundle.ErrWrapped) {
		t.Errorf("Wrap(wrapped) = %v, want ErrWrapped", err)
	}
}

func TestWrapRefuses(t *testing.T) {
	good := entry{"bootstrap", string(program(elf.EM_AARCH64, "")), 0o755}
	tests := map[string]struct {
		in   []byte
		says string
	}{
		"not a zip":             {[]byte("PK but no zip"), "not a valid zip"},
		"empty":                 {nil, "not a valid zip"},
		"no bootstrap":          {archive(t, entry{"index.js", "x", 0o644}), "AWS_LAMBDA_EXEC_WRAPPER"},
		"bootstrap below":       {archive(t, entry{"bin/bootstrap", good.text, 0o755}), "no file bootstrap"},
		"bootstrap directory":   {archive(t, entry{"bootstrap/", "", 0o755 | fs.ModeDir}), "want a regular file"},
		"bootstrap link":        {archive(t, entry{"bootstrap", "main", 0o777 | fs.ModeSymlink}), "want a regular file"},
		"not executable":        {archive(t, entry{"bootstrap", good.text, 0o644}), "want it executable"},
		"other architecture":    {archive(t, entry{"bootstrap", string(program(elf.EM_X86_64, "")), 0o755}), "built for EM_X86_64"},
		"a Windows program":     {archive(t, entry{"bootstrap", "MZ\x90\x00" + strings.Repeat("x", 100), 0o755}), "not a 64-bit Linux program"},
		"an empty bootstrap":    {archive(t, entry{"bootstrap", "", 0o755}), "not a 64-bit Linux program"},
		"traversal":             {archive(t, good, entry{"../x", "x", 0o644}), "leads out"},
		"absolute":              {archive(t, good, entry{"/x", "x", 0o644}), "leads out"},
		"backslash":             {archive(t, good, entry{`a\b`, "x", 0o644}), "not a path"},
		"a name twice":          {archive(t, good, entry{"a", "1", 0o644}, entry{"a", "2", 0o644}), "twice"},
		"bootstrap twice":       {archive(t, good, entry{"./bootstrap", "#!/bin/sh", 0o755}), "twice"},
		"our name is taken":     {archive(t, good, entry{"bootstrap.merlon-real", "x", 0o755}), "wrapped already"},
		"the shim alone":        {archive(t, entry{"bootstrap", string(wrapperARM), 0o755}), "wrapped already"},
		"corrupt in the middle": {corrupt(archive(t, good)), "bootstrap"},
	}
	for name, tt := range tests {
		if _, err := wrap(tt.in); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("Wrap(%s) = %v, want an error with %q", name, err, tt.says)
		}
	}
	var out bytes.Buffer
	in := archive(t, good)
	if err := bundle.Wrap(bytes.NewReader(in), int64(len(in)), &out, program(elf.EM_X86_64, ""), bundle.ARM64); err == nil {
		t.Error("Wrap(wrapper of the other architecture) = nil")
	}
	if err := bundle.Wrap(bytes.NewReader(in), 1<<40, &out, wrapperARM, bundle.ARM64); err == nil || !strings.Contains(err.Error(), "want at most") {
		t.Errorf("Wrap(a terabyte) = %v", err)
	}
}

// corrupt breaks the compressed data of the first file.
func corrupt(z []byte) []byte {
	z = slices.Clone(z)
	for i := 39; i < 59; i++ {
		z[i] ^= 0xff
	}
	return z
}

// The whole way with the real wrapper: wrap, unpack, start, and the function's
// own program runs.
func TestA1WrappedFunctionStarts(t *testing.T) {
	dir := t.TempDir()
	shim := filepath.Join(dir, "wrapper")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", shim, "../wrapper")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, text)
	}
	binary, err := os.ReadFile(shim)
	if err != nil {
		t.Fatal(err)
	}
	arch, err := bundle.ParseArch(runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	in := archive(t, entry{"bootstrap", "#!/bin/sh\necho the function runs as $0 with $1\n", 0o755}, entry{"lib/data", "x", 0o644})
	var out bytes.Buffer
	if err := bundle.Wrap(bytes.NewReader(in), int64(len(in)), &out, binary, arch); err != nil {
		t.Fatal(err)
	}
	task := filepath.Join(dir, "task")
	if err := bundle.Unpack(out.Bytes(), task); err != nil {
		t.Fatal(err)
	}
	got, err := exec.Command(filepath.Join(task, "bootstrap"), "argument").CombinedOutput()
	want := "the function runs as " + filepath.Join(task, "bootstrap.merlon-real") + " with argument\n"
	if err != nil || string(got) != want {
		t.Errorf("bootstrap: %q, %v, want %q", got, err, want)
	}
}

// Whatever the archive, Wrap does not panic, and if it succeeds nothing but the
// bootstrap has changed and nothing leads out. One byte of a well-formed archive
// is replaced, since most random bytes are no archive at all.
func FuzzWrap(f *testing.F) {
	f.Add("bootstrap", program(elf.EM_AARCH64, "x"), "a", "b", uint32(0o755), uint(0), byte(0))
	f.Add("./bootstrap", []byte("#!/bin/sh"), "../a", "b", uint32(0o644), uint(30), byte(8))
	f.Add("bootstrap", []byte("#!/bin/sh"), "a/../bootstrap", "b", uint32(fs.ModeSymlink|0o777), uint(100), byte(1))
	f.Fuzz(func(t *testing.T, program string, text []byte, name, other string, mode uint32, at uint, with byte) {
		if len(program) > 1000 || len(name) > 1000 || strings.HasSuffix(program, "/") || strings.HasSuffix(name, "/") {
			return // archive/zip writes no content to directories
		}
		in := archive(t, entry{program, string(text), 0o755}, entry{name, other, fs.FileMode(mode)})
		in[at%uint(len(in))] ^= with
		out, err := wrap(in)
		if err != nil {
			return
		}
		before, after := files(t, in), files(t, out)
		if len(after) != len(before)+1 || find(after, "bootstrap") == nil || find(after, "bootstrap.merlon-real") == nil {
			t.Fatalf("%d files from %d", len(after), len(before))
		}
		for _, g := range after {
			if !filepath.IsLocal(strings.TrimSuffix(g.Name, "/")) {
				t.Fatalf("%q leads out", g.Name)
			}
		}
		for _, b := range before {
			if g := find(after, b.Name); g != nil && filepath.Clean(b.Name) != "bootstrap" && (!bytes.Equal(raw(t, b), raw(t, g)) || b.CRC32 != g.CRC32) {
				t.Fatalf("%q changed", b.Name)
			}
		}
	})
}

// Check and Unpack read archives that people download.
func FuzzCheck(f *testing.F) {
	z, err := bundle.Build(layer())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(z)
	f.Add(dynamic(elf.EM_AARCH64))
	f.Fuzz(func(t *testing.T, in []byte) {
		if bundle.Check(in, bundle.ARM64) == nil {
			if err := bundle.Unpack(in, filepath.Join(t.TempDir(), "opt")); err != nil {
				t.Fatalf("Check passes what Unpack refuses: %v", err)
			}
		}
	})
}

func files(t *testing.T, z []byte) []*zip.File {
	t.Helper()
	zr, err := zip.NewReader(bytes.NewReader(z), int64(len(z)))
	if err != nil {
		t.Fatal(err)
	}
	return zr.File
}

func find(files []*zip.File, name string) *zip.File {
	for _, f := range files {
		if f.Name == name {
			return f
		}
	}
	return nil
}

func raw(t *testing.T, f *zip.File) []byte {
	t.Helper()
	r, err := f.OpenRaw()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func read(t *testing.T, f *zip.File) []byte {
	t.Helper()
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
