package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
)

// mostFiles bounds the walk of the function's code. A deployment package may
// hold 250 MB; names of the first files tell one deployment from another.
const mostFiles = 2000

// CodeID identifies the deployed code, which Lambda does not tell: a numbered
// version is immutable and so its own identity, then the id the pipeline gave,
// then a hash over names, sizes and times of the files in root. The prefix says
// which it is.
func CodeID(version, fromPipeline, root string) string {
	if version != "" && version != "$LATEST" {
		return "version:" + version
	}
	if fromPipeline != "" {
		return "id:" + fromPipeline
	}
	h := sha256.New()
	files := 0
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // unreadable entries are left out; the rest still identifies
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		fmt.Fprintf(h, "%q %d %d\n", path, info.Size(), info.ModTime().UnixNano())
		if files++; files == mostFiles {
			return fs.SkipAll
		}
		return nil
	})
	if err != nil || files == 0 {
		return ""
	}
	return "files:" + hex.EncodeToString(h.Sum(nil)[:12])
}
