// Command gen writes the tables of package sqli from the source of the
// pinned libinjection-go, which keeps them to itself:
//
//	go generate ./policy/screen/sqli
//
// A test compares what is checked in.
package main

import (
	"encoding/binary"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"hash/fnv"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	library = "github.com/corazawaf/libinjection-go"
	longest = 32
	buckets = 1 << 12
)

func main() {
	data, err := tables()
	if err == nil {
		err = os.WriteFile("tables.bin", data, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// tables returns the library's words in the form that package sqli searches.
func tables() ([]byte, error) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", library).Output()
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", library, err)
	}
	words, err := read(filepath.Join(strings.TrimSpace(string(dir)), "sqli_data.go"))
	if err != nil {
		return nil, err
	}
	return encode(words), nil
}

// read returns the entries of the map of words in a source file.
func read(name string) (map[string]byte, error) {
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	words := map[string]byte{}
	for _, decl := range f.Decls {
		g, ok := decl.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		spec := g.Specs[0].(*ast.ValueSpec) // what token.VAR says
		if spec.Names[0].Name != "sqlKeywords" {
			continue
		}
		for _, e := range spec.Values[0].(*ast.CompositeLit).Elts {
			if err := add(words, e); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	if len(words) < 9000 {
		return nil, fmt.Errorf("%s: %d words, want at least 9000", name, len(words))
	}
	return words, nil
}

func add(words map[string]byte, e ast.Expr) error {
	kv, ok := e.(*ast.KeyValueExpr)
	if !ok {
		return fmt.Errorf("entry %T", e)
	}
	key, ok1 := kv.Key.(*ast.BasicLit)
	value, ok2 := kv.Value.(*ast.BasicLit)
	if !ok1 || !ok2 || key.Kind != token.STRING || value.Kind != token.CHAR {
		return fmt.Errorf("entry of %T and %T", kv.Key, kv.Value)
	}
	word, err := strconv.Unquote(key.Value)
	if err != nil {
		return err
	}
	kind, err := strconv.Unquote(value.Value)
	if err != nil {
		return err
	}
	if word == "" || len(word) > longest || len(kind) != 1 {
		return fmt.Errorf("entry %q of kind %q", word, kind)
	}
	words[word] = kind[0]
	return nil
}

func encode(words map[string]byte) []byte {
	var filled [buckets][]byte
	for _, w := range slices.Sorted(maps.Keys(words)) {
		h := fnv.New32a()
		h.Write([]byte(w))
		b := &filled[h.Sum32()%buckets]
		*b = append(append(append(*b, byte(len(w))), w...), words[w])
	}
	const head = 4 * (buckets + 1)
	var begins, entries []byte
	for _, b := range filled {
		begins = binary.LittleEndian.AppendUint32(begins, uint32(head+len(entries)))
		entries = append(entries, b...)
	}
	begins = binary.LittleEndian.AppendUint32(begins, uint32(head+len(entries)))
	return append(begins, entries...)
}
