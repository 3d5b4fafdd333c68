package screen

import (
	"hash/maphash"
	"strconv"
	"strings"
)

// collect derives the collections as Coraza does and enters every value once,
// with the rules that look at it.
func (s *Scratch) collect() {
	in := s.in
	s.target = parseTarget(in.URI)
	s.decodeQuery()
	s.requestLine()
	s.add(slotMethod, "", in.Method, InURI, 0)
	s.add(slotProtocol, "", in.Protocol, InURI, 0)
	s.add(slotURIRaw, "", in.URI, InURI, 0)
	s.add(slotURI, "", s.target.uri, InURI, 0)
	s.add(slotFilename, "", s.target.filename, InURI, 0)
	s.add(slotBasename, "", s.target.basename, InURI, 0)
	s.add(slotQuery, "", s.target.query, InURI, 0)
	s.add(slotLine, "", s.line, InURI, 0)
	s.add(slotURIFault, "", s.single(slotURIFault), InURI, 0)
	s.add(slotRemote, "", in.RemoteAddr, InTransaction, 0)
	for i := range in.Headers {
		h := &in.Headers[i]
		if h.Name == "" {
			continue
		}
		s.add(slotHeader, h.Name, h.Value, InHeader, i)
		s.add(slotHeaderName, h.Name, h.Name, InHeaderName, i)
		if equalKey(h.Name, "cookie") {
			s.parseCookies(h.Value)
		}
	}
	for i, c := range s.cookies {
		s.add(slotCookie, c.name, c.value, InCookie, i)
		s.add(slotCookieName, c.name, c.name, InCookie, i)
	}
	for i, q := range s.query {
		s.add(slotArgGet, q.name, q.value, InQueryArg, i)
		s.add(slotArgGetName, q.name, q.name, InQueryArg, i)
	}
	for i := range in.Args {
		a := &in.Args[i]
		s.add(slotArgPost-slot(a.Origin&1)+slot(a.Origin>>1), a.Name, a.Value, InArg, i)
		s.add(slotArgPostName-slot(a.Origin&1)+slot(a.Origin>>1), a.Name, a.Name, InArgName, i)
	}
	s.add(slotBody, "", in.Body, InBody, 0)
	s.add(slotReplyStatus, "", in.Status, InTransaction, 0)
	s.add(slotReplyBody, "", in.Reply, InBody, 0)
	for i := range in.ReplyHeaders {
		h := &in.ReplyHeaders[i]
		if h.Name != "" {
			s.add(slotReplyHeader, h.Name, h.Value, InHeader, i)
			s.add(slotReplyHeaderName, h.Name, h.Name, InHeaderName, i)
		}
	}
	if s.p.used(slotBodyLength) {
		s.add(slotBodyLength, "", s.single(slotBodyLength), InBody, 0)
	}
	if s.p.used(slotCombined) {
		s.add(slotCombined, "", s.single(slotCombined), InTransaction, 0)
	}
}

// used reports whether a rule looks at the slot.
func (p *Program) used(sl slot) bool {
	for _, w := range p.base[sl] {
		if w != 0 {
			return true
		}
	}
	return false
}

func (s *Scratch) decodeQuery() {
	for rest := s.target.query; rest != ""; {
		key, value, next, ok := nextPair(rest)
		if !ok {
			return
		}
		s.query = append(s.query, pair{s.unescape(key), s.unescape(value)})
		rest = next
	}
}

func (s *Scratch) unescape(text string) string {
	if strings.IndexByte(text, '%') < 0 && strings.IndexByte(text, '+') < 0 {
		return text
	}
	return s.arena.keep(appendUnescaped(s.arena.open(len(text)), text))
}

func (s *Scratch) parseCookies(header string) {
	for header != "" {
		name, value, next, ok := nextCookie(header)
		if !ok {
			return
		}
		s.cookies = append(s.cookies, pair{name, value})
		header = next
	}
}

// requestLine builds REQUEST_LINE: method, raw target and protocol.
func (s *Scratch) requestLine() {
	in := s.in
	if in.Method == "" && in.URI == "" && in.Protocol == "" {
		s.line = "" // ProcessURI was not called
		return
	}
	b := s.arena.open(len(in.Method) + len(in.URI) + len(in.Protocol) + 2)
	b = append(append(b, in.Method...), ' ')
	b = append(append(b, in.URI...), ' ')
	s.line = s.arena.keep(append(b, in.Protocol...))
}

// single returns the value of a slot with one element.
func (s *Scratch) single(sl slot) string {
	switch sl {
	case slotMethod:
		return s.in.Method
	case slotProtocol:
		return s.in.Protocol
	case slotURI:
		return s.target.uri
	case slotURIRaw:
		return s.in.URI
	case slotLine:
		return s.line
	case slotFilename:
		return s.target.filename
	case slotBasename:
		return s.target.basename
	case slotQuery:
		return s.target.query
	case slotRemote:
		return s.in.RemoteAddr
	case slotBody:
		return s.in.Body
	case slotReplyStatus:
		return s.in.Status
	case slotReplyBody:
		return s.in.Reply
	case slotBodyLength:
		return s.decimal(len(s.in.Body))
	case slotCombined:
		return s.decimal(s.combined())
	case slotURIFault:
		if s.target.fault && s.line != "" {
			return "1"
		}
	}
	return "0"
}

func (s *Scratch) decimal(n int) string {
	return s.arena.keep(strconv.AppendInt(s.arena.open(20), int64(n), 10))
}

// combined is ARGS_COMBINED_SIZE: names and values of query and body, not of the path.
func (s *Scratch) combined() (n int) {
	for _, q := range s.query {
		n += len(q.name) + len(q.value)
	}
	for i := range s.in.Args {
		if a := &s.in.Args[i]; a.Origin != Path {
			n += len(a.Name) + len(a.Value)
		}
	}
	return n
}

// add enters one element of a slot.
func (s *Scratch) add(sl slot, name, text string, place Place, index int) {
	p := s.p
	set := s.want
	copy(set, p.base[sl])
	for i := range p.excepted[sl] {
		if e := &p.excepted[sl][i]; p.named(&e.key, name) {
			for w := range set {
				set[w] &^= e.set[w]
			}
		}
	}
	for i := range p.keyed[sl] {
		if k := &p.keyed[sl][i]; p.named(&k.key, name) {
			for w := range set {
				set[w] |= k.set[w]
			}
		}
	}
	any := uint64(0)
	for _, w := range set {
		any |= w
	}
	if any == 0 {
		return
	}
	at := s.find(text)
	if at < 0 {
		s.values = append(s.values, value{text: text, place: place, index: int32(index)})
		s.sets = append(s.sets, set...)
		return
	}
	have := s.sets[at*p.width : (at+1)*p.width]
	for w := range have {
		have[w] |= set[w]
	}
}

// lookUp returns the value of that text, or -1.
func (s *Scratch) lookUp(text string) int {
	mask := uint64(len(s.table) - 1)
	for h := maphash.String(s.seed, text); ; h++ {
		e := s.table[h&mask]
		if e == 0 {
			return -1
		}
		if s.values[e-1].text == text {
			return int(e - 1)
		}
	}
}

// find returns the value of that text, or -1 after making room for it at the end.
func (s *Scratch) find(text string) int {
	if 4*(len(s.values)+1) > 3*len(s.table) {
		s.grow()
	}
	mask := uint64(len(s.table) - 1)
	for h := maphash.String(s.seed, text); ; h++ {
		e := s.table[h&mask]
		if e == 0 {
			s.table[h&mask] = int32(len(s.values) + 1)
			return -1
		}
		if s.values[e-1].text == text {
			return int(e - 1)
		}
	}
}

func (s *Scratch) grow() {
	s.table = make([]int32, 2*len(s.table))
	mask := uint64(len(s.table) - 1)
	for i := range s.values {
		h := maphash.String(s.seed, s.values[i].text)
		for s.table[h&mask] != 0 {
			h++
		}
		s.table[h&mask] = int32(i + 1)
	}
}

// named reports whether a selector names the element.
func (p *Program) named(k *key, name string) bool {
	switch {
	case k.pattern >= 0:
		if k.needs != 0 && strings.IndexByte(name, k.needs) < 0 {
			return false
		}
		return p.machine(k.pattern).Match(strings.ToLower(name))
	case k.text == "":
		return true
	}
	return equalKey(name, k.text)
}
