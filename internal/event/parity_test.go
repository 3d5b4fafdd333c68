package event_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/event"
)

// The readings by which libraries differ, each found by asking them: see
// scripts/parity. A row shows a handler of its library the given text.

func shows(ev *event.Event, text string) bool {
	return slices.ContainsFunc(ev.Leaves, func(l event.Leaf) bool { return l.Value == text || l.Name == text })
}

func TestB5URLEncodedTextByItsReaders(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ form, want string }{
		"qs with a delimiter of its own":   {"a=1;b=<x>", "<x>"},
		"the name behind a semicolon":      {"a=1;<x>=2", "<x>"},
		"qs and a bracket before =":        {"a=1=2[b]=<x>", "<x>"},
		"the same, escaped":                {"a=1=2[b%5D=<x>", "<x>"},
		"qs with numeric entities":         {"a=%26%2360%3Bx%26%2362%3B", "<x>"},
		"entities behind a semicolon":      {"b=1;a=%26%2360%3Bx>", "<x>"},
		"an entity that is none":           {"a=%26%23999999999%3B%26%2360%3Bx>", "&#999999999;<x>"},
		"busboy by UTF-16":                 {"a=%3C%00x%00%3E%00", "<x>"},
		"Node's querystring, by low bytes": {"a=ļxľ%ff", "<x>\xff"},
		"low bytes of a name":              {"ļxľ%ff=1", "<x>\xff"},
		"percent-encoded %u":               {"a=%25u003cx%25u003e", "<x>"},
	} {
		for place, ev := range map[string]*event.Event{
			"form":  decode(call(t, map[string]any{"headers": map[string]string{"content-type": "application/x-www-form-urlencoded"}, "body": tt.form})),
			"query": decode(call(t, map[string]any{"rawQueryString": tt.form})),
		} {
			if !shows(ev, tt.want) {
				t.Errorf("%s, %s: no leaf %q in %q", name, place, tt.want, leaves(ev))
			}
		}
	}
	ordinary := decode(call(t, map[string]any{"rawQueryString": "q=a+b%3B+c&page=2&tags[]=x&email=ann%40example.com&city=Z%C3%BCrich&utf8=%E2%9C%93"}))
	if n := countPlace(ordinary, "query"); n != 6 {
		t.Errorf("an ordinary query of 6 parameters has %d leaves: %q", n, leaves(ordinary))
	}
}

func countPlace(ev *event.Event, place string) (n int) {
	for i := range ev.Leaves {
		if ev.Leaves[i].Place.String() == place {
			n++
		}
	}
	return n
}

func TestB5BodiesByOtherTypes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ ctype, body, want string }{
		"a form under JSON":                       {"application/json", "a=1&b=<x>", "<x>"},
		"a form by two types":                     {"application/x-www-form-urlencoded, text/plain", "a b\n=1&b=<x>", "<x>"},
		"text that looks like a form":             {"text/plain", "a=<x>&b=2", "a=<x>&b=2"},
		"a string of JSON":                        {"text/plain", `"\u003cx>"`, "<x>"},
		"a string of JSON under a form":           {"application/x-www-form-urlencoded", `"\u003cx=>"`, "<x=>"},
		"JSON and more behind it":                 {"", `{"a":"\u003cx>"} more`, "<x>"},
		"text that starts like UTF-16":            {"text/plain", " \x00a long text <x>", " \x00a long text <x>"},
		"text behind a mark of UTF-16":            {"text/plain", "\xff\xfeabcdefghijklmnopqrst<x>", "\xff\xfeabcdefghijklmnopqrst<x>"},
		"a boundary named twice, with a preamble": {"multipart/form-data; boundary=B; boundary=B", "p\r\n--B\r\nContent-Disposition: form-data; name=a\r\n\r\n<x>\r\n--B--", "<x>"},
	} {
		body := base64.StdEncoding.EncodeToString([]byte(tt.body))
		ev := decode(call(t, map[string]any{"headers": map[string]string{"content-type": tt.ctype}, "body": body, "isBase64Encoded": true}))
		if !shows(ev, tt.want) {
			t.Errorf("%s: no leaf %q in %q", name, tt.want, leaves(ev))
		}
	}
	behind := strings.Repeat("a\x00", 60) + "<script>"
	if ev := decode(call(t, map[string]any{"body": base64.StdEncoding.EncodeToString([]byte(behind)), "isBase64Encoded": true})); !holdsText(ev, "<script>") {
		t.Errorf("text behind UTF-16: leaves %q", leaves(ev))
	}
}

func TestB5CookiesByTheirReaders(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ cookie, want string }{
		"percent-encoding":             {"a=%3Cx%3E", "<x>"},
		"in quotes":                    {`a="%3Cx%3E"`, "<x>"},
		"quotes that stay":             {`a="%3Cx%3E"`, `"<x>"`},
		"quotes alone":                 {`a="%3Cx%3E"`, "%3Cx%3E"},
		"JSON of Express":              {`a=j:{"b":"<x>"}`, "<x>"},
		"a string of JSON of Express":  {`a=j:%22<x>%22`, "<x>"},
		"JSON without a mark":          {`a={"<x>":1}`, "<x>"},
		"octal escapes of Python":      {`a="\074x\076"`, "<x>"},
		"a semicolon in quotes":        {`a="1;<x>"; b=2`, "1;<x>"},
		"a blank ends one in Python":   {`a=1 b=<x>`, "<x>"},
		"a tab behind an equals sign":  {"a=1 b=\t<x>; c=3", "<x>"},
		"blanks around an equals sign": {`a=1 b = <x>; c=3`, "<x>"},
	} {
		for front, ev := range map[string]*event.Event{
			"format 2.0": decode(call(t, map[string]any{"cookies": strings.Split(tt.cookie, "; ")})),
			"header":     decode(call(t, map[string]any{"headers": map[string]string{"cookie": tt.cookie}})),
		} {
			if !shows(ev, tt.want) {
				t.Errorf("%s, %s: no leaf %q in %q", name, front, tt.want, leaves(ev))
			}
		}
	}
	ordinary := decode(call(t, map[string]any{"cookies": []string{"sid=s3cr3t", `theme="dark"`, "ga=GA1.2.3"}}))
	if n := countPlace(ordinary, "cookie"); n != 4 {
		t.Errorf("3 cookies, one of them in quotes, have %d leaves: %q", n, leaves(ordinary))
	}
}

func TestB5PathSegmentsAsRoutersShowThem(t *testing.T) {
	t.Parallel()
	ev := decode(call(t, map[string]any{"rawPath": "/users/1'%20or%201=1/x%2fy"}))
	if !shows(ev, "1' or 1=1") || !shows(ev, "x/y") {
		t.Errorf("leaves %q", leaves(ev))
	}
	plain := decode(call(t, map[string]any{"rawPath": "/users/550e8400-e29b/ann/report_v1.2.pdf"}))
	if n := countPlace(plain, "path"); n != 1 {
		t.Errorf("%d leaves of a path of words: %q", n, leaves(plain))
	}
	if many := decode(call(t, map[string]any{"rawPath": strings.Repeat("/'", 100_000)})); countPlace(many, "path") > 100 {
		t.Errorf("%d leaves of one path", countPlace(many, "path"))
	}
}

func TestB5PartsByTheirReaders(t *testing.T) {
	t.Parallel()
	const form = "Content-Disposition: form-data; "
	for name, tt := range map[string]struct{ head, body, want string }{
		"a name by RFC 8187":                   {form + "name*=utf-8''%3Cx%3E", "1", "<x>"},
		"a name by RFC 8187, broken":           {form + "name*=utf-8''%3Cx%3E%zz", "1", "<x>%zz"},
		"a name in UTF-16":                     {form + "name*=UTF-16LE''%3C%00x%00%3E%00", "1", "<x>"},
		"a file name in pieces":                {form + `name=a; filename*1="x>"; filename*0*=utf-8''%3C`, "1", "<x>"},
		"an encoded word, Q":                   {form + `name=a; filename="=?utf-8?q?=3Cx=3E?="`, "1", "<x>"},
		"an encoded word, B":                   {form + "name=a\r\nX-A: =?utf-8?b?PHg+?=", "1", "<x>"},
		"a second name":                        {form + "name=a; name=<x>", "1", "<x>"},
		"escaped backslashes, busboy":          {form + `name="a\\<x>"`, "1", `a\<x>`},
		"escaped specials, Go":                 {form + `name="a\;<x>"`, "1", `a;<x>`},
		"escaped letters, Python":              {form + `name="\a<x>"`, "1", `a<x>`},
		"a quote that does not end":            {form + `name="<x>`, "1", `"<x>`},
		"quotes within, Python":                {form + `name="a"<x>"`, "1", `a"<x>`},
		"quotes to the end of the header":      {form + `name="<x>; filename=1`, "1", `"<x>; filename=1`},
		"a name of a JSON part":                {form + "name=<x>\r\nContent-Type: application/json", `{"a":1}`, "<x>"},
		"no blank line, Python":                {form + "name=a\r\n<x>\r\n<y>", "1", "<x>\r\n<y>\r\n\r\n1"},
		"a boundary that goes on, busboy":      {form + "name=a", "<x>\r\n--Bx\r\n", "<x>"},
		"parts in a part, to those who do not": {form + "name=a\r\nContent-Type: multipart/mixed; boundary=C", "'or\r\n--C\r\n\r\n1=1", "'or\r\n--C\r\n\r\n1=1"},
		"base64 with junk":                     {form + "name=a\r\nContent-Transfer-Encoding: base64", "P!Hg+", "<x>"},
		"base64 behind padding, Python":        {form + "name=a\r\nContent-Transfer-Encoding: base64", "PHg+YQ==PHg+", "<x>a"},
		"a broken quoted-printable":            {form + "name=a\r\nContent-Transfer-Encoding: quoted-printable", "=zz=3Cx=3E", "=zz<x>"},
		"a soft line end with a blank":         {form + "name=a\r\nContent-Transfer-Encoding: quoted-printable", "=3C= \r\nx>", "<x>"},
		"the same, Python":                     {form + "name=a\r\nContent-Transfer-Encoding: quoted-printable", "=3C= \r\nx>", "<= \r\nx>"},
		"a charset of eight bits":              {form + "name=a\r\nContent-Type: text/plain; charset=koi8-r", "\xe1\xe2\xe3\xe4<x>", "áâãä<x>"},
		"UTF-16 by its charset":                {form + "name=a\r\nContent-Type: text/plain; charset=utf-16le", "\x3c\xff", "\uff3c"},
	} {
		body := "--B\r\n" + tt.head + "\r\n\r\n" + tt.body + "\r\n--B--\r\n"
		ev := decode(call(t, map[string]any{"headers": map[string]string{"content-type": "multipart/form-data; boundary=B"},
			"body": base64.StdEncoding.EncodeToString([]byte(body)), "isBase64Encoded": true}))
		if !shows(ev, tt.want) {
			t.Errorf("%s: no leaf %q in %q", name, tt.want, leaves(ev))
		}
	}
	for name, eol := range map[string]string{"CR": "\r", "LF": "\n"} {
		body := strings.ReplaceAll("--B|"+form+"name=a; filename=\"f|\tg\"||<x>|--B--|", "|", eol)
		ev := decode(call(t, map[string]any{"headers": map[string]string{"content-type": "multipart/form-data; boundary=B"}, "body": body}))
		if !shows(ev, "<x>") || !shows(ev, "a") || !shows(ev, "f g") {
			t.Errorf("lines that end in %s: leaves %q", name, leaves(ev))
		}
	}
	usual := decode(call(t, map[string]any{"headers": map[string]string{"content-type": "multipart/form-data; boundary=B"},
		"body": "--B\r\n" + form + "name=\"user[name]\"\r\n\r\nAnn\r\n--B\r\n" + form + "name=\"f\"; filename=\"a b.txt\"\r\nContent-Type: text/plain\r\n\r\nhello\r\n--B--\r\n"}))
	if n := countPlace(usual, "body"); n != 3 {
		t.Errorf("an ordinary form of a field and a file has %d leaves: %q", n, leaves(usual))
	}
}

func TestB3DecodersThatDiffer(t *testing.T) {
	t.Parallel()
	const script = "<script>alert(1)</script>"
	std := base64.StdEncoding.EncodeToString([]byte("name: " + script))
	url := base64.RawURLEncoding.EncodeToString
	for name, tt := range map[string]struct{ text, want string }{
		"white space":                         {std[:7] + " \t" + std[7:21] + "\n" + std[21:], "name: " + script},
		"junk":                                {std[:9] + "*!" + std[9:], "name: " + script},
		"mixed alphabets":                     {strings.Replace(base64.StdEncoding.EncodeToString([]byte(script+"??>>~~")), "+", "-", 1), script + "??>>~~"},
		"hyphens that Python drops":           {std[:9] + "-" + std[9:], "name: " + script},
		"padding in the middle":               {std[:12] + "=" + std[12:], "name: " + script},
		"text that ends at padding":           {base64.StdEncoding.EncodeToString([]byte("' or 1=1 -- ")) + "====bm90aGluZw", "' or 1=1 -- "},
		"a last character cut in two":         {base64.RawStdEncoding.EncodeToString([]byte(script + " \xe6\x9c")), script + " \xe6\x9c"},
		"a data URI with junk":                {"data:text/html;base64," + std[:9] + " " + std[9:], "name: " + script},
		"a token whose header starts a line":  {url([]byte("{\n\"alg\":\"none\"}")) + "." + url([]byte(`{"a":"`+script+`"}`)) + ".", script},
		"a token of two parts":                {url([]byte(`{"alg":"none"}`)) + "." + url([]byte(`{"a":"`+script+`"}`)), script},
		"a token of five parts, claims third": {url([]byte(`{"alg":"none"}`)) + ".." + url([]byte(`{"a":"`+script+`"}`)) + ".a.b", script},
		"a token that is no JSON":             {url([]byte(`{"alg":"none"}`)) + "." + url([]byte(script)), script},
	} {
		ev := decode(encodeJSON(map[string]any{"x": tt.text}))
		if !shows(ev, tt.want) {
			t.Errorf("%s: no leaf %q in %q", name, tt.want, leaves(ev))
		}
		if !shows(ev, tt.text) {
			t.Errorf("%s: the text itself is no leaf", name)
		}
	}
	for _, plain := range []string{"The quick brown fox jumps over the lazy dog", "Alice Johnson-Smith (CEO)", "www.internationalization.example.com",
		"2026-01-01T00:00:00.000Z", "arn:aws:lambda:eu-west-1:123456789012:function:orders", "Mozilla/5.0 (X11; Linux x86_64)", "user_profile-settings.page"} {
		if ev := decode(encodeJSON(map[string]any{"x": plain})); len(ev.Leaves) != 1 {
			t.Errorf("%q: leaves %q", plain, leaves(ev))
		}
	}
}
