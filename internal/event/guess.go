package event

import (
	"encoding/base64"
	"strings"
)

// minBase64 is the length from which a string is tried as base64: shorter ones
// are words.
const minBase64 = 12

// guess adds what a string of base64 holds, if that is text, a document or
// compressed text. Nothing says that the string is base64, so what it decodes to
// must prove it: eight random bytes are printable once in two thousand times.
func (d *decoder) guess(val string, at leafAt) {
	body, url, ok := base64Shape(val)
	if !ok || !plausible(body, url) {
		if !ok || url {
			d.guessLoose(val, at, "")
		}
		return
	}
	if !d.room() || d.deep(at) || !d.spend(len(body)/4*3) {
		return
	}
	out, ok := decode64(body, url)
	if !ok {
		return
	}
	d.layers++
	d.proven(out, at)
	d.layers--
	if url { // where it is the letters of the URL alphabet that are junk
		d.guessLoose(val, at, out)
	}
}

// guessLoose adds what the decoders that skip junk make of a string, if that
// begins as text, is text for the most part, and is not what was read before.
func (d *decoder) guessLoose(val string, at leafAt, before string) {
	if isWord(val) {
		return
	}
	for _, how := range leniences[:3] {
		if !how.startsText(val) {
			continue
		}
		if !d.room() || d.deep(at) || !d.spend(len(val)/4*3) {
			return
		}
		out := how.decode(val)
		if out == before || !plainText(out) && !mostlyText(out) {
			continue
		}
		before = out
		d.layers++
		d.text(out, at)
		d.layers--
	}
	if i := strings.IndexByte(val, '='); i >= minBase64 && strings.Trim(val[i:], "= \r\n") != "" {
		d.guess(val[:i], at) // Node may end here
	}
}

// isWord reports whether a string begins with three letters of base64 that are
// no text when decoded, as words do.
func isWord(s string) bool {
	if len(s) < 3 {
		return true
	}
	a, b, c := sextets[s[0]], sextets[s[1]], sextets[s[2]]
	if a|b|c >= urlSextet {
		return false
	}
	first, second := a<<2|b>>4, b<<4|c>>2
	switch {
	case first >= 0xc2:
		return second&0xc0 != 0x80
	case !printable(first):
		return true
	}
	return second < 0xc2 && !printable(second)
}

// proven makes leaves of decoded bytes if they are something that a handler
// would read as text.
func (d *decoder) proven(out string, at leafAt) {
	if d.archive(out, at) {
		return
	}
	if packed(out) || out[0]&7 != 7 && !plainText(out) {
		if text, ok := d.unpack(out, false); ok {
			d.bytes(text, at)
			return
		}
	}
	out = fromWide(out)
	// A flaw behind a clean start, such as the last character cut in two, does
	// not keep a handler from reading the rest.
	if plainText(out) || plainHead(out[:min(len(out), 24)]) && mostlyText(out) {
		d.text(out, at)
	}
}

// base64Shape reports whether a string is base64 by its letters: one of the two
// alphabets, perhaps in lines, perhaps padded.
func base64Shape(s string) (body string, url, ok bool) {
	lines, std := false, false
	end := len(s)
	for end > 0 && end > len(s)-4 && (s[end-1] == '=' || s[end-1] == '\n' || s[end-1] == '\r') {
		end--
	}
	for i := 0; i < end; i++ {
		switch c := s[i]; {
		case alnum(c):
		case c == '-' || c == '_':
			url = true
		case c == '+' || c == '/':
			std = true
		case (c == '\n' || c == '\r') && i >= minBase64:
			lines = true
		default:
			return "", false, false
		}
		if std && url {
			return "", false, false
		}
	}
	body = s[:end]
	if lines {
		body = lineEnds.Replace(body)
	}
	if len(body)%4 == 1 {
		body = body[:len(body)-1]
	}
	return body, url, len(body) >= minBase64-2
}

// plausible looks at the first bytes only, so that an identifier or a picture
// costs next to nothing.
func plausible(body string, url bool) bool {
	var buf [24]byte
	n, err := encoding(url).Decode(buf[:], []byte(body[:min(len(body)&^1, 32)&^3]))
	if err != nil || n < 6 {
		return false
	}
	head := string(buf[:n])
	if packed(head) || strings.HasPrefix(head, zipMagic) || head[:2] == "\xff\xfe" || head[:2] == "\xfe\xff" || strings.IndexByte(head, 0) >= 0 {
		return true
	}
	odd, run := 0, 0
	for i := 0; i < n; i++ {
		if !printable(head[i]) {
			if odd++; head[i] < 0x80 {
				run++
			}
		}
	}
	if odd == 0 {
		return true
	}
	// Raw deflate has no mark: the first block must at least not be of the type
	// that does not exist, nor stored, and it must be worth a try.
	if len(body) >= 24 && head[0]&6 != 6 && head[0]&6 != 0 {
		return true
	}
	return run == 0 && plainHead(head)
}

// plainHead reports whether bytes could be the start of UTF-8 text.
func plainHead(head string) bool {
	for cut := 0; cut < 4 && cut < len(head); cut++ {
		if plainText(head[:len(head)-cut]) {
			return true
		}
	}
	return false
}

func encoding(url bool) *base64.Encoding {
	if url {
		return base64.RawURLEncoding
	}
	return base64.RawStdEncoding
}

func decode64(body string, url bool) (string, bool) {
	out, err := encoding(url).DecodeString(body)
	return string(out), err == nil && len(out) > 0
}

// dataURI returns where the base64 of a data: URI starts (RFC 2397), 0 if the
// string is none.
func dataURI(s string) int {
	if len(s) < 5 || !strings.EqualFold(s[:5], "data:") {
		return 0
	}
	comma := strings.IndexByte(s[:min(len(s), 256)], ',')
	if comma < 0 || !containsFold(s[:comma], ";base64") {
		return 0
	}
	return comma + 1
}

// isToken reports whether a string has the form of a JSON Web Token (RFC 7519,
// RFC 7516) or of part of one: segments of base64 with dots between.
func isToken(s string) bool {
	i := 0
	for i < len(s) && sextets[s[i]] != noSextet {
		i++
	}
	return i >= shortestSegment && i < len(s) && s[i] == '.'
}

// shortestSegment is the length from which what stands before a dot may be a
// header, and not the "www" of a host name.
const shortestSegment = 4

// maxSegmentsOfToken is how many an encrypted token has.
const maxSegmentsOfToken = 5

// token adds the header and the claims of a token. A signature is no text.
func (d *decoder) token(val string, at leafAt) {
	for i, segment := range strings.SplitN(val, ".", maxSegmentsOfToken+1) {
		if len(segment) < minBase64-2 || i == maxSegmentsOfToken {
			continue
		}
		t := at
		t.sub = join(at.sub, [...]string{"header", "payload", "2", "3", "4"}[i])
		d.guess(segment, t)
	}
}
