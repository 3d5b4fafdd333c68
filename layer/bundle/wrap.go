package bundle

import (
	"archive/zip"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"
	"slices"
)

// Names of a provided.* function's program before and after.
const (
	bootstrap = "bootstrap"
	renamed   = "bootstrap.merlon-real"
)

// ErrWrapped means that the package has the shim already.
var ErrWrapped = errors.New("the package is wrapped already")

// Wrap copies a function package, a zip of size bytes, to out with the wrapper
// as its bootstrap and the former bootstrap beside it as bootstrap.merlon-real.
// Lambda then starts the wrapper, which a layer alone cannot achieve on
// provided.*: the package's own bootstrap wins over a layer's ("Building a
// custom runtime").
//
// All other entries are copied as they stand, compressed bytes and headers. If
// Wrap returns an error, what it wrote to out is to be thrown away.
func Wrap(in io.ReaderAt, size int64, out io.Writer, wrapper []byte, a Arch) error {
	if err := errors.Join(checkMachine(wrapper, a), checkStatic(wrapper)); err != nil {
		return fmt.Errorf("wrap: the wrapper: %w", err)
	}
	zr, err := open(in, size)
	if err != nil {
		return fmt.Errorf("wrap: %w", err)
	}
	if err := checkPackage(zr.File, wrapper, a); err != nil {
		return fmt.Errorf("wrap: %w", err)
	}
	zw := zip.NewWriter(out)
	for _, f := range zr.File {
		if err := wrapEntry(zw, f, wrapper); err != nil {
			return fmt.Errorf("wrap: %q: %w", f.Name, err)
		}
	}
	if err := errors.Join(zw.SetComment(zr.Comment), zw.Close()); err != nil {
		return fmt.Errorf("wrap: %w", err)
	}
	return nil
}

// wrapEntry copies one entry; where the bootstrap stood it puts ours first.
func wrapEntry(zw *zip.Writer, f *zip.File, wrapper []byte) error {
	if name, _ := clean(f.Name); name != bootstrap {
		return zw.Copy(f)
	}
	if err := add(zw, File{bootstrap, true, wrapper}); err != nil {
		return err
	}
	fh := f.FileHeader
	fh.Name = renamed
	fh.Extra = slices.Clone(f.Extra)
	w, err := zw.CreateRaw(&fh)
	if err != nil {
		return err
	}
	r, err := f.OpenRaw()
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return err
}

// checkPackage says whether the shim would work in this package.
func checkPackage(files []*zip.File, wrapper []byte, a Arch) error {
	var real *zip.File
	for _, f := range files {
		switch name, _ := clean(f.Name); name {
		case bootstrap:
			real = f
		case renamed:
			return ErrWrapped
		}
	}
	if real == nil {
		return errors.New("no file bootstrap at the top of the package: on a managed runtime set AWS_LAMBDA_EXEC_WRAPPER=/opt/" + path.Base(WrapperName) + " instead")
	}
	if !real.Mode().IsRegular() {
		return fmt.Errorf("bootstrap has mode %v, want a regular file", real.Mode())
	}
	if real.Mode()&0o111 == 0 {
		return fmt.Errorf("bootstrap has mode %v, want it executable: it would not start without us either", real.Mode())
	}
	if real.UncompressedSize64 == uint64(len(wrapper)) && real.CRC32 == crc32.ChecksumIEEE(wrapper) {
		return ErrWrapped // the shim without the program: it would start itself
	}
	return checkBootstrap(real, a)
}

// checkBootstrap reads only the first bytes, so that a bomb costs nothing.
func checkBootstrap(f *zip.File, a Arch) error {
	rc, err := f.Open()
	if err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	defer rc.Close()
	head := make([]byte, header)
	n, err := io.ReadFull(rc, head)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return fmt.Errorf("bootstrap: %w", err)
	}
	head = head[:n]
	if n >= 2 && string(head[:2]) == "#!" {
		return nil // a script runs on either architecture
	}
	if err := checkMachine(head, a); err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	return nil
}
