// Package event turns the bytes of a Lambda event into what an inspection
// needs: the event source, the HTTP request it carries if it carries one, and
// its leaves, which are all the texts that a handler could read, each with the
// place where it stands. Decoding is total: whatever the bytes are, the result
// accounts for all of them, as leaves or as skipped bytes with a named limit.
//
// Classification only ever adds views. Anyone who may invoke a function can
// imitate any event source, so an event that looks like an HTTP request is
// still walked as a plain document, and nothing is exempt because of the shape
// it came in.
package event

import (
	"slices"
	"strings"
	"time"

	"github.com/merlon-security/merlon/internal/verdict"
)

// Event is a decoded event. It holds one copy of the event's bytes and
// substrings of it; the bytes given to Decode may be reused.
type Event struct {
	Source Source
	// Mixed is set if the event carries the marks of several sources. No service
	// sends such an event: somebody invoked the function with it.
	Mixed   bool
	JSON    bool // the event as a whole was a JSON document
	HTTP    *HTTP
	Leaves  []Leaf
	Records int      // records of a batch event; 0 if it has none
	Spans   []Record // the records, if the source is one whose records can be removed; then of length Records
	Limits  []string // names of the limits reached while decoding, see Limits
	Skipped int      // bytes that a limit kept out of the leaves
	Binary  int      // bytes of binary content between runs of text; a handler that reads them reads no text

	Caller Caller
	docs   []document
}

// HTTP is the request that an HTTP event describes. Header, cookie, query and
// body values are leaves of the event; this holds what is not a leaf.
type HTTP struct {
	Method    string
	Target    string // path and query as a request line would carry them
	Rest      string // of the query, the parameters that Target leaves out
	Protocol  string // "HTTP/1.1" where the event does not say
	Route     string // route key or resource template; empty if the event has none
	Path      string // see CanonicalPath; the caller's text
	RequestID string // the front end's request id
	// MultiValue is set when an ALB or REST API event carries multi-value
	// headers; an ALB wants the reply in the same form.
	MultiValue bool
	// Headers are all headers in order, Content-Encoding included.
	Headers []Header
	// Body is the request body as the client sent it, with only the front end's
	// base64 undone. Its contents are leaves as well.
	Body string
	// HasBody is set if the event has a body of any type, not only a string.
	HasBody bool
}

// Header is one header field.
type Header struct{ Name, Value string }

// Caller is who made the request, as the front end reports it.
type Caller struct {
	IP            string // the address the front end saw
	IPClaimed     string // first X-Forwarded-For entry: the client's word
	PrincipalType string
	PrincipalID   string
	SourceARN     string
}

// Leaf is one text of the event.
type Leaf struct {
	// Name is the leaf's own key, not its dotted path: names such as
	// user.profile match path-traversal rules (".profile").
	Name  string
	Value string
	// sub is the last step below the node: a parameter, cookie or form field.
	sub string
	// Record is the index of the batch record the leaf belongs to, or -1.
	Record    int32
	doc, node int32
	Place     verdict.Place
	// InTarget is set for query parameters and path segments that are part of
	// HTTP.Target as well.
	InTarget bool
	// Folded is set where Name and Value are what those of another leaf of the
	// same path fold to.
	Folded bool
	// NameOnly is set for the key of a container: its value is its children.
	NameOnly bool
}

// Path returns where the leaf stands in the event.
func (e *Event) Path(l *Leaf) verdict.Path {
	var rev []verdict.Segment
	if l.sub != "" {
		rev = append(rev, verdict.Key(l.sub))
	}
	for d, n := l.doc, l.node; d >= 0; {
		doc := &e.docs[d]
		for n > 0 && int(n) < len(doc.nodes) {
			nd := &doc.nodes[n]
			if nd.index >= 0 {
				rev = append(rev, verdict.At(int(nd.index)))
			} else {
				rev = append(rev, verdict.Key(nd.key))
			}
			n = nd.parent
		}
		if doc.label != "" {
			rev = append(rev, verdict.Key(doc.label))
		}
		d, n = doc.outerDoc, doc.outerNode
	}
	for i, j := 0, len(rev)-1; i < j; i, j = i+1, j-1 {
		rev[i], rev[j] = rev[j], rev[i]
	}
	return rev
}

// KeyPath returns where the leaf's own key stands: for an element of an array,
// that of the array.
func (e *Event) KeyPath(l *Leaf) verdict.Path {
	p := e.Path(l)
	for len(p) > 0 && p[len(p)-1].Array {
		p = p[:len(p)-1]
	}
	return p
}

// Limits bound the decoding of one event. Reaching one is recorded in
// Event.Limits under the name given here; it never loses bytes silently.
type Limits struct {
	Bytes   int // "bytes": size of the event itself
	Nodes   int // "leaves": JSON values over all documents of the event, and leaves
	Decoded int // "decoded": bytes that decoders may produce altogether
	Nesting int // "nesting": documents inside strings inside documents
	Depth   int // "depth": containers inside containers of one document
	// Until is when decoding has to end ("time"); zero means never. What is not
	// decoded by then is a leaf as it stands, or counted in Event.Skipped.
	Until time.Time
	// Introspection tells GraphQL documents apart that ask for the schema: a leaf
	// beside each says so. It is no limit, but a thing only some want to know.
	Introspection bool
	// Memory, when not nil, is asked for whatever decoding makes ("memory").
	Memory Memory
}

// Memory is what an event's decoding may take of memory that it shares with others.
type Memory interface {
	// Grow reports whether there are n bytes of content more.
	Grow(n int) bool
}

// NodeContent is what a value of a document counts in Memory: it takes as much
// as so many bytes of text.
const NodeContent = 32

// Over reports whether decoding reached the named limit.
func (e *Event) Over(limit string) bool { return slices.Contains(e.Limits, limit) }

// DefaultLimits covers everything Lambda can deliver: a synchronous event is at
// most 6 MiB (AWS Lambda quotas), and one of them holds at most some hundred
// thousand values that a function of the same memory could itself decode.
// Python's reader gives up at a depth of 1,000, Go's at 10,000; people write ten.
func DefaultLimits() Limits {
	return Limits{Bytes: 8 << 20, Nodes: 400_000, Decoded: 32 << 20, Nesting: 8, Depth: 500}
}

// LimitsFor are the limits in a function with so many megabytes of memory, most
// of which are its own: what an event is decoded to is held some six times over,
// as bytes, as text and as what rules make of it. 84 KB of gzip would otherwise
// take 220 MB. Unknown memory (0) is enough.
func LimitsFor(megabytes int) Limits {
	lim := DefaultLimits()
	if megabytes > 0 {
		lim.Nodes = min(lim.Nodes, max(100_000, 800*megabytes))
		lim.Decoded = min(lim.Decoded, max(8<<20, megabytes<<20/16))
	}
	return lim
}

// Header returns the first value of a request header; empty if there is none.
func (e *Event) Header(name string) string {
	if e.HTTP == nil {
		return ""
	}
	for _, h := range e.HTTP.Headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// Has reports whether the event is an object with this top-level key.
func (e *Event) Has(key string) bool {
	d := e.root()
	return d != nil && d.child(0, key) > 0
}

// Only reports whether the event is an object with no top-level keys but these.
// An exemption by shape asks for it: a payload beside the shape ends it.
func (e *Event) Only(keys ...string) bool {
	d := e.root()
	if d == nil || d.nodes[0].kind != kindObject || !e.JSON {
		return false
	}
	only := true
	d.children(0, func(c int32) { only = only && slices.Contains(keys, d.nodes[c].key) })
	return only
}

// Text returns the string at the top-level key; empty for anything else.
func (e *Event) Text(key string) string {
	d := e.root()
	if d == nil {
		return ""
	}
	return d.text(d.child(0, key))
}

// IsDisconnect reports whether a WebSocket event tells of a closed connection.
func (e *Event) IsDisconnect() bool {
	d := e.root()
	return d != nil && d.text(d.child(d.child(0, "requestContext"), "eventType")) == "DISCONNECT"
}

// HasTrigger reports whether a Cognito event's triggerSource contains one of
// the given words.
func (e *Event) HasTrigger(words ...string) bool {
	d := e.root()
	if d == nil {
		return false
	}
	src := d.text(d.child(0, "triggerSource"))
	for _, w := range words {
		if strings.Contains(src, w) {
			return true
		}
	}
	return false
}

// root is the event's own document: the one document without an outer one that
// is no context header.
func (e *Event) root() *document {
	for i := range e.docs {
		if d := &e.docs[i]; d.outerDoc < 0 && d.label == "" {
			if len(d.nodes) == 0 {
				return nil
			}
			return d
		}
	}
	return nil
}
