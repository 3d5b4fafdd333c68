package bundle

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Check says whether a layer zip can be published, and returns every fault it
// finds.
func Check(layer []byte, a Arch) error {
	var faults []error
	if len(layer) >= MaxLayer {
		faults = append(faults, fmt.Errorf("%d bytes, want under %d", len(layer), MaxLayer))
	}
	if a.machine() == 0 {
		_, err := ParseArch(string(a))
		faults = append(faults, err)
	}
	zr, err := open(bytes.NewReader(layer), int64(len(layer)))
	if err != nil {
		faults = append(faults, err)
	}
	if zr != nil {
		faults = append(faults, checkFiles(zr.File, a)...)
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("check layer: %w", err)
	}
	return nil
}

func checkFiles(files []*zip.File, a Arch) []error {
	var faults []error
	missing := []string{ExtensionName, WrapperName, LicenseName, VersionName}
	for _, f := range files {
		for i, name := range missing {
			if f.Name == name {
				missing = append(missing[:i], missing[i+1:]...)
				break
			}
		}
		if err := checkFile(f, a); err != nil {
			faults = append(faults, err)
		}
	}
	for _, name := range missing {
		faults = append(faults, fmt.Errorf("%s is missing", name))
	}
	return faults
}

func checkFile(f *zip.File, a Arch) error {
	program := f.Name == ExtensionName || f.Name == WrapperName
	if !program && !strings.HasPrefix(f.Name, "merlon/") {
		if strings.HasPrefix(f.Name, "extensions/") {
			return fmt.Errorf("%q: Lambda would start it as an extension", f.Name)
		}
		return fmt.Errorf("%q: want our files under merlon/, /opt is shared with other layers", f.Name)
	}
	if strings.HasSuffix(f.Name, "/") {
		return fmt.Errorf("%q: want no entries for directories", f.Name)
	}
	if err := checkMode(f.Mode(), program); err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	data, err := content(f, maxFile)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	if !program {
		return nil
	}
	if err := checkMachine(data, a); err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	if err := checkStatic(data); err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	return nil
}

// checkMode wants exactly the modes Build writes: links and set-id bits have no
// place in a layer, and a program that only its owner may run does not run.
func checkMode(m fs.FileMode, program bool) error {
	if m == 0o755 || m == 0o644 && !program {
		return nil
	}
	if program {
		return fmt.Errorf("mode %v, want %v", m, mode(true))
	}
	return fmt.Errorf("mode %v, want %v or %v", m, mode(false), mode(true))
}
