// Package docs_test keeps the documents true to the code where that can be
// checked by reading: links, variables, make targets, fields, examples, and the
// names of tests they lean on. It reads files and runs nothing.
package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/policy"
)

const root = "../.."

// walk calls fn with every file of the repository, by its path from the root.
func walk(t *testing.T, fn func(name string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name, rerr := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case rerr != nil:
			return rerr
		case d.IsDir() && (name == "build" || name == "dist" || len(name) > 1 && name[0] == '.' && name != ".ci" || d.Name() == "node_modules"):
			return fs.SkipDir
		case !d.IsDir():
			fn(filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// documents returns the text of every Markdown file.
func documents(t *testing.T) map[string]string {
	t.Helper()
	docs := map[string]string{}
	walk(t, func(name string) {
		if strings.HasSuffix(name, ".md") {
			docs[name] = read(t, name)
		}
	})
	if len(docs) < 10 {
		t.Fatalf("%d documents, want at least 10", len(docs))
	}
	return docs
}

// block is a fenced block of a document.
type block struct{ language, text string }

var fence = regexp.MustCompile("(?ms)^```([a-z-]*)\n(.*?)^```$")

func blocks(text string) []block {
	var out []block
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		out = append(out, block{m[1], m[2]})
	}
	return out
}

func prose(text string) string { return fence.ReplaceAllString(text, "") }

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	notSlug = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// anchors are the headings of a document as GitHub names them.
func anchors(text string) []string {
	var out []string
	for _, m := range heading.FindAllStringSubmatch(prose(text), -1) {
		out = append(out, strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return out
}

func TestLinksResolve(t *testing.T) {
	docs := documents(t)
	checked := 0
	for name, text := range docs {
		for _, m := range link.FindAllStringSubmatch(prose(text), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			checked++
			file, anchor, _ := strings.Cut(m[1], "#")
			target := name
			if file != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(name), file))
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s: link %s: %v", name, m[1], err)
			} else if anchor != "" && !slices.Contains(anchors(docs[target]), anchor) {
				t.Errorf("%s: link %s: no such heading in %s", name, m[1], target)
			}
		}
	}
	if checked < 20 {
		t.Errorf("%d links, want at least 20", checked)
	}
}

func TestVariablesExist(t *testing.T) {
	known := map[string]bool{}
	for _, v := range config.Registry() {
		known[v.Name] = true
	}
	checked := 0
	for name, text := range documents(t) {
		text = prose(text) + settings(text)
		for _, v := range regexp.MustCompile(`\bMERLON_[A-Z0-9_]*[A-Z0-9]`).FindAllString(text, -1) {
			checked++
			if !known[v] {
				t.Errorf("%s: %s is no variable of internal/config", name, v)
			}
		}
	}
	if checked < 50 {
		t.Errorf("%d variables, want at least 50", checked)
	}
}

// settings are the blocks that people copy. Pasted log lines are not among them:
// they show what Merlon says of names it does not know.
func settings(text string) string {
	var s strings.Builder
	for _, b := range blocks(text) {
		if b.language != "json" && b.language != "" {
			s.WriteString(b.text)
		}
	}
	return s.String()
}

func TestMakeTargetsExist(t *testing.T) {
	known := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+):`).FindAllStringSubmatch(read(t, "Makefile"), -1) {
		known[m[1]] = true
	}
	use := regexp.MustCompile("(?m)(?:`|^ *|[;&|] *|[A-Z]=[a-z]+ )make ([a-z][a-z-]*)")
	checked := 0
	for name, text := range documents(t) {
		for _, m := range use.FindAllStringSubmatch(text, -1) {
			checked++
			if !known[m[1]] {
				t.Errorf("%s: make %s: no such target", name, m[1])
			}
		}
	}
	if checked < 10 {
		t.Errorf("%d uses of make, want at least 10", checked)
	}
}

// jsonFields lists the JSON paths of the record by reading its types.
func jsonFields(t *testing.T) []string {
	t.Helper()
	types := map[string]*ast.StructType{}
	files, err := filepath.Glob(root + "/internal/verdict/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if s, ok := spec.Type.(*ast.StructType); ok {
					types[spec.Name.Name] = s
				}
			}
			return true
		})
	}
	var paths []string
	var visit func(name, prefix string)
	visit = func(name, prefix string) {
		for _, f := range types[name].Fields.List {
			if f.Tag == nil {
				continue
			}
			tag, err := strconv.Unquote(f.Tag.Value)
			if err != nil {
				t.Fatal(err)
			}
			key, _, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
			path, inner := prefix+key, f.Type
			if star, ok := inner.(*ast.StarExpr); ok {
				inner = star.X
			}
			if list, ok := inner.(*ast.ArrayType); ok {
				inner = list.Elt
				if id, ok := inner.(*ast.Ident); ok && types[id.Name] != nil {
					paths = append(paths, path)
					path += "[]"
				}
			}
			id, ok := inner.(*ast.Ident)
			if !ok || types[id.Name] == nil {
				paths = append(paths, path)
				continue
			}
			if strings.Contains(path, "[].") { // objects inside a match have a row of their own
				paths = append(paths, path)
			}
			visit(id.Name, path+".")
		}
	}
	visit("Record", "")
	return paths
}

func TestVerdictFields(t *testing.T) {
	want := jsonFields(t)
	if len(want) < 60 {
		t.Fatalf("%d fields in the record, want at least 60", len(want))
	}
	var got []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(read(t, "docs/VERDICT.md"), -1) {
		got = append(got, m[1])
	}
	for _, f := range got {
		if !slices.Contains(want, f) {
			t.Errorf("docs/VERDICT.md: the record has no field %s", f)
		}
	}
	for _, f := range want {
		if !slices.Contains(got, f) {
			t.Errorf("docs/VERDICT.md: no row for the field %s", f)
		}
	}
}

// TestQueriesUseFields checks the Logs Insights queries.
func TestQueriesUseFields(t *testing.T) {
	fields := jsonFields(t)
	index := regexp.MustCompile(`\.[0-9]+(\.|$)`)
	checked := 0
	for name, text := range documents(t) {
		for _, b := range blocks(text) {
			if b.language != "logs-insights" {
				continue
			}
			for line := range strings.Lines(b.text) {
				rest, ok := strings.CutPrefix(strings.TrimSpace(line), "fields ")
				if !ok {
					continue
				}
				for f := range strings.SplitSeq(rest, ",") {
					f = index.ReplaceAllString(strings.TrimSpace(f), "[]$1")
					if checked++; f != "@timestamp" && !slices.Contains(fields, f) {
						t.Errorf("%s: the query shows %s, which the record has not", name, f)
					}
				}
			}
		}
	}
	if checked < 5 {
		t.Errorf("%d fields in queries, want at least 5", checked)
	}
}

func TestPoliciesParse(t *testing.T) {
	checked := 0
	for name, text := range documents(t) {
		for _, b := range blocks(text) {
			if b.language == "yaml" && strings.Contains(b.text, "kind: "+policy.Kind) {
				checked++
				if _, err := policy.Parse([]byte(b.text)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
	if checked == 0 {
		t.Error("no policy found in the documents")
	}
}

// TestSnippetsAreFromTheExamples: what the README shows of a template stands in
// an example, which has tests of its own.
func TestSnippetsAreFromTheExamples(t *testing.T) {
	lines := map[string]bool{}
	for _, file := range []string{"layer/examples/sam/template.yaml", "layer/examples/terraform/main.tf"} {
		for line := range strings.Lines(read(t, file)) {
			lines[strings.Join(strings.Fields(line), " ")] = true
		}
	}
	checked := 0
	for _, b := range blocks(read(t, "README.md")) {
		if b.language != "yaml" && b.language != "hcl" {
			continue
		}
		for line := range strings.Lines(b.text) {
			if checked++; !lines[strings.Join(strings.Fields(line), " ")] {
				t.Errorf("README.md: %q is in no example", strings.TrimSpace(line))
			}
		}
	}
	if checked < 8 {
		t.Errorf("%d lines of templates, want at least 8", checked)
	}
}

func TestNamedTestsExist(t *testing.T) {
	tests := map[string]bool{}
	walk(t, func(name string) {
		if strings.HasSuffix(name, "_test.go") {
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(read(t, name), -1) {
				tests[m[1]] = true
			}
		}
	})
	checked := 0
	for name, text := range documents(t) {
		for _, m := range regexp.MustCompile("`(Test[A-Z]\\w+)`").FindAllStringSubmatch(text, -1) {
			if checked++; !tests[m[1]] {
				t.Errorf("%s: no test is called %s", name, m[1])
			}
		}
	}
	if checked < 5 {
		t.Errorf("%d named tests, want at least 5", checked)
	}
}
