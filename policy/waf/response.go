package waf

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy/leak"
	"github.com/merlon-security/merlon/policy/screen"
)

// Responses say what is looked for in the function's responses.
type Responses struct {
	// On makes the engine ready for responses. Off, they cost nothing.
	On bool
	// Bytes of a body that are looked at; 0 for all.
	Bytes int
	// Environ is the environment whose secrets must not go out, as os.Environ
	// gives it.
	Environ []string
}

// ResponseHead is what is known of a response before its body.
type ResponseHead struct {
	Status int // 0 if the response is not to an HTTP request
	Header []event.Header
	Failed bool // it is the body of POST …/error
	// Stream tells that pieces go out as they are written. Each is looked at at
	// once then, not only when a window is full.
	Stream bool
}

// A body is looked at in windows that begin at the same places however it is
// cut into pieces. They overlap: what is no longer than the overlap is in one
// of them as a whole. Longer matches, of rules with an unbounded gap between
// two words, are found if a window holds them.
const (
	responseWindow  = 64 << 10
	responseOverlap = 4 << 10
)

// mostUnpacked bounds what is looked at of a compressed body.
const mostUnpacked = 64 << 20

// ResponseInspection looks at one response, piece by piece. It is not for
// concurrent use.
type ResponseInspection struct {
	ctx     context.Context //nolint:containedctx // lives as long as one response
	pages   *Engine         // nil if no rules apply
	errors  *Engine         // nil unless it can be an error reply
	leaks   *leak.Set       // nil if the body cannot be read
	unpack  *unpacker       // nil if the body comes as it is
	head    ResponseHead
	headers []screen.Header
	most    int // bytes that are looked at

	buf     []byte // the window at hand, behind the byte before it if there is one
	before  int    // bytes of buf before the window: 0 or 1
	first   []byte // how the body begins
	written int
	known   map[int]bool // rules that have been found
	leaked  []leak.Match // and secrets
	score   int
	limits  []string
}

// InspectResponse begins to look at a response to ev. It returns nil if
// responses are not looked at.
func (e *Engine) InspectResponse(ctx context.Context, ev *event.Event, head ResponseHead) *ResponseInspection {
	if !e.opts.Responses.On {
		return nil
	}
	r := &ResponseInspection{ctx: ctx, head: head, most: e.opts.Responses.Bytes, leaks: e.leaks}
	if ev.HTTP != nil && !head.Failed && readable(head.Header) {
		r.pages, r.errors = e.pages, e.errors
		for _, h := range head.Header {
			if !strings.EqualFold(h.Name, "content-encoding") { // the rules see the body decoded
				r.headers = append(r.headers, screen.Header(h))
			}
		}
		if r.head.Status == 0 {
			r.head.Status = 200 // which is what the front end makes of a response without
		}
	}
	if coding, ok := header(head.Header, "content-encoding"); ok {
		if r.unpack = newUnpacker(coding); r.unpack == nil {
			r.limit("response-encoding")
			r.pages, r.leaks = nil, nil
		} else if r.most == 0 {
			r.most = mostUnpacked
		}
	}
	return r
}

// readable reports whether a response is text to whoever gets it. One without a
// type is: front ends take it for JSON.
func readable(headers []event.Header) bool {
	value, ok := header(headers, "content-type")
	if !ok {
		return true
	}
	value, _, _ = strings.Cut(strings.ToLower(value), ";")
	kind, sub, _ := strings.Cut(strings.TrimSpace(value), "/")
	switch kind {
	case "text", "":
		return true
	case "application":
		return slices.ContainsFunc([]string{"json", "xml", "javascript", "ecmascript", "yaml", "graphql", "x-www-form-urlencoded"},
			func(s string) bool { return strings.Contains(sub, s) }) && !strings.Contains(sub, "openxml")
	}
	return strings.HasSuffix(sub, "+xml") || strings.HasSuffix(sub, "+json")
}

func header(headers []event.Header, name string) (string, bool) {
	for _, h := range headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value, true
		}
	}
	return "", false
}

func (r *ResponseInspection) limit(name string) {
	if !slices.Contains(r.limits, name) {
		r.limits = append(r.limits, name)
	}
}

// Limits names what kept parts of the response from being looked at.
func (r *ResponseInspection) Limits() []string { return r.limits }

// Write looks at the next piece of the body, and returns what it is the first to
// show. The error is our own fault.
func (r *ResponseInspection) Write(p []byte) (found []verdict.Finding, err error) {
	if len(p) == 0 || r.leaks == nil || r.done() {
		return nil, nil
	}
	if r.unpack == nil {
		err = r.look(p, &found)
		return found, err
	}
	err = r.unpack.write(p, func(text []byte) error { return r.lookOn(text, &found) })
	return found, err
}

// lookOn looks at what has been unpacked, and has it end there when that is enough.
func (r *ResponseInspection) lookOn(text []byte, found *[]verdict.Finding) error {
	if r.done() {
		r.unpack.stop()
		return nil
	}
	return r.look(text, found)
}

// done reports whether all has been looked at that is to be, and something
// follows.
func (r *ResponseInspection) done() bool {
	if r.most == 0 || r.written < r.most {
		return false
	}
	r.limit("response-bytes")
	return true
}

// look looks at what a piece decodes to.
func (r *ResponseInspection) look(p []byte, found *[]verdict.Finding) (err error) {
	if p = r.allowed(p); len(p) == 0 {
		return nil
	}
	if room := mostFirst - len(r.first); room > 0 {
		r.first = append(r.first, p[:min(room, len(p))]...)
	}
	fresh := 0 // bytes that no scan has seen
	for len(p) > 0 {
		// One byte more than the window: what it is decides whether a word ends.
		n := min(len(p), r.before+responseWindow+1-len(r.buf))
		r.buf, p = append(r.buf, p[:n]...), p[n:]
		if fresh += n; len(r.buf) == r.before+responseWindow+1 {
			if err := r.scan(r.before, len(r.buf)-1, false, found); err != nil {
				return err
			}
			r.advance()
			fresh = 1
		}
	}
	if r.head.Stream {
		from := max(r.before, len(r.buf)-fresh-responseOverlap)
		err = r.scan(from, len(r.buf), false, found)
	}
	return err
}

// allowed cuts off what is beyond the bytes that are looked at.
func (r *ResponseInspection) allowed(p []byte) []byte {
	if r.most > 0 && len(p) > r.most-r.written {
		r.limit("response-bytes")
		p = p[:r.most-r.written]
	}
	r.written += len(p)
	return p
}

// advance moves on to the next window.
func (r *ResponseInspection) advance() {
	keep := r.buf[r.before+responseWindow-responseOverlap-1:]
	r.buf = r.buf[:copy(r.buf, keep)]
	r.before = 1
}

// Close looks at what is left, and returns the score of all that was found. The
// findings are those that Write has not returned. It has to be called, or the
// memory of a decoder stays.
func (r *ResponseInspection) Close() (found []verdict.Finding, score int, err error) {
	if r.unpack != nil && r.leaks != nil {
		err = r.unpack.close(func(text []byte) error { return r.lookOn(text, &found) })
		if r.unpack.fault != nil {
			r.limit("response-encoding") // of a body that is broken, what came before is looked at
		}
	}
	if err == nil && r.leaks != nil && len(r.buf) > r.before {
		ended := !slices.Contains(r.limits, "response-bytes")
		err = r.scan(r.before, len(r.buf), ended, &found)
	}
	r.buf = nil
	return found, r.score, err
}

// scan puts a part of the buffer to the rules. The bytes before and after it stand
// for themselves only as far as line and word boundaries go, so that no match
// begins or ends with them: a window that begins inside a line is not the
// beginning of one. last tells that nothing follows.
func (r *ResponseInspection) scan(from, to int, last bool, found *[]verdict.Finding) error {
	if err := r.ctx.Err(); err != nil {
		r.limit("time")
		return nil
	}
	before, after := from, to
	if from > 0 {
		before--
		defer r.stand(before)()
	}
	switch {
	case last:
	case to < len(r.buf):
		after++
		defer r.stand(to)()
	default:
		r.buf, after = append(r.buf, '_'), to+1 // what follows is not known yet
		defer func() { r.buf = r.buf[:to] }()
	}
	text := r.buf[before:after]
	r.findLeaks(text, found)
	if r.pages == nil {
		return nil
	}
	engines := []*Engine{r.pages}
	if r.errors != nil && errorReply(r.head.Status, r.first) {
		engines = append(engines, r.errors)
	}
	for _, e := range engines {
		fs, err := within(r.ctx, e, false, func() ([]verdict.Finding, error) { return r.evaluate(e, text) })
		for _, f := range fs {
			r.score += f.Score
		}
		*found = append(*found, fs...)
		if outOfTime(err) {
			r.limit("time")
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stand replaces a byte of the buffer by what stands for it, and returns what
// puts it back.
func (r *ResponseInspection) stand(i int) func() {
	c := r.buf[i]
	r.buf[i] = boundary(c)
	return func() { r.buf[i] = c }
}

// boundary returns a byte that is like c at the boundaries of lines and words.
func boundary(c byte) byte {
	switch {
	case c == '\n':
		return '\n'
	case c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z':
		return '_'
	}
	return 0
}

// evaluate puts a window to the screen, and what it does not clear to Coraza. The
// screen keeps nothing of a long text, so that it need not be copied for it.
func (r *ResponseInspection) evaluate(e *Engine, text []byte) ([]verdict.Finding, error) {
	in := screen.Input{Status: strconv.Itoa(r.head.Status), ReplyHeaders: r.headers, Reply: unsafe.String(unsafe.SliceData(text), len(text))}
	var narrow [][2]int
	if e.program != nil {
		s := e.scratch.Get().(*screen.Scratch)
		defer e.scratch.Put(s)
		got := e.program.Scan(s, &in)
		got.Hits = slices.DeleteFunc(got.Hits, func(h screen.Hit) bool { return r.known[h.RuleID] })
		if len(got.Hits) == 0 && !got.Always {
			return nil, nil
		}
		narrow = e.program.Narrow(nil, &in, got)
	}
	matched, err := e.runResponse(r.head.Status, &in, narrow)
	if err != nil {
		return nil, err
	}
	var found []verdict.Finding
	for _, mr := range matched {
		if id := mr.Rule().ID(); !r.known[id] && detection(id) && severityScores[mr.Rule().Severity()] > 0 {
			if r.known == nil {
				r.known = map[int]bool{}
			}
			r.known[id] = true
			found = append(found, e.responseFinding(mr, in.Reply))
		}
	}
	return found, nil
}
