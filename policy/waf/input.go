package waf

import (
	"strings"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy/screen"
)

// The size of a chunk. Coraza's cost is per rule and argument, so chunks cost
// nothing extra; they keep one transaction's memory small and give the time
// limit places to act.
const (
	chunkLeaves = 200
	chunkBytes  = 128 << 10
	slowChunk   = 8 << 10  // from here on Coraza takes long enough to be given up on
	slowScan    = 64 << 10 // and so does the screen
)

// chunk is what one transaction inspects: the head of the HTTP request with the
// first leaves, or leaves alone. No chunk holds leaves of two records.
type chunk struct {
	in      screen.Input
	args    []int32 // for each argument, the index of its leaf
	headers []int32 // for each header, the index of its leaf
	record  int32
	size    int  // bytes of names and values
	folded  bool // the leaves are what others fold to
}

func (c *chunk) scoreIndex() int { return int(max(0, c.record)) }

// chunker maps an event to transactions, one at a time: an event of a hundred
// thousand leaves need not be held twice.
type chunker struct {
	ev     *event.Event
	at     int  // the leaf to look at next
	headed bool // the head is in a chunk already, or there is none
	// What leaves fold to comes in chunks of its own after all others, so that
	// it is known what the rules say without it.
	folded, folds bool
}

func newChunker(ev *event.Event) *chunker { return &chunker{ev: ev, headed: ev.HTTP == nil} }

// next fills c with the next chunk, and returns false when there is none.
func (w *chunker) next(c *chunk) bool {
	c.reset()
	if !w.headed {
		c.head(w.ev)
		w.headed = true
	}
	if w.fill(c) {
		return true
	}
	if w.folded || !w.folds {
		return false
	}
	w.folded, w.at = true, 0
	return w.next(c)
}

// fill puts leaves from w.at on into c, and returns false when nothing is in it.
func (w *chunker) fill(c *chunk) bool {
	c.folded = w.folded
	for ; w.at < len(w.ev.Leaves); w.at++ {
		l := &w.ev.Leaves[w.at]
		header := l.Folded && l.Place == verdict.PlaceHeader
		if l.Folded != w.folded || !header && !asArgument(l) && !undone(w.ev, l) {
			w.folds = w.folds || l.Folded
			continue
		}
		full := len(c.args) >= chunkLeaves || c.size+len(l.Value)+len(l.Name) > chunkBytes && len(c.args) > 0
		if full || l.Record != c.record && (len(c.args) > 0 || c.in.HasHead) {
			return true
		}
		if header { // of which there are a few, and no records
			c.addHeader(l, int32(w.at))
			continue
		}
		c.record = l.Record
		c.add(l, int32(w.at))
	}
	return len(c.args) > 0 || len(c.in.Headers) > 0 || c.in.HasHead
}

// plainHead gives an input without a request the head that Coraza evaluates
// nothing without; the rules about heads are left out for it.
func plainHead(in screen.Input) screen.Input {
	in.Method, in.URI, in.Protocol = "POST", "/", "HTTP/1.1"
	return in
}

// reset empties a chunk and keeps its memory, without keeping the last event.
func (c *chunk) reset() {
	clear(c.in.Args)
	clear(c.in.Headers)
	*c = chunk{
		in:   plainHead(screen.Input{Args: c.in.Args[:0], Headers: c.in.Headers[:0]}),
		args: c.args[:0], headers: c.headers[:0], record: -1,
	}
}

// asArgument reports whether a leaf is fed as an argument. The head of the
// request brings the others in its own way.
func asArgument(l *event.Leaf) bool {
	switch l.Place {
	case verdict.PlaceHeader, verdict.PlaceCookie, verdict.PlaceMethod, verdict.PlaceTarget:
		return false
	}
	return !l.InTarget
}

// undone reports whether a cookie leaf is what a handler's library makes of the
// cookie: its text stands in no header, so that the head does not bring it.
func undone(ev *event.Event, l *event.Leaf) bool {
	if l.Place != verdict.PlaceCookie || l.Value == "" || ev.HTTP == nil {
		return false
	}
	for i := range ev.HTTP.Headers {
		if h := &ev.HTTP.Headers[i]; strings.EqualFold(h.Name, "cookie") && strings.Contains(h.Value, l.Value) {
			return false
		}
	}
	return true
}

func (c *chunk) head(ev *event.Event) {
	c.in.HasHead = true
	c.in.Method, c.in.URI, c.in.Protocol = ev.HTTP.Method, ev.HTTP.Target, ev.HTTP.Protocol
	c.in.RemoteAddr = ev.Caller.IP
	c.size += len(c.in.URI)
	for i := range ev.Leaves {
		if l := &ev.Leaves[i]; l.Place == verdict.PlaceHeader && !l.Folded {
			c.addHeader(l, int32(i))
		}
	}
}

func (c *chunk) addHeader(l *event.Leaf, i int32) {
	c.in.Headers = append(c.in.Headers, screen.Header{Name: l.Name, Value: l.Value})
	c.headers = append(c.headers, i)
	c.size += len(l.Name) + len(l.Value)
}

// reduce drops the arguments that are not in the list of those to keep, which is in order.
func (c *chunk) reduce(keep []int32) {
	for i, at := range keep {
		c.in.Args[i], c.args[i] = c.in.Args[at], c.args[at]
	}
	clear(c.in.Args[len(keep):])
	c.in.Args, c.args = c.in.Args[:len(keep)], c.args[:len(keep)]
}

func (c *chunk) add(l *event.Leaf, i int32) {
	c.in.Args = append(c.in.Args, argument(l))
	c.args = append(c.args, i)
	c.size += len(l.Value) + len(l.Name)
}

func argument(l *event.Leaf) screen.Arg {
	origin := screen.Post
	if l.Place == verdict.PlaceQuery {
		origin = screen.Query
	}
	return screen.Arg{Name: l.Name, Value: l.Value, Origin: origin}
}
