package proxy_test

import (
	"strings"
	"testing"

	"github.com/merlon-security/merlon/proxy"
)

func TestReplies(t *testing.T) {
	long := strings.Repeat("r", 6<<20+101)
	for name, s := range map[string]script{
		"a reply is completed":         replies("complete", "ok", "ok and more"),
		"a reply stays as it is":       replies("complete nothing", "ok", "ok"),
		"an empty reply is completed":  replies("complete", "", " and more"),
		"an empty reply stays empty":   replies("complete nothing", "", ""),
		"the largest reply":            replies("complete", long[1:], long[1:]+" and more"),
		"a reply longer than accepted": replies("complete", long, long, reports(proxy.NotHeld, "1")),
		"a reply is replaced":          replies("replace", "ok", "withheld", reports(proxy.ReplyReplaced, "1")),
		"a reply becomes an error": {
			polls("a"), pollArrives(), event("1", "replace by error"), gets("a", 200, "replace by error"), answers("a", "1", "ok"),
			reports(proxy.ReplyReplaced, "1"), answerArrives("1", "error", "withheld"), accepts(), gets("a", 202, `{"status":"OK"}`),
		},
		"the service refuses what replaces a reply": {
			polls("a"), pollArrives(), event("1", "replace"), gets("a", 200, "replace"), answers("a", "1", "ok"),
			reports(proxy.ReplyReplaced, "1"), answerArrives("1", "response", "withheld"), says(400, "no"), gets("a", 400, "no"),
		},
		"a second reply is looked at, too": {
			polls("a"), pollArrives(), event("1", "replace"), gets("a", 200, "replace"),
			answers("a", "1", "ok"), reports(proxy.ReplyReplaced, "1"), answerArrives("1", "response", "withheld"),
			answers("b", "1", "leak"), reports(proxy.UnknownAnswer, "1"), reports(proxy.ReplyReplaced, "1"), answerArrives("1", "response", "withheld"),
			accepts(), gets("a", 202, `{"status":"OK"}`), says(403, ""), gets("b", 403, ""),
		},
		"a panic in a piece":       replies("guard", "panic, then cut", "panic, then cut", reports(proxy.InspectorPanic, "1")),
		"a cut is told of":         replies("guard", "cut", "withheld", reports(proxy.ReplyCut, "1"), reports(proxy.ReplyReplaced, "1")),
		"a panic while completing": replies("complete and panic", "ok", "ok", reports(proxy.InspectorPanic, "1")),
		"a reply is heard of": {
			polls("a"), pollArrives(), event("1", "listen"), gets("a", 200, "listen"),
			sends("a", "POST", runtimeAPI+"invocation/1/response", "ok", "X-Said", "streaming"), hears("streaming false 2"),
			answerArrives("1", "response", "ok"), accepts(), gets("a", 202, `{"status":"OK"}`),
		},
		"an error is heard of": {
			polls("a"), pollArrives(), event("1", "listen"), gets("a", 200, "listen"),
			sends("a", "POST", runtimeAPI+"invocation/1/error", "{}", "X-Said", "streaming"), hears("streaming true 2"),
			answerArrives("1", "error", "{}"), accepts(), gets("a", 202, `{"status":"OK"}`),
		},
		"a panic while hearing": {
			polls("a"), pollArrives(), event("1", "listen and panic"), gets("a", 200, "listen and panic"), answers("a", "1", "ok"),
			reports(proxy.InspectorPanic, "1"), answerArrives("1", "response", "ok"), accepts(), gets("a", 202, `{"status":"OK"}`),
		},
		"an error is not completed": {
			polls("a"), pollArrives(), event("1", "complete"), gets("a", 200, "complete"),
			sends("a", "POST", runtimeAPI+"invocation/1/error", "{}"), answerArrives("1", "error", "{}"), accepts(),
			gets("a", 202, `{"status":"OK"}`),
		},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); s.play(t, proxy.Options{}) })
	}
}

// replies delivers an event and has its reply arrive upstream as wanted.
func replies(toEvent, sent, want string, between ...step) script {
	s := script{polls("a"), pollArrives(), event("1", toEvent), gets("a", 200, toEvent), answers("a", "1", sent)}
	s = append(s, between...)
	return append(s, answerArrives("1", "response", want), accepts(), gets("a", 202, `{"status":"OK"}`))
}

// TestStreamedReplies completes what comes in chunks: only a success, and only
// when it is whole.
func TestStreamedReplies(t *testing.T) {
	const trailer = "Lambda-Runtime-Function-Error-Type"
	for name, row := range map[string]struct {
		header, body string
		want         string // framed, as the service reads it; empty: it breaks off
	}{
		"whole":          {"", "2\r\nok\r\n0\r\n\r\n", "b\r\nok and more\r\n0\r\n\r\n"},
		"ends in error":  {"Trailer: " + trailer + "\r\n", "2\r\nok\r\n0\r\n" + trailer + ": F.X\r\n\r\n", "2\r\nok\r\n0\r\n" + trailer + ": F.X\r\n\r\n"},
		"hides an error": {"", "2\r\nok\r\n0\r\n" + trailer + ": F.X\r\n\r\n", "2\r\nok\r\n0\r\n" + trailer + ": F.X\r\n\r\n"},
		"breaks off":     {"", "2\r\nok\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runtime, open := delivered(t, "complete", nil)
			runtime.send("%s\r\n%s", "Transfer-Encoding: chunked\r\n"+row.header, row.body)
			if row.want == "" {
				_ = runtime.conn.Close()
			}
			service := open()
			if row.want == "" {
				service.expect("2\r\nok\r\n")
				service.expectEnd()
				return
			}
			service.expect(row.want)
		})
	}
}
