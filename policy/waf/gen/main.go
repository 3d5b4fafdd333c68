// Command gen writes the rule texts that policy/rules embeds, from the packs in
// policy/rules/merlon/pack and from the pinned OWASP Core Rule Set module, so
// that the extension need not link that module:
//
//	go run ./policy/waf/gen -o policy/rules
//
// The output depends on nothing but these; a test compares it with what is
// checked in.
package main

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/merlon-security/merlon/policy/rules"
	"github.com/merlon-security/merlon/policy/screen"
	"github.com/merlon-security/merlon/policy/seclang"
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
	if err := write(dir, files); err != nil {
		return err
	}
	packs, err := crsgen.Packs(os.DirFS(dir))
	if err != nil {
		return err
	}
	if err := write(dir, packs); err != nil {
		return err
	}
	programs, err := screens(os.DirFS(dir))
	if err != nil {
		return err
	}
	return write(dir, programs)
}

func write(dir string, files map[string][]byte) error {
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

// screens analyses the rules of each paranoia level into the programs that the
// extension loads at start, where the analysis would take it a third of a
// second.
func screens(fsys fs.FS) (map[string][]byte, error) {
	programs := map[string][]byte{}
	for _, o := range compositions() {
		name := rules.ScreenFile(o.Part, o.Paranoia)
		data, err := compile(fsys, o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		programs[name] = data
	}
	return programs, nil
}

// compositions are the rule sets that have a screen.
func compositions() (all []rules.Options) {
	for _, part := range []rules.Part{rules.Requests, rules.Pages, rules.Errors} {
		for level := 1; level <= 4 && (part == rules.Requests || level <= 2); level++ {
			all = append(all, rules.Options{Part: part, Paranoia: level, Threshold: 5})
		}
	}
	return all
}

func compile(fsys fs.FS, o rules.Options) ([]byte, error) {
	parsed, err := seclang.Parse(seclang.Source{Name: "rules", Text: rules.StockOperators(rules.Compose(fsys, o))})
	if err != nil {
		return nil, err
	}
	p, err := screen.Compile(parsed, screen.Options{Paranoia: o.Paranoia, Responses: o.Part != rules.Requests, Data: func(name string) ([]byte, error) {
		return fs.ReadFile(fsys, "crs/"+name)
	}})
	if err != nil {
		return nil, err
	}
	return p.MarshalBinary()
}
