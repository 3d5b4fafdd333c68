package when_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy/when"
)

// celEnv declares the language's variables and functions to cel-go. The
// functions that CEL has not are written again here, from their description.
func celEnv(t *testing.T, ev *event.Event) (*cel.Env, map[string]any) {
	t.Helper()
	list := cel.ListType(cel.StringType)
	unary := func(name string, arg, result *cel.Type, f func(ref.Val) ref.Val) cel.EnvOption {
		return cel.Function(name, cel.Overload(name, []*cel.Type{arg}, result, cel.UnaryBinding(f)))
	}
	named := func(place verdict.Place) func(ref.Val) ref.Val {
		return func(arg ref.Val) ref.Val {
			out := []string{}
			for i := range ev.Leaves {
				l := &ev.Leaves[i]
				name := string(arg.(types.String))
				if l.Place == place && !l.NameOnly && (l.Name == name || place == verdict.PlaceHeader && strings.EqualFold(l.Name, name)) {
					out = append(out, l.Value)
				}
			}
			return types.DefaultTypeAdapter.NativeToValue(out)
		}
	}
	at := func(arg ref.Val) ref.Val {
		want, err := json.Marshal(native(arg))
		if err != nil {
			return types.NewErr("%v", err)
		}
		out := []string{}
		for i := range ev.Leaves {
			if l := &ev.Leaves[i]; !l.NameOnly && pathIs(ev.Path(l), string(want)) {
				out = append(out, l.Value)
			}
		}
		return types.DefaultTypeAdapter.NativeToValue(out)
	}
	options := []cel.EnvOption{
		cel.CrossTypeNumericComparisons(true),
		cel.Variable("leaves", cel.ListType(cel.MapType(cel.StringType, cel.StringType))),
		unary("header", cel.StringType, list, named(verdict.PlaceHeader)),
		unary("query", cel.StringType, list, named(verdict.PlaceQuery)),
		unary("cookie", cel.StringType, list, named(verdict.PlaceCookie)),
		unary("at", cel.ListType(cel.DynType), list, at),
		unary("number", cel.StringType, cel.DoubleType, func(v ref.Val) ref.Val {
			var f float64
			if json.Unmarshal([]byte(v.(types.String)), &f) != nil {
				return types.Double(notANumber)
			}
			return types.Double(f)
		}),
		cel.Function("lowerAscii", cel.MemberOverload("lower", []*cel.Type{cel.StringType}, cel.StringType, cel.UnaryBinding(func(v ref.Val) ref.Val {
			return types.String(strings.NewReplacer("A", "a", "D", "d", "M", "m", "I", "i", "N", "n", "B", "b", "P", "p", "O", "o", "S", "s", "T", "t", "C", "c", "F", "f", "K", "k", "X", "x").Replace(string(v.(types.String))))
		}))),
	}
	vars := map[string]any{
		"trigger": string(ev.Source), "source": ev.Caller.SourceARN, "address": ev.Caller.IP,
		"principal": ev.Caller.PrincipalID, "principalType": ev.Caller.PrincipalType,
		"method": ev.HTTP.Method, "path": ev.HTTP.Path, "route": ev.HTTP.Route,
	}
	for name := range vars {
		options = append(options, cel.Variable(name, cel.StringType))
	}
	var leaves []map[string]string
	for i := range ev.Leaves {
		l := &ev.Leaves[i]
		leaves = append(leaves, map[string]string{"name": l.Name, "value": l.Value, "place": l.Place.String()})
	}
	vars["leaves"] = leaves
	env, err := cel.NewEnv(options...)
	if err != nil {
		t.Fatal(err)
	}
	return env, vars
}

var notANumber = func() float64 { var zero float64; return zero / zero }()

func native(v ref.Val) []any {
	var out []any
	for it := v.(interface {
		Size() ref.Val
		Get(ref.Val) ref.Val
	}); len(out) < int(it.Size().(types.Int)); {
		switch e := it.Get(types.Int(len(out))).(type) {
		case types.String:
			out = append(out, string(e))
		case types.Int:
			out = append(out, int(e))
		default:
			out = append(out, nil)
		}
	}
	return out
}

// pathIs compares a path with a JSON list of steps.
func pathIs(path verdict.Path, want string) bool {
	var steps []any
	if json.Unmarshal([]byte(want), &steps) != nil || len(steps) != len(path) {
		return false
	}
	for i, s := range steps {
		switch s := s.(type) {
		case string:
			if path[i].Array || path[i].Key != s {
				return false
			}
		case float64:
			if !path[i].Array || path[i].Index != int(s) {
				return false
			}
		}
	}
	return true
}

// grammar writes random expressions of each type.
type grammar struct{ *rand.Rand }

func (g grammar) pick(options ...string) string { return options[g.IntN(len(options))] }

func (g grammar) condition(depth int, vars []string) string {
	if depth <= 0 {
		return g.pick("true", "false", g.comparison(0, vars))
	}
	sub := func() string { return g.condition(depth-1, vars) }
	switch g.IntN(11) {
	case 0:
		return "(" + sub() + " && " + sub() + ")"
	case 1:
		return sub() + " || " + sub()
	case 2:
		return "!(" + sub() + ")"
	case 3:
		return "(" + sub() + " ? " + sub() + " : " + sub() + ")"
	case 4:
		return "(" + sub() + ") == (" + sub() + ")"
	case 5, 6:
		v := fmt.Sprintf("v%d", len(vars))
		return g.list() + "." + g.pick("exists", "all", "exists_one") + "(" + v + ", " + g.condition(depth-1, append(vars[:len(vars):len(vars)], v)) + ")"
	case 7, 8:
		v := fmt.Sprintf("v%d", len(vars))
		return g.pick("leaves", `leaves.filter(x, x.place == "body")`) + "." + g.pick("exists", "all", "exists_one") +
			"(" + v + ", " + g.condition(depth-1, append(vars[:len(vars):len(vars)], v+".value", v+".name", v+".place")) + ")"
	}
	return g.comparison(depth, vars)
}

func (g grammar) comparison(depth int, vars []string) string {
	s := func() string { return g.text(depth-1, vars) }
	switch g.IntN(8) {
	case 0, 1:
		return s() + g.pick(" == ", " != ", " < ", " <= ", " > ", " >= ") + s()
	case 2:
		return s() + "." + g.pick("contains", "startsWith", "endsWith") + "(" + s() + ")"
	case 3:
		return s() + ".matches(" + g.pick(`"^[A-Z]-[0-9]$"`, `r"\d"`, `"(?i)admin|user"`, `"^$"`, `"[^a-z]"`) + ")"
	case 4:
		return s() + " in " + g.list()
	}
	n := func() string {
		return g.pick("0", "1", "2", "-1", "300", "size("+s()+")", g.list()+".size()", "size(leaves)")
	}
	d := func() string { return g.pick("0.0", "10.5", "-1.0", "300.0", "number("+s()+")") }
	switch g.IntN(3) {
	case 0:
		return n() + g.pick(" < ", " <= ", " > ", " >= ") + d()
	case 1:
		n = d
	}
	return n() + g.pick(" == ", " != ", " < ", " <= ", " > ", " >= ") + n()
}

func (g grammar) text(depth int, vars []string) string {
	if len(vars) > 0 && g.IntN(2) == 0 {
		return g.pick(vars...)
	}
	if depth > 0 && g.IntN(6) == 0 {
		return g.text(depth-1, vars) + ".lowerAscii()"
	}
	return g.pick(`"admin"`, `"ADMIN"`, `'k1'`, `""`, `"A-1"`, `"\u0041-1"`, `r"sku"`, `"body"`, `"300"`, "method", "path", "route", "trigger", "principal", "address")
}

func (g grammar) list() string {
	return g.pick(`header("x-api-key")`, `header("none")`, `query("role")`, `cookie("sid")`, `at(["body", "user", "role"])`,
		`at(["body", "items", null, "sku"])`, `at(["body", "items", 0, "qty"])`, `["admin", "user", "A-1"]`, `query("role").filter(y, y > "b")`)
}

// TestIsCEL compares random expressions with cel-go: what compiles here
// compiles there and means the same.
func TestIsCEL(t *testing.T) {
	t.Parallel()
	ev := decode(order)
	env, vars := celEnv(t, ev)
	g := grammar{rand.New(rand.NewPCG(5, 6))}
	counts := map[bool]int{}
	for range 1500 {
		text := g.condition(4, nil)
		if len(text) > when.MaxText {
			continue
		}
		ast, issues := env.Compile(text)
		if _, err := when.Compile(text); err != nil {
			if strings.Contains(err.Error(), "parts") || strings.Contains(err.Error(), "nesting") {
				continue
			}
			t.Fatalf("Compile(%s): %v, cel-go says %v", text, err, issues.Err())
		}
		if issues.Err() != nil {
			t.Fatalf("cel-go does not compile %s: %v", text, issues.Err())
		}
		program, err := env.Program(ast)
		if err != nil {
			t.Fatal(err)
		}
		v, _, err := program.Eval(vars)
		if err != nil {
			t.Fatalf("cel-go on %s: %v", text, err)
		}
		got := matches(t, text, ev)[0]
		if got.Over {
			continue // loops in loops in loops
		}
		if got.Match != v.Value() {
			t.Fatalf("%s = %v, cel-go says %v", text, got.Match, v.Value())
		}
		counts[got.Match]++
	}
	if counts[true] < 400 || counts[false] < 400 {
		t.Errorf("%d true, %d false: want at least 400 of each", counts[true], counts[false])
	}
}
