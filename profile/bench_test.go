package profile

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/event"
)

// BenchmarkEvent is what an event costs that is normal: with a profile, and
// before there is one.
func BenchmarkEvent(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 4))
	d, c := built(b, learnFrom(b, 4, 1500, func(int) call { return shop(r) }))
	post := call{"POST", "/orders", "", "10.0.1.1", object{"customer": object{"name": "Ann Lee", "email": "a@a.example"},
		"items": []any{object{"sku": "tea-1", "quantity": 1, "price": 2.5}, object{"sku": "tea-1", "quantity": 1, "price": 2.5}}, "gift": true, "note": ""}}.decode(b)
	get := call{"GET", "/orders", "page=1&status=open", "10.0.1.1", nil}.decode(b)
	for name, ev := range map[string]*event.Event{"get": get, "post": post} {
		b.Run(name+"/check", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Check(ev)
			}
		})
		for base, doc := range map[string]*Document{"with a profile": d, "without": nil} {
			l := NewLearner(doc, time.Now)
			b.Run(name+"/learn "+base, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					l.Commit(l.Observe(ev))
				}
			})
		}
	}
	if raw, err := os.ReadFile("../testdata/events/sqs.json"); err == nil {
		ev := event.Decode(raw, nil, event.DefaultLimits())
		l := NewLearner(nil, time.Now)
		b.Run("sqs/learn", func(b *testing.B) {
			for b.Loop() {
				l.Commit(l.Observe(ev))
			}
		})
	}
}

// BenchmarkLoad is what a profile of 30 KB costs at start: as Canonical writes it,
// and as YAML of any other form.
func BenchmarkLoad(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 4))
	d, _ := built(b, learnFrom(b, 4, 1500, func(int) call { return shop(r) }))
	for base := d.Ingress[0].Routes; len(d.Canonical()) < 30_000; {
		for _, route := range base {
			route.Route += "/more" + strconv.Itoa(len(d.Ingress[0].Routes))
			d.Ingress[0].Routes = append(d.Ingress[0].Routes, route)
		}
	}
	canonical := d.Canonical()
	for name, text := range map[string][]byte{"canonical": canonical, "yaml": append([]byte("# by hand\n"), canonical...)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				d, err := Parse(text)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := NewChecker(d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
