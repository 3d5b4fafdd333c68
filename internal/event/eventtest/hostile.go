package eventtest

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"io"
	"strconv"
	"strings"
)

// HostileEvent makes events of about n bytes that cost a careless decoder more
// than their size. Limit is the one that they run into at five megabytes, if any.
type HostileEvent struct {
	Name, Limit string
	Make        func(n int) string
}

// Hostile events, by what they are. Twice the size makes twice the work.
func Hostile() []HostileEvent {
	return append(hostileText(), hostileDocuments()...)
}

func hostileText() []HostileEvent {
	return []HostileEvent{
		{"base64 of JSON", "", func(n int) string { return kinesisOf(`{"a":"` + strings.Repeat("b ", n*3/8) + `"}`) }},
		{"base64 of pictures", "", func(n int) string {
			return `["` + base64Of(strings.Repeat("\xff\xd8\x00\x01\x9c", n*3/20)) + `"]`
		}},
		{"many short base64 texts", "leaves", func(n int) string {
			return `[` + strings.Repeat(`"`+base64Of("some words here")+`",`, n/23) + `1]`
		}},
		{"base64 that could be deflate", "", func(n int) string {
			return `[` + strings.Repeat(`"`+base64Of("\x05\xff\xd8\x00\x01\x9c\x33\x21\x05\xff\xd8\x00\x01\x9c\x33\x21\x05\xff")+`",`, n/27) + `1]`
		}},
		{"percent signs", "", func(n int) string { return `["` + strings.Repeat("%252525", n/7) + `"]` }},
		{"percent signs in many strings", "leaves", func(n int) string { return `[` + strings.Repeat(`"%25",`, n/6) + `1]` }},
		{"overlong UTF-8", "", func(n int) string { return kinesisOf(strings.Repeat("\xc0\xae\xc0\xaf\xe0\x80\xbc", n*3/28)) }},
	}
}

func hostileDocuments() []HostileEvent {
	return []HostileEvent{
		{"XML", "leaves", func(n int) string { return `["<a>` + strings.Repeat("<b>x</b>", n/8) + `</a>"]` }},
		{"deep XML", "", func(n int) string {
			return `["` + strings.Repeat("<b>", n/7) + "x" + strings.Repeat("</b>", n/7) + `"]`
		}},
		{"unfinished XML", "", func(n int) string { return `["` + strings.Repeat("<b c='", n/6) + `>"]` }},
		{"XML in XML", "nesting", func(n int) string {
			s := strings.Repeat("x", n/4)
			for range 12 {
				s = "<a>" + strings.NewReplacer("&", "&amp;", "<", "&lt;").Replace(s) + "</a>"
			}
			return `["` + s + `"]`
		}},
		{"billion laughs", "", func(n int) string {
			return `["<!DOCTYPE a [<!ENTITY a '` + strings.Repeat("&b;", n/6) + `'>]><a>` + strings.Repeat("&a;", n/6) + `</a>"]`
		}},
		{"GraphQL", "leaves", func(n int) string { return `{"query":"{` + strings.Repeat("a{b}", n/4) + `}"}` }},
		{"GraphQL strings", "leaves", func(n int) string {
			return `{"query":"{a(` + strings.Repeat(`b:\"c\"`, n/7) + `)}"}`
		}},
		{"unfinished block strings", "", func(n int) string {
			return `{"query":"{a(b:\"\"\"` + strings.Repeat(`\\\"\"\"`, n/8) + `)}"}`
		}},
		{"tables", "leaves", func(n int) string { return `["a,b\n` + strings.Repeat(`\"<\"\"b\",$(c)\n`, n/20) + `"]` }},
		{"quotes in a table", "", func(n int) string { return `["a,b\n` + strings.Repeat(`\"\"\",`, n/7) + `"]` }},
		{"JSON Lines", "leaves", func(n int) string { return `["` + strings.Repeat(`{}\n`, n/4) + `"]` }},
		{"byte lists", "leaves", func(n int) string { return `{"headers":[` + strings.Repeat(`{"a":[65]},`, n/11) + `1]}` }},
		{"attribute types", "leaves", func(n int) string {
			return `{"a":` + strings.Repeat(`{"L":[`, 200) + strings.Repeat(`{"S":"b"},`, n/10) + `1` + strings.Repeat(`]}`, 200) + `}`
		}},
		{"records", "leaves", func(n int) string {
			return `{"Records":[{"eventSource":"aws:sqs","messageId":"1"}` + strings.Repeat(`,{"messageId":"1"}`, n/18) + `]}`
		}},
		{"tokens", "", func(n int) string { return `[` + strings.Repeat(`"eyJh.eyJi.c",`, n/14) + `1]` }},
		{"keys", "leaves", func(n int) string {
			var b strings.Builder
			b.WriteByte('{')
			for i := range n / 11 {
				b.WriteString(`"` + strconv.Itoa(i+1_000_000) + `":1,`)
			}
			return b.String() + `"z":1}`
		}},
		{"an aggregate", "leaves", func(n int) string {
			return kinesisOf("\xf3\x89\x9a\xc2" + strings.Repeat("\x1a\x05\x1a\x03abc", n*3/28) + strings.Repeat("\x00", 16))
		}},
		{"one key many times", "leaves", func(n int) string { return `{` + strings.Repeat(`"a":1,`, n/6) + `"a":1}` }},
		{"nested lists", "depth", func(n int) string { return strings.Repeat("[", n/2) + strings.Repeat("]", n/2) }},
		{"nested objects", "depth", func(n int) string { return strings.Repeat(`{"a":`, n/6) + `1` + strings.Repeat("}", n/6) }},
	}
}

// Bombs are events of any size that hold more than the bytes they are made of.
// Every one of them runs into its limit. n is about how much they hold.
func Bombs() []HostileEvent {
	zeros := func(n int) string { return "<script>alert(1)</script>" + strings.Repeat("0 ", n/2) }
	times := func(n int, s string, wrap func(string) string) string {
		for range n {
			s = wrap(s)
		}
		return s
	}
	gzipped := func(s string) string { return string(Gzip(s)) }
	return []HostileEvent{
		{"a gzip bomb in a record", "decoded", func(n int) string { return kinesisOf(gzipped(zeros(n))) }},
		{"a gzip bomb in any string", "decoded", func(n int) string { return `["` + base64Of(gzipped(zeros(n))) + `"]` }},
		{"a deflate bomb in any string", "decoded", func(n int) string { return `["` + base64Of(deflated(zeros(n))) + `"]` }},
		{"a gzip bomb as a body", "decoded", func(n int) string {
			return `{"version":"2.0","rawPath":"/","requestContext":{"http":{"method":"POST"}},"headers":{"content-encoding":"gzip"},"isBase64Encoded":true,"body":"` + base64Of(gzipped(zeros(n))) + `"}`
		}},
		{"a zip bomb", "decoded", func(n int) string { return kinesisOf(zipped(zeros(n))) }},
		{"ten bombs", "decoded", func(n int) string {
			return `[` + strings.Repeat(`"`+base64Of(gzipped(zeros(n/5)))+`",`, 10) + `1]`
		}},
		{"gzip in gzip", "nesting", func(int) string { return kinesisOf(times(20, zeros(1<<10), gzipped)) }},
		{"base64 in base64", "nesting", func(int) string { return `["` + times(30, zeros(64), base64Of) + `"]` }},
		{"JSON in JSON", "nesting", func(int) string {
			return times(12, `{"a":1}`, func(s string) string { return `{"a":` + strconv.Quote(s) + `}` })
		}},
	}
}

// kinesisOf is an event of one record with this data.
func kinesisOf(data string) string {
	return `{"Records":[{"eventSource":"aws:kinesis","kinesis":{"data":"` + base64Of(data) + `"}}]}`
}

func deflated(s string) string {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		panic("bug: the level is one of compress/flate's: " + err.Error())
	}
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.String()
}

func zipped(s string) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create("word/document.xml")
	if err != nil {
		panic("bug: a buffer takes everything: " + err.Error())
	}
	_, _ = io.WriteString(f, s)
	_ = w.Close()
	return b.String()
}
