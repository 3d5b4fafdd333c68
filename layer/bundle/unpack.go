package bundle

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
)

// Unpack writes the files of a layer zip under dir, which it makes if need be,
// as Lambda does under /opt. It refuses names that lead elsewhere, links and
// files that are there already.
func Unpack(layer []byte, dir string) error {
	zr, err := open(bytes.NewReader(layer), int64(len(layer)))
	if err != nil {
		return fmt.Errorf("unpack layer: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("unpack layer: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("unpack layer: %w", err)
	}
	defer root.Close()
	left := int64(maxFile)
	for _, f := range zr.File {
		n, err := unpackFile(root, f, left)
		if err != nil {
			return fmt.Errorf("unpack layer: %q: %w", f.Name, err)
		}
		left -= n
	}
	return nil
}

// unpackFile writes one file of at most limit bytes and returns its size.
func unpackFile(root *os.Root, f *zip.File, limit int64) (int64, error) {
	name, err := clean(f.Name)
	if err != nil {
		return 0, err
	}
	if strings.HasSuffix(f.Name, "/") {
		return 0, root.MkdirAll(name, 0o755)
	}
	if !f.Mode().IsRegular() {
		return 0, fmt.Errorf("mode %v, want a regular file", f.Mode())
	}
	data, err := content(f, limit)
	if err != nil {
		return 0, err
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return 0, err
	}
	w, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	_, err = w.Write(data)
	// The umask would take bits from a mode given to OpenFile.
	err = errors.Join(err, w.Chmod(f.Mode().Perm()), w.Close())
	return int64(len(data)), err
}
