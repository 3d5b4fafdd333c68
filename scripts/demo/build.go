package main

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/merlon-security/merlon/layer/bundle"
)

// packages are the function's code as Lambda would unpack it, as its authors
// built it and as "merlon layer wrap" leaves it.
type packages struct{ plain, wrapped string }

func buildPackages(ctx context.Context, opt, dir string) (p packages, err error) {
	if p.plain, err = filepath.Abs(filepath.Join(dir, "plain")); err != nil {
		return p, err
	}
	if p.wrapped, err = filepath.Abs(filepath.Join(dir, "wrapped")); err != nil {
		return p, err
	}
	if err := os.RemoveAll(dir); err != nil {
		return p, err
	}
	program := filepath.Join(p.plain, "bootstrap")
	build := exec.CommandContext(ctx, "go", "build", "-tags", "lambda.norpc", "-trimpath", "-o", program, "./testdata/functions/orders")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return p, fmt.Errorf("build the function: %w\n%s", err, out)
	}
	archive, err := zipFile(program)
	if err != nil {
		return p, err
	}
	wrapper, err := os.ReadFile(filepath.Join(opt, bundle.WrapperName))
	if err != nil {
		return p, fmt.Errorf("read the launcher: %w; build the layer first: make layer", err)
	}
	arch, err := bundle.ParseArch(runtime.GOARCH)
	if err != nil {
		return p, err
	}
	var wrapped bytes.Buffer
	if err := bundle.Wrap(bytes.NewReader(archive), int64(len(archive)), &wrapped, wrapper, arch); err != nil {
		return p, fmt.Errorf("wrap the function: %w", err)
	}
	return p, unzip(wrapped.Bytes(), p.wrapped)
}

// keygen makes the key pair to whose public half removed records are sealed.
func keygen(ctx context.Context, cli, dir string) (recipient string, err error) {
	out, err := exec.CommandContext(ctx, cli, "quarantine", "keygen", "--out", filepath.Join(dir, "quarantine.key")).Output()
	if err != nil {
		return "", fmt.Errorf("make a key pair: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

func zipFile(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: filepath.Base(path), Method: zip.Deflate}
	h.SetMode(0o755)
	f, err := w.CreateHeader(h)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// unzip unpacks a package that was made here; its names are known to be plain.
func unzip(data []byte, dir string) error {
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range r.File {
		src, err := f.Open()
		if err != nil {
			return err
		}
		body, err := io.ReadAll(src)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(f.Name)), body, f.Mode().Perm()); err != nil {
			return err
		}
	}
	return nil
}
