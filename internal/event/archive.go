package event

import (
	"archive/zip"
	"strings"
)

// zipMagic starts the first file of a zip container: documents of office
// programs, book formats, archives.
const zipMagic = "PK\x03\x04"

// maxFiles bounds the files of one container that are opened.
const maxFiles = 1000

// archive makes leaves of the files in a zip container: their names, which may
// lead out of the directory they are unpacked to, and their contents, XML for
// the most part. What cannot be opened is a limit, and the bytes are inspected
// as the runs of text in them.
func (d *decoder) archive(val string, at leafAt) bool {
	if !strings.HasPrefix(val, zipMagic) || d.deep(at) {
		return false
	}
	z, err := zip.NewReader(strings.NewReader(val), int64(len(val)))
	if z == nil {
		d.limit("archive")
		return false
	}
	if err != nil || len(z.File) > maxFiles {
		d.limit("archive") // of names that leave the directory, or too many
	}
	d.layers++
	defer func() { d.layers-- }()
	for _, f := range z.File[:min(len(z.File), maxFiles)] {
		if !d.room() {
			return true
		}
		n := at
		n.name, n.sub = "filename", join(at.sub, "filename")
		d.addText(f.Name, n)
		if f.Comment != "" {
			d.addText(f.Comment, n)
		}
		if !f.FileInfo().IsDir() {
			d.file(f, at)
		}
	}
	if z.Comment != "" {
		d.addText(z.Comment, at)
	}
	return true
}

// file opens one file of a container.
func (d *decoder) file(f *zip.File, at leafAt) {
	r, err := f.Open()
	if err != nil {
		d.limit("archive")
		return
	}
	defer r.Close()
	text, err := d.readAll(r)
	if err != nil {
		d.limit("archive")
	}
	content := at
	content.sub = join(at.sub, f.Name)
	d.bytes(text, content)
}
