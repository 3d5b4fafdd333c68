package event_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
)

// plant is one place of a sample where a text can stand, and the sample with a
// text there, encoded as what stands there is.
type plant struct {
	path verdict.Path
	with func(text string) any
}

// plants lists the places of all strings below v, in documents and encodings
// inside of strings as well.
func plants(v any, path verdict.Path) (out []plant) {
	under := func(sub any, seg verdict.Segment, put func(any) any) {
		for _, p := range plants(sub, append(slices.Clip(path), seg)) {
			out = append(out, plant{p.path, func(text string) any { return put(p.with(text)) }})
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			under(v[k], verdict.Key(k), func(n any) any {
				c := map[string]any{}
				for key, val := range v {
					c[key] = val
				}
				c[k] = n
				return c
			})
		}
	case []any:
		if len(v) > 4 && isBytes(v) {
			return []plant{{path, func(text string) any { return byteNumbers(text) }}}
		}
		for i := range v {
			under(v[i], verdict.At(i), func(n any) any { c := slices.Clone(v); c[i] = n; return c })
		}
	case string:
		return inString(v, path)
	}
	return out
}

func inString(s string, path verdict.Path) (out []plant) {
	wrap := func(inner string, encode func(string) string) {
		var doc any
		if strings.HasPrefix(inner, "{") && json.Unmarshal([]byte(inner), &doc) == nil {
			for _, p := range plants(doc, path) {
				out = append(out, plant{p.path, func(text string) any { return encode(encodeJSON(p.with(text))) }})
			}
			return
		}
		out = append(out, plant{path, func(text string) any { return encode(text) }})
	}
	last := ""
	if len(path) > 0 {
		last = path[len(path)-1].Key
	}
	raw, err := base64.StdEncoding.DecodeString(s)
	switch {
	case last == "rawQueryString":
		return []plant{{path, func(text string) any { return "notify=" + url.QueryEscape(text) }}}
	case strings.HasPrefix(s, "by%20"):
		return []plant{{path, func(text string) any { return url.QueryEscape(text) }}}
	case err == nil && strings.HasPrefix(string(raw), "name=Ann"):
		return []plant{{path, func(text string) any { return encode64("name=" + url.QueryEscape(text)) }}}
	case err == nil && bytes.HasPrefix(raw, []byte("\x1f\x8b")):
		r, _ := gzip.NewReader(bytes.NewReader(raw))
		inner, _ := io.ReadAll(r)
		wrap(string(inner), func(s string) string { return encode64(string(gzip64(s))) })
	case err == nil && bytes.HasPrefix(raw, []byte("\xf3\x89\x9a\xc2")):
		wrap("x", func(s string) string { return encode64(string(aggregate(s))) })
	case err == nil && len(raw) >= 5 && printable(raw):
		wrap(string(raw), func(s string) string { return encode64(s) })
	default:
		wrap(s, func(s string) string { return s })
	}
	return out
}

func isBytes(v []any) bool {
	for _, e := range v {
		if f, ok := e.(float64); !ok || f < 9 || f > 126 {
			return false
		}
	}
	return true
}

func byteNumbers(s string) (out []any) {
	for _, c := range []byte(s) {
		out = append(out, int(c))
	}
	return out
}

func printable(b []byte) bool {
	return utf8.Valid(b) && bytes.IndexFunc(b, func(r rune) bool { return r < ' ' && !unicode.IsSpace(r) }) < 0
}

func encodeJSON(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func gzip64(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.Bytes()
}

// aggregate packs one record as the Kinesis Producer Library does.
func aggregate(data string) []byte {
	record := "\x08\x00\x1a" + string(rune(len(data))) + data
	return []byte("\xf3\x89\x9a\xc2\x0a\x01p\x1a" + string(rune(len(record))) + record + strings.Repeat("\x00", 16))
}

// An attack in any string of any sample, written as that string is, is in a leaf
// that says where it stands. So is a text that is none.
func TestPlantedTextIsInALeaf(t *testing.T) {
	t.Parallel()
	payloads := []string{"<script>alert(1)</script>", "' OR 1=1 --", "$(cat /etc/passwd)", "merlon-marker-17"}
	places, found := 0, 0
	for name, raw := range ownSamples(t) {
		var doc any
		if err := json.Unmarshal(raw, &doc); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, p := range plants(doc, nil) {
			places++
			for _, payload := range payloads {
				planted := encodeJSON(p.with(payload))
				ev := decode(planted)
				if where, ok := holds(ev, payload, p.path); !ok {
					t.Errorf("%s: %q at %s is in no leaf there, but at %q", name, payload, p.path, where)
					continue
				}
				found++
				cutOut(t, name, planted, payload, ev)
			}
		}
	}
	t.Logf("%d places, %d texts planted and found", places, found)
	if places < 1300 {
		t.Errorf("%d places, want at least 1300", places)
	}
}

// holds reports whether a leaf at or below the path holds the text. The parts of
// a request stand under its member.
func holds(ev *event.Event, text string, at verdict.Path) (where []string, ok bool) {
	want := at.String()
	for i := range ev.Leaves {
		l := &ev.Leaves[i]
		if !strings.Contains(l.Value, text) {
			continue
		}
		path := ev.Path(l)
		s := path.String()
		if s == want || strings.HasPrefix(s, want+".") || strings.HasPrefix(s, want+"[") ||
			ev.HTTP != nil && (path[0].Key == at[0].Key || at[0].Key == "rawQueryString" && path[0].Key == "queryStringParameters") {
			return nil, true
		}
		where = append(where, s)
	}
	return where, false
}

// cutOut checks the record that a leaf names: without the bytes of its span the
// text is gone, and without those of all spans a text outside is still there.
func cutOut(t *testing.T, name, raw, text string, ev *event.Event) {
	t.Helper()
	if ev.Spans == nil {
		return
	}
	record := int32(-2)
	for i := range ev.Leaves {
		if l := &ev.Leaves[i]; strings.Contains(l.Value, text) {
			if record != -2 && record != l.Record {
				t.Errorf("%s: %q is in records %d and %d", name, text, record, l.Record)
			}
			record = l.Record
		}
	}
	cut := raw
	for i := len(ev.Spans) - 1; i >= 0; i-- {
		if s := ev.Spans[i]; record < 0 || int(record) == i {
			cut = cut[:s.Start] + "null" + cut[s.End:]
		}
	}
	left := false
	for _, l := range decode(cut).Leaves {
		left = left || strings.Contains(l.Value, text)
	}
	if left != (record < 0) {
		t.Errorf("%s: %q is of record %d, and left without it: %t", name, text, record, left)
	}
}
