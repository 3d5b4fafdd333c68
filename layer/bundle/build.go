package bundle

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"slices"
	"strings"
)

// Names inside the layer; Lambda unpacks it to /opt and starts every file in
// /opt/extensions under its own name ("Lambda Extensions API").
const (
	ExtensionName = "extensions/merlon"
	WrapperName   = "merlon-wrapper"
	LicenseName   = "merlon/LICENSE"
	VersionName   = "merlon/VERSION"
)

// MaxLayer bounds the zip. Lambda gives all layers and the function 250 MB
// unpacked together; we leave nearly all of it to the user.
const MaxLayer = 12_000_000

// File is one more file of the layer, under merlon/.
type File struct {
	Name       string
	Executable bool
	Data       []byte
}

// Layer is what goes into the zip.
type Layer struct {
	Arch      Arch
	Version   string
	Extension []byte // static ELF program
	Wrapper   []byte // static ELF program
	License   []byte
	Extra     []File
}

// Build returns the layer's zip, or every fault Check finds in it.
func Build(l Layer) ([]byte, error) {
	if l.Version == "" || strings.ContainsAny(l.Version, "\r\n") {
		return nil, fmt.Errorf("build layer: version %q: want one line", l.Version)
	}
	if len(l.License) == 0 {
		return nil, errors.New("build layer: no licence text")
	}
	files := append([]File{
		{ExtensionName, true, l.Extension},
		{WrapperName, true, l.Wrapper},
		{LicenseName, false, l.License},
		{VersionName, false, []byte(l.Version + "\n")},
	}, l.Extra...)
	slices.SortStableFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })

	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	for _, f := range files {
		if err := add(zw, f); err != nil {
			return nil, fmt.Errorf("build layer: %s: %w", f.Name, err)
		}
	}
	if err := zw.Close(); err != nil {
		return nil, fmt.Errorf("build layer: %w", err)
	}
	if err := Check(buf.Bytes(), l.Arch); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// epoch is the date of every file we add: 1 January 1980, the earliest that zip
// can express (APPNOTE.TXT 4.4.6, MS-DOS date).
const epoch = 1<<5 | 1

// add writes one file. Sizes and checksum stand in its header rather than
// behind its data, where readers of streams do not find them.
func add(zw *zip.Writer, f File) error {
	var packed bytes.Buffer
	fw, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		return err
	}
	if _, err := fw.Write(f.Data); err != nil {
		return err
	}
	if err := fw.Close(); err != nil {
		return err
	}
	fh := &zip.FileHeader{
		Name:   f.Name,
		Method: zip.Deflate,
		// CreateRaw writes this field as it stands and ignores Modified.
		ModifiedDate:       epoch,
		CRC32:              crc32.ChecksumIEEE(f.Data),
		CompressedSize64:   uint64(packed.Len()),
		UncompressedSize64: uint64(len(f.Data)),
	}
	fh.SetMode(mode(f.Executable))
	w, err := zw.CreateRaw(fh)
	if err != nil {
		return err
	}
	_, err = w.Write(packed.Bytes())
	return err
}

// mode lets everyone read and execute: Lambda unpacks as one user and runs as
// another.
func mode(executable bool) fs.FileMode {
	if executable {
		return 0o755
	}
	return 0o644
}
