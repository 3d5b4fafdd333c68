package screen

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"

	"github.com/merlon-security/merlon/policy/screen/literal"
)

var targetPieces = []string{
	"/", "//", "a", "b.php", "?", "??", "&", "=", "%", "%41", "%2f", "%zz", "+", "#", "\\", " ", "\t", "\x00", "\x7f", "é", "\xff", ":", "@", ";", "~", "*",
	"http://h", "http://h:8/p", "..", "!", "$", "'", "(", "[", "]", "|", "\"", "<", "x=1", "A", "-", "_", ".", ",",
}

var cookiePieces = []string{"a", "=", ";", "; ", " ", "\t", "\x0b", "\x7f", "\"", "b", "$Version", "é", "\u00a0", "\x85", "==", ";;"}

func pieces(rnd *rand.Rand, from []string, most int) string {
	var sb strings.Builder
	for range rnd.IntN(most) {
		sb.WriteString(from[rnd.IntN(len(from))])
	}
	return sb.String()
}

// TestCollectionsAreCorazas compares what is derived from a request with what Coraza derives.
func TestCollectionsAreCorazas(t *testing.T) {
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithDirectives("SecRuleEngine On\nSecArgumentsLimit 100000"))
	if err != nil {
		t.Fatal(err)
	}
	p := &Program{nodes: []node{{parent: -1}}, literals: emptySet(t)}
	p.finish()
	s := p.NewScratch()
	rnd := rand.New(rand.NewPCG(11, 12))
	for range 60_000 {
		in := &Input{
			HasHead: true, Method: "GET", Protocol: "HTTP/1.1", URI: pieces(rnd, targetPieces, 9),
			Headers: []Header{{Name: []string{"cookie", "Cookie", "COO\u212aIE", "x"}[rnd.IntN(4)], Value: pieces(rnd, cookiePieces, 12)}},
			Args:    []Arg{{"p", "v", Post}, {"q", "w", Query}, {"r", "long", Path}},
		}
		if rnd.IntN(2) == 0 {
			in.URI = "/" + in.URI
		}
		tx := waf.NewTransaction()
		tx.ProcessURI(in.URI, in.Method, in.Protocol)
		for _, h := range in.Headers {
			tx.AddRequestHeader(h.Name, h.Value)
		}
		tx.AddPostRequestArgument("p", "v")
		tx.AddGetRequestArgument("q", "w")
		tx.AddPathRequestArgument("r", "long")
		v := tx.(plugintypes.TransactionState).Variables()
		s.reset(in)
		s.collect()
		rows := []struct{ name, got, want string }{
			{"REQUEST_URI", s.single(slotURI), v.RequestURI().Get()},
			{"REQUEST_URI_RAW", s.single(slotURIRaw), v.RequestURIRaw().Get()},
			{"REQUEST_LINE", s.single(slotLine), v.RequestLine().Get()},
			{"REQUEST_FILENAME", s.single(slotFilename), v.RequestFilename().Get()},
			{"REQUEST_BASENAME", s.single(slotBasename), v.RequestBasename().Get()},
			{"QUERY_STRING", s.single(slotQuery), v.QueryString().Get()},
			{"ARGS_COMBINED_SIZE", s.single(slotCombined), v.ArgsCombinedSize().FindAll()[0].Value()},
			{"ARGS_GET", sorted(append(slices.Clone(s.query), pair{"q", "w"})), sortedMatches(v.ArgsGet().FindAll())},
			{"REQUEST_COOKIES", sorted(s.cookies), sortedMatches(v.RequestCookies().FindAll())},
		}
		for _, row := range rows {
			if row.got != row.want {
				t.Errorf("%s of target %q, header %q = %q, want %q", row.name, in.URI, in.Headers[0], row.got, row.want)
			}
		}
		if err := tx.Close(); err != nil || t.Failed() {
			t.Fatal(err)
		}
	}
}

func sorted(pairs []pair) string {
	var out []string
	for _, p := range pairs {
		out = append(out, fmt.Sprintf("%q=%q", p.name, p.value))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func sortedMatches(list []types.MatchData) string {
	var pairs []pair
	for _, m := range list {
		pairs = append(pairs, pair{m.Key(), m.Value()})
	}
	return sorted(pairs)
}

func emptySet(t *testing.T) *literal.Set {
	t.Helper()
	var b literal.Builder
	s, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return s
}
