package screen_test

import (
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/collection"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"

	"github.com/merlon-security/merlon/policy/screen"
	"github.com/merlon-security/merlon/policy/seclang"
)

// engineText is the configuration the differential tests give stock Coraza:
// no body processor, and every paranoia level on, so that lower levels can be
// read from the rules' tags.
const engineText = `
SecRuleEngine DetectionOnly
SecRequestBodyAccess On
SecRequestBodyLimit 134217728
SecRequestBodyInMemoryLimit 134217728
SecArgumentsLimit 1000000
SecAction "id:900000,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level=4,setvar:tx.detection_paranoia_level=4"
SecAction "id:900001,phase:1,pass,nolog,ctl:requestBodyProcessor=RAW"
`

// crsSources returns the Core Rule Set's request rules, set up, in loading order.
func crsSources() []seclang.Source {
	names, err := fs.Glob(coreruleset.FS, "@owasp_crs/REQUEST-*.conf")
	if err != nil {
		panic(err) // the pattern is constant
	}
	var out []seclang.Source
	for _, name := range append([]string{"@crs-setup.conf.example"}, names...) {
		text, err := fs.ReadFile(coreruleset.FS, name)
		if err != nil {
			panic(err) // the file system is embedded
		}
		out = append(out, seclang.Source{Name: name, Text: string(text)})
	}
	return out
}

// readData reads a word list of the Core Rule Set.
func readData(name string) ([]byte, error) { return fs.ReadFile(coreruleset.FS, "@owasp_crs/"+name) }

// compileCRS compiles the rules for a level; the level comes from the options.
func compileCRS(t testing.TB, level int) *screen.Program {
	t.Helper()
	text := strings.ReplaceAll(engineText, "level=4", "level="+string(rune('0'+level)))
	rules, err := seclang.Parse(append([]seclang.Source{{Name: "engine", Text: text}}, crsSources()...)...)
	if err != nil {
		t.Fatal(err)
	}
	p, err := screen.Compile(rules, screen.Options{Paranoia: level, Data: readData})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// stockWAF builds Coraza once for all tests.
var stockWAF = sync.OnceValue(func() coraza.WAF {
	cfg := coraza.NewWAFConfig().WithRootFS(coreruleset.FS).WithDirectives(engineText)
	for _, src := range crsSources() {
		cfg = cfg.WithDirectivesFromFile(src.Name)
	}
	waf, err := coraza.NewWAF(cfg)
	if err != nil {
		panic(err)
	}
	return waf
})

// matched is one rule a transaction matched.
type matched struct {
	id     int
	level  int // paranoia level of its tag, 0 without
	values int // matched, which the score counts
}

// remover is the part of a Coraza transaction by which rules are left out.
type remover interface {
	RemoveRuleByIDRange(start, end int)
}

// runStock feeds a transaction to Coraza without the rules of the given
// ranges. Names have addresses of their own: Coraza 3.8.1 caches transformed
// values by the address of the name and the position in a map's random order, so
// that values whose names share memory can take each other's place.
func runStock(t testing.TB, in *screen.Input, without [][2]int) []matched {
	t.Helper()
	return runOn(t, stockWAF(), in, without)
}

func runOn(t testing.TB, waf coraza.WAF, in *screen.Input, without [][2]int) []matched {
	t.Helper()
	tx := waf.NewTransaction()
	defer tx.Close()
	for _, r := range without {
		tx.(remover).RemoveRuleByIDRange(r[0], r[1])
	}
	tx.ProcessConnection(in.RemoteAddr, 1, "10.0.0.1", 443)
	if in.HasHead {
		tx.ProcessURI(in.URI, in.Method, in.Protocol)
		for _, h := range in.Headers {
			tx.AddRequestHeader(ownName(h.Name), h.Value)
		}
	}
	for _, a := range in.Args {
		name := ownName(a.Name)
		switch a.Origin {
		case screen.Query:
			tx.AddGetRequestArgument(name, a.Value)
		case screen.Path:
			tx.AddPathRequestArgument(name, a.Value)
		default:
			tx.AddPostRequestArgument(name, a.Value)
		}
	}
	v := tx.(plugintypes.TransactionState).Variables()
	apart(v.ArgsGet())
	apart(v.RequestCookies())
	tx.ProcessRequestHeaders()
	if in.Body != "" {
		if _, _, err := tx.WriteRequestBody([]byte(in.Body)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tx.ProcessRequestBody(); err != nil {
		t.Fatal(err)
	}
	return list(tx.MatchedRules())
}

// apart gives addresses of their own to the names that Coraza read itself.
func apart(c collection.Map) {
	all := c.FindAll()
	for _, e := range all {
		c.Remove(e.Key())
	}
	for _, e := range all {
		c.Add(ownName(e.Key()), e.Value())
	}
}

// ownName returns a name at an address of its own, the empty name included.
func ownName(name string) string { return strings.Clone(name + "=")[:len(name)] }

func list(rules []types.MatchedRule) (out []matched) {
	for _, r := range rules {
		m := matched{id: r.Rule().ID(), values: len(r.MatchedDatas())}
		for _, tag := range r.Rule().Tags() {
			if level, ok := strings.CutPrefix(tag, "paranoia-level/"); ok {
				m.level = int(level[0] - '0')
			}
		}
		out = append(out, m)
	}
	return out
}

// findings keeps the rules that are findings at a level.
func findings(all []matched, classes map[int]screen.Class, level int) (ids []int) {
	for _, m := range all {
		if m.id >= 911000 && classes[m.id] != screen.Bookkeeping && m.level <= level {
			ids = append(ids, m.id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
