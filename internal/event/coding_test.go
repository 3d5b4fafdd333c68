package event_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

func brotlied(s string) string {
	var b bytes.Buffer
	w := brotli.NewWriter(&b)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.String()
}

func zstded(t testing.TB, s string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(w.EncodeAll([]byte(s), nil))
}

func TestB2ModernCodings(t *testing.T) {
	t.Parallel()
	doc := `{"user":"` + attack + `"}`
	long := brotlied(doc + strings.Repeat("words and more words ", 999))
	zeros := strings.Repeat("0 ", 20<<20)
	for name, tt := range map[string]struct{ coding, body, limit string }{
		"br":                      {"br", brotlied(doc), ""},
		"zstd":                    {"zstd", zstded(t, doc), ""},
		"two frames":              {"zstd", zstded(t, "[1,") + zstded(t, doc+"]"), ""},
		"stacked":                 {"zstd, br", brotlied(zstded(t, doc)), ""},
		"zstd without its header": {"", zstded(t, doc), ""},
		"cut off":                 {"br", long[:len(long)-3], "encoding"},
		"a brotli bomb":           {"br", brotlied(attack + zeros), "decoded"},
		"a zstd bomb":             {"zstd", zstded(t, attack+zeros), "decoded"},
	} {
		ev := decode(encodeJSON(map[string]any{"httpMethod": "POST", "isBase64Encoded": true, "body": encode64(tt.body),
			"headers": map[string]any{"Content-Encoding": tt.coding}}))
		if got := strings.Join(ev.Limits, ","); !holdsText(ev, attack) || got != tt.limit {
			t.Errorf("%s: limits %q, want %q; %d leaves", name, got, tt.limit, len(ev.Leaves))
		}
	}
	if ev := decode(kinesisOf(zstded(t, doc))); !holdsText(ev, attack) || len(ev.Limits) > 0 {
		t.Errorf("zstd in a record: limits %v, leaves %q", ev.Limits, leaves(ev))
	}
}
