package event

import (
	"slices"
	"strings"

	"github.com/merlon-security/merlon/internal/verdict"
)

// decoder carries the state of one Decode.
type decoder struct {
	ev      *Event
	lim     Limits
	nodes   int // JSON values so far, over all documents
	decoded int // bytes produced by decoders so far
	parts   int // multipart bodies that are open
	layers  int // encodings that are open, documents apart
	lined   int // lines of JSON Lines so far
	queries int // GraphQL documents so far

	taken     []int32   // nodes of the event's own document that are leaves already, ascending
	records   []int32   // nodes of the batch records, ascending
	recordDoc int32     // their document
	inflater  *inflater // see opener
}

// Decode reads an event. ctxHeaders are the headers that the Runtime API sent
// with it; the ones that reach the handler's context are decoded as well. It
// never fails: bytes that are not JSON are a leaf as they are.
func Decode(raw []byte, ctxHeaders map[string][]string, lim Limits) *Event {
	d := &decoder{ev: &Event{Source: Direct}, lim: lim, recordDoc: -1}
	defer d.release()
	d.event(string(raw), ctxHeaders)
	d.folds()
	return d.ev
}

// event makes the leaves of the event and of its context.
func (d *decoder) event(text string, ctxHeaders map[string][]string) {
	size := len(text)
	if size > d.lim.Bytes {
		d.limit("bytes")
	}
	d.context(ctxHeaders)
	root := d.parse(text, -1, -1, "", "")
	if len(d.ev.docs[root.doc].nodes) == 0 {
		// Lambda takes no such event, other services that speak the Runtime API may.
		if wide := fromWide(text); wide != text {
			text = wide
			d.ev.docs = d.ev.docs[:root.doc]
			root = d.parse(text, -1, -1, "", "")
		}
	}
	doc := &d.ev.docs[root.doc]
	d.ev.JSON = root.ok
	if len(doc.nodes) == 0 || doc.nodes[0].kind != kindObject && doc.nodes[0].kind != kindArray {
		// A scalar, nothing, or no JSON at all.
		d.scalarEvent(text, root)
		return
	}
	d.ev.Source, d.ev.Mixed = identify(doc)
	if d.ev.Source.IsHTTP() || d.ev.Source == Authorizer || d.ev.Source == WebSocket && doc.child(0, "headers") > 0 {
		d.http(root.doc)
	} else {
		d.batch(root.doc, root.ok && text == doc.src && len(text) == size)
		d.carried(root.doc)
		d.plain(root.doc)
	}
	d.caller(root.doc)
	if !root.ok {
		d.rest(text, root)
	}
}

// plain walks an event that is no HTTP request. A body beside isBase64Encoded
// or headers is decoded as one all the same: whoever invokes a function directly
// need not copy a front end's event whole for the function to read the body.
func (d *decoder) plain(doc int32) {
	r := &request{doc: doc}
	dc := &d.ev.docs[doc]
	if dc.nodes[0].kind != kindObject || !d.looseBody(r) {
		d.walk(doc, 0, verdict.PlaceArgument, -1)
		return
	}
	for c := int32(1); c <= d.ev.docs[doc].nodes[0].last; c = d.ev.docs[doc].nodes[c].last + 1 {
		if _, is := slices.BinarySearch(r.bodies, c); is {
			d.body(r, c)
		} else {
			d.walk(doc, c, verdict.PlaceArgument, -1)
		}
	}
}

// looseBody collects the bodies of an event without the marks of a front end.
func (d *decoder) looseBody(r *request) bool {
	dc := &d.ev.docs[r.doc]
	dc.each(0, "body", func(c int32) {
		if dc.nodes[c].kind == kindString {
			r.bodies = append(r.bodies, c)
		}
	})
	if len(r.bodies) == 0 {
		return false
	}
	for _, key := range [...]string{"headers", "multiValueHeaders"} {
		dc.each(0, key, func(c int32) { r.headers = dc.pairs(c, r.headers) })
	}
	dc.each(0, "isBase64Encoded", func(c int32) { r.base64 = r.base64 || dc.nodes[c].val == "true" })
	r.types, r.codings = r.values("content-type"), r.values("content-encoding")
	return r.base64 || len(r.types) > 0 || len(r.codings) > 0
}

// scalarEvent makes the leaf of an event that is one text or number.
func (d *decoder) scalarEvent(text string, root parsed) {
	doc := &d.ev.docs[root.doc]
	if root.ok && len(doc.nodes) > 0 {
		d.scalar(root.doc, 0, verdict.PlaceArgument, -1)
		return
	}
	if strings.Trim(text, " \t\r\n\ufeff") == "" {
		return
	}
	doc.nodes = nil
	d.opaque(text, leafAt{doc: root.doc, name: "event", place: verdict.PlaceArgument, record: -1})
}

// rest accounts for an event whose JSON broke off: what had been read stays as
// leaves, and the text from there on is one leaf more. The handler's own parser
// would refuse the event, unless it is more tolerant than this one.
func (d *decoder) rest(text string, root parsed) {
	if strings.TrimSpace(text[root.end:]) == "" {
		return
	}
	d.addText(text[root.end:], leafAt{doc: root.doc, name: "event", place: verdict.PlaceArgument, record: -1})
}

// parsed is the outcome of reading one document.
type parsed struct {
	doc int32
	ok  bool
	end int // where an unfinished document broke off
}

// parse reads text as JSON and adds it to the event's documents, whatever came
// of it.
func (d *decoder) parse(text string, outerDoc, outerNode int32, label, name string) parsed {
	p, ok := d.tryParse(text, name)
	d.ev.docs = append(d.ev.docs, document{
		src: text, nodes: p.nodes, label: label, outerDoc: outerDoc, outerNode: outerNode,
	})
	d.ev.Leaves = slices.Grow(d.ev.Leaves, len(p.nodes))
	return parsed{doc: int32(len(d.ev.docs) - 1), ok: ok, end: p.mark}
}

func (d *decoder) tryParse(text, name string) (*parser, bool) {
	most := max(0, d.lim.Nodes-d.nodes)
	p := &parser{s: text, name: name, max: most, deep: d.lim.Depth, until: d.lim.Until, nodes: make([]node, 0, estimate(text, most))}
	p.i = len(text) - len(strings.TrimPrefix(text, "\ufeff"))
	p.mark = p.i
	ok := p.parse()
	d.nodes += len(p.nodes)
	d.grow(len(p.nodes) * NodeContent)
	if !ok {
		p.settle()
	}
	if p.full {
		d.limit("leaves")
	}
	if p.late {
		d.limit("time")
	}
	if p.depth > p.deep {
		d.limit("depth")
	}
	return p, ok
}

// estimate guesses the number of nodes of a text, so that the slice seldom
// grows: one value for each 24 bytes is what API bodies have.
func estimate(text string, most int) int {
	return max(0, min(len(text)/24+4, most))
}

func (d *decoder) limit(name string) {
	for _, l := range d.ev.Limits {
		if l == name {
			return
		}
	}
	d.ev.Limits = append(d.ev.Limits, name)
}

// walk makes leaves of the subtree at n. record is the batch record they belong
// to; in the event's own document its records decide.
func (d *decoder) walk(doc, n int32, place verdict.Place, record int32) {
	records := d.recordsFrom(doc, n, record)
	end := d.ev.docs[doc].nodes[n].last
	for c := n; c <= end; c++ {
		dc := &d.ev.docs[doc]
		if c%clockStep == clockStep-1 && past(d.lim.Until) {
			d.limit("time")
			d.ev.Skipped += int(dc.nodes[n].end - dc.nodes[c].start)
			return
		}
		if len(d.taken) > 0 && doc == d.recordDoc && c == d.taken[0] {
			d.taken = d.taken[1:]
			c = dc.nodes[c].last
			continue
		}
		record := records.of(dc, c)
		switch dc.nodes[c].kind {
		case kindArray:
			if d.byteList(doc, c, leafAt{doc: doc, node: c, name: dc.nodes[c].key, place: place, record: record}) {
				c = d.ev.docs[doc].nodes[c].last
				continue
			}
			d.container(doc, c, place, record)
		case kindObject:
			d.container(doc, c, place, record)
		default:
			d.scalar(doc, c, place, record)
		}
	}
}

// container makes the key of an object or array visible. Without it
// {"$ne":{}} and {"constructor":{"prototype":…}} would show nothing.
func (d *decoder) container(doc, n int32, place verdict.Place, record int32) {
	nodes := d.ev.docs[doc].nodes
	nd := &nodes[n]
	if nd.key == "" || nd.index >= 0 || n == 0 || len(nd.key) <= 2 && isAttributeType(&d.ev.docs[doc], n) {
		return
	}
	name := nd.key
	// The two steps of this pollution mean something only together.
	if nd.key == "prototype" && nd.parent >= 0 && nodes[nd.parent].key == "constructor" {
		name = "constructor.prototype"
	}
	d.add(Leaf{Name: name, Place: place, Record: record, NameOnly: true, doc: doc, node: n})
}

// scalar makes the leaf of a string, number or word, looking into strings that
// hold documents of their own.
func (d *decoder) scalar(doc, n int32, place verdict.Place, record int32) {
	nd := &d.ev.docs[doc].nodes[n]
	at := leafAt{doc: doc, node: n, name: nd.key, place: place, record: record}
	if len(nd.key) <= 4 && isAttributeType(&d.ev.docs[doc], n) {
		at.name = attributeName(&d.ev.docs[doc], n)
	}
	if nd.kind == kindString {
		if dc := &d.ev.docs[doc]; isEncoded(dc, n) {
			d.encoded(nd.val, at)
			return
		}
		d.text(nd.val, at)
		return
	}
	val := nd.val
	if nd.kind == kindLiteral && val == "null" {
		val = "" // the name is what counts: {"$ne":null}
	}
	d.add(Leaf{Name: at.name, Value: val, Place: place, Record: record, doc: doc, node: n})
}

// nested opens a string that is a JSON document and makes leaves of it. The
// string itself is then no leaf: all it holds is in its own leaves, and its
// quotes and braces would only raise false alarms.
func (d *decoder) nested(val string, at leafAt) bool {
	if !looksJSON(val) {
		return false
	}
	if d.deep(at) {
		return false
	}
	p, ok := d.tryParse(val, at.name)
	if !ok {
		d.nodes -= len(p.nodes)
		return p.complete() && d.lines(val, at)
	}
	d.ev.docs = append(d.ev.docs, document{src: val, nodes: p.nodes, label: at.sub, outerDoc: at.doc, outerNode: at.node})
	doc := int32(len(d.ev.docs) - 1)
	if len(p.nodes) > 16 {
		d.ev.Leaves = slices.Grow(d.ev.Leaves, len(p.nodes))
	}
	d.addName(at)
	d.walk(doc, 0, at.place, at.record)
	return true
}

// deep reports whether no more documents or encodings may be opened here.
func (d *decoder) deep(at leafAt) bool {
	if d.nesting(at.doc)+d.layers < d.lim.Nesting {
		return false
	}
	d.limit("nesting")
	return true
}

func (d *decoder) nesting(doc int32) int {
	n := 0
	for doc >= 0 && d.ev.docs[doc].outerDoc >= 0 {
		doc = d.ev.docs[doc].outerDoc
		n++
	}
	return n
}

// looksJSON reports whether a string could be a JSON object or array.
func looksJSON(s string) bool {
	s = strings.TrimLeft(s, " \t\r\n\ufeff")
	if len(s) < 2 || s[0] != '{' && s[0] != '[' {
		return false
	}
	s = strings.TrimRight(s, " \t\r\n")
	return s[len(s)-1] == '}' || s[len(s)-1] == ']'
}

// startsJSON reports whether a body could begin with an object or array. Go's
// reader of streams stops behind it, whatever follows.
func startsJSON(s string) bool {
	s = strings.TrimLeft(s, " \t\r\n\ufeff")
	return s != "" && (s[0] == '{' || s[0] == '[')
}

// leafAt is where a leaf is going to stand.
type leafAt struct {
	doc, node int32
	sub       string
	name      string
	place     verdict.Place
	record    int32
}

func (d *decoder) add(l Leaf) { d.ev.Leaves = append(d.ev.Leaves, l) }

// room reports whether a decoder that splits text may make one leaf more. A
// body of three million form fields is no reason to hold three million leaves;
// what is left of it becomes one leaf.
func (d *decoder) room() bool {
	if len(d.ev.Leaves) < d.lim.Nodes {
		return true
	}
	d.limit("leaves")
	return false
}

func (d *decoder) addText(val string, at leafAt) {
	d.add(Leaf{Name: at.name, Value: val, Place: at.place, Record: at.record, doc: at.doc, node: at.node, sub: at.sub})
}

// addName adds the name of a text that is a document of its own.
func (d *decoder) addName(at leafAt) {
	d.add(Leaf{Name: at.name, Place: at.place, Record: at.record, NameOnly: true, doc: at.doc, node: at.node, sub: at.sub})
}

// context decodes the Runtime API headers that end up in the handler's context
// object, and are as much the caller's choice as the event is: the client
// context of an SDK invoke, the Cognito identity and the tenant id.
func (d *decoder) context(h map[string][]string) {
	for _, name := range [...]string{
		"Lambda-Runtime-Client-Context", "Lambda-Runtime-Cognito-Identity", "Lambda-Runtime-Aws-Tenant-Id",
	} {
		for _, v := range h[name] {
			if v == "" {
				continue
			}
			at := leafAt{name: strings.TrimPrefix(name, "Lambda-Runtime-"), place: verdict.PlaceContext, record: -1, doc: -1}
			r := d.parse(v, -1, -1, "context:"+at.name, at.name)
			at.doc = r.doc
			if r.ok {
				d.walk(r.doc, 0, verdict.PlaceContext, -1)
				continue
			}
			d.ev.docs[r.doc].nodes = nil
			d.addText(v, at)
		}
	}
}
