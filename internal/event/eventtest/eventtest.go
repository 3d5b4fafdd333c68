// Package eventtest is for tests: the sample events of every source, and the
// places in them where a caller's text can stand. It knows how sources encode
// what they carry and not what an inspection makes of it.
package eventtest

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/merlon-security/merlon/internal/verdict"
)

// Samples are the events of testdata/events by name: one at least for each
// source, in the shape that the service's documentation shows. root is the
// directory of the module.
func Samples(t testing.TB, root string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "testdata", "events", "*.json"))
	if err != nil || len(files) < 77 {
		t.Fatalf("%d events in testdata/events (%v), want at least 77", len(files), err)
	}
	out := map[string][]byte{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(f), ".json")] = data
	}
	return out
}

// Place is one place of a document where a text can stand, and the document with
// a text there, encoded as what stands there is.
type Place struct {
	Path verdict.Path
	With func(text string) any
	// Name is set where the text stands as the name of a member of what is at
	// Path, with a word as its value.
	Name bool
}

// Places lists the places of all strings and names below v, in documents and
// encodings inside of strings as well. path is where v stands.
func Places(v any, path verdict.Path) (out []Place) {
	under := func(sub any, seg verdict.Segment, put func(any) any) {
		for _, p := range Places(sub, append(slices.Clip(path), seg)) {
			out = append(out, Place{p.Path, func(text string) any { return put(p.With(text)) }, p.Name})
		}
	}
	switch v := v.(type) {
	case map[string]any:
		with := func(k string, n any) map[string]any {
			c := maps.Clone(v)
			c[k] = n
			return c
		}
		for k := range v {
			under(v[k], verdict.Key(k), func(n any) any { return with(k, n) })
		}
		out = append(out, Place{Path: path, With: func(text string) any { return with(text, "word") }, Name: true})
	case []any:
		if len(v) > 4 && isBytes(v) {
			return []Place{{Path: path, With: func(text string) any { return byteNumbers(text) }}}
		}
		for i := range v {
			under(v[i], verdict.At(i), func(n any) any { c := slices.Clone(v); c[i] = n; return c })
		}
	case string:
		return inString(v, path)
	}
	return out
}

func inString(s string, path verdict.Path) (out []Place) {
	wrap := func(inner string, encode func(string) string) {
		var doc any
		if strings.HasPrefix(inner, "{") && json.Unmarshal([]byte(inner), &doc) == nil {
			for _, p := range Places(doc, path) {
				out = append(out, Place{p.Path, func(text string) any { return encode(JSON(p.With(text))) }, p.Name})
			}
			return
		}
		out = append(out, Place{Path: path, With: func(text string) any { return encode(text) }})
	}
	last := ""
	if len(path) > 0 {
		last = path[len(path)-1].Key
	}
	raw, err := base64.StdEncoding.DecodeString(s)
	switch {
	case last == "rawQueryString":
		return []Place{{Path: path, With: func(text string) any { return "notify=" + url.QueryEscape(text) }}}
	case strings.HasPrefix(s, "by%20"):
		return []Place{{Path: path, With: func(text string) any { return url.QueryEscape(text) }}}
	case err == nil && strings.HasPrefix(string(raw), "name=Ann"):
		return []Place{{Path: path, With: func(text string) any { return base64Of("name=" + url.QueryEscape(text)) }}}
	case err == nil && bytes.HasPrefix(raw, []byte("\x1f\x8b")):
		r, _ := gzip.NewReader(bytes.NewReader(raw))
		inner, _ := io.ReadAll(r)
		wrap(string(inner), func(s string) string { return base64Of(string(Gzip(s))) })
	case err == nil && bytes.HasPrefix(raw, []byte("\xf3\x89\x9a\xc2")):
		wrap("x", func(s string) string { return base64Of(string(aggregate(s))) })
	case err == nil && len(raw) >= 5 && printable(raw):
		wrap(string(raw), func(s string) string { return base64Of(s) })
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

// JSON encodes v as it is written by hand, without escapes for HTML.
func JSON(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Gzip compresses s.
func Gzip(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.Bytes()
}

// aggregate packs one short record as the Kinesis Producer Library does.
func aggregate(data string) []byte {
	record := "\x08\x00\x1a" + string(rune(len(data))) + data
	return []byte("\xf3\x89\x9a\xc2\x0a\x01p\x1a" + string(rune(len(record))) + record + strings.Repeat("\x00", 16))
}

func base64Of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
