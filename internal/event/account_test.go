package event_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/merlon-security/merlon/internal/event"
)

// An event is accounted for if, by the reading of encoding/json, each of its
// strings, numbers and words is the value or the name of a leaf, or is a text
// that was opened whose parts are; and each key is the name of a leaf. What the
// request view takes apart counts by its parts: queries, cookies, bodies. The
// exceptions are named here one by one.

// account is the independent walk of one event.
type account struct {
	t      *testing.T
	ev     *event.Event
	texts  map[string]bool // values and names of leaves, broken UTF-8 replaced
	joined string
}

var (
	run      = regexp.MustCompile(`[A-Za-z0-9]+`)
	quoted64 = regexp.MustCompile(`"[A-Za-z0-9+/]+=*"`)
	protocol = regexp.MustCompile(`^HTTP/[0-9.]{0,3}$`)
)

// taken are the members that the request view shows by their parts.
var taken = []string{
	"headers", "multiValueHeaders", "queryStringParameters", "multiValueQueryStringParameters",
	"rawQueryString", "rawPath", "path", "cookies", "body", "raw_path", "query_string_parameters",
}

// attributeTypes are keys that say of what type a DynamoDB value is.
var attributeTypes = []string{"S", "N", "B", "M", "L", "SS", "NS", "BS", "BOOL", "NULL", "bytes"}

// echoed are the fields of a request context that repeat what is elsewhere.
var echoed = []string{"path", "resourcePath", "userAgent", "domainName", "protocol"}

func accountFor(t *testing.T, raw []byte, ev *event.Event) {
	t.Helper()
	if len(ev.Limits) > 0 {
		return // accounted for by name
	}
	a := &account{t: t, ev: ev, texts: map[string]bool{}}
	var joined strings.Builder
	for i := range ev.Leaves {
		l := &ev.Leaves[i]
		for _, s := range [...]string{l.Name, l.Value, strings.ToLower(l.Name)} {
			a.texts[strings.ToValidUTF8(s, "\ufffd")] = true
			joined.WriteString(s + "\x00")
		}
		a.texts[perByte(l.Name)], a.texts[perByte(l.Value)] = true, true
	}
	a.joined = joined.String()
	switch {
	case !json.Valid(raw):
		a.runs(quoted64.ReplaceAllStringFunc(string(raw), a.opened))
	case !ev.JSON:
		t.Errorf("encoding/json takes %.200q, Decode does not", raw)
	default:
		a.document(raw, nil)
	}
}

// perByte replaces each broken byte of s, as encoding/json does.
func perByte(s string) string { return strings.Map(func(r rune) rune { return r }, s) }

// document walks one JSON text. outer are the keys above it.
func (a *account) document(raw []byte, outer []string) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	type level struct {
		object, key bool // key: a key comes next
	}
	var open []level
	path := append([]string(nil), outer...)
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			a.t.Fatalf("bug in the test: %v", err)
		}
		top := len(open) - 1
		if d, ok := tok.(json.Delim); ok && (d == '}' || d == ']') {
			open = open[:top]
			if top--; top >= 0 && open[top].object {
				path, open[top].key = path[:len(path)-1], true
			}
			continue
		}
		if top >= 0 && open[top].object && open[top].key {
			path = append(path, tok.(string))
			open[top].key = false
			a.key(path)
			continue
		}
		if d, ok := tok.(json.Delim); ok {
			open = append(open, level{object: d == '{', key: d == '{'})
			continue
		}
		a.scalar(tok, path)
		if top >= 0 && open[top].object {
			path, open[top].key = path[:len(path)-1], true
		}
	}
}

func (a *account) key(path []string) {
	k := path[len(path)-1]
	switch {
	case a.texts[k] || k == "" || foldIn(k, attributeTypes),
		k == "prototype" && a.texts["constructor.prototype"],
		len(path) == 1 && (a.ev.HTTP != nil && foldIn(k, taken) || strings.EqualFold(k, "body")),
		a.inContext(path) && foldIn(k, echoed),
		a.inRequest(path) && (a.texts[strings.ToLower(k)] || strings.EqualFold(k, "content-encoding") || a.texts[unescaped(k)]):
		return
	}
	a.t.Errorf("key %q at %q is the name of no leaf", k, path)
}

func (a *account) inRequest(path []string) bool {
	return a.ev.HTTP != nil && len(path) > 1 && foldIn(path[0], taken)
}

func (a *account) inContext(path []string) bool {
	return a.ev.HTTP != nil && len(path) > 1 && strings.EqualFold(path[0], "requestContext")
}

func foldIn(s string, list []string) bool {
	for _, l := range list {
		if strings.EqualFold(s, l) {
			return true
		}
	}
	return false
}

func unescaped(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

func (a *account) scalar(tok json.Token, path []string) {
	switch v := tok.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil && n >= -128 && n < 256 && strings.Contains(a.joined, string([]byte{byte(n)})) {
			return // text written as a list of bytes
		}
		a.text(v.String(), path)
	case bool:
		if v {
			a.text("true", path)
		} else {
			a.text("false", path)
		}
	case string:
		a.text(v, path)
	}
}

func (a *account) text(s string, path []string) {
	last := ""
	if len(path) > 0 {
		last = path[len(path)-1]
	}
	switch {
	case s == "" || a.texts[s]:
	case strings.ContainsAny(s, "{[") && json.Valid([]byte(strings.TrimPrefix(s, "\ufeff"))):
		a.document([]byte(strings.TrimPrefix(s, "\ufeff")), append([]string{"opened", "further"}, path...))
	case len(path) > 0 && foldIn(path[0], taken) && (a.ev.HTTP != nil || strings.EqualFold(path[0], "body")):
		a.part(s, path[0], last)
	case a.base64(s):
	case a.inContext(path) && foldIn(last, echoed) && (protocol.MatchString(s) || strings.Contains(a.joined, s[strings.LastIndexByte(s, '/')+1:])):
	default:
		a.runs(s)
	}
}

// opened drops a quoted text of a broken event if it is base64 that was decoded.
func (a *account) opened(quoted string) string {
	s := strings.Trim(quoted, `"`)
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || strings.Contains(a.joined, s) || utf8.Valid(b) && !json.Valid(b) && !strings.Contains(a.joined, string(b)) {
		return quoted
	}
	return ""
}

// base64 accounts for a text that an event source encodes: what it decodes to is
// in the leaves, or is binary.
func (a *account) base64(s string) bool {
	b, err := base64.StdEncoding.DecodeString(s)
	switch {
	case err != nil || strings.Contains(a.joined, s):
		return false
	case json.Valid(b):
		a.document(b, []string{"opened", "further"})
	case utf8.Valid(b):
		a.runs(string(b))
	}
	return true
}

// part accounts for a text that the request view takes apart.
func (a *account) part(s, member, name string) {
	if strings.EqualFold(name, "content-encoding") || strings.EqualFold(member, "cookies") && strings.Contains(a.joined, s) {
		return
	}
	if strings.EqualFold(member, "body") {
		if b, err := base64.StdEncoding.DecodeString(s); err == nil && !strings.Contains(a.joined, s) {
			if a.ev.Binary == 0 && !bytes.ContainsRune(b, '\\') && !bytes.ContainsRune(b, 0) && !bytes.HasPrefix(b, []byte("\x1f\x8b")) {
				a.runs(string(b))
			}
			return
		}
	}
	a.runs(s)
}

// runs accounts for text by its words, escaped or not. Text with a backslash may
// be JSON that only a tolerant reader takes: its words are not the document's.
func (a *account) runs(s string) {
	if a.ev.Binary > 0 || strings.ContainsAny(s, "\\\x00\ufeff") || strings.HasPrefix(s, "\xff\xfe") || strings.HasPrefix(s, "\xfe\xff") {
		return
	}
	missing := ""
	for _, text := range [...]string{s, lenientUnescape(s)} {
		missing = ""
		for _, w := range run.FindAllString(text, -1) {
			if !strings.Contains(a.joined, w) && !strings.Contains(a.joined, strings.ToLower(w)) && !a.known(w) {
				missing = w
			}
		}
		if missing == "" {
			return
		}
	}
	a.t.Errorf("%q of %.200q is in no leaf", missing, s)
}

// known tells words that a document holds without their being content: null, and
// in a request the members that show by their parts or are an exact repetition.
func (a *account) known(w string) bool {
	if n, err := strconv.Atoi(w); err == nil && n < 256 && strings.Contains(a.joined, string([]byte{byte(n)})) {
		return true // text written as a list of bytes
	}
	return w == "null" || w == "bytes" || strings.EqualFold(w, "body") || a.ev.HTTP != nil &&
		(foldIn(w, taken) || foldIn(w, echoed) || foldIn(w, []string{"content", "encoding", "gzip", "deflate", "identity", "HTTP"}))
}

// lenientUnescape decodes every percent escape that is one.
func lenientUnescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if u, err := url.PathUnescape(s[i : i+3]); err == nil {
				b.WriteString(u)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func TestSamplesAreAccountedFor(t *testing.T) {
	t.Parallel()
	for name, raw := range samples(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ev := event.Decode(raw, nil, event.DefaultLimits())
			if len(ev.Limits) > 0 || ev.Binary > 0 && ev.Source != event.DynamoDB { // two have binary attributes
				t.Errorf("limits %v, %d binary bytes", ev.Limits, ev.Binary)
			}
			accountFor(t, raw, ev)
		})
	}
}

func FuzzDecode(f *testing.F) {
	for _, raw := range samples(f) {
		f.Add(raw, "")
	}
	for _, raw := range ownSamples(f) {
		f.Add(raw, "")
	}
	for _, s := range []string{
		"", "null", "[", `{"a":"\ud800\udc00\ud800"}`, `{"a":NaN,"b":-Infinity,"c":+.e}`, "\ufeff{}", "{\"a\":\"\xff\x00\"}", `{"":{"":[[],{}]}}`,
		`{"a":"[1,{\"b\":\"{\\\"c\\\":1}\"}]"}`, strings.Repeat("[", 600), strings.Repeat(`{"a":`, 600), `{"Records":[{"eventSource":"aws:sqs","body":"{}"},[],1]}`,
		call(f, map[string]any{"headers": map[string]any{"Content-Type": "multipart/form-data; boundary=B", "cookie": "a=b; c", "": ""},
			"body": "pre--B\r\n--B\r\nContent-Disposition: form-data; name=\"a\"; filename=\"../b\"\r\n\r\nx\r\n--B--epilogue"}),
		call(f, map[string]any{"isBase64Encoded": true, "body": encode64(gzipped(f, `{"x":1}`)), "headers": map[string]any{"content-encoding": []string{"gzip", "br"}}}),
		call(f, map[string]any{"rawQueryString": "a=1&a=2;b&%41=%zz&&=", "cookies": []any{"a=b", 1, nil, []any{}}, "queryStringParameters": map[string]any{"a": "1,2"}}),
		call(f, map[string]any{"isBase64Encoded": "true", "BODY": "!!PGE+==YQ", "path": 1, "headers": "x", "cookies": map[string]any{"a": "b"}}),
		`{"requestContext":{"elb":{}},"httpMethod":"GET","multiValueQueryStringParameters":{"%20":["%20",null,{}]},"multiValueHeaders":{"a":[[]]}}`,
	} {
		f.Add([]byte(s), s)
	}
	lim := event.Limits{Bytes: 1 << 20, Nodes: 2000, Decoded: 1 << 20, Nesting: 4, Depth: 100}
	f.Fuzz(func(t *testing.T, raw []byte, context string) {
		ev := event.Decode(raw, header("Lambda-Runtime-Client-Context", context), lim)
		if n := len(ev.Leaves); n > 2*lim.Nodes+500 {
			t.Errorf("%d leaves over %d nodes", n, lim.Nodes)
		}
		for i := range ev.Leaves {
			l := &ev.Leaves[i]
			if s := ev.Path(l).String(); len(s) > 300 || strings.ContainsAny(s, "\r\n\x00\x1b") {
				t.Errorf("path %q", s)
			}
			if l.Record < -1 || int(l.Record) >= max(1, ev.Records) {
				t.Errorf("leaf of record %d of %d", l.Record, ev.Records)
			}
		}
		accountFor(t, raw, ev)
	})
}
