package event_test

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/event"
)

func TestContextHeadersAreInput(t *testing.T) {
	t.Parallel()
	h := header("Lambda-Runtime-Client-Context", `{"custom":{"x":"<script>"}}`)
	h.Set("Lambda-Runtime-Cognito-Identity", `not json <b>`)
	h.Set("Lambda-Runtime-Aws-Tenant-Id", "42")
	h.Set("Lambda-Runtime-Deadline-Ms", "1")
	ev := event.Decode([]byte(`{"a":"1"}`), h, event.DefaultLimits())
	wantLeaves(t, ev,
		`context ["context:Client-Context"].custom.x x=<script>`,
		`context ["context:Cognito-Identity"] Cognito-Identity=not json <b>`,
		`context ["context:Aws-Tenant-Id"] Aws-Tenant-Id=42`,
		"argument a a=1")
	if len(ev.Leaves) != 5 {
		t.Errorf("%d leaves, want the five: %q", len(ev.Leaves), leaves(ev))
	}
	if !ev.Has("a") || !ev.Only("a") {
		t.Error("the event's own document is not the root")
	}
}

func TestPathsPrintUnambiguously(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, raw, want string }{
		{"keys", `{"a":{"b-c_d":1}}`, "a.b-c_d"},
		{"indices", `{"a":[[0,[1]]]}`, "a[0][1][0]"},
		{"root array", `[{"a":1}]`, "[0].a"},
		{"a key that imitates a path", `{"body.comment":1}`, `["body.comment"]`},
		{"a key that imitates any", `{"a":{"*":1}}`, `a["*"]`},
		{"a key that imitates an index", `{"a":{"0":1}}`, "a.0"},
		{"quotes and lines", `{"a\"]\n":1}`, `["a\"]\n"]`},
		{"no key", `{"":1}`, `[""]`},
		{"a document in a string", `{"m":"[{\"k\":1}]"}`, "m[0].k"},
		{"a document in a string in a string", `{"m":"{\"n\":\"{\\\"k\\\":1}\"}"}`, "m.n.k"},
		{"escape sequences", `{"\u001b[31m":1}`, `["\x1b[31m"]`},
		{"direction marks", `{"\u202e":1}`, `["\u202e"]`},
	}
	for _, tt := range tests {
		ev := decode(tt.raw)
		l := &ev.Leaves[len(ev.Leaves)-1]
		if got := ev.Path(l).String(); got != tt.want {
			t.Errorf("%s: path of %s = %s, want %s", tt.name, tt.raw, got, tt.want)
		}
	}
	long := decode(`{"` + strings.Repeat("k", 1<<20) + `":1}`)
	if got := long.Path(&long.Leaves[0]).String(); len(got) > 270 {
		t.Errorf("path of a megabyte prints %d bytes", len(got))
	}
}

// Every kind of bad input has an outcome of its own, and no byte of it is lost.
func TestBadInput(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, raw string
		json      bool
		leaf      string // a leaf it must have; empty for none at all
		limits    string
	}{
		{name: "nothing"},
		{name: "white space", raw: " \r\n"},
		{name: "null", raw: "null", json: true, leaf: "argument  ="},
		{name: "a number", raw: "17", json: true, leaf: "argument  =17"},
		{name: "a string", raw: `"<script>"`, json: true, leaf: "argument  =<script>"},
		{name: "an array", raw: `["<script>"]`, json: true, leaf: "argument [0] =<script>"},
		{name: "an empty object", raw: `{}`, json: true},
		{name: "text", raw: `<script>`, leaf: "argument  event=<script>"},
		{name: "invalid UTF-8", raw: "{\"a\":\"\xff<script>\xc0\xaf\"}", json: true, leaf: "argument a a=\xff<script>\xc0\xaf"},
		{name: "NUL", raw: "{\"a\":\"\\u0000<script>\x00\"}", json: true, leaf: "argument a a=\x00<script>\x00"},
		{name: "duplicate keys", raw: `{"a":"<script>","a":"2"}`, json: true, leaf: "argument a a=<script>"},
		{name: "Python's numbers", raw: `{"a":NaN,"b":-Infinity}`, json: true, leaf: "argument b b=-Infinity"},
		{name: "a huge number", raw: `{"a":1e999999999999999999999}`, json: true, leaf: "argument a a=1e999999999999999999999"},
		{name: "a lone surrogate", raw: `{"a":"\ud800<script>"}`, json: true, leaf: "argument a a=\ufffd<script>"},
		{name: "cut off in a string", raw: `{"x":1,"a":"<script>`, leaf: `argument  event="a":"<script>`},
		{name: "cut off in a key", raw: `{"x":1,"<script>`, leaf: `argument  event="<script>`},
		{name: "cut off after a key", raw: `{"x":1,"<script>"`, leaf: `argument  event="<script>"`},
		{name: "cut off in a container", raw: `{"x":{"y":["<script>"`, leaf: "argument x.y[0] y=<script>"},
		{name: "an escape that is none", raw: `{"x":1,"a":"<script>\x"}`, leaf: `argument  event="a":"<script>\x"}`},
		{name: "junk behind", raw: `{"x":1} {"a":"<script>"}`, leaf: `argument  event= {"a":"<script>"}`},
		{name: "a word that is none", raw: `{"x":1,"a":<script>}`, leaf: `argument  event="a":<script>}`},
		{name: "UTF-16", raw: wideText(`{"a":"<script>"}`, true), json: true, leaf: "argument a a=<script>"},
		{name: "deep", raw: strings.Repeat(`{"a":`, 10_000) + `"<script>"`, limits: "depth", leaf: "argument  event=" + `"a":` + strings.Repeat(`{"a":`, 9_400)},
		{name: "seven megabytes", raw: `{"a":"` + strings.Repeat("x", 7<<20) + `<script>"}`, json: true, leaf: "argument a a=" + strings.Repeat("x", 7<<20) + "<script>"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ev := decode(tt.raw)
			if ev.JSON != tt.json || strings.Join(ev.Limits, ",") != tt.limits {
				t.Errorf("JSON %t, limits %v, want %t, %q", ev.JSON, ev.Limits, tt.json, tt.limits)
			}
			if tt.leaf == "" && len(ev.Leaves) > 0 {
				t.Fatalf("leaves %q, want none", leaves(ev))
			}
			for _, l := range leaves(ev) {
				if tt.leaf == "" || strings.HasPrefix(l, tt.leaf) {
					return
				}
			}
			if tt.leaf != "" {
				t.Fatalf("no leaf %.100q among %.300q", tt.leaf, leaves(ev))
			}
		})
	}
}

func TestLimitsNameThemselvesAndLoseNothing(t *testing.T) {
	t.Parallel()
	var million strings.Builder
	million.WriteByte('{')
	for i := range 500_000 {
		million.WriteString(`"k` + strconv.Itoa(i) + `":1,`)
	}
	million.WriteString(`"last":"<script>"}`)
	fields := strings.Repeat("a&", 1_000_000) + "last=<script>"
	tests := []struct {
		name, raw, limit string
	}{
		{"half a million keys", million.String(), "leaves"},
		{"a million form fields", call(t, map[string]any{"headers": map[string]string{"content-type": "application/x-www-form-urlencoded"}, "body": fields}), "leaves"},
		{"a million parameters", call(t, map[string]any{"rawQueryString": fields}), "leaves"},
		{"nine megabytes", `"` + strings.Repeat("x", 9<<20) + `<script>"`, "bytes"},
		{"documents in documents", nestedStrings(14), "nesting"},
		{"a bomb", call(t, map[string]any{"headers": map[string]string{"content-encoding": "gzip"}, "isBase64Encoded": true,
			"body": encode64(gzipped(t, "<script>"+strings.Repeat("x", 40<<20)))}), "decoded"},
	}
	for _, tt := range tests {
		ev := decode(tt.raw)
		if strings.Join(ev.Limits, ",") != tt.limit {
			t.Errorf("%s: limits %v, want %s", tt.name, ev.Limits, tt.limit)
		}
		if len(ev.Leaves) > event.DefaultLimits().Nodes+100 {
			t.Errorf("%s: %d leaves", tt.name, len(ev.Leaves))
		}
		found := false
		for i := range ev.Leaves {
			found = found || strings.Contains(ev.Leaves[i].Value, "<script>")
		}
		if !found {
			t.Errorf("%s: what stands behind the limit is in no leaf", tt.name)
		}
	}
}

func nestedStrings(depth int) string {
	s := `{"a":"<script>"}`
	for range depth {
		s = `{"a":` + strconv.Quote(s) + `}`
	}
	return s
}

// Arrays in arrays cost linear time: each element would otherwise climb to the
// key of the outermost.
func TestDeepArraysAreCheap(t *testing.T) {
	t.Parallel()
	lim := event.DefaultLimits()
	lim.Depth = math.MaxInt
	raw := `{"k":` + strings.Repeat("[1,", 150_000) + "1" + strings.Repeat("]", 150_000) + "}"
	ev := event.Decode([]byte(raw), nil, lim)
	if n := len(ev.Leaves); n != 150_002 {
		t.Fatalf("%d leaves, want 150002", n)
	}
	if l := ev.Leaves[len(ev.Leaves)-1]; l.Name != "k" {
		t.Errorf("innermost element is named %q, want k", l.Name)
	}
}

func TestBatchRecords(t *testing.T) {
	t.Parallel()
	ev := decode(`{"Records":[{"eventSource":"aws:sqs","body":"{\"a\":1}"},{"body":"x"}],"z":"y"}`)
	if ev.Source != event.SQS || ev.Records != 2 {
		t.Fatalf("source %s with %d records, want sqs with 2", ev.Source, ev.Records)
	}
	want := map[string]int32{"Records[0].body.a": 0, "Records[1].body": 1, "z": -1, "Records": -1}
	for i := range ev.Leaves {
		l := &ev.Leaves[i]
		if w, ok := want[ev.Path(l).String()]; ok && l.Record != w {
			t.Errorf("leaf %s is of record %d, want %d", ev.Path(l), l.Record, w)
		}
	}
}

func TestMixedMarks(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]string{
		"request with an SQS record":    `{"requestContext":{"http":{"method":"GET"}},"Records":[{"eventSource":"aws:sqs"}]}`,
		"Kinesis with a Cognito marker": `{"Records":[{"eventSource":"aws:kinesis"}],"triggerSource":"PostConfirmation_x","userPoolId":"p"}`,
		"disconnect with a pipeline":    `{"requestContext":{"connectionId":"c","eventType":"DISCONNECT"},"CodePipeline.job":{}}`,
	} {
		if ev := decode(raw); !ev.Mixed {
			t.Errorf("%s: source %s, not mixed", name, ev.Source)
		}
	}
	for file, raw := range samples(t) {
		if ev := event.Decode(raw, http.Header{}, event.DefaultLimits()); ev.Mixed {
			t.Errorf("%s is mixed", file)
		}
	}
}
