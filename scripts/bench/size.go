package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/merlon-security/merlon/scripts/bench/internal/result"
)

// measureSizes reads what ships, and the peers' smallest programs beside it.
func (b *bench) measureSizes() error {
	zips, err := filepath.Glob(filepath.Join(root, "dist", "merlon-layer-*.zip"))
	if err != nil {
		return err
	}
	files := []struct{ name, path string }{
		{"extension", b.extension},
		{"wrapper", filepath.Join(b.layer, "merlon-wrapper")},
	}
	for _, z := range zips {
		files = append(files, struct{ name, path string }{filepath.Base(z), z})
	}
	files = append(files, []struct{ name, path string }{
		{"coraza in a program", b.program("start-coraza")}, {"libddwaf in a program", b.program("start-libddwaf")},
	}...)
	for _, f := range files {
		st, err := os.Stat(f.path)
		if err != nil {
			return fmt.Errorf("size of the %s: %w", f.name, err)
		}
		b.res.Sizes = append(b.res.Sizes, result.Size{Name: f.name, Bytes: st.Size()})
	}
	if len(zips) == 0 {
		b.note("there are no layer zips in dist: run make layer")
	}
	return nil
}
