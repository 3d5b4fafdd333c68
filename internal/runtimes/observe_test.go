package runtimes_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/merlon-security/merlon/internal/emulator"
)

// sight is everything that could be seen of a case from outside, without what
// differs from one run to the next by its nature.
type sight struct {
	callers []caller
	calls   []string // of the runtime, as they arrived at the service
	stdout  []string
	stderr  []string
	// platform are the service's own lines: starts, ends, exit statuses.
	platform []string
	starts   int // of the runtime
}

// observe runs a case to its end.
func (c *client) observe(t *testing.T, pc parityCase, behind bool) sight {
	t.Helper()
	for range attempts {
		s, e := c.observeOnce(t, pc, behind)
		if !behind || !e.unattached() {
			return s
		}
	}
	t.Fatal("the function never ran behind Merlon throughout")
	return sight{}
}

func (c *client) observeOnce(t *testing.T, pc parityCase, behind bool) (sight, *environment) {
	t.Helper()
	e := start(t, c.options(t, pc, behind))
	var s sight
	for _, step := range pc.steps {
		got := e.take(t, step)
		got.detail = normal(got.detail)
		if pc.torn {
			got = torn(got)
		}
		s.callers = append(s.callers, got)
	}
	if err := e.Idle(t.Context()); err != nil { // it has printed and asked all it will
		t.Fatal(err)
	}
	e.close(t)
	e.mu.Lock()
	defer e.mu.Unlock()
	s.read(e.lines)
	s.calls = runtimeCalls(e.calls, pc)
	if pc.torn {
		return sight{callers: s.callers, calls: replies(s.calls)}, e
	}
	return s, e
}

// torn leaves of a caller's result what does not hang on who was first.
func torn(c caller) caller {
	switch c.status {
	case "failure Runtime.ExitError", "failure Runtime.TruncatedResponse", "error Runtime.Unknown":
		return caller{status: "failed in mid-stream"}
	}
	return caller{status: c.status}
}

// replies names those that were tried, each once.
func replies(calls []string) (out []string) {
	for _, c := range calls {
		call, _, _ := strings.Cut(c, " -> ")
		if method, _, _ := strings.Cut(call, " "); method == http.MethodPost {
			out = append(out, call+" -> 202")
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (s *sight) read(lines []emulator.Line) {
	for _, l := range lines {
		text := normal(l.Text)
		switch {
		case l.Source == emulator.SourceExtension, strings.Contains(text, "EXTENSION\tName: merlon"), strings.Contains(text, "EXTENSION\tName: bystander"):
		case l.Source == emulator.SourcePlatform:
			s.platform = append(s.platform, text)
		case l.Stderr:
			s.stderr = append(s.stderr, text)
		default:
			if strings.HasPrefix(text, "start") || strings.HasSuffix(text, "INFO\tstart") {
				s.starts++
			}
			s.stdout = append(s.stdout, text)
		}
	}
}

// ownExtensions are the layers of the two sides. What they ask of the service
// is no part of a comparison; what an extension inside the runtime asks is.
var ownExtensions = []string{"merlon", "bystander"}

// runtimeCalls words the calls of the runtime, all their headers with them.
func runtimeCalls(calls []emulator.Call, pc parityCase) (out []string) {
	own := map[string]bool{}
	const identifier = "Lambda-Extension-Identifier"
	for _, c := range calls {
		if slices.Contains(ownExtensions, c.Header.Get("Lambda-Extension-Name")) {
			own[c.Answer.Get(identifier)] = true
		}
	}
	// The polls that the environment's end finds waiting end in any order.
	slices.SortStableFunc(calls, func(a, b emulator.Call) int {
		if a.Status != 0 || b.Status != 0 {
			return cmp.Compare(min(b.Status, 1), min(a.Status, 1))
		}
		return strings.Compare(a.Path, b.Path)
	})
	for _, c := range calls {
		if id := c.Header.Get(identifier); slices.Contains(ownExtensions, c.Header.Get("Lambda-Extension-Name")) || own[id] {
			continue
		}
		short := c.Method + " " + c.Path
		if pc.restless && strings.HasSuffix(c.Path, "/invocation/next") {
			continue
		}
		h := c.Header.Clone()
		for _, name := range hopByHop {
			h.Del(name)
		}
		body := fmt.Sprintf("%d bytes %.12x", c.Size, c.Sum)
		switch {
		case c.Broken:
			body = "a part"
		case c.Size == int64(len(c.Begin)): // ids may stand in it
			body = fmt.Sprintf("%q", c.Begin)
		}
		out = append(out, normal(fmt.Sprintf("%s -> %d; %v; length %v, %s; trailer %v", short, c.Status, h, c.Length, body, c.Trailer)))
	}
	return out
}

// hopByHop describe one connection (RFC 9110, 7.6.1) and not the request.
var hopByHop = []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te"}

// varying is what no two runs share.
var varying = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "<id>"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "<time>"},
	{regexp.MustCompile(`\d{4}/\d\d/\d\d[ /](\[\$LATEST\][0-9a-f]{32}|\d\d:\d\d:\d\d)`), "<time>"},
	{regexp.MustCompile(`\b1[789]\d{11}\b`), "<ms>"},
	{regexp.MustCompile(`1-[0-9a-f]{8}-[0-9a-f]{24}(;Parent=[0-9a-f]{16})?`), "<trace>"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "<address>"},
	{regexp.MustCompile(`127\.0\.0\.1 port \d+`), "<address>"},
	{regexp.MustCompile(`0x[0-9a-f]+`), "<pointer>"},
	{regexp.MustCompile(`goroutine \d+`), "goroutine"},
	{regexp.MustCompile(`\d+\.\d+ ms|Billed Duration: \d+ ms`), "<duration>"},
	{regexp.MustCompile(`[0-9a-z]{32}\.lambda-url`), "<id>.lambda-url"},
	{regexp.MustCompile(`/tmp/[A-Za-z0-9._/-]*`), "<file>"},
	{regexp.MustCompile(`after \d+ ms`), "after a while"},
}

func normal(text string) string {
	for _, v := range varying {
		text = v.pattern.ReplaceAllString(text, v.name)
	}
	return text
}

// digest shows short texts and identifies long ones.
func digest(b []byte) string {
	if len(b) < 4<<10 && utf8.Valid(b) {
		return string(b)
	}
	if len(b) < 4<<10 {
		return fmt.Sprintf("%q", b)
	}
	return fmt.Sprintf("%d bytes %.12x", len(b), sha256.Sum256(b))
}

// differences lists what the two sides do not share.
func differences(direct, behind sight) (out []string) {
	compare := func(what string, d, b []string) {
		for i := range max(len(d), len(b)) {
			if x, y := at(d, i), at(b, i); x != y {
				out = append(out, fmt.Sprintf("%s %d:\n direct %.1500s\n behind %.1500s", what, i+1, x, y))
			}
		}
	}
	compare("caller", details(direct.callers), details(behind.callers))
	compare("caller's status", statuses(direct.callers), statuses(behind.callers))
	compare("call", direct.calls, behind.calls)
	compare("standard output", direct.stdout, behind.stdout)
	compare("standard error", direct.stderr, behind.stderr)
	compare("platform", direct.platform, behind.platform)
	return out
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "nothing"
}

func details(callers []caller) (out []string) {
	for _, c := range callers {
		out = append(out, c.detail)
	}
	return out
}

func statuses(callers []caller) (out []string) {
	for _, c := range callers {
		out = append(out, c.status)
	}
	return out
}

// summary is a cell of the table: what callers got, how often the runtime was
// started, and what it asked of the service.
func (s sight) summary() string {
	var verbs []string
	for _, c := range s.calls {
		method, rest, _ := strings.Cut(c, " ")
		path, status, _ := strings.Cut(rest, " ")
		status, _, _ = strings.Cut(strings.TrimPrefix(status, "-> "), ";")
		verb := path[strings.LastIndex(path, "/")+1:]
		if strings.HasSuffix(path, "init/error") {
			verb = "init/error"
		}
		if method == http.MethodDelete {
			verb = "DELETE " + verb
		}
		switch {
		case status == "0":
			verb += " ended"
		case (status != "200" || verb != "next") && status != "202":
			verb += " " + status
		}
		if n := len(verbs) - 1; n >= 0 && !strings.HasPrefix(verb, "next") && strings.HasPrefix(verbs[n], "next") {
			verbs[n] += " " + verb
		} else {
			verbs = append(verbs, verb)
		}
	}
	starts := ""
	if s.starts > 0 {
		starts = plural(s.starts, "start") + ". "
	}
	return strings.TrimSuffix(fmt.Sprintf("%s. %s%s", runs(statuses(s.callers)), starts, runs(verbs)), ". ")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// runs joins words and counts those that repeat in a row.
func runs(words []string) string {
	var b bytes.Buffer
	for i := 0; i < len(words); {
		n := i
		for n < len(words) && words[n] == words[i] {
			n++
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(words[i])
		if n-i > 1 {
			fmt.Fprintf(&b, " ×%d", n-i)
		}
		i = n
	}
	return b.String()
}
