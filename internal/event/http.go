package event

import (
	"net/url"
	"slices"
	"strings"

	"github.com/merlon-security/merlon/internal/verdict"
)

// pair is a name and a value with the node that holds the value.
type pair struct {
	name, value string
	node        int32
}

// request collects the parts of an HTTP event. Where an event says the same
// thing twice, in headers and multiValueHeaders say, the union counts: which of
// them a handler reads is the handler's choice.
type request struct {
	doc      int32
	headers  []pair
	query    []pair // decoded
	rawQuery string
	paths    []pair
	cookies  []pair // Cookie header values, from cookies[]
	bodies   []int32
	base64   bool
	used     map[int32]bool // top-level nodes that are inspected as what they are
}

// http decodes an event that carries an HTTP request: payload format 1.0 and
// 2.0 of API Gateway, function URLs and ALB (AWS Lambda and API Gateway
// developer guides). What is no part of the request is walked as a document.
func (d *decoder) http(doc int32) {
	r := &request{doc: doc, used: map[int32]bool{}}
	d.collect(r)
	d.ev.HTTP = d.describe(r)
	d.target(r)
	d.headerLeaves(r)
	encoding := r.header("content-encoding")
	ctype := r.header("content-type")
	for _, n := range r.bodies {
		d.body(doc, n, ctype, encoding, r.base64)
	}
	d.others(r)
}

// collect walks the top-level members once.
func (d *decoder) collect(r *request) {
	dc := &d.ev.docs[r.doc]
	take := func(c int32) { r.used[c] = true }
	dc.each(0, "headers", func(c int32) { take(c); r.headers = dc.pairs(c, r.headers) })
	dc.each(0, "multiValueHeaders", func(c int32) { take(c); r.headers = dc.pairs(c, r.headers) })
	dc.each(0, "queryStringParameters", func(c int32) { take(c); r.query = dc.pairs(c, r.query) })
	dc.each(0, "multiValueQueryStringParameters", func(c int32) { take(c); r.query = dc.pairs(c, r.query) })
	dc.each(0, "rawQueryString", func(c int32) {
		take(c)
		if v := dc.text(c); r.rawQuery == "" {
			r.rawQuery = v
		} else if v != r.rawQuery {
			r.rawQuery += "&" + v
		}
	})
	for _, key := range [...]string{"rawPath", "path"} {
		dc.each(0, key, func(c int32) {
			if v := dc.text(c); v != "" {
				take(c)
				r.paths = append(r.paths, pair{name: key, value: v, node: c})
			}
		})
	}
	dc.each(0, "cookies", func(c int32) {
		take(c)
		dc.children(c, func(e int32) { r.cookies = append(r.cookies, pair{"cookie", dc.nodes[e].val, e}) })
	})
	dc.each(0, "body", func(c int32) {
		if dc.nodes[c].kind == kindString {
			take(c)
			r.bodies = append(r.bodies, c)
		}
	})
	dc.each(0, "isBase64Encoded", func(c int32) { r.base64 = r.base64 || dc.nodes[c].val == "true" })
	r.headers = dedupe(r.headers, strings.EqualFold)
	r.query = dedupe(r.query, func(a, b string) bool { return a == b })
}

// pairs reads an object whose values are strings or arrays of strings.
func (d *document) pairs(n int32, out []pair) []pair {
	d.children(n, func(c int32) {
		key := d.nodes[c].key
		switch d.nodes[c].kind {
		case kindArray:
			d.children(c, func(e int32) { out = append(out, pair{key, d.scalarText(e), e}) })
		case kindObject: // no front end sends one; the walk of the rest sees inside
			out = append(out, pair{key, d.src[d.nodes[c].start:d.nodes[c].end], c})
		default:
			out = append(out, pair{key, d.scalarText(c), c})
		}
	})
	return out
}

func (d *document) scalarText(n int32) string {
	switch nd := &d.nodes[n]; {
	case nd.kind == kindLiteral && nd.val == "null":
		return ""
	case nd.kind == kindObject || nd.kind == kindArray:
		return d.src[nd.start:nd.end]
	default:
		return nd.val
	}
}

// dedupe drops pairs that repeat another one, so that headers and
// multiValueHeaders, which always agree in a real event, count once.
func dedupe(ps []pair, same func(a, b string) bool) []pair {
	type key struct{ name, value string }
	seen := make(map[key]bool, len(ps))
	fold := same("a", "A")
	return slices.DeleteFunc(ps, func(p pair) bool {
		k := key{p.name, p.value}
		if fold {
			k.name = strings.ToLower(k.name)
		}
		dup := seen[k]
		seen[k] = true
		return dup
	})
}

func (r *request) header(name string) string {
	for _, h := range r.headers {
		if strings.EqualFold(h.name, name) {
			return h.value
		}
	}
	return ""
}

func (d *decoder) describe(r *request) *HTTP {
	dc := &d.ev.docs[r.doc]
	rc := dc.child(0, "requestContext")
	hc := dc.child(rc, "http")
	h := &HTTP{
		Method:    firstOf(dc.text(dc.child(hc, "method")), dc.text(dc.child(0, "httpMethod")), dc.text(dc.child(rc, "httpMethod"))),
		Protocol:  firstOf(dc.text(dc.child(hc, "protocol")), dc.text(dc.child(rc, "protocol")), "HTTP/1.1"),
		Route:     firstOf(dc.text(dc.child(0, "routeKey")), dc.text(dc.child(0, "resource"))),
		RequestID: dc.text(dc.child(rc, "requestId")),
	}
	if h.Method == "" {
		h.Method = "GET"
	}
	dc.each(0, "multiValueHeaders", func(int32) { h.MultiValue = true })
	if h.RequestID == "" {
		h.RequestID = strings.TrimPrefix(r.header("x-amzn-trace-id"), "Root=")
	}
	return h
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// target puts the request target together again and makes the leaves of path
// and query. An HTTP API hands the path over decoded, the other front ends
// encoded, and only an ALB leaves query values encoded (captures in
// standard-server#93 and aws-lambda-rust-runtime#543); the target keeps what
// each of them sent and escapes only what would end a target early.
func (d *decoder) target(r *request) {
	path := "/"
	if len(r.paths) > 0 {
		path = r.paths[0].value
	}
	for i, p := range r.paths {
		if i > 0 && p.value == path {
			continue
		}
		d.add(Leaf{Name: "path", Value: p.value, Place: verdict.PlacePath, Record: -1, InTarget: i == 0, doc: r.doc, node: p.node})
	}
	raw := r.rawQuery
	if raw == "" && len(r.query) > 0 {
		raw = d.encodeQuery(r)
	}
	d.queryLeaves(r, raw)
	d.ev.HTTP.Target = escapeTarget(path, true)
	if raw != "" {
		d.ev.HTTP.Target += "?" + escapeTarget(raw, false)
	}
}

// encodeQuery rebuilds a query string from parameters that arrived as a map.
func (d *decoder) encodeQuery(r *request) string {
	var b strings.Builder
	for _, p := range r.query {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		if d.ev.Source == ALB {
			b.WriteString(p.name + "=" + p.value)
			continue
		}
		b.WriteString(url.QueryEscape(p.name) + "=" + url.QueryEscape(p.value))
	}
	return b.String()
}

// queryLeaves makes a leaf of each parameter of the raw query, and of each
// parameter of the decoded map that the raw query does not show.
func (d *decoder) queryLeaves(r *request, raw string) {
	type key struct{ name, value string }
	shown := map[key]bool{}
	joined := map[string]string{}
	node := map[string]int32{}
	for _, p := range r.query {
		node[p.name] = p.node
	}
	for _, p := range parseForm(raw) {
		shown[key{p.name, p.value}] = true
		if old, ok := joined[p.name]; ok {
			joined[p.name] = old + "," + p.value
		} else {
			joined[p.name] = p.value
		}
		l := Leaf{Name: p.name, Value: p.value, Place: verdict.PlaceQuery, Record: -1, InTarget: true, doc: r.doc}
		if n, ok := node[p.name]; ok {
			l.node = n
		} else {
			l.node, l.sub = d.rawQueryNode(r), p.name
		}
		d.add(l)
	}
	for _, p := range r.query {
		name, value := p.name, p.value
		if d.ev.Source == ALB {
			name, value = unescapeQuery(name), unescapeQuery(value)
		}
		// Format 2.0 joins duplicates with a comma (API Gateway developer guide).
		if !shown[key{name, value}] && joined[name] != value {
			d.add(Leaf{Name: name, Value: value, Place: verdict.PlaceQuery, Record: -1, doc: r.doc, node: p.node})
		}
	}
}

func (d *decoder) rawQueryNode(r *request) int32 {
	return max(0, d.ev.docs[r.doc].child(0, "rawQueryString"))
}

// escapeTarget escapes the bytes that cannot stand in a request target. It
// leaves percent signs alone: what is encoded stays encoded, and what is not
// shows as it is.
func escapeTarget(s string, path bool) string {
	ok := func(c byte) bool {
		return c > 0x20 && c < 0x7f && c != '#' && !(path && c == '?')
	}
	i := 0
	for i < len(s) && ok(s[i]) {
		i++
	}
	if i == len(s) {
		return s
	}
	var b strings.Builder
	b.WriteString(s[:i])
	for ; i < len(s); i++ {
		if ok(s[i]) {
			b.WriteByte(s[i])
			continue
		}
		const hex = "0123456789ABCDEF"
		b.WriteByte('%')
		b.WriteByte(hex[s[i]>>4])
		b.WriteByte(hex[s[i]&15])
	}
	return b.String()
}

// headerLeaves makes leaves of headers and cookies. Content-Encoding is left
// out: the body is inspected decoded, and the header would only count as a
// violation of its own.
func (d *decoder) headerLeaves(r *request) {
	for _, h := range r.headers {
		d.ev.HTTP.Headers = append(d.ev.HTTP.Headers, Header{h.name, h.value})
		if strings.EqualFold(h.name, "content-encoding") && decodable(h.value) {
			continue
		}
		d.add(Leaf{Name: h.name, Value: h.value, Place: verdict.PlaceHeader, Record: -1, doc: r.doc, node: h.node})
		if strings.EqualFold(h.name, "cookie") {
			d.cookieLeaves(r.doc, h)
		}
	}
	if len(r.cookies) > 0 {
		d.cookieArray(r)
	}
}

// cookieArray turns the cookies of payload format 2.0 back into the header they
// came from.
func (d *decoder) cookieArray(r *request) {
	values := make([]string, len(r.cookies))
	for i, c := range r.cookies {
		values[i] = c.value
		d.cookieLeaves(r.doc, c)
	}
	line := strings.Join(values, "; ")
	d.ev.HTTP.Headers = append(d.ev.HTTP.Headers, Header{"Cookie", line})
	d.add(Leaf{Name: "cookie", Value: line, Place: verdict.PlaceHeader, Record: -1, doc: r.doc,
		node: d.ev.docs[r.doc].nodes[r.cookies[0].node].parent})
}

func (d *decoder) cookieLeaves(doc int32, h pair) {
	rest := h.value
	for rest != "" {
		var c string
		c, rest, _ = strings.Cut(rest, ";")
		c = strings.Trim(c, " \t")
		if c == "" {
			continue
		}
		name, value, _ := strings.Cut(c, "=")
		d.add(Leaf{Name: name, Value: value, Place: verdict.PlaceCookie, Record: -1, doc: doc, node: h.node, sub: name})
	}
}

// others walks what is no part of the request: the request context, path
// parameters, stage variables, and whatever else the caller put there.
func (d *decoder) others(r *request) {
	d.ev.docs[r.doc].children(0, func(c int32) {
		if r.used[c] {
			return
		}
		first := len(d.ev.Leaves)
		d.walk(r.doc, c, verdict.PlaceArgument, -1)
		if strings.EqualFold(d.ev.docs[r.doc].nodes[c].key, "requestContext") {
			d.dropEchoes(r, first)
		}
	})
}

// dropEchoes removes the fields of the request context in which the front end
// repeats a header or the path: user agent, host, path. They are inspected as
// what they are, and a browser's user agent is no argument. Only an exact
// repetition is dropped, so nothing can hide there.
func (d *decoder) dropEchoes(r *request, first int) {
	kept := d.ev.Leaves[:first]
	for _, l := range d.ev.Leaves[first:] {
		if !l.NameOnly && r.echoes(l.Name, l.Value) {
			continue
		}
		kept = append(kept, l)
	}
	d.ev.Leaves = kept
}

func (r *request) echoes(name, value string) bool {
	switch name {
	case "protocol":
		return isProtocol(value)
	case "userAgent":
		return value == r.header("user-agent")
	case "domainName":
		return value == r.header("host")
	case "path", "resourcePath":
		for _, p := range r.paths {
			if p.value == value || strings.HasSuffix(value, p.value) && strings.Count(value, "/") == strings.Count(p.value, "/")+1 {
				return true
			}
		}
	}
	return false
}

// isProtocol reports whether s is a protocol version as the front end writes
// it, such as HTTP/1.1.
func isProtocol(s string) bool {
	rest, ok := strings.CutPrefix(s, "HTTP/")
	return ok && len(rest) <= 3 && strings.Trim(rest, "0123456789.") == ""
}
