package crsgen

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
)

// Packs reduces the packs below a rules directory to the file that is embedded.
// They are written for people, with continued lines, comments and Coraza's own
// names of the operators.
func Packs(dir fs.FS) (map[string][]byte, error) {
	requests, err := pack(dir, "merlon/pack/*.conf")
	if err != nil {
		return nil, err
	}
	responses, err := pack(dir, "merlon/pack/response/*.conf")
	if err != nil {
		return nil, err
	}
	return map[string][]byte{"merlon/packs.conf": requests, "merlon/responses.conf": responses}, nil
}

func pack(dir fs.FS, pattern string) ([]byte, error) {
	names, err := fs.Glob(dir, pattern) // sorted
	if err != nil {
		return nil, fmt.Errorf("list packs: %w", err)
	}
	if len(names) == 0 {
		return nil, errors.New("list packs: there is none")
	}
	var all bytes.Buffer
	for _, name := range names {
		data, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, fmt.Errorf("read pack: %w", err)
		}
		if err := reduce(&all, data); err != nil {
			return nil, fmt.Errorf("reduce %s: %w", name, err)
		}
	}
	lean, err := Lean(all.String())
	if err != nil {
		return nil, fmt.Errorf("reduce packs: %w", err)
	}
	return []byte(lean), nil
}
