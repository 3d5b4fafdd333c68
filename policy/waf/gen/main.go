// Command gen writes the rule texts that policy/rules embeds from the pinned
// OWASP Core Rule Set module, so that the extension need not link that module:
//
//	go run ./policy/waf/gen -o policy/rules
//
// The output depends on nothing but the module's version; a test compares it
// with what is checked in.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/merlon-security/merlon/policy/waf/crsgen"
)

func main() {
	out := flag.String("o", "policy/rules", "directory of package rules")
	flag.Parse()
	if err := run(*out); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	files, err := crsgen.Generate()
	if err != nil {
		return err
	}
	for name, data := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
