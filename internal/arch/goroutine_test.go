package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// contained says of every function of the extension that starts a goroutine or a
// timer why a panic in it does not end the process, and with it the invocation.
var contained = map[string]string{
	"internal/agent/presence.go watch":      "contained",
	"internal/agent/run.go Run":             "Reporter.Run contains each thing it does",
	"internal/agent/run.go open":            "contained",
	"internal/agent/run.go untilShutdown":   "poll contains what it calls",
	"internal/quarantine/logstore.go put":   "write recovers",
	"internal/report/awake.go awake":        "calls a ticker and a cancel function only",
	"internal/report/outbox.go start":       "deliver contains itself",
	"internal/report/report.go Close":       "contains itself",
	"internal/report/report.go FlushWithin": "Flush recovers",
	"internal/telemetry/listener.go Listen": "net/http contains each request, and Accept counts only",
	"policy/waf/within.go within":           "recovers; the other waits only",
	"proxy/group.go close":                  "waits only",
	"proxy/group.go start":                  "fly and callIdle recover, and report survives its observer",
	"proxy/line.go exchange":                "closes a connection only",
}

func TestGoroutinesOfTheExtensionAreContained(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}} {{.Dir}}", module+"extension").Output()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		path, dir, _ := strings.Cut(strings.TrimSpace(line), " ")
		pkg, ours := strings.CutPrefix(path, module)
		if !ours {
			continue
		}
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, name := range starting(t, file) {
				found[pkg+"/"+filepath.Base(file)+" "+name] = true
			}
		}
	}
	for where := range found {
		if contained[where] == "" {
			t.Errorf("%s starts a goroutine or timer: recover there, and say so here", where)
		}
	}
	for where := range contained {
		if !found[where] {
			t.Errorf("%s starts nothing any more", where)
		}
	}
	if len(found) < 10 {
		t.Errorf("found %d, the search is broken", len(found))
	}
}

// starting names the functions of a file that start something beside themselves.
func starting(t *testing.T, file string) (names []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, decl := range parsed.Decls {
		name := "(package)"
		if f, ok := decl.(*ast.FuncDecl); ok {
			name = f.Name.Name
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			if starts(n) && !slices.Contains(names, name) {
				names = append(names, name)
			}
			return true
		})
	}
	return names
}

func starts(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GoStmt:
		return true
	case *ast.SelectorExpr: // sync.WaitGroup.Go, time.AfterFunc, context.AfterFunc
		return n.Sel.Name == "Go" || n.Sel.Name == "AfterFunc"
	}
	return false
}
