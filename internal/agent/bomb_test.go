package agent

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/answer"
	"github.com/merlon-security/merlon/internal/config"
	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
	"github.com/merlon-security/merlon/proxy"
)

// A stack that overflows ends the process, whatever recovers. Events and replies
// that nest as deep as their size allows must stay far from it: the limit is a small
// part of Go's here, and breaking it ends the test.
func TestBytesThatNestKeepTheStackSmall(t *testing.T) {
	defer debug.SetMaxStack(debug.SetMaxStack(4 << 20))
	cfg := config.Default()
	cfg.Responses = config.ResponsesBlock
	p := policy.Default()
	p.Mode = verdict.Monitor // so that each has a reply
	w, err := NewEngine(cfg, p, true)
	if err != nil {
		t.Fatal(err)
	}
	g := NewGuard(cfg, p, &engine{waf: w}, silent{})
	const size = 60_000
	for _, nest := range [][3]string{
		{"[", "1", "]"}, {`{"a":`, "1", "}"}, {"[", "", ""}, {"<a>", "x", "</a>"}, {"<a ", "", ""}, {"query{", "", "}"}, {"{a(b:", "1", ")}"},
		{"(", "", ")"}, {"/*", "", "*/"}, {"$(", "x", ")"}, {"%25", "", ""}, {"&amp;", "", ""}, {"<!--", "", "-->"}, {"a[", "", "]"}, {"'", "", "'"},
	} {
		n := size / (len(nest[0]) + len(nest[2]))
		deep := strings.Repeat(nest[0], n) + nest[1] + strings.Repeat(nest[2], n)
		for _, body := range []string{
			deep, fmt.Sprintf("[%q]", deep),
			fmt.Sprintf(`{"version":"2.0","requestContext":{"http":{"method":"POST","path":"/"}},"headers":{"content-type":"application/json","cookie":%q},"rawQueryString":%[1]q,"body":%[1]q}`, deep),
		} {
			inv := &proxy.Invocation{ID: "r", Body: []byte(body), Deadline: time.Now().Add(time.Minute)}
			out := g.Inspect(t.Context(), inv)
			_ = answer.Read(event.Decode(inv.Body, http.Header{}, event.DefaultLimits()), []byte(body), 0)
			if out.Response == nil {
				t.Fatalf("nobody looks at the reply to %.40q", body)
			}
			for _, h := range []proxy.ReplyHead{
				{Header: http.Header{"Content-Type": {"application/json"}}, Length: int64(len(deep))},
				{Header: http.Header{"Content-Type": {"application/vnd.awslambda.http-integration-response"}}, Length: -1},
				{Failed: true, Header: http.Header{}, Length: int64(len(deep))},
			} {
				replyWith(out.Response(h), []byte(body))
			}
		}
	}
}

// replyWith gives a filter a reply in the way it wants it.
func replyWith(f *proxy.ReplyFilter, body []byte) {
	switch {
	case f == nil:
	case f.Whole != nil:
		f.Whole(body)
	default:
		if f.Piece(body) == nil {
			f.End(nil, nil)
		}
	}
}
