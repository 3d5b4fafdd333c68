package screen

import (
	"math/rand/v2"
	"strings"
	"testing"

	libinjection "github.com/corazawaf/libinjection-go"
)

// sqlPieces and htmlPieces are what the tokenizers of libinjection react to.
var (
	sqlPieces  = []string{"a", "_", "1", "x", "0x1F", "1e5", "union", "select", "or", "and", "sleep", "n", "e", "b", "q", "u", "nq", "@", "null", "true", "9", "waitfor", "IF"}
	htmlPieces = []string{"a", " ", "\"", "'", "`", "/", ">", "on", "onload", "style", "href", "!", "-", "--", "?", "%", "xml", "import", "\x00", "&#", ";", "\n", "script", "svg", "[", "]", ":"}
)

// TestOneTokenIsNoInjection checks the shortcut: words and numbers alone are no SQL injection.
func TestOneTokenIsNoInjection(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 300_000 {
		var sb strings.Builder
		for range 1 + rnd.IntN(5) {
			sb.WriteString(sqlPieces[rnd.IntN(len(sqlPieces))])
		}
		s := sb.String()
		if want, print := libinjection.IsSQLi(s); injection(s) != want {
			t.Fatalf("injection(%q) = %v, libinjection says %v (%s)", s, !want, want, print)
		}
	}
}

// TestNoMarkupIsNoScript checks that libinjection finds no XSS without < and =.
func TestNoMarkupIsNoScript(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 3))
	for range 300_000 {
		var sb strings.Builder
		for range 1 + rnd.IntN(8) {
			sb.WriteString(htmlPieces[rnd.IntN(len(htmlPieces))])
		}
		if s := sb.String(); libinjection.IsXSS(s) {
			t.Fatalf("libinjection finds XSS in %q", s)
		}
	}
}
