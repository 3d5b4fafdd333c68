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
	types    []string // values of Content-Type and Content-Encoding
	codings  []string
	used     []int32 // top-level nodes that are inspected as what they are

	userAgent, host string // what the request context repeats
}

// http decodes an event that carries an HTTP request: payload format 1.0 and
// 2.0 of API Gateway, function URLs and ALB (AWS Lambda and API Gateway
// developer guides). What is no part of the request is walked as a document.
func (d *decoder) http(doc int32) {
	r := &request{doc: doc}
	d.collect(r)
	d.ev.HTTP = d.describe(r)
	d.target(r)
	d.headerLeaves(r)
	r.types, r.codings = r.values("content-type"), r.values("content-encoding")
	for _, n := range r.bodies {
		d.body(r, n)
	}
	d.others(r)
}

// collect walks the top-level members. A member counts as a part of the request
// in any case; it is taken, which keeps it out of the walk of the rest, only if
// it has the shape that front ends give it.
func (d *decoder) collect(r *request) {
	dc := &d.ev.docs[r.doc]
	for _, key := range [...]string{"headers", "multiValueHeaders"} {
		dc.each(0, key, func(c int32) { r.take(c, dc.regular(c)); r.headers = dc.pairs(c, r.headers) })
	}
	for _, key := range [...]string{"queryStringParameters", "multiValueQueryStringParameters", "query_string_parameters"} {
		dc.each(0, key, func(c int32) { r.take(c, dc.regular(c)); r.query = dc.pairs(c, r.query) })
	}
	if d.ev.Source == Authorizer { // of AppSync
		dc.each(0, "requestHeaders", func(c int32) { r.take(c, dc.regular(c)); r.headers = dc.pairs(c, r.headers) })
	}
	var queries []string
	dc.each(0, "rawQueryString", func(c int32) {
		v := dc.text(c)
		r.take(c, dc.nodes[c].kind == kindString)
		if v != "" && (len(queries) == 0 || v != queries[0]) {
			queries = append(queries, v)
		}
	})
	r.rawQuery = strings.Join(queries, "&")
	for _, key := range [...]string{"rawPath", "path", "raw_path"} {
		dc.each(0, key, func(c int32) {
			if v := dc.text(c); v != "" {
				r.take(c, true)
				r.paths = append(r.paths, pair{name: key, value: v, node: c})
			}
		})
	}
	dc.each(0, "cookies", func(c int32) {
		r.take(c, dc.nodes[c].kind == kindArray && dc.flat(c))
		dc.children(c, func(e int32) { r.cookies = append(r.cookies, pair{"cookie", dc.scalarText(e), e}) })
	})
	dc.each(0, "body", func(c int32) {
		if dc.nodes[c].kind == kindString {
			r.take(c, true)
			r.bodies = append(r.bodies, c)
		}
	})
	dc.each(0, "isBase64Encoded", func(c int32) { r.base64 = r.base64 || dc.nodes[c].val == "true" })
	if d.ev.Source == Lattice { // the name in the first version of its event
		dc.each(0, "is_base64_encoded", func(c int32) { r.base64 = r.base64 || dc.nodes[c].val == "true" })
	}
	r.headers = dedupe(r.headers, strings.ToLower)
	r.query = dedupe(r.query, func(s string) string { return s })
}

// take keeps the node out of the walk of the rest if its shape is as expected.
func (r *request) take(c int32, asExpected bool) {
	if asExpected {
		r.used = append(r.used, c)
	}
}

// regular reports whether n is null, or an object of scalars and flat arrays.
func (d *document) regular(n int32) bool {
	if d.nodes[n].kind == kindLiteral && d.nodes[n].val == "null" {
		return true
	}
	ok := d.nodes[n].kind == kindObject
	d.children(n, func(c int32) {
		k := d.nodes[c].kind
		ok = ok && k != kindObject && (k != kindArray || d.flat(c))
	})
	return ok
}

// flat reports whether the elements of an array are scalars.
func (d *document) flat(n int32) bool {
	ok := true
	d.children(n, func(c int32) {
		k := d.nodes[c].kind
		ok = ok && k != kindObject && k != kindArray
	})
	return ok
}

// pairs reads an object whose values are strings or arrays of strings. What is
// inside an object instead of a string shows as its text.
func (d *document) pairs(n int32, out []pair) []pair {
	if d.nodes[n].kind != kindObject {
		return out
	}
	d.children(n, func(c int32) {
		key := d.nodes[c].key
		if d.nodes[c].kind == kindArray && d.nodes[c].last > c {
			d.children(c, func(e int32) { out = append(out, pair{key, d.scalarText(e), e}) })
			return
		}
		value := ""
		if d.nodes[c].kind != kindArray { // an empty one leaves the name
			value = d.scalarText(c)
		}
		out = append(out, pair{key, value, c})
	})
	return out
}

func (d *document) scalarText(n int32) string {
	switch nd := &d.nodes[n]; {
	case nd.kind == kindLiteral && nd.val == "null":
		return ""
	case nd.kind == kindObject || nd.kind == kindArray:
		return d.src[nd.start:max(nd.start, nd.end)]
	default:
		return nd.val
	}
}

// dedupe drops pairs that repeat another one, so that headers and
// multiValueHeaders, which always agree in a real event, count once.
func dedupe(ps []pair, fold func(string) string) []pair {
	if len(ps) < 2 {
		return ps
	}
	type key struct{ name, value string }
	seen := make(map[key]bool, len(ps))
	return slices.DeleteFunc(ps, func(p pair) bool {
		k := key{fold(p.name), p.value}
		dup := seen[k]
		seen[k] = true
		return dup
	})
}

// values returns the different values of a header. Where they disagree, a
// handler may go by any of them.
func (r *request) values(name string) (vs []string) {
	for _, h := range r.headers {
		if strings.EqualFold(h.name, name) && !slices.Contains(vs, h.value) && len(vs) < 8 {
			vs = append(vs, h.value)
		}
	}
	return vs
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
	if d.ev.Source == Lattice {
		h.Method = dc.text(dc.child(0, "method"))
	}
	if h.Method == "" {
		h.Method = "GET"
	}
	dc.each(0, "multiValueHeaders", func(c int32) { h.MultiValue = h.MultiValue || dc.nodes[c].kind == kindObject })
	dc.each(0, "body", func(c int32) {
		nd := &dc.nodes[c]
		empty := nd.kind == kindString && nd.val == "" || nd.kind == kindLiteral && nd.val == "null"
		h.HasBody = h.HasBody || !empty
	})
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
		d.segmentLeaves(p.value, func(text string) {
			at := leafAt{doc: r.doc, node: p.node, name: "path", place: verdict.PlacePath, record: -1}
			text = unescapePath(text)
			d.addText(text, at)
			d.views(text, at)
		})
	}
	raw := r.rawQuery
	if raw == "" && len(r.query) > 0 {
		raw = d.encodeQuery(r)
	}
	d.ev.HTTP.Path = CanonicalPath(path)
	d.ev.HTTP.Target = escapeTarget(path, true)
	shown := d.queryLeaves(r, raw)
	if shown != "" {
		d.ev.HTTP.Target += "?" + escapeTarget(shown, false)
	}
	d.ev.HTTP.Rest = escapeTarget(raw[len(shown):], false)
}

// maxTargetPairs bounds the parameters in HTTP.Target; the leaves of those after
// are not InTarget. A front end lets some hundred through, a direct invocation a
// million, and a rules engine would take them all in at once.
const maxTargetPairs = 200

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
// parameter of the decoded map that the raw query does not show: one that
// disagrees, or duplicates that format 2.0 joins with a comma (API Gateway
// developer guide), which may be an attack only when they are joined. It returns
// the part of the query that belongs in the target.
func (d *decoder) queryLeaves(r *request, raw string) (target string) {
	if raw == "" && len(r.query) == 0 {
		return ""
	}
	type key struct{ name, value string }
	queryNode := max(0, d.ev.docs[r.doc].child(0, "rawQueryString"))
	node := make(map[key]int32, 2*len(r.query))
	shown := make(map[key]bool, len(r.query))
	for i := range r.query {
		p := &r.query[i]
		if d.ev.Source == ALB && r.rawQuery == "" {
			p.name, p.value = unescapeQuery(p.name), unescapeQuery(p.value)
		}
		node[key{p.name, p.value}] = p.node
		node[key{p.name, ""}] = p.node
	}
	add := func(name, value string, inTarget bool) bool {
		if !d.room() {
			return false
		}
		shown[key{name, value}] = true
		l := Leaf{Name: name, Value: value, Place: verdict.PlaceQuery, Record: -1, InTarget: inTarget, doc: r.doc}
		var ok bool
		if l.node, ok = node[key{name, value}]; !ok {
			if l.node, ok = node[key{name, ""}]; !ok {
				l.node, l.sub = queryNode, name
			}
		}
		d.add(l)
		d.parameterViews(value, &l)
		return true
	}
	pairs := 0
	pair := func(rawName, rawValue string, inTarget bool) bool {
		name, value := unescapeQuery(rawName), unescapeQuery(rawValue)
		if !add(name, value, inTarget) {
			return false
		}
		d.otherReadings(rawName, rawValue, name, value, func(name, value string) { add(name, value, false) })
		return true
	}
	rest := formPairs(raw, func(name, value string) bool {
		pairs++
		return pairs <= maxTargetPairs && pair(name, value, true)
	})
	target = raw[:len(raw)-len(rest)]
	rest = formPairs(rest, func(name, value string) bool { return pair(name, value, false) })
	if rest != "" {
		d.add(Leaf{Name: "query", Value: rest, Place: verdict.PlaceQuery, Record: -1, doc: r.doc, node: queryNode})
	}
	for _, p := range r.query {
		if !shown[key{p.name, p.value}] {
			l := Leaf{Name: p.name, Value: p.value, Place: verdict.PlaceQuery, Record: -1, doc: r.doc, node: p.node}
			d.add(l)
			d.parameterViews(p.value, &l)
		}
	}
	return target
}

// embeddedJSON opens a parameter, cookie or header that is a JSON document: what
// is an attack in a string of it need not look like one behind the quotes of
// JSON, and \u003cscript\u003e looks like nothing until it is read.
func (d *decoder) embeddedJSON(value string, l *Leaf) {
	if len(value) < minView || !looksJSON(value) {
		return
	}
	d.nested(value, inside(l))
}

// inside is where the leaves of what a parameter, cookie or header holds are
// going to stand.
func inside(l *Leaf) leafAt {
	at := leafAt{doc: l.doc, node: l.node, sub: l.sub, name: l.Name, place: l.Place, record: -1}
	if l.Place != verdict.PlaceQuery {
		at.place = verdict.PlaceArgument // fed as an argument: it stands in no header
	}
	return at
}

// parameterViews adds what a query parameter or a cookie holds: JSON,
// base64, a token, XML, a GraphQL document.
func (d *decoder) parameterViews(value string, l *Leaf) {
	if len(value) < minView {
		return
	}
	d.embeddedJSON(value, l)
	at := inside(l)
	if l.Name == "query" && d.graphql(value, at) {
		return // the text stands in the target
	}
	d.views(value, at)
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

// maxHeaders bounds the headers that are fed as headers; further ones are
// arguments, and so are headers without a proper name, which a rules engine
// ignores or does not look at. No front end lets through either.
const maxHeaders = 200

// isFieldName reports whether s can be the name of a header (RFC 9110, token).
func isFieldName(s string) bool {
	for i := 0; i < len(s); i++ {
		if !alnum(s[i]) && strings.IndexByte("!#$%&'*+-.^_`|~", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

// headerLeaves makes leaves of headers and cookies. Content-Encoding is left
// out where the body is inspected decoded, because the header would only count
// as a violation of its own.
func (d *decoder) headerLeaves(r *request) {
	for i, h := range r.headers {
		d.ev.HTTP.Headers = append(d.ev.HTTP.Headers, Header{h.name, h.value})
		if strings.EqualFold(h.name, "content-encoding") && decodable(h.value) {
			continue
		}
		l := Leaf{Name: h.name, Value: h.value, Place: verdict.PlaceHeader, Record: -1, doc: r.doc, node: h.node}
		if i >= maxHeaders || !isFieldName(h.name) {
			l.Place = verdict.PlaceArgument
		}
		d.add(l)
		if strings.EqualFold(h.name, "cookie") {
			d.cookieLeaves(r.doc, h)
			d.quotedCookies(r.doc, h.node, h.value)
			continue
		}
		d.embeddedJSON(h.value, &l)
		if strings.EqualFold(h.name, "authorization") {
			d.credential(h.value, &l)
		}
	}
	if len(r.cookies) > 0 {
		d.cookieArray(r)
	}
}

// credential opens what follows the scheme of an Authorization header: the
// claims of a token, or user name and password. They reach the handler as
// arguments do.
func (d *decoder) credential(value string, l *Leaf) {
	if _, rest, ok := strings.Cut(value, " "); ok {
		value = rest
	}
	if len(value) >= minBase64 {
		d.views(value, inside(l))
	}
}

// cookieArray turns the cookies of payload format 2.0 back into the header they
// came from. A function URL sends that header as well, and twice the same would
// score twice.
func (d *decoder) cookieArray(r *request) {
	values := make([]string, len(r.cookies))
	for i, c := range r.cookies {
		values[i] = c.value
	}
	line := strings.Join(values, "; ")
	if slices.ContainsFunc(r.headers, func(h pair) bool { return strings.EqualFold(h.name, "cookie") && h.value == line }) {
		return
	}
	for _, c := range r.cookies {
		d.cookieLeaves(r.doc, c)
	}
	d.quotedCookies(r.doc, r.cookies[0].node, line)
	d.ev.HTTP.Headers = append(d.ev.HTTP.Headers, Header{"Cookie", line})
	d.add(Leaf{Name: "cookie", Value: line, Place: verdict.PlaceHeader, Record: -1, doc: r.doc,
		node: d.ev.docs[r.doc].nodes[r.cookies[0].node].parent})
}

// others walks what is no part of the request: the request context, path
// parameters, stage variables, and whatever else the caller put there.
func (d *decoder) others(r *request) {
	slices.Sort(r.used)
	r.userAgent, r.host = r.header("user-agent"), r.header("host")
	d.ev.docs[r.doc].children(0, func(c int32) {
		if _, used := slices.BinarySearch(r.used, c); used {
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
		return value == r.userAgent
	case "domainName":
		return value == r.host
	case "path", "resourcePath":
		for _, p := range r.paths[:min(len(r.paths), 4)] {
			if stage, ok := strings.CutSuffix(value, p.value); ok && (stage == "" || isStage(stage)) {
				return true
			}
		}
	}
	return false
}

// isStage reports whether s is a slash and the name of an API stage, which has
// letters, digits, hyphens and underscores (API Gateway, "CreateStage").
func isStage(s string) bool {
	name, ok := strings.CutPrefix(s, "/")
	for i := 0; i < len(name); i++ {
		ok = ok && (alnum(name[i]) || name[i] == '_' || name[i] == '-')
	}
	return ok && len(name) <= 128
}

// isProtocol reports whether s is a protocol version as the front end writes
// it, such as HTTP/1.1.
func isProtocol(s string) bool {
	rest, ok := strings.CutPrefix(s, "HTTP/")
	return ok && len(rest) <= 3 && strings.Trim(rest, "0123456789.") == ""
}
