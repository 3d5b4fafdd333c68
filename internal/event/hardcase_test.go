package event_test

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/event"
)

const attack = "<script>alert(1)</script>"

func holdsText(ev *event.Event, text string) bool {
	return slices.ContainsFunc(ev.Leaves, func(l event.Leaf) bool { return strings.Contains(l.Value, text) })
}

// Every sample with the members of every other sample beside its own: what the
// result is taken for may change, what is seen of it may not.
func TestB1BorrowedMarksCloseNothing(t *testing.T) {
	t.Parallel()
	all := map[string]map[string]any{}
	for name, raw := range ownSamples(t) {
		var doc map[string]any
		if json.Unmarshal(raw, &doc) == nil {
			all[name] = doc
		}
	}
	pairs := 0
	for name, doc := range all {
		doc = maps.Clone(doc)
		doc["planted"] = map[string]any{"kinesis": map[string]any{"data": encode64(attack + "\xff")}, "plain": attack, "json": `{"a":"` + attack + `"}`}
		for other, marks := range all {
			merged := maps.Clone(marks)
			maps.Copy(merged, doc)
			ev := decode(encodeJSON(merged))
			for _, path := range []string{"planted.kinesis.data", "planted.plain", "planted.json.a"} {
				if !slices.ContainsFunc(ev.Leaves, func(l event.Leaf) bool {
					return strings.Contains(l.Value, attack) && ev.Path(&l).String() == path
				}) {
					t.Errorf("%s with the marks of %s: %s is not seen", name, other, path)
				}
			}
			pairs++
		}
	}
	if pairs < 5000 {
		t.Errorf("%d pairs, want at least 5000", pairs)
	}
}

func deflated(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 9)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.String()
}

func zlibbed(s string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.String()
}

func TestB2CodingsAndCharsetsOfRecords(t *testing.T) {
	t.Parallel()
	doc := `{"user":"` + attack + `"}`
	zipped := string(gzip64(doc))
	for name, tt := range map[string]struct{ data, limit string }{
		"gzip":                 {zipped, ""},
		"gzip twice":           {string(gzip64(zipped)), ""},
		"two members":          {zipped + string(gzip64("\n{}")), ""},
		"truncated gzip":       {zipped[:len(zipped)-6], "encoding"},
		"junk behind gzip":     {zipped + "junk", "encoding"},
		"zlib":                 {zlibbed(doc), ""},
		"deflate":              {deflated(t, doc), ""},
		"UTF-16":               {wideText(doc, true), ""},
		"byte order mark":      {"\ufeff" + doc, ""},
		"JSON Lines":           {"{\"a\":1}\n" + doc + "\n", ""},
		"a broken first line":  {"{\"a\":\n" + doc + "\n", ""},
		"text around":          {"x " + doc, ""},
		"invalid UTF-8 around": {"\xff" + doc, ""},
	} {
		ev := decode(`{"Records":[{"eventSource":"aws:kinesis","kinesis":{"data":"` + encode64(tt.data) + `"}}]}`)
		if !holdsText(ev, attack) || strings.Join(ev.Limits, ",") != tt.limit {
			t.Errorf("%s: limits %v, want %q; leaves %q", name, ev.Limits, tt.limit, leaves(ev))
		}
	}
	for name, body := range map[string]string{
		"XML that declares UTF-7": `<?xml version="1.0" encoding="UTF-7"?><a>+ADw-script+AD4-alert(1)+ADw-/script+AD4-</a>`,
		"SAML in a query":         base64.StdEncoding.EncodeToString([]byte(deflated(t, "<a>"+attack+"</a>"))),
		"PowerShell":              encode64(wideText(attack, true)),
	} {
		if ev := decode(encodeJSON(map[string]any{"x": body})); !holdsText(ev, attack) {
			t.Errorf("%s: leaves %q", name, leaves(ev))
		}
	}
}

// A form may name its encoding in a field of its own.
func TestB2FormsThatNameTheirCharset(t *testing.T) {
	t.Parallel()
	form := func(body string) *event.Event {
		return decode(encodeJSON(map[string]any{"httpMethod": "POST", "headers": map[string]any{"Content-Type": "application/x-www-form-urlencoded"}, "body": body}))
	}
	for _, body := range []string{"_charset_=utf-7&a=%2BADw-script%2BAD4-", "a=%2BADw-script%2BAD4-&_charset_=UTF-7"} {
		if ev := form(body); !holdsText(ev, "<script>") || len(ev.Limits) > 0 {
			t.Errorf("%s: limits %v, leaves %q", body, ev.Limits, leaves(ev))
		}
	}
	if ev := form("_charset_=ibm037&a=b"); !slices.Equal(ev.Limits, []string{"charset"}) {
		t.Errorf("an unknown charset: limits %v", ev.Limits)
	}
	if ev := form("_charset_=utf-8&a=%2BADw-script%2BAD4-"); holdsText(ev, "<script>") || len(ev.Limits) > 0 {
		t.Errorf("UTF-8: limits %v, leaves %q", ev.Limits, leaves(ev))
	}
}

// The same in a part of a multipart form (RFC 7578 §4.6), before or behind those
// that it is about. Files and parts that name a charset are not.
func TestB2MultipartFormsThatNameTheirCharset(t *testing.T) {
	t.Parallel()
	part := func(name, head, body string) string {
		return "--x\r\nContent-Disposition: form-data; name=\"" + name + "\"" + head + "\r\n\r\n" + body + "\r\n"
	}
	const utf7 = "+ADw-script+AD4-"
	named := func(charset string) string { return part("_charset_", "", charset) }
	for _, row := range []struct {
		name, body string
		script     bool
		limits     []string
	}{
		{"before", named("utf-7") + part("a", "", utf7), true, nil},
		{"behind", part("a", "", utf7) + named("UTF-7"), true, nil},
		{"a type without charset", named("utf-7") + part("a", "\r\nContent-Type: text/plain", utf7), true, nil},
		{"in a file", named("utf-7") + part("a", "; filename=\"a.bin\"\r\nContent-Type: application/octet-stream", utf7), false, nil},
		{"a charset of its own", named("utf-7") + part("a", "\r\nContent-Type: text/plain; charset=utf-8", utf7), false, nil},
		{"UTF-8", named("utf-8") + part("a", "", utf7), false, nil},
		{"an unknown one", named("ibm037") + part("a", "", "b"), false, []string{"charset"}},
		{"a part that only holds the word", part("a", "", "name=\"_charset_\"\r\n\r\nibm037") + part("b", "", utf7), false, nil},
	} {
		ev := decode(encodeJSON(map[string]any{"httpMethod": "POST", "headers": map[string]any{"Content-Type": "multipart/form-data; boundary=x"}, "body": row.body + "--x--\r\n"}))
		if holdsText(ev, "<script>") != row.script || !slices.Equal(ev.Limits, row.limits) {
			t.Errorf("%s: limits %v, leaves %q", row.name, ev.Limits, leaves(ev))
		}
	}
}

func TestB3Base64WhereverItStands(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("abc def ", 12) + attack
	std, url := encode64(long), base64.RawURLEncoding.EncodeToString([]byte(long))
	token := func(claims string) string {
		e := base64.RawURLEncoding.EncodeToString
		return e([]byte(`{"alg":"none"}`)) + "." + e([]byte(claims)) + "."
	}
	for name, text := range map[string]string{
		"standard": std, "URL alphabet without padding": url, "in lines": std[:64] + "\r\n" + std[64:] + "\n",
		"data URI": "data:text/html;charset=utf-8;base64," + std, "JSON": encode64(`{"a":"` + attack + `"}`),
		"twice": encode64(std), "gzip": encode64(string(gzip64(attack))),
		"token": token(`{"name":"` + attack + `"}`), "percent signs": "%253Cscript%253Ealert(1)%3C/script%3E",
	} {
		if ev := decode(encodeJSON(map[string]any{"x": text})); !holdsText(ev, attack) || !holdsText(ev, text) || len(ev.Limits) > 0 {
			t.Errorf("%s: limits %v, leaves %q", name, ev.Limits, leaves(ev))
		}
	}
	for name, data := range map[string]string{
		"white space": " " + std[:20] + " \n" + std[20:], "junk": std[:20] + "!*" + std[20:], "mixed alphabets": strings.Replace(std, "+", "-", 1),
		"text behind padding": encode64("a") + std, "not base64": attack + std[:5],
	} {
		raw := encodeJSON(map[string]any{"Records": []any{map[string]any{"eventSource": "aws:kinesis", "kinesis": map[string]any{"data": data}}}})
		if ev := decode(raw); !holdsText(ev, attack) {
			t.Errorf("placed, %s: leaves %q", name, leaves(ev))
		}
	}
	for _, plain := range []string{"550e8400-e29b-41d4-a716-446655440000", "internationalization", "d41d8cd98f00b204e9800998ecf8427e", "AKIAIOSFODNN7EXAMPLE", "arn:aws:s3:::uploads"} {
		if ev := decode(encodeJSON(map[string]any{"x": plain})); len(ev.Leaves) != 1 || len(ev.Limits) > 0 {
			t.Errorf("%s: limits %v, leaves %q", plain, ev.Limits, leaves(ev))
		}
	}
}

func TestB4GraphQLByItsParts(t *testing.T) {
	t.Parallel()
	query := `query Find($id: ID!) { # ` + attack + `
  a1: user(id: $id, name: "x\u003cb y", note: """block ` + attack + ` "quoted" """, n: -1.5e3, list: ["one", {deep: "two"}]) { id ...on User @include(if: true) { name } } }`
	ev := decode(encodeJSON(map[string]any{"query": query, "variables": map[string]any{"id": "' OR 1=1 --"}}))
	wantLeaves(t, ev, `argument query query=query,Find,id,ID,a1,user,id,id,name,note,n,-1.5e3,list,deep,id,on,User,include,if,true,name`,
		`argument query query= `+attack, `argument query.name name=x<b y`, `argument query.note note=block `+attack+` "quoted" `,
		`argument query.list list=one`, `argument query.deep deep=two`, `argument variables.id id=' OR 1=1 --`)
	for _, other := range []string{
		"select * from users where a = '{}'", "{ cat /etc/passwd }", "query { a }; $(id)", "{ $(id) }", "{ ${HOME} }", "query { a", `{ a(b: "c) }`, attack + "{}",
	} {
		wantLeaves(t, decode(encodeJSON(map[string]any{"query": other})), "argument query query="+other)
	}
}

func TestB5FormsByTheNamesThatFrameworksShow(t *testing.T) {
	t.Parallel()
	ev := decode(encodeJSON(map[string]any{"httpMethod": "POST", "headers": map[string]any{"Content-Type": "application/x-www-form-urlencoded"},
		"body": "a[$ne]=1&a[__proto__][x]=2&b=%253Cscript%253E&c=" + base64.RawURLEncoding.EncodeToString([]byte(attack))}))
	wantLeaves(t, ev, `body body["a[$ne]"] a[$ne]=1`, `body body["a[__proto__][x]"] a[__proto__][x]=2`, "body body.b b=<script>", "body body.c c="+attack)
}

func TestB6MarkupShowsItsNodes(t *testing.T) {
	t.Parallel()
	const xxe = `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY y "&x;&x;&x;">]>`
	doc := xxe + `<a id='1&quot; OR 1=1'><b>it&#39;s &lt;b&gt; &y;</b><!-- note ` + attack + ` --><c><![CDATA[1<2]]></c><d/></a>`
	ev := decode(encodeJSON(map[string]any{"x": doc}))
	wantLeaves(t, ev, "argument x x="+doc, `argument x id=1" OR 1=1`, "argument x b=it's <b> &y;",
		"argument x a=note "+attack, "argument x c=1<2")
	for _, other := range []string{"<b>not closed", "<a></b>", "<br>x</br >>", "<a b></a>", "<>", "<a><!-- </a>", "<!DOCTYPE a [ <a></a>"} {
		if ev := decode(encodeJSON(map[string]any{"x": other})); !holdsText(ev, other) {
			t.Errorf("%q is no leaf", other)
		}
	}
}

func TestB22HeadersOfBrokers(t *testing.T) {
	t.Parallel()
	ev := decode(`{"eventSource":"aws:kafka","records":{"t-0":[{"topic":"t","partition":0,"offset":1,"key":"` + encode64(attack) + `","value":null,
		"headers":[{"h":[60,98,62]},{"signed":[-61,-97,33]}]},{"topic":"t","partition":0,"offset":2,"value":"` + encode64("\x00\x01"+attack) + `"}],"t-1":[]}}`)
	wantLeaves(t, ev, `argument records.t-0[0].key key=`+attack, `argument records.t-0[0].value value=`,
		`argument records.t-0[0].headers[0].h h=<b>`, `argument records.t-0[0].headers[1].signed signed=ß!`)
	if !holdsText(ev, attack) || ev.Records != 2 {
		t.Errorf("%d records, leaves %q", ev.Records, leaves(ev))
	}
	ev = decode(`{"eventSource":"aws:rmq","rmqMessagesByQueue":{"q::/":[{"basicProperties":{"headers":{"h":{"bytes":[60,98,62]}}},"data":"PGI+"}]}}`)
	wantLeaves(t, ev, `argument rmqMessagesByQueue["q::/"][0].basicProperties.headers.h.bytes h=<b>`, `argument rmqMessagesByQueue["q::/"][0].data data=<b>`)
	ev = decode(`{"a":{"type":"Buffer","data":[60,115,99,114,105,112,116,62]},"b":[1,2,3,4,5,6,7,8,300]}`)
	wantLeaves(t, ev, "argument a.data data=<script>", "argument b[8] b=300")
}

// Attribute values go by the attribute's name: types are no names.
func TestDynamoDBNames(t *testing.T) {
	t.Parallel()
	ev := event.Decode(ownSamples(t)["dynamodb"], nil, event.DefaultLimits())
	const image = "argument Records[0].dynamodb.NewImage."
	wantLeaves(t, ev, image+"name.S name=Ann Lee", image+"age.N age=41", image+"active.BOOL active=true", image+"tags.SS[1] tags=mint",
		image+"raw.B raw=note: ring twice", image+"more.M.city.S city=Ghent", image+"more.M.list.L[0].S list=one")
	for i := range ev.Leaves {
		if n := ev.Leaves[i].Name; n == "S" || n == "M" || n == "L" || n == "SS" {
			t.Errorf("a leaf is named %s", n)
		}
	}
}
