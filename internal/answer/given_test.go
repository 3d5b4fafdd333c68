package answer_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/answer"
	"github.com/merlon-security/merlon/internal/event"
)

func TestRead(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100)
	for name, row := range map[string]struct {
		source event.Source
		reply  string
		most   int
		want   string // status, headers, body
	}{
		"structured":           {event.RESTAPI, `{"statusCode":201,"headers":{"B":"2","A":1},"body":"a\nb"}`, 0, `201 [{A 1} {B 2}] "a\nb"`},
		"status as text":       {event.ALB, `{"statusCode":"404","body":"no"}`, 0, `404 [] "no"`},
		"status that is none":  {event.RESTAPI, `{"statusCode":"x","body":"no"}`, 0, `502 [] "no"`},
		"many values":          {event.ALB, `{"statusCode":200,"multiValueHeaders":{"A":["1","2"]},"body":""}`, 0, `200 [{A 1} {A 2}] ""`},
		"cookies":              {event.HTTPAPI, `{"statusCode":200,"cookies":["a=b"]}`, 0, `200 [{set-cookie a=b}] ""`},
		"base64":               {event.HTTPAPI, `{"body":"aGk=","isBase64Encoded":true,"statusCode":200}`, 0, `200 [] "hi"`},
		"not base64":           {event.HTTPAPI, `{"body":"!!!!","isBase64Encoded":true,"statusCode":200}`, 0, `200 [] "!!!!"`},
		"base64, in part":      {event.HTTPAPI, `{"body":"aGVsbG8gd29ybGQ=","isBase64Encoded":true,"statusCode":200}`, 9, `200 [] "hello "`},
		"in part":              {event.HTTPAPI, `{"body":"` + long + `","statusCode":200}`, 5, `200 [] "xxxx"`}, // the quote is one of them
		"cut in an escape":     {event.HTTPAPI, `{"body":"ab\ud83d\ude00cd","statusCode":200}`, 8, `200 [] "ab"`},
		"body of another type": {event.HTTPAPI, `{"statusCode":200,"body":{"a":1}}`, 0, `200 [] "{\"a\":1}"`},
		"the last one counts":  {event.HTTPAPI, `{"statusCode":200,"body":"a","body":"b"}`, 0, `200 [] "b"`},
		"inferred":             {event.FunctionURL, `{"a":1}`, 0, `200 [{content-type application/json}] "{\"a\":1}"`},
		"inferred text":        {event.FunctionURL, `"hi"`, 0, `200 [{content-type application/json}] "\"hi\""`},
		"no JSON":              {event.RESTAPI, `{"statusCode":200,"body":"a`, 0, `200 [{content-type application/json}] "{\"statusCode\":200,\"body\":\"a"`},
		"empty":                {event.RESTAPI, ``, 0, `200 [{content-type application/json}] ""`},
		"of no front end":      {event.Direct, `{"statusCode":201,"body":"a"}`, 0, `0 [] "{\"statusCode\":201,\"body\":\"a\"}"`},
	} {
		g := answer.Read(&event.Event{Source: row.source}, []byte(row.reply), row.most)
		if got := fmt.Sprintf("%d %v %q", g.Status, g.Header, g.Body); got != row.want {
			t.Errorf("%s: Read(%s) = %s, want %s", name, row.reply, got, row.want)
		}
	}
}

var nuls = strings.Repeat("\x00", 8)

var preludes = map[string]struct{ reply, want string }{
	"prelude":             {`{"statusCode":404,"headers":{"A":"b"},"cookies":["c=d"]}` + nuls + "body", `404 [{A b} {set-cookie c=d}] "body"`},
	"no status":           {`{}` + nuls + "body", `200 [] "body"`},
	"no body":             {`{"statusCode":204}` + nuls, `204 [] ""`},
	"a body of NUL":       {`{}` + nuls + "\x00\x00x", `200 [] "\x00\x00x"`},
	"a short delimiter":   {`{}` + nuls[1:] + "body", `200 [] "{}` + strings.Repeat(`\x00`, 7) + `body"`},
	"a NUL in it":         {`{"a":"` + "\x00" + `"}` + nuls + "b", `200 [] "{\"a\":\"\x00\"}` + strings.Repeat(`\x00`, 8) + `b"`},
	"no JSON":             {`<html>` + nuls + "b", `200 [] "<html>` + strings.Repeat(`\x00`, 8) + `b"`},
	"JSON that is broken": {`{"statusCode":200,"x":}` + nuls + "b", `200 [] "{\"statusCode\":200,\"x\":}` + strings.Repeat(`\x00`, 8) + `b"`},
	"no delimiter":        {`{"statusCode":200}`, `200 [] "{\"statusCode\":200}"`},
	"empty":               {``, `200 [] ""`},
}

// play gives a prelude its pieces and returns what it says and the whole body.
func play(pieces ...string) string {
	var p answer.Prelude
	for i, piece := range pieces {
		if g, known := p.Write([]byte(piece)); known {
			return fmt.Sprintf("%d %v %q", g.Status, g.Header, string(g.Body)+strings.Join(pieces[i+1:], ""))
		}
	}
	g := p.End()
	return fmt.Sprintf("%d %v %q", g.Status, g.Header, g.Body)
}

// TestPrelude cuts each reply in two at every byte, and into single bytes.
func TestPrelude(t *testing.T) {
	t.Parallel()
	for name, row := range preludes {
		for i := range len(row.reply) + 1 {
			if got := play(row.reply[:i], row.reply[i:]); got != row.want {
				t.Errorf("%s, cut at %d: %s, want %s", name, i, got, row.want)
			}
		}
		if got := play(strings.Split(row.reply, "")...); got != row.want {
			t.Errorf("%s, byte by byte: %s, want %s", name, got, row.want)
		}
	}
}

// TestEndlessPrelude: a reply without a delimiter is not collected for ever.
func TestEndlessPrelude(t *testing.T) {
	t.Parallel()
	var p answer.Prelude
	for n := 0; n < 1<<20; n += 1000 {
		if g, known := p.Write(bytes.Repeat([]byte("x"), 1000)); known {
			if n > 64<<10 || len(g.Body) != n+1000 || g.Status != 200 {
				t.Fatalf("after %d bytes: %d bytes of body, status %d", n+1000, len(g.Body), g.Status)
			}
			return
		}
	}
	t.Fatal("a megabyte was collected")
}

// FuzzPrelude: however a reply is cut, it says the same, and no byte of its body
// is lost.
func FuzzPrelude(f *testing.F) {
	for _, row := range preludes {
		f.Add(row.reply, uint16(3), uint16(9))
	}
	f.Fuzz(func(t *testing.T, reply string, a, b uint16) {
		i := min(int(a), len(reply))
		j := min(i+int(b), len(reply))
		if whole, cut := play(reply), play(reply[:i], reply[i:j], reply[j:]); whole != cut {
			t.Errorf("%q cut at %d and %d: %s, whole %s", reply, i, j, cut, whole)
		}
	})
}

// FuzzRead: no reply makes it panic, and it reads no more than it is asked to.
func FuzzRead(f *testing.F) {
	f.Add(`{"statusCode":200,"headers":{"a":"b"},"body":"aGk=","isBase64Encoded":true}`, 9)
	f.Add(`{"statusCode":200,"body":"ab\ud83d\ude00cd"}`, 8)
	f.Fuzz(func(t *testing.T, reply string, most int) {
		most = max(most, 0)
		for _, source := range []event.Source{event.RESTAPI, event.FunctionURL, event.Direct} {
			g := answer.Read(&event.Event{Source: source}, []byte(reply), most)
			// An invalid byte becomes a character of three.
			if most > 0 && len(g.Body) > 3*most {
				t.Errorf("%s: %d bytes of body, want at most %d", source, len(g.Body), most)
			}
		}
	})
}

// TestWithhold: what takes the place of a response has its front end's form.
func TestWithhold(t *testing.T) {
	t.Parallel()
	custom := answer.Settings{Status: 403, Custom: true, Body: "Go away", Headers: []event.Header{{Name: "Access-Control-Allow-Origin", Value: "*"}}}
	for _, row := range []struct {
		source event.Source
		failed bool
		stream bool
		want   string
	}{
		{event.RESTAPI, false, false, `"statusCode":502`},
		{event.ALB, false, false, `"statusDescription":"502 Bad Gateway"`},
		{event.FunctionURL, false, true, `"statusCode":502}` + nuls + `{"message":"Bad Gateway"`},
		{event.FunctionURL, true, false, `"errorMessage":"response withheld, verdict id"`},
		{event.Direct, false, false, `"errorType":"Merlon.ResponseWithheld"`},
		{event.AppSync, false, false, `"errorType":"Merlon.ResponseWithheld"`},
	} {
		s := custom
		s.Stream = row.stream
		r := answer.Withhold(&event.Event{Source: row.source, HTTP: &event.HTTP{}}, row.failed, "id", s)
		if !strings.Contains(string(r.Body), row.want) || strings.Contains(string(r.Body), "Go away") {
			t.Errorf("%s: %s, want %s", row.source, r.Body, row.want)
		}
		if row.source.IsHTTP() && !row.failed && (r.Error || r.Status != 502 || !strings.Contains(string(r.Body), "access-control-allow-origin")) {
			t.Errorf("%s: %+v", row.source, r)
		}
	}
}
