// Package arch holds no code: its tests keep the direction of imports between
// the packages of this module, and keep heavy modules out of what starts cold.
package arch_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/merlon-security/merlon/"

// allowed lists what each package may import of this module. A package that is
// not listed fails the test, so a new one takes its place consciously.
var allowed = map[string][]string{
	"cmd/merlon":                  {"internal/agent", "internal/config", "internal/contract", "internal/emulator", "internal/event", "internal/guard", "internal/quarantine/extract", "internal/report/read", "internal/review", "internal/review/cloudwatch", "internal/review/replay", "internal/signed", "internal/verdict", "layer/bundle", "policy", "policy/lint", "policy/rules", "policy/rules/merlon/pack", "policy/waf", "profile"},
	"extension":                   {"internal/agent"},
	"internal/agent":              {"internal/answer", "internal/config", "internal/event", "internal/guard", "internal/hello", "internal/hello/server", "internal/lambdaapi", "internal/quarantine", "internal/report", "internal/report/sink", "internal/signed", "internal/telemetry", "internal/verdict", "policy", "policy/rules", "policy/waf", "profile", "proxy"},
	"internal/docs":               {},
	"internal/answer":             {"internal/event", "internal/verdict"},
	"internal/config":             {},
	"internal/contract":           {"internal/event", "profile"},
	"internal/emulator":           {},
	"internal/event":              {"internal/verdict"},
	"internal/event/eventtest":    {"internal/verdict"},
	"internal/faults":             {},
	"internal/guard":              {"internal/answer", "internal/event", "internal/verdict", "policy", "profile", "proxy"},
	"internal/hello":              {},
	"internal/hello/server":       {"internal/hello"},
	"internal/lambdaapi":          {},
	"internal/logline":            {},
	"internal/awsapi":             {},
	"internal/awsapi/awstest":     {},
	"internal/quarantine":         {"internal/awsapi", "internal/event", "internal/verdict"},
	"internal/quarantine/extract": {"internal/logline", "internal/quarantine"},
	"internal/regression":         {},
	"internal/report":             {"internal/verdict"},
	"internal/report/read":        {"internal/verdict"},
	"internal/report/sink":        {"internal/awsapi", "internal/report", "internal/verdict"},
	"internal/review":             {"internal/logline", "internal/report/read", "internal/verdict"},
	"internal/review/cloudwatch":  {},
	"internal/review/replay":      {"internal/verdict"},
	"internal/telemetry":          {},
	"internal/runtimes":           {},
	"internal/traffic":            {"internal/emulator"},
	"internal/verdict":            {},
	"layer/bundle":                {},
	"layer/examples":              {},
	"layer/templates":             {},
	"layer/internal/attach":       {"internal/config", "internal/hello"},
	"layer/lambdago":              {"layer/internal/attach", "internal/config", "internal/hello"},
	"layer/wrapper":               {"layer/internal/attach", "internal/config", "internal/hello"},
	"internal/plainyaml":          {},
	"internal/signed":             {},
	"policy":                      {"internal/event", "internal/plainyaml", "internal/verdict", "profile", "policy/seclang", "policy/when"},
	"policy/lint":                 {"internal/event", "internal/verdict", "policy", "policy/rules", "policy/seclang", "policy/waf"},
	"policy/leak":                 {},
	"policy/rules":                {},
	"policy/rules/merlon/pack":    {},
	"policy/screen":               {"policy/seclang", "policy/screen/automaton", "policy/screen/literal", "policy/screen/necessary", "policy/screen/sqli", "policy/screen/transform"},
	"policy/screen/automaton":     {"policy/screen/transform"},
	"policy/screen/literal":       {},
	"policy/screen/necessary":     {"policy/screen/transform"},
	"policy/screen/sqli":          {},
	"policy/screen/sqli/gen":      {},
	"policy/screen/transform":     {},
	"policy/seclang":              {},
	"policy/waf":                  {"internal/event", "internal/verdict", "policy/leak", "policy/rules", "policy/screen", "policy/screen/automaton", "policy/screen/sqli", "policy/seclang"},
	"policy/when":                 {"internal/event", "internal/verdict", "policy/screen/automaton"},
	"policy/waf/crsgen":           {},
	"policy/waf/gen":              {"policy/rules", "policy/screen", "policy/seclang", "policy/waf/crsgen"},
	"profile":                     {"internal/event", "internal/plainyaml", "internal/verdict"},
	"proxy":                       {},
	"scripts":                     {},
	"scripts/pages":               {"internal/verdict"},
	"scripts/parity":              {"internal/event"},
	"scripts/demo":                {"internal/emulator", "layer/bundle", "internal/verdict"},
	"testdata/functions/":         {},
	"layer/lambdago/testdata":     {},
}

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Deps"}, args...)...)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatalf("read go list: %v", err)
		}
		pkgs = append(pkgs, p)
	}
}

func TestImportsPointDown(t *testing.T) {
	pkgs := list(t, "./...")
	if len(pkgs) < 20 {
		t.Fatalf("go list ./... found %d packages, want at least 20", len(pkgs))
	}
	for _, p := range pkgs {
		name := strings.TrimPrefix(p.ImportPath, module)
		may, ok := allowed[name]
		if !ok {
			for prefix, m := range allowed {
				if strings.HasSuffix(prefix, "/") && strings.HasPrefix(name, prefix) {
					may, ok = m, true
				}
			}
		}
		if !ok && name != "internal/arch" {
			t.Errorf("package %s has no place in the list of allowed imports", name)
		}
		for _, imp := range p.Imports {
			if sub, ours := strings.CutPrefix(imp, module); ours && !slices.Contains(may, sub) {
				t.Errorf("%s imports %s, which is not below it", name, sub)
			}
		}
	}
}

// TestOnlyWAFImportsCoraza keeps the engine behind one package, and the rule
// set's module out of everything that ships.
func TestOnlyWAFImportsCoraza(t *testing.T) {
	for _, p := range list(t, "./...") {
		for _, imp := range p.Imports {
			if strings.HasPrefix(imp, "github.com/corazawaf/coraza/") && p.ImportPath != module+"policy/waf" {
				t.Errorf("%s imports %s", p.ImportPath, imp)
			}
		}
	}
}

func TestExtensionDependencies(t *testing.T) {
	pkgs := list(t, "./extension")
	if len(pkgs) != 1 {
		t.Fatalf("go list ./extension: %d packages, want 1", len(pkgs))
	}
	for _, dep := range pkgs[0].Deps {
		for _, banned := range []string{
			"github.com/corazawaf/coraza-coreruleset", "github.com/coreruleset/go-ftw", "github.com/aws/aws-sdk-go-v2",
			"github.com/aws/aws-lambda-go", "github.com/alecthomas/kong", "github.com/google/cel-go", "github.com/expr-lang/expr", "github.com/getkin/kin-openapi", module + "internal/emulator", module + "internal/review", module + "internal/logline", "html/template", "testing",
		} {
			if dep == banned || strings.HasPrefix(dep, banned+"/") {
				t.Errorf("the extension links %s", dep)
			}
		}
	}
}

// TestD4NoRandomnessFromTheSnapshot: the generator of math/rand is memory of the
// process. Environments restored from one SnapStart snapshot would draw the same
// numbers; crypto/rand asks the kernel.
func TestD4NoRandomnessFromTheSnapshot(t *testing.T) {
	seen := 0
	for _, p := range list(t, "-deps", "./extension", "./layer/wrapper", "./layer/lambdago") {
		if !strings.HasPrefix(p.ImportPath, module) {
			continue
		}
		seen++
		for _, imp := range p.Imports {
			if imp == "math/rand" || imp == "math/rand/v2" {
				t.Errorf("%s imports %s", p.ImportPath, imp)
			}
		}
	}
	if seen < 20 {
		t.Errorf("%d packages, want at least 20", seen)
	}
}

// TestNothingCompilesAtStart: a pattern at package level is compiled at every
// cold start, whether it is needed or not; a handful of them took two
// milliseconds. Wrap it in sync.OnceValue, or compare characters.
func TestNothingCompilesAtStart(t *testing.T) {
	read := 0
	for _, p := range list(t, "-deps", "./extension", "./layer/wrapper") {
		dir, ours := strings.CutPrefix(p.ImportPath, module)
		if !ours {
			continue
		}
		files, err := filepath.Glob("../../" + dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			read++
			for _, decl := range file.Decls {
				if v, ok := decl.(*ast.GenDecl); ok && v.Tok == token.VAR {
					ast.Inspect(v, func(n ast.Node) bool {
						if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "MustCompile" {
							t.Errorf("%s: a pattern is compiled at start", set.Position(sel.Pos()))
						}
						_, function := n.(*ast.FuncLit)
						return !function
					})
				}
			}
		}
	}
	if read < 100 {
		t.Errorf("%d files, want at least 100", read)
	}
}
