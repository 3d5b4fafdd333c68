package logline_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/logline"
)

// FuzzFind: what is found is JSON with a schema that was asked for, the same
// wherever it stands, and what names a schema is found or said.
func FuzzFind(f *testing.F) {
	const line = `{"schema":"merlon.verdict/1","id":"a","text":"\" , \u003c/script"}`
	for _, s := range []string{
		line, "2026-11-23T15:00:00Z stream " + line, `{"events":[{"message":` + quoted(line) + `}]}`, `    "message": ` + quoted(line) + ",",
		line[:40], `{"schema":"merlon.verdict/1`, line + line, line + " trailing", `{"schema":"merlon.verdict/1","schema":"x"}`, `[[[[[[[[[[` + line, line + " \r",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		found, err := logline.Find(in, "merlon.verdict/")
		if strings.Contains(string(in), "merlon.verdict/") && len(found) == 0 && err == nil {
			t.Fatalf("Find(%q) finds nothing and says nothing", in)
		}
		for _, l := range found {
			if !json.Valid(l.Text) || !strings.HasPrefix(l.Schema, "merlon.verdict/") {
				t.Fatalf("Find(%q) = %q, %q", in, l.Schema, l.Text)
			}
			// The signature is over these bytes, so they must survive a wrapping.
			again, err := logline.Find([]byte(`{"message":`+quoted(string(l.Text))+`}`), "merlon.verdict/")
			if strings.ToValidUTF8(string(l.Text), "") == string(l.Text) && !strings.ContainsAny(string(l.Text), "\n\t") &&
				(err != nil || len(again) == 0 || again[0].Schema != l.Schema || !strings.Contains(string(l.Text), `": `) && string(again[0].Text) != string(l.Text)) {
				t.Fatalf("Find(%q) = %q; wrapped %q, %v", in, l.Text, again, err)
			}
		}
	})
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic("bug: a string always marshals")
	}
	return string(b)
}
