package event_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/event"
)

// httpEvent makes an HTTP API event whose body is JSON with n leaves in about
// size bytes.
func httpEvent(t testing.TB, n, size int) []byte {
	t.Helper()
	each := max(1, size/n-20)
	body := map[string]any{}
	for i := range n / 4 {
		body[fmt.Sprintf("item%d", i)] = map[string]any{
			"id": i, "name": strings.Repeat("abc d", each/5+1), "tag": "Zürich", "ok": i%2 == 0,
		}
	}
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(call(t, map[string]any{
		"body": string(b), "rawPath": "/orders/17", "rawQueryString": "page=2&sort=name", "routeKey": "POST /orders/{id}",
		"headers":               map[string]string{"content-type": "application/json", "user-agent": "curl/8.5", "host": "api.example", "accept": "*/*"},
		"queryStringParameters": map[string]string{"page": "2", "sort": "name"}, "isBase64Encoded": false,
	}))
}

func BenchmarkDecode(b *testing.B) {
	for _, bb := range []struct {
		name    string
		n, size int
	}{{"1KB-40", 24, 600}, {"16KB-616", 600, 15 << 10}, {"256KB", 2400, 250 << 10}, {"6MB", 40_000, 6000 << 10}} {
		raw := httpEvent(b, bb.n, bb.size)
		b.Run(bb.name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				event.Decode(raw, nil, event.DefaultLimits())
			}
		})
	}
}
