package bundle_test

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/layer/bundle"
)

// program is the smallest static ELF file: a header and nothing to load.
func program(m elf.Machine, tail string) []byte {
	b := make([]byte, 64)
	copy(b, elf.ELFMAG)
	b[elf.EI_CLASS], b[elf.EI_DATA], b[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	binary.LittleEndian.PutUint16(b[16:], uint16(elf.ET_EXEC))
	binary.LittleEndian.PutUint16(b[18:], uint16(m))
	binary.LittleEndian.PutUint32(b[20:], uint32(elf.EV_CURRENT))
	binary.LittleEndian.PutUint16(b[52:], 64)
	return append(b, tail...)
}

// dynamic is one that names a loader.
func dynamic(m elf.Machine) []byte {
	b := program(m, "")
	binary.LittleEndian.PutUint64(b[32:], 64) // e_phoff
	binary.LittleEndian.PutUint16(b[54:], 56) // e_phentsize
	binary.LittleEndian.PutUint16(b[56:], 1)  // e_phnum
	ph := make([]byte, 56)
	binary.LittleEndian.PutUint32(ph, uint32(elf.PT_INTERP))
	return append(b, ph...)
}

func layer() bundle.Layer {
	return bundle.Layer{
		Arch: bundle.ARM64, Version: "0.1.0",
		Extension: program(elf.EM_AARCH64, "extension"), Wrapper: program(elf.EM_AARCH64, "wrapper"), License: []byte("licence"),
		Extra: []bundle.File{{Name: "merlon/hook.js", Data: []byte("hook")}},
	}
}

func TestBuildIsReproducible(t *testing.T) {
	first, err := bundle.Build(layer())
	if err != nil {
		t.Fatal(err)
	}
	l := layer()
	l.Extra = append([]bundle.File{{Name: "merlon/a", Data: nil}}, l.Extra...)
	other, err := bundle.Build(l)
	if err != nil || bytes.Equal(first, other) {
		t.Errorf("another layer: %v, equal %v", err, bytes.Equal(first, other))
	}
	t.Setenv("TZ", "Asia/Tokyo")
	second, err := bundle.Build(layer())
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("Build() differs from one call to the next, error %v", err)
	}
	zr, err := zip.NewReader(bytes.NewReader(first), int64(len(first)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range zr.File {
		got = append(got, fmt.Sprint(f.Name, " ", f.Mode()))
		if !f.Modified.Equal(time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)) || f.Flags&8 != 0 {
			t.Errorf("%s: modified %v, flags %x, want 1980 and the sizes in the header", f.Name, f.Modified, f.Flags)
		}
	}
	want := "[extensions/merlon -rwxr-xr-x merlon-wrapper -rwxr-xr-x merlon/LICENSE -rw-r--r-- merlon/VERSION -rw-r--r-- merlon/hook.js -rw-r--r--]"
	if fmt.Sprint(got) != want {
		t.Errorf("Build() = %v\nwant %s", got, want)
	}
}

func TestA4BuildRefuses(t *testing.T) {
	tests := map[string]struct {
		change func(*bundle.Layer)
		says   []string
	}{
		"wrong architecture":        {func(l *bundle.Layer) { l.Extension = program(elf.EM_X86_64, "") }, []string{"extensions/merlon: built for EM_X86_64"}},
		"a script":                  {func(l *bundle.Layer) { l.Wrapper = []byte("#!/bin/sh") }, []string{"merlon-wrapper: not a 64-bit Linux program"}},
		"both":                      {func(l *bundle.Layer) { l.Wrapper, l.Extension = nil, nil }, []string{"merlon-wrapper: not", "extensions/merlon: not"}},
		"dynamically linked":        {func(l *bundle.Layer) { l.Wrapper = dynamic(elf.EM_AARCH64) }, []string{"dynamically linked"}},
		"unknown architecture":      {func(l *bundle.Layer) { l.Arch = "mips" }, []string{`architecture "mips": want x86_64 or arm64`}},
		"a second extension":        {func(l *bundle.Layer) { l.Extra[0].Name = "extensions/hook" }, []string{"Lambda would start it"}},
		"outside merlon/":           {func(l *bundle.Layer) { l.Extra[0].Name = "python/hook.py" }, []string{"want our files under merlon/"}},
		"traversal":                 {func(l *bundle.Layer) { l.Extra[0].Name = "merlon/../../etc/x" }, []string{"leads out of the archive"}},
		"the same name":             {func(l *bundle.Layer) { l.Extra[0].Name = "merlon/VERSION" }, []string{"twice"}},
		"the same name in disguise": {func(l *bundle.Layer) { l.Extra[0].Name = "merlon/./VERSION" }, []string{"twice"}},
		"a directory":               {func(l *bundle.Layer) { l.Extra[0] = bundle.File{Name: "merlon/d/", Data: []byte("x")} }, []string{"directory"}},
		"no licence":                {func(l *bundle.Layer) { l.License = nil }, []string{"no licence text"}},
		"no version":                {func(l *bundle.Layer) { l.Version = "" }, []string{"version"}},
	}
	for name, tt := range tests {
		l := layer()
		tt.change(&l)
		got, err := bundle.Build(l)
		for _, want := range tt.says {
			if err == nil || got != nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Build(%s) = %v, want an error with %q", name, err, want)
			}
		}
	}
}

// entry is a file of a hand-made archive.
type entry struct {
	name, text string
	mode       fs.FileMode
}

func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	for _, e := range entries {
		fh := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		fh.SetMode(e.mode)
		w, err := zw.CreateHeader(fh)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestA4CheckReportsAllFaults(t *testing.T) {
	bad := archive(t,
		entry{"extensions/merlon", string(program(elf.EM_X86_64, "")), 0o644},
		entry{"merlon-wrapper", string(program(elf.EM_X86_64, "")), 0o700},
		entry{"merlon/LICENSE", "l", 0o600},
		entry{"merlon/link", "/etc/passwd", 0o777 | fs.ModeSymlink},
		entry{"merlon/suid", "x", 0o755 | fs.ModeSetuid},
	)
	err := bundle.Check(bad, bundle.X86_64)
	for _, want := range []string{"extensions/merlon: mode -rw-r--r--", "merlon-wrapper: mode -rwx------", "merlon/LICENSE: mode -rw-------", "merlon/link: mode L", "merlon/suid: mode u", "merlon/VERSION is missing"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Check() = %v\nwant %q among the faults", err, want)
		}
	}
	large := append(make([]byte, bundle.MaxLayer), bad...)
	if err := bundle.Check(large, bundle.X86_64); err == nil || !strings.Contains(err.Error(), "want under 12000000") {
		t.Errorf("Check(a large file) = %v", err)
	}
	for name, b := range map[string][]byte{"nothing": nil, "text": []byte("not a zip"), "an empty zip": archive(t)} {
		if err := bundle.Check(b, bundle.X86_64); err == nil {
			t.Errorf("Check(%s) = nil", name)
		}
	}
}

func TestUnpack(t *testing.T) {
	z, err := bundle.Build(layer())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "opt")
	if err := bundle.Unpack(z, dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"extensions/merlon": 0o755, "merlon-wrapper": 0o755, "merlon/VERSION": 0o644} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v, want mode %v", name, info, err, want)
		}
	}
	if got, err := os.ReadFile(filepath.Join(dir, "merlon", "VERSION")); err != nil || string(got) != "0.1.0\n" {
		t.Errorf("VERSION = %q, %v", got, err)
	}
	if err := bundle.Unpack(z, dir); err == nil {
		t.Error("Unpack over files that are there: nil, want an error")
	}
}

func TestUnpackStaysInside(t *testing.T) {
	for _, e := range []entry{
		{"../escape", "x", 0o644}, {"/escape", "x", 0o644}, {"a/../../escape", "x", 0o644}, {`..\escape`, "x", 0o644},
		{"link", "/etc", 0o777 | fs.ModeSymlink}, {"device", "", 0o644 | fs.ModeDevice},
	} {
		parent := t.TempDir()
		if err := bundle.Unpack(archive(t, e), filepath.Join(parent, "opt")); err == nil {
			t.Errorf("Unpack(%s) = nil, want an error", e.name)
		}
		if _, err := os.Lstat(filepath.Join(parent, "escape")); err == nil {
			t.Errorf("Unpack(%s) wrote outside", e.name)
		}
	}
	// A link that is in the directory already must not be followed.
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "merlon")); err != nil {
		t.Fatal(err)
	}
	if err := bundle.Unpack(archive(t, entry{"merlon/x", "x", 0o644}), dir); err == nil {
		t.Error("Unpack through a link: nil, want an error")
	}
	if _, err := os.Lstat(filepath.Join(outside, "x")); err == nil {
		t.Error("Unpack followed a link")
	}
}

func TestParseArch(t *testing.T) {
	for in, want := range map[string]bundle.Arch{"x86_64": bundle.X86_64, "amd64": bundle.X86_64, "arm64": bundle.ARM64} {
		if got, err := bundle.ParseArch(in); got != want || err != nil {
			t.Errorf("ParseArch(%s) = %v, %v", in, got, err)
		}
	}
	if _, err := bundle.ParseArch("aarch64"); err == nil {
		t.Error("ParseArch(aarch64) = nil, want an error that names Lambda's word")
	}
	if bundle.X86_64.GoArch() != "amd64" || bundle.ARM64.GoArch() != "arm64" {
		t.Error("GoArch: want amd64 and arm64")
	}
}
