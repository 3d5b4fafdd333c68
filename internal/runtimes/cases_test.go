package runtimes_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

const (
	sixMiB = 6 << 20
	fine   = `{"a":1}` // what an environment is asked after a fault
)

var (
	sixIn   = `"` + strings.Repeat("x", sixMiB-2) + `"`
	twoIn   = `"` + strings.Repeat("y", 2<<20) + `"`
	sixOut  = fmt.Sprintf(`{"do":"big","size":%d}`, sixMiB)
	tooLong = fmt.Sprintf(`{"do":"big","size":%d}`, sixMiB+200)
	twenty  = fmt.Sprintf(`{"do":"big","size":%d}`, 20<<20)
)

func do(what string) string { return fmt.Sprintf(`{"do":%q}`, what) }

// doMidway is done when the caller has the first bytes of the answer.
func doMidway(what string) string { return fmt.Sprintf(`{"do":%q,"seen":%q}`, what, seenFile) }

// allClients holds every case; the Go function's command is the test's own.
func allClients() []*client {
	return []*client{
		{name: "go", title: "aws-lambda-go 1.55.1", cases: goCases()},
		{
			name: "node", title: "aws-lambda-ric 3.3.0 on Node 20", runtime: "nodejs20.x", dir: "node", cases: nodeCases(),
			command: func(function string) []string {
				// As the bootstrap script of the managed runtime does.
				return []string{"node", "--expose-gc", "--max-http-header-size", "81920", filepath.Join(*nodeRIC, "bin", "index.mjs"), function}
			},
		},
		{
			name: "bash", title: "bash and curl", dir: "bash", cases: bashCases(),
			command: func(string) []string { return []string{"./bootstrap"} },
		},
		{
			name: "python", title: "a loop around Python's http.client (a stand-in, not AWS's client)", dir: "python", cases: pythonCases(),
			command: func(string) []string { return []string{"python3", "runtime.py"} },
		},
	}
}

func goCases() []parityCase {
	return []parityCase{
		{name: "echo", steps: ask(fine, `[1,2]`, `null`, `"text"`, `{"é":"ü"}`, `17`)},
		{name: "what the handler is told", steps: []step{{payload: do("context"), context: `{"client":{"app_title":"shop"},"custom":{"k":"v"}}`}}},
		{name: "handler error and after", steps: ask(do("error"), fine)},
		{name: "typed handler and its error", function: "typed", steps: ask(do("work"), do("error"), `[]`, fine)},
		{name: "panic and after", steps: ask(do("panic"), fine)},
		{name: "nil pointer and after", steps: ask(do("nil"), fine)},
		{name: "exit 1 and after", steps: ask(do("exit 1"), fine)},
		{name: "exit 0 and after", steps: ask(do("exit 0"), fine)},
		{name: "exit before the first poll", function: "init-error", steps: ask(fine)},
		{name: "panic before the first poll", function: "init-panic", steps: ask(fine)},
		{name: "timeout and recovery", timeout: 5 * time.Second, steps: ask(do("hang"), fine)},
		{name: "6 MiB in and out", steps: ask(sixIn, sixOut)},
		{name: "too large a response and after", steps: ask(tooLong, fine)},
		{name: "empty and binary responses", steps: ask(do("empty"), do("no JSON"))},
		{name: "a path that does not exist", steps: ask(do("unknown path"))},
		{name: "internal extension and SIGTERM", function: "sigterm", steps: ask(fine, do("count"))},
		{name: "stream to a buffered caller", function: "stream", steps: ask(do("all"), do("error"), do("empty"), do("fail"), do("all"))},
		{name: "stream to a streaming caller", function: "stream", steps: listen(do("all"), do("error"), do("empty"), do("fail"), do("all"))},
		{name: "stream of 20 MB", function: "stream", steps: listen(twenty)},
		{name: "exit in mid-stream", function: "stream", torn: true, steps: listen(doMidway("exit"))},
		{name: "function URL with prelude (lambdaurl)", function: "url", steps: append(visit("/created?a=b&c=%20d", "/missing", "/empty"), step{url: "/page", body: `{"title":"Ünï"}`})},
		{name: "exit behind the prelude", function: "url", torn: true, steps: visit("/exit?seen=" + seenFile)},
	}
}

func nodeCases() []parityCase {
	return []parityCase{
		{name: "echo", function: "index.buffered", steps: ask(fine, `[1,2]`, `null`, `"text"`, `{"é":"ü"}`, `17`)},
		{name: "what the handler is told", function: "index.buffered", steps: []step{{payload: do("context"), context: `{"client":{"app_title":"shop"},"custom":{"k":"v"}}`}}},
		{name: "errors of an async handler", function: "index.buffered", steps: ask(do("error"), do("named error"), do("not an error"), fine)},
		{name: "results that are no JSON", function: "index.buffered", steps: ask(do("undefined"), do("circular"), fine)},
		{name: "callbacks", function: "index.callback", steps: ask(fine, do("later"), do("succeed"), do("fail"), do("at once"))},
		{name: "errors of a callback", function: "index.callback", steps: ask(do("error"), do("string error"), do("throw"), fine)},
		{name: "unhandled rejection and after", function: "index.buffered", steps: ask(do("rejection"), fine)},
		{name: "uncaught exception and after", function: "index.buffered", steps: ask(do("exception"), fine)},
		{name: "exit 0 and after", function: "index.buffered", steps: ask(do("exit 0"), fine)},
		{name: "exit 1 and after", function: "index.buffered", steps: ask(do("exit 1"), fine)},
		{name: "the event loop runs dry", function: "index.buffered", steps: ask(do("never"), fine)},
		{name: "timeout and recovery", function: "index.buffered", timeout: 6 * time.Second, steps: ask(do("hang"), fine)},
		{name: "a handler that cannot be loaded", function: "broken.handler", steps: ask(fine)},
		{name: "a handler that does not exist", function: "index.nowhere", steps: ask(fine)},
		{name: "6 MiB in and out", function: "index.buffered", steps: ask(sixIn, sixOut)},
		{name: "too large a response and after", function: "index.buffered", steps: ask(tooLong, fine)},
		{name: "stream to a streaming caller", function: "index.streaming", steps: listen(do("all"), do("error"), do("empty"), do("fail"), do("all"))},
		{name: "stream to a buffered caller", function: "index.streaming", steps: ask(do("all"), do("empty"), do("fail"))},
		{name: "stream of 20 MB", function: "index.streaming", steps: listen(twenty)},
		{name: "exit in mid-stream", function: "index.streaming", torn: true, steps: listen(doMidway("exit"))},
		{name: "stream destroyed", function: "index.streaming", torn: true, steps: listen(doMidway("destroy"))},
		{name: "unhandled rejection in mid-stream", function: "index.streaming", torn: true, steps: listen(doMidway("rejection"))},
		{name: "HttpResponseStream.from", function: "index.url", steps: visit("/all", "/missing", "/empty", "/plain?x=y")},
		{name: "errors behind and before the prelude", function: "index.url", steps: visit("/fail", "/error", "/all")},
		{name: "exit behind the prelude", function: "index.url", torn: true, steps: visit("/exit?seen=" + seenFile)},
	}
}

func bashCases() []parityCase {
	return []parityCase{
		{name: "echo, and every header of the event", steps: append(ask(fine, `"text"`), step{payload: fine, context: `{"custom":{"k":"v"}}`})},
		{name: "2 MiB, with Expect: 100-continue", steps: ask(twoIn)},
		{name: "errors and their types", steps: ask(do("error"), do("odd error"), fine)},
		{name: "init/error", function: "init-error", steps: ask(fine)},
		{name: "exits and a kill", steps: ask(do("exit 1"), do("exit 0"), do("kill"), fine)},
		{name: "a second answer is refused", steps: ask(do("twice"), do("error after"), fine)},
		{name: "an unknown id is refused", steps: ask(do("unknown id"), fine)},
		{name: "a second poll gets the same event", steps: ask(do("poll again"), fine)},
		{name: "an init/error that comes late", steps: ask(do("late init error"), fine)},
		{name: "a response mode that does not exist", steps: ask(do("mode"), fine)},
		{name: "stream", steps: append(ask(do("stream")), listen(do("stream"))...)},
		{name: "empty response", steps: ask(do("empty"))},
		{name: "other paths and methods", steps: ask(do("paths"))},
		{name: "HTTP_PROXY set, NO_PROXY not", env: map[string]string{"http_proxy": "http://127.0.0.1:9"}, steps: ask(fine)},
		{name: "HTTP_PROXY and NO_PROXY set", env: map[string]string{"http_proxy": "http://127.0.0.1:9", "no_proxy": "127.0.0.1"}, steps: ask(fine)},
	}
}

func pythonCases() []parityCase {
	return []parityCase{
		{name: "echo", steps: ask(fine, `[1,2]`, `null`, `{"é":"ü"}`)},
		{name: "every header of the event", steps: []step{{payload: do("headers"), context: `{"custom":{"k":"v"}}`}}},
		{name: "error", steps: ask(do("error"), fine)},
		{name: "init/error", function: "init-error", steps: ask(fine)},
		{name: "exit and abort", steps: ask(do("exit"), do("abort"), fine)},
		{name: "a connection for each answer", steps: ask(do("close"), do("close"), fine)},
		{name: "all bytes, another content type", steps: ask(do("bytes"))},
		{name: "chunks without response mode", steps: ask(do("generator"))},
		{name: "chunks of one byte", steps: append(ask(do("single bytes")), listen(do("single bytes"))...)},
		{name: "an error in the trailer", steps: append(ask(do("trailer")), append(listen(do("trailer")), ask(fine)...)...)},
		{name: "a trailer that stays empty", steps: listen(do("empty trailer"))},
		{name: "a trailer that was not announced", steps: listen(do("undeclared trailer"))},
		{name: "an answer that breaks off and after", restless: true, steps: append(ask(do("cut"), fine), append(listen(do("cut")), ask(fine)...)...)},
		{name: "an answer of a stated length that breaks off", restless: true, steps: ask(do("cut length"), fine)},
		{name: "HTTP/1.0", steps: ask(do("old"))},
		{name: "6 MiB in and out", steps: ask(sixIn)},
	}
}
