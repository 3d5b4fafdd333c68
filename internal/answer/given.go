package answer

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/merlon-security/merlon/internal/event"
)

// Given is the response that a front end makes of a function's reply.
type Given struct {
	Status int // 0 where no front end makes HTTP of it
	Header []event.Header
	Body   []byte // as the caller gets it; no more of it than was asked for
}

// Read reads a reply to ev as its front end does, and at most the given number of
// bytes of the body as the reply writes it; 0 is all. What is no reply in the
// format of the front end is a body: HTTP APIs and function URLs send it as it
// stands, others refuse it (API Gateway, "Lambda proxy integrations"; AWS Lambda,
// "Invoking Lambda function URLs").
func Read(ev *event.Event, reply []byte, most int) Given {
	if !ev.Source.IsHTTP() {
		return Given{Body: reply[:bound(len(reply), most)]}
	}
	ms, ok := outline(reply)
	status, stated := find(ms, "statusCode")
	if !ok || stated == 0 {
		return Given{
			Status: 200, Header: []event.Header{{Name: "content-type", Value: "application/json"}},
			Body: reply[:bound(len(reply), most)],
		}
	}
	g := Given{Header: headersOf(reply, ms)}
	if g.Status, _ = strconv.Atoi(string(bytes.Trim(reply[status.val.start:status.val.end], `"`))); g.Status == 0 {
		g.Status = 502 // which is what the front end makes of one that is none
	}
	g.Body = bodyOf(reply, ms, most)
	return g
}

func bound(n, most int) int {
	if most > 0 {
		return min(n, most)
	}
	return n
}

// outline is members for a text that may not be JSON: it stops where the text
// stops being an object. A reply may have megabytes, of which the members'
// beginnings are all there is to know; whether the rest is valid is not asked.
func outline(text []byte) (out []member, ok bool) {
	i := space(text, 0)
	if i >= len(text) || text[i] != '{' {
		return nil, false
	}
	for i = space(text, i+1); i < len(text) && text[i] == '"'; {
		end := min(skip(text, i), len(text))
		var key string
		if json.Unmarshal(text[i:end], &key) != nil {
			return out, false
		}
		if i = space(text, end); i >= len(text) || text[i] != ':' {
			return out, false
		}
		start := space(text, i+1)
		i = min(skip(text, start), len(text))
		if start >= i {
			return out, false
		}
		out = append(out, member{key, span{start, i}})
		if i = space(text, i); i < len(text) && text[i] == ',' {
			i = space(text, i+1)
		}
	}
	return out, i < len(text) && text[i] == '}'
}

// headersOf reads both forms of headers; which one counts depends on the front
// end, and what is looked at in them does not.
func headersOf(reply []byte, ms []member) (out []event.Header) {
	if m, n := find(ms, "headers"); n > 0 {
		var single map[string]json.RawMessage
		if json.Unmarshal(reply[m.val.start:m.val.end], &single) == nil {
			for _, name := range slices.Sorted(maps.Keys(single)) {
				out = append(out, event.Header{Name: name, Value: scalar(single[name])})
			}
		}
	}
	if m, n := find(ms, "multiValueHeaders"); n > 0 {
		var multi map[string][]json.RawMessage
		if json.Unmarshal(reply[m.val.start:m.val.end], &multi) == nil {
			for _, name := range slices.Sorted(maps.Keys(multi)) {
				for _, v := range multi[name] {
					out = append(out, event.Header{Name: name, Value: scalar(v)})
				}
			}
		}
	}
	if m, n := find(ms, "cookies"); n > 0 {
		var cookies []string
		if json.Unmarshal(reply[m.val.start:m.val.end], &cookies) == nil {
			for _, c := range cookies {
				out = append(out, event.Header{Name: "set-cookie", Value: c})
			}
		}
	}
	return out
}

// scalar is a header's value, which may be written as a number.
func scalar(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// bodyOf reads the body, or the beginning of it.
func bodyOf(reply []byte, ms []member, most int) []byte {
	m, n := find(ms, "body")
	if n == 0 {
		return nil
	}
	text, ok := beginning(reply[m.val.start:m.val.end], most)
	if !ok {
		return reply[m.val.start : m.val.start+bound(m.val.end-m.val.start, most)]
	}
	if b, n := find(ms, "isBase64Encoded"); n > 0 && string(reply[b.val.start:b.val.end]) == "true" {
		// The beginning of a text in base64 decodes as far as whole groups go.
		if raw, err := base64.StdEncoding.DecodeString(text[:len(text)&^3]); err == nil {
			return raw
		}
	}
	return []byte(text)
}

// beginning decodes a JSON string, or what stands in its first bytes. An escape
// that the cut goes through is left out.
func beginning(literal []byte, most int) (s string, ok bool) {
	if n := bound(len(literal), most); n < len(literal) {
		const longest = len(`\ud83d\ude00`)
		for cut := n; cut > max(0, n-longest); cut-- {
			if json.Unmarshal(append(bytes.Clone(literal[:cut]), '"'), &s) == nil {
				return s, true
			}
		}
		return "", false
	}
	return s, json.Unmarshal(literal, &s) == nil
}

// A Prelude reads the head of a reply that streams HTTP: JSON with the status and
// the headers, eight NUL bytes, then the body (AWS Lambda, "Response streaming for
// custom runtimes"). The pieces it is given may be cut anywhere.
type Prelude struct {
	buf []byte
}

// mostPrelude is twice what API Gateway takes.
const mostPrelude = 32 << 10

// delimiter ends a prelude, which itself has no NUL.
var delimiter = make([]byte, 8)

// Write takes the next piece. Until the prelude has ended, known is false. Then
// given is what it says, with the part of the body that has come; a reply that
// turns out to have no prelude has status 200 and is all body.
func (p *Prelude) Write(piece []byte) (given Given, known bool) {
	p.buf = append(p.buf, piece...)
	end := bytes.IndexByte(p.buf, 0)
	if end < 0 {
		if len(p.buf) > mostPrelude {
			return p.End(), true
		}
		return Given{}, false
	}
	rest := p.buf[end:]
	switch n := min(len(rest), len(delimiter)); {
	case end > mostPrelude || !bytes.Equal(rest[:n], delimiter[:n]):
		return p.End(), true
	case n < len(delimiter):
		return Given{}, false
	}
	head := p.buf[:end]
	ms, ok := outline(head)
	if !ok || !json.Valid(head) {
		return p.End(), true
	}
	given = Given{Status: 200, Header: headersOf(head, ms), Body: rest[len(delimiter):]}
	if m, n := find(ms, "statusCode"); n > 0 {
		if status, err := strconv.Atoi(string(bytes.Trim(head[m.val.start:m.val.end], `"`))); err == nil {
			given.Status = status
		}
	}
	p.buf = nil
	return given, true
}

// End returns what there is of a reply whose prelude has not ended: a body.
func (p *Prelude) End() Given {
	body := p.buf
	p.buf = nil
	return Given{Status: 200, Body: body}
}

// HasPrelude reports whether a reply of this content type begins with a prelude.
func HasPrelude(contentType string) bool { return contentType == streamed }

// Withhold makes the reply that takes the place of one that must not go out. A
// front end's caller gets the status 502; whoever else waits for the function
// gets an error.
func Withhold(ev *event.Event, failed bool, id string, s Settings) Reply {
	switch ev.Source {
	case event.RESTAPI, event.HTTPAPI, event.FunctionURL, event.ALB, event.Lattice:
		if !failed {
			s.Status, s.Custom = withheldStatus, false
			return refuseHTTP(ev, id, s)
		}
	}
	return failure(withheldType, "response withheld, verdict "+id)
}

const (
	withheldStatus = 502 // Bad Gateway: what came from behind the front is not fit to be passed on
	withheldType   = "Merlon.ResponseWithheld"
)

// Awaited reports whether somebody waits for what the function replies to ev. The
// services that only pass events on keep the reply to themselves, and would take
// an error for a reason to deliver again.
func Awaited(ev *event.Event) bool {
	return !Retried(ev) && !OnNamed(ev.Source) && ev.Source != event.Durable
}
