package event_test

import (
	"archive/zip"
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/event"
)

func zipped(t testing.TB, files map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, content := range files {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(f, content)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestB6ContainersAreOpened(t *testing.T) {
	t.Parallel()
	doc := zipped(t, map[string]string{"word/document.xml": `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a><b>` + attack + `</b></a>`})
	upload := func(body string) string {
		return encodeJSON(map[string]any{"httpMethod": "POST", "isBase64Encoded": true, "body": encode64(body),
			"headers": map[string]any{"Content-Type": "application/octet-stream"}})
	}
	for name, raw := range map[string]string{
		"a body": upload(doc), "a record": kinesisOf(doc), "a string": `["` + encode64(doc) + `"]`,
		"a part":                     upload("--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.docx\"\r\n\r\n" + doc + "\r\n--B--"),
		"a container in a container": upload(zipped(t, map[string]string{"a.zip": doc})),
	} {
		ev := decode(raw)
		if !holdsText(ev, attack) || !holdsText(ev, "file:///etc/passwd") || !holdsText(ev, "word/document.xml") || len(ev.Limits) > 0 {
			t.Errorf("%s: limits %v, leaves %.600q", name, ev.Limits, leaves(ev))
		}
	}
	for name, tt := range map[string]struct{ body, limit string }{
		"a name that climbs": {zipped(t, map[string]string{"../../etc/cron.d/x": "x"}), ""},
		"cut off":            {doc[:len(doc)-30], "archive"},
		"a bomb":             {zipped(t, map[string]string{"a": attack + strings.Repeat("0 ", 20<<20)}), "decoded"},
	} {
		ev := event.Decode([]byte(upload(tt.body)), nil, event.DefaultLimits())
		if got := strings.Join(ev.Limits, ","); got != tt.limit {
			t.Errorf("%s: limits %q, want %q", name, got, tt.limit)
		}
	}
	if ev := decode(upload(zipped(t, map[string]string{"../../etc/cron.d/x": "x"}))); !holdsText(ev, "../../etc/cron.d/x") {
		t.Error("the name of a file is in no leaf")
	}
}
