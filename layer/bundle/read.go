package bundle

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// Bounds on archives of unknown origin. Lambda's own limits are 250 MB for a
// function with its layers, unpacked ("Lambda quotas").
const (
	maxPackage = 250 << 20 // bytes of a zip
	maxEntries = 200_000
	maxFile    = 250 << 20 // bytes of one file, unpacked
)

// open reads the directory of an archive and returns it with every fault of its
// names. Names are compared as a file system would after unpacking.
func open(r io.ReaderAt, size int64) (*zip.Reader, error) {
	if size > maxPackage {
		return nil, fmt.Errorf("%d bytes, want at most %d", size, int64(maxPackage))
	}
	zr, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, err
	}
	if len(zr.File) > maxEntries {
		return nil, fmt.Errorf("%d files, want at most %d", len(zr.File), maxEntries)
	}
	var faults []error
	seen := map[string]bool{}
	for _, f := range zr.File {
		name, err := clean(f.Name)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if seen[name] {
			faults = append(faults, fmt.Errorf("%q is in the archive twice", f.Name))
		}
		seen[name] = true
	}
	return zr, errors.Join(faults...)
}

// clean returns the path an entry unpacks to, relative to the root, or why it
// must not be unpacked.
func clean(name string) (string, error) {
	p := path.Clean(strings.TrimSuffix(name, "/"))
	switch {
	case name == "" || strings.ContainsAny(name, "\x00\\"):
		return "", fmt.Errorf("%q is not a path for Linux", name)
	case path.IsAbs(name) || p == ".." || strings.HasPrefix(p, "../"):
		return "", fmt.Errorf("%q leads out of the archive", name)
	}
	return p, nil
}

// content unpacks one file, at most limit bytes of it.
func content(f *zip.File, limit int64) ([]byte, error) {
	if f.UncompressedSize64 > uint64(limit) {
		return nil, fmt.Errorf("%d bytes, want at most %d", f.UncompressedSize64, limit)
	}
	rc, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	// The reader fails where the data is longer than the size above.
	return io.ReadAll(rc)
}
