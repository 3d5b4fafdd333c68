package screen_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"regexp/syntax"
	"strings"
	"sync"
	"unicode"

	"github.com/corazawaf/coraza-coreruleset/v4/tests"
	"gopkg.in/yaml.v3"

	"github.com/merlon-security/merlon/policy/screen"
	"github.com/merlon-security/merlon/policy/seclang"
)

// ftwFile is what we read of a regression test of the Core Rule Set.
type ftwFile struct {
	Tests []struct {
		Stages []struct {
			Input struct {
				Method, URI, Version, Data string
				Headers                    map[string]string
			}
		}
	}
}

// regression returns the requests of the Core Rule Set's own tests, bodies as
// forms where they are forms, else as one argument and the body.
var regression = sync.OnceValue(func() (out []*screen.Input) {
	names, err := fs.Glob(tests.FS, "*/*.yaml")
	if err != nil {
		panic(err) // the pattern is constant
	}
	for _, name := range names {
		data, err := fs.ReadFile(tests.FS, name)
		if err != nil {
			panic(err) // the file system is embedded
		}
		var f ftwFile
		if err := yaml.Unmarshal(data, &f); err != nil {
			panic(fmt.Sprintf("%s: %v", name, err))
		}
		for _, test := range f.Tests {
			for _, stage := range test.Stages {
				in := stage.Input
				out = append(out, request(in.Method, in.URI, in.Version, in.Data, in.Headers))
			}
		}
	}
	return out
})

func request(method, uri, version, data string, headers map[string]string) *screen.Input {
	in := &screen.Input{HasHead: true, Method: "GET", URI: "/", Protocol: "HTTP/1.1", RemoteAddr: "192.0.2.1"}
	if method != "" {
		in.Method = method
	}
	if uri != "" {
		in.URI = uri
	}
	if version != "" {
		in.Protocol = version
	}
	form := true
	for name, value := range headers {
		in.Headers = append(in.Headers, screen.Header{Name: name, Value: value})
		if strings.EqualFold(name, "content-type") {
			form = strings.HasPrefix(value, "application/x-www-form-urlencoded")
		}
	}
	if data == "" {
		return in
	}
	in.Body = data
	if !form {
		in.Args = append(in.Args, screen.Arg{Name: "body", Value: data})
		return in
	}
	for pair := range strings.SplitSeq(data, "&") {
		name, value, _ := strings.Cut(pair, "=")
		in.Args = append(in.Args, screen.Arg{Name: unescape(name), Value: unescape(value)})
	}
	return in
}

func unescape(s string) string {
	if out, err := url.QueryUnescape(s); err == nil {
		return out
	}
	return s
}

// payloads are the strings of the regression requests.
var payloads = sync.OnceValue(func() (out []string) {
	seen := map[string]bool{}
	add := func(s string) {
		if s != "" && !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	for _, in := range regression() {
		for _, a := range in.Args {
			add(a.Name)
			add(a.Value)
		}
		_, query, _ := strings.Cut(in.URI, "?")
		for pair := range strings.SplitSeq(query, "&") {
			name, value, _ := strings.Cut(pair, "=")
			add(unescape(name))
			add(unescape(value))
		}
		for _, h := range in.Headers {
			add(h.Value)
		}
	}
	return out
})

// patterns are the syntax trees of the rules, for strings they are likely to match.
var patterns = sync.OnceValue(func() []*syntax.Regexp { return patternsOf(crsSources()...) })

func patternsOf(sources ...seclang.Source) (out []*syntax.Regexp) {
	rules, err := seclang.Parse(sources...)
	if err != nil {
		panic(err) // another test says so better
	}
	for _, r := range rules {
		if r.Operator.Name != "rx" {
			continue
		}
		if re, err := syntax.Parse("(?sm)"+r.Operator.Argument, syntax.Perl); err == nil {
			out = append(out, re.Simplify())
		}
	}
	return out
}

// writer makes up transactions.
type writer struct{ *rand.Rand }

// hard are the sequences on which decoders and matchers disagree.
var hard = []string{
	"\x00", "\n", "\r\n", " ", "  ", "\t", "\"", "'", "\\", "^", "%", "%u00", "%25", "%3c", "+", "&", "&#x3c;", "&lt", ";", "/", "/*", "*/",
	"../", "..\\", "--", "#", "<", ">", "=", "(", ")", "$", "{", "}", "`", "|", "\u212a", "\u017f", "\u00a0", "\u2028", "\uff1c", "\xff", "\xc0",
	"é", "\\x3c", "\\u003c", "\\074", "@", "!", "~", "[", "]", "select", "or 1", "script", "echo", "https://", "cat", "and", ".php", "0x", "1",
}

func pick[T any](w writer, list []T) T { return list[w.IntN(len(list))] }

// value is a benign word, a payload, a mutation of one, a match of a rule, or noise.
func (w writer) value() string {
	switch w.IntN(12) {
	case 0:
		return pick(w, []string{"hello", "John Smith", "a@example.org", "2026-01-02T03:04:05Z", "42", "", "it's fine", "x-y_z.1", "Größe", "50% off & more"})
	case 1, 2:
		return pick(w, payloads())
	case 3, 4:
		return string(w.match(nil, pick(w, patterns())))
	case 5:
		return string(w.match(nil, pick(w, patterns()))) + pick(w, hard) + pick(w, payloads())
	case 6:
		s := ""
		for range w.IntN(7) {
			s += pick(w, hard)
		}
		return s
	}
	return w.mutate(pick(w, payloads()))
}

// mutate changes case, cuts, joins, encodes or sprinkles.
func (w writer) mutate(s string) string {
	if len(s) > 4000 {
		s = s[:4000]
	}
	for range 1 + w.IntN(3) {
		at := w.IntN(len(s) + 1)
		switch w.IntN(10) {
		case 0:
			s = s[:at] + pick(w, hard) + s[at:]
		case 1:
			s = s[at:]
		case 2:
			s = s[:at]
		case 3:
			s = strings.ToUpper(s[:at]) + s[at:]
		case 4:
			s = url.QueryEscape(s)
		case 5:
			s = strings.ReplaceAll(s, pick(w, []string{"s", "k", " ", "'", "<", "a"}), pick(w, hard))
		case 6:
			o := pick(w, payloads())
			s = s[:at] + o[w.IntN(len(o)+1):]
		case 7:
			s = strings.Map(func(r rune) rune {
				if w.IntN(4) == 0 {
					return unicode.SimpleFold(r)
				}
				return r
			}, s)
		case 8:
			b := []byte(s)
			if at < len(b) {
				b[at] = byte(w.IntN(256))
			}
			s = string(b)
		case 9:
			s = strings.Join(strings.Split(s, ""), pick(w, []string{"\"", "\\", "'", "^", "/**/"}))
		}
	}
	return s
}

// match writes a random string a pattern is likely to match.
func (w writer) match(out []rune, re *syntax.Regexp) []rune {
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if re.Flags&syntax.FoldCase != 0 && w.IntN(3) == 0 {
				r = unicode.SimpleFold(r)
			}
			out = append(out, r)
		}
	case syntax.OpCharClass:
		if len(re.Rune) > 0 {
			i := w.IntN(len(re.Rune)/2) * 2
			out = append(out, re.Rune[i]+w.Int32N(min(re.Rune[i+1]-re.Rune[i]+1, 90)))
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		out = append(out, pick(w, []rune("ab 1'\"$\u017fé")))
	case syntax.OpCapture:
		out = w.match(out, re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			out = w.match(out, sub)
		}
	case syntax.OpAlternate:
		out = w.match(out, pick(w, re.Sub))
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest:
		n := w.IntN(3)
		if re.Op == syntax.OpPlus {
			n++
		} else if re.Op == syntax.OpQuest {
			n = min(n, 1)
		}
		for range n {
			out = w.match(out, re.Sub[0])
		}
	}
	return out
}

// transaction puts one payload into one place of an otherwise benign transaction.
func (w writer) transaction() *screen.Input { return w.around(w.value()) }

func (w writer) around(v string) *screen.Input {
	in := browser()
	origin := screen.Origin(w.IntN(3))
	switch w.IntN(16) {
	case 0:
		in.URI = "/p/" + v
	case 1:
		in.URI = "/p?q=" + url.QueryEscape(v)
	case 2:
		in.URI = "/p?" + v
	case 3:
		in.Headers = append(in.Headers, screen.Header{Name: pick(w, headerNames), Value: v})
	case 4:
		i := w.IntN(len(in.Headers))
		in.Headers[i].Value = v
	case 5:
		in.Headers = append(in.Headers, screen.Header{Name: v, Value: "x"})
	case 6:
		in.Headers = append(in.Headers, screen.Header{Name: "Cookie", Value: "a=" + v})
	case 7:
		in.Headers = append(in.Headers, screen.Header{Name: pick(w, []string{"cookie", "COO\u212aIE"}), Value: v})
	case 8:
		in.Args = append(in.Args, screen.Arg{Name: v, Value: "1", Origin: origin})
	case 9:
		in.Body = v
	case 10:
		in.Method = pick(w, []string{"POST", "HEAD", "OPTIONS", "PUT", v})
		in.Protocol = pick(w, []string{"HTTP/1.1", "HTTP/2.0", "HTTP/1.0", v})
		in.Headers = append(in.Headers, screen.Header{Name: pick(w, headerNames), Value: pick(w, []string{"0", "10", "", "gzip"})})
	case 11:
		i := w.IntN(len(in.Headers))
		in.Headers = append(in.Headers[:i], in.Headers[i+1:]...)
	case 12:
		in = &screen.Input{Args: []screen.Arg{{Name: "leaf", Value: v, Origin: origin}}}
	default:
		in.Method = "POST"
		in.Headers = append(in.Headers, screen.Header{Name: "Content-Type", Value: "application/json"}, screen.Header{Name: "Content-Length", Value: "10"})
		in.Args = append(in.Args, screen.Arg{Name: pick(w, []string{"name", "a[b][c]", "_method", "name"}), Value: v, Origin: origin})
	}
	return in
}

var headerNames = []string{
	"Referer", "User-Agent", "Content-Type", "Content-Length", "Transfer-Encoding", "Accept", "Range", "Request-Range", "Connection",
	"X-Filename", "X_Filename", "X.Filename", "Cache-Control", "Content-Encoding", "Accept-Charset", "Expect", "X-Up-Devcap-Post-Charset",
	"Sec-Fetch-User", "Sec-CH-UA-Mobile", "Accept-Encoding", "X-Forwarded-For", "Host", "Proxy", "If",
}

// vectors are requests for what the regression tests leave out, and for the
// rules that read variables named by the transaction.
func vectors() (out []*screen.Input) {
	with := func(change func(*screen.Input)) {
		in := browser()
		change(in)
		out = append(out, in)
	}
	header := func(name, value string) {
		with(func(in *screen.Input) { in.Headers = append(in.Headers, screen.Header{Name: name, Value: value}) })
	}
	arg := func(name, value string) {
		with(func(in *screen.Input) { in.Args = append(in.Args, screen.Arg{Name: name, Value: value}) })
	}
	header("Transfer-Encoding", "chunked")
	header("X-Multipart_Headers_Content_Types_0", "x")
	header("header_name_920450_if", "x")
	header("paramcounter_x", "2")
	arg("multipart_headers_content_types", "x")
	arg("MULTIPART_HEADERS_CONTENT_TYPE\u017f", "x")
	arg("a", "\xac\xed\x00\x05")
	arg("page", "twice, as the query has one")
	arg("", "nameless")
	with(func(in *screen.Input) {
		in.Headers = append(in.Headers, screen.Header{Name: "Content-Type", Value: "text/xml"}, screen.Header{Name: "content-type", Value: "application/json"})
	})
	with(func(in *screen.Input) {
		in.Args = []screen.Arg{{Name: "x"}, {Name: "X", Origin: screen.Path}, {Name: ""}, {Name: "", Origin: screen.Query}}
	})
	with(func(in *screen.Input) { in.Opaque, in.Body = false, "some=%zz" })
	out = append(out, &screen.Input{}, &screen.Input{HasHead: true}, &screen.Input{Body: "a body alone"})
	return out
}
