package event

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"unicode/utf16"

	"github.com/merlon-security/merlon/internal/verdict"
)

// body makes leaves of an HTTP request body. The content type is a hint and
// never a limit: a body that parses as JSON is read as JSON whatever its label
// says, because handlers call JSON.parse without looking.
func (d *decoder) body(doc, n int32, ctype, encoding string, isBase64 bool) {
	val := d.ev.docs[doc].nodes[n].val
	at := leafAt{doc: doc, node: n, name: "body", place: verdict.PlaceBody, record: -1}
	if val == "" {
		return
	}
	if isBase64 {
		if dec, ok := decodeBase64(val); ok {
			val = dec
		} else {
			d.ev.HTTP.Body = val
			d.addText(val, at) // the handler's decoder may be more lenient
			return
		}
	}
	d.ev.HTTP.Body = val
	if encoding != "" {
		val = d.inflate(val, encoding, at)
	}
	d.content(fromUTF16(val), ctype, at)
}

// content makes leaves of decoded body bytes.
func (d *decoder) content(val, ctype string, at leafAt) {
	media, params, _ := mime.ParseMediaType(ctype)
	if looksJSON(val) || strings.Contains(media, "json") {
		r := d.parse(val, at.doc, at.node, at.sub)
		if r.ok {
			d.walk(r.doc, 0, at.place, -1)
			return
		}
		if len(d.ev.docs[r.doc].nodes) > 1 && looksJSON(val) {
			d.walk(r.doc, 0, at.place, -1)
		}
		d.opaque(val, at)
		return
	}
	switch {
	case strings.HasPrefix(media, "multipart/") && params["boundary"] != "":
		d.multipart(val, params["boundary"], at)
	case media == "application/x-www-form-urlencoded" || media == "" && strings.Contains(val, "="):
		d.form(val, at)
	default:
		d.opaque(val, at)
	}
}

func (d *decoder) form(val string, at leafAt) {
	for _, p := range parseForm(val) {
		f := at
		f.name, f.sub = p.name, p.name
		if d.nested(p.value, f) {
			continue
		}
		d.opaqueNamed(p.value, f)
	}
}

// opaqueNamed is opaque for values whose name must show even if they are empty.
func (d *decoder) opaqueNamed(val string, at leafAt) {
	if val == "" {
		d.addText(val, at)
		return
	}
	before := len(d.ev.Leaves)
	d.opaque(val, at)
	if len(d.ev.Leaves) == before {
		d.addText("", at)
	}
}

// multipart makes leaves of the parts: names, file names and contents. Bytes
// that are in no part, and bodies that do not parse, are one leaf as text.
func (d *decoder) multipart(val, boundary string, at leafAt) {
	mr := multipart.NewReader(strings.NewReader(val), boundary)
	for parts := 0; ; parts++ {
		p, err := mr.NextRawPart()
		if errors.Is(err, io.EOF) && parts > 0 {
			return
		}
		if err != nil {
			d.opaque(val, at)
			return
		}
		body, err := io.ReadAll(p)
		if err != nil {
			d.opaque(val, at)
			return
		}
		f := at
		f.name, f.sub = p.FormName(), firstOf(p.FormName(), "part")
		if name := p.FileName(); name != "" {
			file := f
			file.name, file.sub = "filename", f.sub+".filename"
			d.addText(name, file)
		}
		d.part(string(body), p, f)
	}
}

func (d *decoder) part(val string, p *multipart.Part, at leafAt) {
	for name, vs := range p.Header {
		if name == "Content-Disposition" || name == "Content-Type" && plainMedia(vs[0]) {
			continue
		}
		h := at
		h.name, h.sub = name, at.sub+"."+name
		for _, v := range vs {
			d.addText(v, h)
		}
	}
	if d.nested(val, at) {
		return
	}
	d.opaqueNamed(val, at)
}

// plainMedia reports whether a part's content type is a bare media type.
func plainMedia(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("/+.-", c) >= 0) {
			return false
		}
	}
	return true
}

// decodeBase64 decodes as Lambda's front ends encode, and takes what Node and
// Python would take as well: either alphabet, white space, missing padding.
func decodeBase64(s string) (string, bool) {
	clean := strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\r', '\n', '=':
			return -1
		case '-':
			return '+'
		case '_':
			return '/'
		}
		return r
	}, s)
	out, err := base64.RawStdEncoding.DecodeString(clean)
	if err != nil {
		return "", false
	}
	return string(out), true
}

func decodable(encoding string) bool {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "gzip", "x-gzip", "deflate", "identity":
		return true
	}
	return false
}

// inflate undoes a content coding within the limits. What came out of a broken
// or oversized stream is inspected, and the limit is named. A coding that is
// not known leaves the bytes as they are.
func (d *decoder) inflate(val, encoding string, at leafAt) string {
	var r io.Reader
	var err error
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(strings.NewReader(val))
	case "deflate":
		if r, err = zlib.NewReader(strings.NewReader(val)); err != nil {
			r, err = flate.NewReader(strings.NewReader(val)), nil
		}
	case "identity":
		return val
	default:
		d.limit("encoding")
		return val
	}
	if err != nil {
		d.addText(val, at)
		return val
	}
	var b bytes.Buffer
	left := int64(d.lim.Decoded - d.decoded)
	n, err := io.Copy(&b, io.LimitReader(r, left+1))
	if n > left {
		d.limit("decoded")
		b.Truncate(int(left))
	} else if err != nil {
		d.limit("encoding")
		d.addText(val, at)
	}
	d.decoded += b.Len()
	return b.String()
}

// fromUTF16 transcodes text that is plainly UTF-16: with a byte order mark, or
// with a NUL in every other byte. Python's json.loads takes such bytes.
func fromUTF16(s string) string {
	if len(s) < 4 || len(s)%2 != 0 {
		return s
	}
	big := s[0] == 0xfe && s[1] == 0xff
	little := s[0] == 0xff && s[1] == 0xfe
	if !big && !little {
		zero := [2]int{}
		for i := 0; i < len(s); i++ {
			if s[i] == 0 {
				zero[i&1]++
			}
		}
		big, little = zero[0]*5 > len(s)*2, zero[1]*5 > len(s)*2
	}
	if big == little {
		return s
	}
	u := make([]uint16, 0, len(s)/2)
	for i := 0; i+1 < len(s); i += 2 {
		c := uint16(s[i]) | uint16(s[i+1])<<8
		if big {
			c = uint16(s[i])<<8 | uint16(s[i+1])
		}
		u = append(u, c)
	}
	return strings.TrimPrefix(string(utf16.Decode(u)), "\ufeff")
}
