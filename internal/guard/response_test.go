package guard_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/guard"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/proxy"
)

// finder finds a word in responses, errs at another and panics at a third. It
// keeps what it was told.
type finder struct {
	heads  []guard.ResponseHead
	bodies []string
	limits []string
}

func (f *finder) InspectResponse(_ context.Context, _ *event.Event, head guard.ResponseHead) guard.ResponseInspection {
	f.heads, f.bodies = append(f.heads, head), append(f.bodies, "")
	return &finding{f: f, at: len(f.bodies) - 1}
}

type finding struct {
	f     *finder
	at    int
	found bool
}

func (l *finding) Write(p []byte) ([]verdict.Finding, error) {
	l.f.bodies[l.at] += string(p)
	body := l.f.bodies[l.at]
	switch {
	case strings.Contains(body, "errs"):
		return nil, errors.New("fell over")
	case strings.Contains(body, "panics"):
		panic("hunter2 in a panic")
	case strings.Contains(body, "leak") && !l.found:
		l.found = true
		return []verdict.Finding{{RuleID: 951100, Engine: "waf", Score: 5, Record: -1, Value: "leak", Place: verdict.PlaceResponse}}, nil
	}
	return nil, nil
}

func (l *finding) Close() ([]verdict.Finding, int, error) {
	if strings.HasSuffix(l.f.bodies[l.at], "late") {
		return []verdict.Finding{{RuleID: 951110, Score: 5, Record: -1}}, 5, nil
	}
	return nil, 0, nil
}

func (l *finding) Limits() []string { return l.f.limits }

// replying is a guard of responses.
func replying(mode verdict.Mode, block bool) (*guard.Guard, *finder, *records) {
	f, r := &finder{}, &records{}
	g := blocking(clean, r)
	g.Policy.Mode = mode
	g.Responses = guard.Responses{Engine: f, Block: block}
	return g, f, r
}

// answered has the function reply, in pieces if there are several, and returns what
// its caller gets: the reply, what replaces it, or how it ends.
func answered(out proxy.Outcome, head proxy.ReplyHead, pieces ...string) string {
	if head.Header == nil {
		head.Header = http.Header{"Content-Type": {"application/json"}}
	}
	body := strings.Join(pieces, "")
	filter := out.Response(head)
	if filter == nil {
		return body
	}
	if filter.Whole != nil && filter.Hold >= len(body) {
		other, instead := filter.Whole([]byte(body))
		switch {
		case instead != nil:
			return fmt.Sprintf("%t %s", instead.Error, instead.Body)
		case other != nil:
			return string(other)
		}
		return body
	}
	sent := ""
	for _, p := range pieces {
		if cut := filter.Piece([]byte(p)); cut != nil {
			return sent + "|" + cut.ErrorType
		}
		sent += p
	}
	if cut := filter.End(nil, nil); cut != nil {
		return sent + "|" + cut.ErrorType
	}
	return sent
}

const direct = `{"some":"thing"}`

func TestResponses(t *testing.T) {
	t.Parallel()
	streamed := proxy.ReplyHead{Length: -1, Header: http.Header{"Content-Type": {"application/vnd.awslambda.http-integration-response"}}}
	raw := proxy.ReplyHead{Length: -1, Header: http.Header{"Content-Type": {"application/octet-stream"}}}
	prelude := `{"statusCode":500,"headers":{"a":"b"}}` + strings.Repeat("\x00", 8)
	for name, row := range map[string]struct {
		mode   verdict.Mode
		block  bool
		closed bool
		event  string
		head   proxy.ReplyHead
		reply  []string
		want   string // what the caller gets; a prefix
		reason verdict.Reason
		action verdict.Action
	}{
		"clean":                           {verdict.Block, true, false, request, proxy.ReplyHead{}, []string{`{"statusCode":200,"body":"fine"}`}, `{"statusCode":200,"body":"fine"}`, "", 0},
		"found":                           {verdict.Block, true, false, request, proxy.ReplyHead{}, []string{`{"statusCode":200,"body":"a leak"}`}, `false {"body":"{\"message\":\"Bad Gateway\"`, verdict.ResponseMatch, verdict.ActionBlock},
		"found at the end":                {verdict.Block, true, false, request, proxy.ReplyHead{}, []string{`{"statusCode":200,"body":"late"}`}, `false {"body":`, verdict.ResponseMatch, verdict.ActionBlock},
		"found, in monitor":               {verdict.Block, false, false, request, proxy.ReplyHead{}, []string{`{"statusCode":200,"body":"a leak"}`}, `{"statusCode":200,"body":"a leak"}`, verdict.ResponseMatch, verdict.ActionMonitor},
		"found, all in monitor":           {verdict.Monitor, true, false, request, proxy.ReplyHead{}, []string{`{"statusCode":200,"body":"a leak"}`}, `{"statusCode":200,"body":"a leak"}`, verdict.ResponseMatch, verdict.ActionMonitor},
		"an error":                        {verdict.Block, true, false, request, proxy.ReplyHead{Failed: true}, []string{`{"errorMessage":"leak"}`}, `true {"errorMessage":"response withheld`, verdict.ResponseMatch, verdict.ActionBlock},
		"to a direct caller":              {verdict.Block, true, false, direct, proxy.ReplyHead{}, []string{`"leak"`}, `true {"errorMessage":"response withheld`, verdict.ResponseMatch, verdict.ActionBlock},
		"nobody waits":                    {verdict.Block, true, false, batch, proxy.ReplyHead{}, []string{`"leak"`}, `"leak"`, "", 0},
		"a fault":                         {verdict.Block, true, false, request, proxy.ReplyHead{}, []string{`errs`}, `errs`, verdict.ResponseFault, verdict.ActionAllow},
		"a panic":                         {verdict.Block, true, false, request, proxy.ReplyHead{}, []string{`panics`}, `panics`, verdict.ResponseFault, verdict.ActionAllow},
		"a fault, closed":                 {verdict.Block, true, true, request, proxy.ReplyHead{}, []string{`panics`}, `false {"body":`, verdict.ResponseFault, verdict.ActionBlock},
		"a stream":                        {verdict.Block, true, false, request, streamed, []string{prelude, "fine"}, prelude + "fine", "", 0},
		"found in a stream":               {verdict.Block, true, false, request, streamed, []string{prelude, "fine", "le", "ak", "more"}, prelude + "finele|Function.MerlonBlocked", verdict.ResponseMatch, verdict.ActionBlock},
		"found behind a prelude":          {verdict.Block, true, false, request, streamed, []string{prelude[:20], prelude[20:] + "leak"}, prelude[:20] + "|Function", verdict.ResponseMatch, verdict.ActionBlock},
		"found where a prelude was to be": {verdict.Block, true, false, request, streamed, []string{"leak"}, "leak|Function", verdict.ResponseMatch, verdict.ActionBlock},
		"found in its end":                {verdict.Block, true, false, request, streamed, []string{prelude, "late"}, prelude + "late|Function", verdict.ResponseMatch, verdict.ActionBlock},
		"in a stream, in monitor":         {verdict.Block, false, false, request, raw, []string{"le", "ak", "s"}, "leaks", verdict.ResponseMatch, verdict.ActionMonitor},
		"a stream without prelude":        {verdict.Block, true, false, request, raw, []string{"fine", "leak"}, "fine|Function", verdict.ResponseMatch, verdict.ActionBlock},
		"a stream, a fault":               {verdict.Block, true, false, request, raw, []string{"fine", "panics", "leak"}, "finepanicsleak", verdict.ResponseFault, verdict.ActionAllow},
		"a stream, a fault, closed":       {verdict.Block, true, true, request, raw, []string{"fine", "errs", "x"}, "fine|Function", verdict.ResponseFault, verdict.ActionBlock},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, _, r := replying(row.mode, row.block)
			g.Policy.FailClosed = row.closed
			out := inspect(t, g, row.event)
			got := row.reply[0]
			if out.Response != nil {
				got = answered(out, row.head, row.reply...)
			}
			if !strings.HasPrefix(got, row.want) {
				t.Errorf("the caller gets %q, want %q", got, row.want)
			}
			if row.reason == "" {
				if len(r.all) != 0 {
					t.Errorf("records %+v, want none", r.all)
				}
				return
			}
			if len(r.all) != 1 || r.all[0].Reason != row.reason || r.all[0].Action != row.action ||
				!strings.HasPrefix(r.all[0].Message, "response: ") || r.all[0].Response.Overridden != (row.action == verdict.ActionBlock) {
				t.Errorf("records %+v, want one with %s, %s", r.all, row.reason, row.action)
			}
			if cut := strings.Contains(row.want, "|"); r.all[0].Response.Cut != cut {
				t.Errorf("cut %t, want %t", r.all[0].Response.Cut, cut)
			}
			if strings.Contains(fmt.Sprintf("%+v", r.all), "hunter2") {
				t.Errorf("the record quotes the panic: %+v", r.all)
			}
		})
	}
}

// TestWhatTheEngineIsTold: status, headers and body as the caller will get them.
func TestWhatTheEngineIsTold(t *testing.T) {
	t.Parallel()
	g, f, _ := replying(verdict.Block, true)
	g.Responses.Bytes = 6
	out := inspect(t, g, request)
	answered(out, proxy.ReplyHead{}, `{"statusCode":404,"headers":{"x":"y"},"body":"aGVsbG8gd29ybGQ=","isBase64Encoded":true}`)
	answered(out, proxy.ReplyHead{Length: -1, Header: http.Header{"Content-Type": {"application/vnd.awslambda.http-integration-response"}}},
		`{"statusCode":201,"headers":{"x":"z"}}`+strings.Repeat("\x00", 4), strings.Repeat("\x00", 4)+"a", "b")
	answered(out, proxy.ReplyHead{Failed: true}, `{"errorMessage":"m"}`)
	want := []guard.ResponseHead{
		{Status: 404, Header: []event.Header{{Name: "x", Value: "y"}}},
		{Status: 201, Header: []event.Header{{Name: "x", Value: "z"}}, Stream: true},
		{Failed: true},
	}
	if got := fmt.Sprintf("%+v", f.heads); got != fmt.Sprintf("%+v", want) {
		t.Errorf("heads %s, want %+v", got, want)
	}
	if bodies := []string{"hel", "ab", `{"errorMessage":"m"}`}; !slices.Equal(f.bodies, bodies) {
		t.Errorf("bodies %q, want %q", f.bodies, bodies)
	}
}

// TestResponseLimits: what was left out by configuration is no news, all else is.
func TestResponseLimits(t *testing.T) {
	t.Parallel()
	for limit, lines := range map[string]int{"response-bytes": 0, "response-encoding": 1, "time": 1} {
		g, f, r := replying(verdict.Block, true)
		f.limits = []string{limit}
		if got := answered(inspect(t, g, request), proxy.ReplyHead{}, "fine"); got != "fine" {
			t.Errorf("%s: the caller gets %q", limit, got)
		}
		if len(r.all) != lines || lines > 0 && (r.all[0].Reason != verdict.ResponseLimit || r.all[0].Level != "WARN") {
			t.Errorf("%s: records %+v, want %d", limit, r.all, lines)
		}
	}
}

// TestWhichRepliesStream: what is no stream by any sign is held back.
func TestWhichRepliesStream(t *testing.T) {
	t.Parallel()
	mode := "Lambda-Runtime-Function-Response-Mode"
	for name, row := range map[string]struct {
		header http.Header
		length int64
		stream bool
	}{
		"Node, buffered":            {http.Header{"Content-Type": {"application/json"}}, 10, false},
		"Node, streaming":           {http.Header{"Content-Type": {"application/octet-stream"}, mode: {"streaming"}}, -1, true},
		"Go, a result":              {http.Header{"Content-Type": {"application/json"}}, -1, false},
		"Go, a reader":              {http.Header{"Content-Type": {"application/octet-stream"}}, -1, true},
		"Go, a streamed HTTP reply": {http.Header{"Content-Type": {"application/vnd.awslambda.http-integration-response"}}, -1, true},
		"bash":                      {http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, 10, false},
		"JSON with a charset":       {http.Header{"Content-Type": {"application/json; charset=utf-8"}}, -1, false},
		"longer than is buffered":   {http.Header{"Content-Type": {"application/json"}}, 7 << 20, true},
	} {
		g, _, _ := replying(verdict.Block, true)
		f := inspect(t, g, request).Response(proxy.ReplyHead{Header: row.header, Length: row.length})
		if stream := f.Hold == 0; stream != row.stream {
			t.Errorf("%s: streams %t, want %t", name, stream, row.stream)
		}
	}
}

// TestBenignRepliesAreUntouched: whatever a reply is and however it is framed, what
// is clean passes byte for byte.
func TestBenignRepliesAreUntouched(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test's dice
	letters := []byte("abc\x00{}[]\",:\\u0041 \n\xff")
	for range 2000 {
		g, _, r := replying(verdict.Block, true)
		var body bytes.Buffer
		if random.IntN(2) == 0 {
			body.WriteString(`{"statusCode":200,"body":"`)
		}
		for range random.IntN(200) {
			body.WriteByte(letters[random.IntN(len(letters))])
		}
		var pieces []string
		for rest := body.String(); rest != ""; {
			n := 1 + random.IntN(len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		head := proxy.ReplyHead{Failed: random.IntN(8) == 0, Length: int64(body.Len()), Header: http.Header{}}
		if random.IntN(2) == 0 {
			head.Length = -1
		}
		kinds := []string{"application/json", "text/html", "", "application/vnd.awslambda.http-integration-response"}
		head.Header.Set("Content-Type", kinds[random.IntN(len(kinds))])
		out := inspect(t, g, []string{request, direct}[random.IntN(2)])
		if got := answered(out, head, pieces...); got != body.String() || len(r.all) > 0 {
			t.Fatalf("%q as %+v became %q, records %+v", body.String(), head, got, r.all)
		}
	}
}

// What a stream that fails midway says of its error is in its trailers.
func TestResponseTrailers(t *testing.T) {
	t.Parallel()
	encoded := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	body := func(values ...string) http.Header { return http.Header{"Lambda-Runtime-Function-Error-Body": values} }
	for name, row := range map[string]struct {
		trailer http.Header
		err     error
		cut     bool
		lines   int
	}{
		"nothing":               {nil, nil, false, 0},
		"an error":              {body(encoded(`{"errorMessage":"no"}`)), nil, false, 0},
		"a leak":                {body(encoded(`{"errorMessage":"leak"}`)), nil, true, 1},
		"a leak in the type":    {http.Header{"Lambda-Runtime-Function-Error-Type": {"leak"}}, nil, true, 1},
		"a leak as it is":       {body("{leak}"), nil, true, 1},
		"a leak in the second":  {body("", encoded("leak")), nil, true, 1},
		"another trailer":       {http.Header{"Leak": {"leak"}}, nil, false, 0},
		"a fault":               {body(encoded("panics")), nil, false, 1},
		"a leak that broke off": {body(encoded("leak")), errors.New("broke off"), false, 0},
	} {
		g, f, r := replying(verdict.Block, true)
		out := g.Inspect(t.Context(), &proxy.Invocation{ID: "r", Body: []byte(direct)})
		filter := out.Response(proxy.ReplyHead{Length: -1, Header: http.Header{"Content-Type": {"application/octet-stream"}}})
		if cut := filter.Piece([]byte("fine")); cut != nil {
			t.Fatalf("%s: the piece is cut", name)
		}
		cut := filter.End(row.trailer, row.err)
		if (cut != nil) != row.cut || len(r.all) != row.lines {
			t.Errorf("%s: cut %+v, %d lines; want cut %v, %d lines", name, cut, len(r.all), row.cut, row.lines)
		}
		if cut != nil && (cut.ErrorType == "" || bytes.Contains(cut.ErrorBody, []byte("leak"))) {
			t.Errorf("%s: the reply ends in %q %s", name, cut.ErrorType, cut.ErrorBody)
		}
		if last := f.heads[len(f.heads)-1]; row.lines > 0 && !last.Failed {
			t.Errorf("%s: the error is looked at as %+v, want as an error", name, last)
		}
	}
}
