package waf_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy/rules"
	"github.com/merlon-security/merlon/policy/waf"
)

var httpEvent = event.Decode([]byte(`{"version":"2.0","rawPath":"/","requestContext":{"http":{"method":"GET","path":"/"}}}`), nil, event.DefaultLimits())

func responseEngine(t testing.TB, change func(*waf.Options)) *waf.Engine {
	t.Helper()
	o := waf.Options{Rules: rules.Options{Paranoia: 1, Threshold: 5}, Responses: waf.Responses{On: true}}
	if change != nil {
		change(&o)
	}
	e, err := waf.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func replied(status int, contentType string) waf.ResponseHead {
	return waf.ResponseHead{Status: status, Header: []event.Header{{Name: "content-type", Value: contentType}}}
}

// inspectResponse writes pieces and returns what they and the end of them show.
func inspectResponse(t testing.TB, e *waf.Engine, head waf.ResponseHead, pieces ...[]byte) (found []verdict.Finding, score int) {
	t.Helper()
	r := e.InspectResponse(t.Context(), httpEvent, head)
	if r == nil {
		return nil, 0
	}
	for _, p := range pieces {
		more, err := r.Write(p)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, more...)
	}
	more, score, err := r.Close()
	if err != nil {
		t.Fatal(err)
	}
	if l := r.Limits(); len(l) > 0 {
		t.Fatalf("limits %v", l)
	}
	return append(found, more...), score
}

func shown(findings []verdict.Finding) []int {
	var out []int
	for _, f := range findings {
		out = append(out, f.RuleID)
	}
	slices.Sort(out)
	return out
}

const sqlError = `You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version`

func TestResponseFindings(t *testing.T) {
	t.Parallel()
	e := responseEngine(t, nil)
	tests := []struct {
		name  string
		head  waf.ResponseHead
		body  string
		want  []int
		score int
	}{
		{"SQL error with its status", replied(500, "application/json"), `{"message":"` + sqlError + `"}`, []int{951230}, 5},
		{"SQL error in GraphQL", replied(200, "application/json"), `{"data":null,"errors":[{"message":"` + sqlError + `"}]}`, []int{951230}, 5},
		{"SQL error in a page that explains it", replied(200, "text/html"), "<p>" + sqlError + "</p>", nil, 0},
		{"SQL error in a log viewer", replied(200, "application/json"), `{"lines":[{"error":"` + sqlError + `"}]}`, nil, 0},
		{"web shell", replied(200, "text/html"), "<html><title>r57 shell</title>", []int{955110}, 5},
		{"web shell without a type", waf.ResponseHead{Status: 200}, "<html><title>r57 shell</title>", []int{955110}, 5},
		{"web shell in a picture", replied(200, "image/png"), "<html><title>r57 shell</title>", nil, 0},
		{"directory", replied(200, "text/html"), "<html><title>Index of /</title><body><h1>Index of /</h1>", []int{950130}, 5},
		{"page of ASP.NET", replied(500, "text/html"), "<title>Server Error in '/' Application.</title>", []int{9104008}, 5},
		{"page of ASP.NET about a missing file", replied(404, "text/html"), "<title>Server Error in '/' Application.</title>", nil, 0},
		{"two leaks", replied(500, "text/plain"), sqlError + "\n\tat com.example.Shop.find(Shop.java:42)\n", []int{951230, 9104001}, 10},
		{"PHP source", replied(200, "text/html"), "<?php\n$db = 1;", []int{9104020}, 5},
		{"PHP source behind text", replied(200, "text/html"), "Write <?php\n$db = 1;", nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, score := inspectResponse(t, e, tt.head, []byte(tt.body))
			if !slices.Equal(shown(got), tt.want) || score != tt.score {
				t.Errorf("found %v, score %d; want %v, %d", shown(got), score, tt.want, tt.score)
			}
			for _, f := range got {
				if f.Place != verdict.PlaceResponse || f.Path.String() != "response.body" || f.Message == "" || f.Severity == "" {
					t.Errorf("finding %+v", f)
				}
			}
		})
	}
}

// What stands anywhere around the border of two windows is found once, in pieces
// of any size, with what is before and behind it.
func TestResponseWindows(t *testing.T) {
	t.Parallel()
	e := responseEngine(t, nil)
	shell := []byte("<title>r57 Shell Version 1.23</title>")
	for _, border := range []int{60 << 10, 64 << 10, 120 << 10, 124 << 10} {
		for off := -64; off <= 64; off += 3 {
			body := slices.Concat(bytes.Repeat([]byte("a "), (border+off)/2), bytes.Repeat([]byte("b"), (border+off)%2), shell, bytes.Repeat([]byte(" c"), 9000))
			for _, stream := range []bool{false, true} {
				head := replied(200, "text/html")
				head.Stream = stream
				if got, score := inspectResponse(t, e, head, body); !slices.Equal(shown(got), []int{955110}) || score != 5 {
					t.Fatalf("at %d%+d, stream %v: found %v, score %d", border, off, stream, shown(got), score)
				}
			}
		}
	}
}

// A window that begins inside a line or a word is not the beginning of one, and
// where one ends, no word ends.
func TestResponseWindowsBeginNothing(t *testing.T) {
	t.Parallel()
	e := responseEngine(t, nil)
	for _, text := range []string{"<html>\n<head>\n<title>Ru24PostWebShell ", "<title>PHP Web Shell</title>\r\n<html>\r\n<body>\r\n    <!-- Replaces command with Base64-encoded Data -->"} {
		if got, _ := inspectResponse(t, e, replied(200, "text/html"), []byte("x\n"+text)); len(got) != 1 {
			t.Fatalf("%q is not found at the beginning of a line: %v", text, shown(got))
		}
		for start := 60<<10 - 2; start <= 60<<10+2; start++ {
			body := strings.Repeat("x", start) + text + strings.Repeat("y", 9<<10)
			if got, _ := inspectResponse(t, e, replied(200, "text/html"), []byte(body)); len(got) > 0 {
				t.Errorf("found %v inside a line, %d bytes before the border", shown(got), 60<<10-start)
			}
		}
	}
}

// A piece that goes out as it is written is looked at before the next one comes.
func TestResponseStreamIsLookedAtAtOnce(t *testing.T) {
	t.Parallel()
	e := responseEngine(t, nil)
	head := replied(200, "text/html")
	head.Stream = true
	r := e.InspectResponse(t.Context(), httpEvent, head)
	for i, piece := range []string{"<html><ti", "tle>r57 s", "hell</title", "> and more", " and more"} {
		got, err := r.Write([]byte(piece))
		if err != nil {
			t.Fatal(err)
		}
		if want := i == 3; (len(got) > 0) != want {
			t.Errorf("piece %d: found %v", i, shown(got))
		}
	}
	if got, score, err := r.Close(); len(got) > 0 || score != 5 || err != nil {
		t.Errorf("Close = %v, %d, %v; want nothing new, 5", shown(got), score, err)
	}
}

func TestResponseLimits(t *testing.T) {
	t.Parallel()
	e := responseEngine(t, func(o *waf.Options) { o.Responses.Bytes = 64 << 10 })
	body := slices.Concat(bytes.Repeat([]byte("a "), 40<<10), []byte("<title>r57 shell</title>"))
	r := e.InspectResponse(t.Context(), httpEvent, replied(200, "text/html"))
	if got, err := r.Write(body); len(got) > 0 || err != nil {
		t.Errorf("Write = %v, %v", got, err)
	}
	if _, _, err := r.Close(); err != nil || !slices.Equal(r.Limits(), []string{"response-bytes"}) {
		t.Errorf("%v, limits %v", err, r.Limits())
	}
	strange := coded(200, "aes128gcm")
	if r := e.InspectResponse(t.Context(), httpEvent, strange); r == nil || !slices.Equal(r.Limits(), []string{"response-encoding"}) {
		t.Errorf("of an unknown coding: %+v", r)
	}
	if r := responseEngine(t, func(o *waf.Options) { o.Responses.On = false }).InspectResponse(t.Context(), httpEvent, replied(200, "text/html")); r != nil {
		t.Error("responses are looked at although they are off")
	}
}

// FuzzResponseWindows cuts a body into pieces: what is found is the same.
func FuzzResponseWindows(f *testing.F) {
	e := responseEngine(f, nil)
	f.Add([]byte("<title>r57 shell</title>"), uint32(65500), uint16(77), true)
	f.Add([]byte("<html>\n<head>\n<title>Ru24PostWebShell "), uint32(61400), uint16(1000), false)
	f.Add([]byte("\tat com.example.Shop.find(Shop.java:42)\n"), uint32(10), uint16(3), true)
	f.Fuzz(func(t *testing.T, text []byte, at uint32, step uint16, stream bool) {
		if len(text) > 2000 {
			return
		}
		pad := bytes.Repeat([]byte("lorem ipsum\n"), int(at%140000)/12+1)
		body := slices.Concat(pad[:at%140000], text, pad[:min(len(pad), 6000)])
		whole, score := inspectResponse(t, e, replied(500, "text/plain"), body)
		head := replied(500, "text/plain")
		head.Stream = stream
		n := max(int(step), 1)
		if stream {
			n = max(n, 512)
		}
		got, gotScore := inspectResponse(t, e, head, slices.Collect(slices.Chunk(body, n))...)
		if fmt.Sprint(shown(got)) != fmt.Sprint(shown(whole)) || score != gotScore {
			t.Errorf("in pieces of %d: %v, score %d; in one: %v, %d", n, shown(got), gotScore, shown(whole), score)
		}
	})
}

// The stock rule set looks at every response, and at the types it is configured for.
func TestResponseStock(t *testing.T) {
	t.Parallel()
	e := responseEngine(t, func(o *waf.Options) { o.Rules.Set = rules.CRSOnly })
	for _, tt := range []struct {
		contentType string
		want        []int
	}{{"text/html; charset=utf-8", []int{951230}}, {"application/json", nil}} {
		if got, _ := inspectResponse(t, e, replied(200, tt.contentType), []byte(`{"message":"`+sqlError+`"}`)); !slices.Equal(shown(got), tt.want) {
			t.Errorf("%s: found %v, want %v", tt.contentType, shown(got), tt.want)
		}
	}
}

// The function's own secrets are found in whatever it sends, in a failure too, and
// a finding does not hold them.
func TestResponseSecrets(t *testing.T) {
	t.Parallel()
	const secret = "t7Kq-92mX_vB4zLp0sWd"
	e := responseEngine(t, func(o *waf.Options) { o.Responses.Environ = []string{"DB_PASSWORD=" + secret} })
	for name, head := range map[string]waf.ResponseHead{
		"JSON": replied(200, "application/json"), "picture": replied(200, "image/png"), "failure": {Failed: true},
	} {
		for _, before := range []int{0, 100, 64<<10 - 10, 61440 - 10} {
			body := bytes.Repeat([]byte("x"), before)
			got, score := inspectResponse(t, e, head, slices.Concat(body, []byte(`"`+secret+`" and `+secret)))
			if !slices.Equal(shown(got), []int{9104100}) || score != 5 {
				t.Errorf("%s behind %d bytes: found %v, score %d", name, before, shown(got), score)
				continue
			}
			if text := fmt.Sprintf("%+v", got[0]); strings.Contains(text, secret) || got[0].Name != "DB_PASSWORD" {
				t.Errorf("finding %s", text)
			}
		}
	}
	if got, _ := inspectResponse(t, e, waf.ResponseHead{Failed: true}, []byte(`{"errorMessage":"`+sqlError+`"}`)); len(got) > 0 {
		t.Errorf("in the message of a failure: %v", shown(got))
	}
}

func coded(status int, coding string) waf.ResponseHead {
	head := replied(status, "text/html")
	head.Header = append(head.Header, event.Header{Name: "Content-Encoding", Value: coding})
	return head
}

// packed compresses in two parts, with all of the first in front of the second.
func packed(t *testing.T, coding, first, second string) (before, after []byte) {
	t.Helper()
	type flusher interface {
		io.WriteCloser
		Flush() error
	}
	var b bytes.Buffer
	var w flusher
	var err error
	switch coding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "deflate":
		w = zlib.NewWriter(&b)
	case "deflate, raw":
		w, err = flate.NewWriter(&b, 6)
	case "br":
		w = brotli.NewWriter(&b)
	case "zstd":
		w, err = zstd.NewWriter(&b)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(w, first)
	err = errors.Join(err, w.Flush())
	n := b.Len()
	_, err2 := io.WriteString(w, second)
	if err := errors.Join(err, err2, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()[:n], b.Bytes()[n:]
}

// What the function has compressed is looked at, each piece of a stream as soon as
// it can be read.
func TestResponseEncodings(t *testing.T) {
	t.Parallel()
	e := responseEngine(t, nil)
	for _, coding := range []string{"gzip", "deflate", "deflate, raw", "br", "zstd"} {
		name, _, _ := strings.Cut(coding, ",")
		first, second := packed(t, coding, strings.Repeat("lorem ipsum ", 9000)+"<title>r57 shell</title> and", strings.Repeat(" dolor", 9000))
		for _, n := range []int{1, 7, 1 << 20} {
			head := coded(200, strings.ToUpper(name))
			head.Stream = true
			r := e.InspectResponse(t.Context(), httpEvent, head)
			var got []verdict.Finding
			for p := range slices.Chunk(first, n) {
				more, err := r.Write(p)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, more...)
			}
			if !slices.Equal(shown(got), []int{955110}) {
				t.Errorf("%s in pieces of %d: before the rest comes, found %v", coding, n, shown(got))
			}
			more, err := r.Write(second)
			rest, score, err2 := r.Close()
			if err != nil || err2 != nil || len(more)+len(rest) > 0 || score != 5 || len(r.Limits()) > 0 {
				t.Errorf("%s: then %v %v, score %d, limits %v, %v %v", coding, more, rest, score, r.Limits(), err, err2)
			}
		}
	}
	none := e.InspectResponse(t.Context(), httpEvent, coded(304, "gzip"))
	if got, _, err := none.Close(); len(got) > 0 || err != nil || len(none.Limits()) > 0 {
		t.Errorf("without a body: %v, %v, limits %v", got, err, none.Limits())
	}
}

// A compressed body that is broken, or goes on after what is looked at, says so.
func TestResponseEncodingLimits(t *testing.T) {
	t.Parallel()
	e := responseEngine(t, func(o *waf.Options) { o.Responses.Bytes = 64 << 10 })
	all, rest := packed(t, "gzip", "<title>r57 shell</title>", strings.Repeat("x", 32<<20))
	for name, tt := range map[string]struct {
		body  []byte
		limit string
	}{
		"broken": {slices.Concat(all, []byte("?????")), "response-encoding"},
		"cut":    {all, "response-encoding"},
		"a bomb": {slices.Concat(all, rest), "response-bytes"},
	} {
		r := e.InspectResponse(t.Context(), httpEvent, coded(200, "gzip"))
		got, err := r.Write(tt.body)
		more, _, err2 := r.Close()
		if err != nil || err2 != nil || !slices.Equal(shown(append(got, more...)), []int{955110}) || !slices.Equal(r.Limits(), []string{tt.limit}) {
			t.Errorf("%s: found %v %v, limits %v, %v %v", name, shown(got), shown(more), r.Limits(), err, err2)
		}
	}
}

// Environments that run many invocations at once look at many responses at once,
// the first of which builds the rules.
func TestConcurrentResponses(t *testing.T) {
	t.Parallel()
	e := responseEngine(t, nil)
	var running sync.WaitGroup
	for i := range 16 {
		running.Go(func() {
			r := e.InspectResponse(t.Context(), httpEvent, replied(500, "text/plain"))
			text := fmt.Sprint(i, " ORA-00942: table or view does not exist <title>r57 shell</title>")
			got, err := r.Write([]byte(text))
			more, score, err2 := r.Close()
			if err != nil || err2 != nil || !slices.Equal(shown(append(got, more...)), []int{951120, 955110}) || score != 10 {
				t.Errorf("found %v %v, score %d, %v %v", shown(got), shown(more), score, err, err2)
			}
		})
	}
	running.Wait()
}
