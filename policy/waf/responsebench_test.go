package waf_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/policy/rules"
	"github.com/merlon-security/merlon/policy/waf"
)

// body makes a benign body of some size from words that do not repeat in order.
func body(kind string, size int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields("the order of customer was shipped by carrier with invoice and tracking number to warehouse in " +
		"Berlin before noon status pending product description large blue cotton shirt price currency EUR tax included quantity " +
		"returns policy see https://shop.example.com/items for details www.example.org at company java coffee error none")
	sentence := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteString(words[r.IntN(len(words))] + " ")
		}
		return b.String()
	}
	var b strings.Builder
	switch kind {
	case "json":
		b.WriteString(`{"items":[`)
		for b.Len() < size {
			fmt.Fprintf(&b, `{"id":"%016x","name":%q,"price":%d.99,"createdAt":"2026-03-%02dT10:00:00Z","tags":["a","b"],"text":%q},`,
				r.Uint64(), sentence(3), r.IntN(500), 1+r.IntN(28), sentence(20))
		}
	case "html":
		b.WriteString("<!DOCTYPE html>\n<html><head><title>Shop</title></head><body>\n")
		for b.Len() < size {
			fmt.Fprintf(&b, "<div class=\"row item-%d\">\n  <p>%s</p>\n  <a href=\"/items/%d?ref=list\">more</a>\n</div>\n", r.IntN(9), sentence(15), r.IntN(9999))
		}
	default:
		for b.Len() < size {
			b.WriteByte(byte(r.Uint32()))
		}
	}
	return []byte(b.String()[:size])
}

var bodyTypes = map[string]string{"json": "application/json", "html": "text/html; charset=utf-8", "binary": "text/plain"}

// BenchmarkResponse measures what a body costs that has nothing to find, beside
// the rules as they are in front of a web server.
func BenchmarkResponse(b *testing.B) {
	ev := event.Decode([]byte(`{"version":"2.0","rawPath":"/","requestContext":{"http":{"method":"GET","path":"/"}}}`), nil, event.DefaultLimits())
	for _, set := range []struct {
		name string
		opts waf.Options
	}{
		{"merlon", waf.Options{Rules: rules.Options{Paranoia: 1, Threshold: 5}, Responses: waf.Responses{On: true}}},
		{"stock", waf.Options{Rules: rules.Options{Set: rules.CRSOnly, Paranoia: 1, Threshold: 5}, Responses: waf.Responses{On: true}}},
	} {
		e, err := waf.New(set.opts)
		if err != nil {
			b.Fatal(err)
		}
		for _, kind := range []string{"json", "html", "binary"} {
			for _, size := range []int{1 << 10, 64 << 10, 6 << 20} {
				text := body(kind, size)
				head := waf.ResponseHead{Status: 200, Header: []event.Header{{Name: "Content-Type", Value: bodyTypes[kind]}}}
				b.Run(fmt.Sprintf("%s/%s/%d", set.name, kind, size), func(b *testing.B) {
					b.SetBytes(int64(size))
					b.ReportAllocs()
					for b.Loop() {
						r := e.InspectResponse(b.Context(), ev, head)
						found, err := r.Write(text)
						more, _, err2 := r.Close()
						if err != nil || err2 != nil {
							b.Fatal(err, err2)
						}
						if len(found)+len(more) > 0 && set.name == "merlon" {
							b.Fatal(found, more)
						}
					}
				})
			}
		}
	}
}
