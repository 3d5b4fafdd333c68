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
	if !ok || !plausible(body, url) || !d.room() || d.deep(at) || !d.spend(len(body)/4*3) {
		return
	}
	out, ok := decode64(body, url)
	if !ok {
		return
	}
	d.layers++
	d.proven(out, at)
	d.layers--
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
	if wide := fromWide(out); wide != out {
		out = wide
	}
	if plainText(out) {
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
		body = strings.NewReplacer("\n", "", "\r", "").Replace(body)
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

// isToken reports whether a string has the form of a JSON Web Token: three
// segments of base64, the first of which starts with {" (RFC 7519).
func isToken(s string) bool {
	return strings.HasPrefix(s, "ey") && strings.Count(s, ".") == 2 && strings.IndexByte(s, ' ') < 0
}

// token adds the header and the claims of a token. The signature is no text.
func (d *decoder) token(val string, at leafAt) {
	for i, segment := range strings.Split(val, ".")[:2] {
		t := at
		t.sub = join(at.sub, [...]string{"header", "payload"}[i])
		body, url, ok := base64Shape(segment)
		if !ok || !d.room() || d.deep(at) || !d.spend(len(body)/4*3) {
			continue
		}
		if out, ok := decode64(body, url); ok {
			d.layers++
			d.nested(out, t)
			d.layers--
		}
	}
}
