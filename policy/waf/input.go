package waf

import (
	"iter"

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
	slowChunk   = 8 << 10 // from here on one takes long enough to be given up on
)

// chunk is what one transaction inspects: the head of the HTTP request with the
// first leaves, or leaves alone. No chunk holds leaves of two records.
type chunk struct {
	in      screen.Input
	args    []int32 // for each argument, the index of its leaf
	headers []int32 // for each header, the index of its leaf
	record  int32
	size    int // bytes of names and values
}

func (c *chunk) scoreIndex() int { return int(max(0, c.record)) }

// chunks maps an event to transactions, one at a time: an event of a hundred
// thousand leaves need not be held twice.
func chunks(ev *event.Event) iter.Seq[*chunk] {
	return func(yield func(*chunk) bool) {
		c := &chunk{record: -1}
		if ev.HTTP != nil {
			c.head(ev)
		}
		for i := range ev.Leaves {
			l := &ev.Leaves[i]
			if !asArgument(l) {
				continue
			}
			full := len(c.args) >= chunkLeaves || c.size+len(l.Value)+len(l.Name) > chunkBytes && len(c.args) > 0
			if full || l.Record != c.record && (len(c.args) > 0 || c.in.HasHead) {
				if !yield(c) {
					return
				}
				c = &chunk{record: l.Record}
			}
			c.record = l.Record
			c.add(l, int32(i))
		}
		if len(c.args) > 0 || c.in.HasHead {
			yield(c)
		}
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

func (c *chunk) head(ev *event.Event) {
	c.in.HasHead = true
	c.in.Method, c.in.URI, c.in.Protocol = ev.HTTP.Method, ev.HTTP.Target, ev.HTTP.Protocol
	c.in.RemoteAddr = ev.Caller.IP
	c.size += len(c.in.URI)
	for i := range ev.Leaves {
		if l := &ev.Leaves[i]; l.Place == verdict.PlaceHeader {
			c.in.Headers = append(c.in.Headers, screen.Header{Name: l.Name, Value: l.Value})
			c.headers = append(c.headers, int32(i))
			c.size += len(l.Name) + len(l.Value)
		}
	}
}

func (c *chunk) add(l *event.Leaf, i int32) {
	origin := screen.Post
	if l.Place == verdict.PlaceQuery {
		origin = screen.Query
	}
	c.in.Args = append(c.in.Args, screen.Arg{Name: l.Name, Value: l.Value, Origin: origin})
	c.args = append(c.args, i)
	c.size += len(l.Value) + len(l.Name)
}
