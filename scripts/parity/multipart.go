package main

import (
	"encoding/base64"
	"fmt"
	"mime/quotedprintable"
	"strings"
)

func (r *random) multipartRequest() request {
	boundary := pick(r, "B", "----WebKitFormBoundary"+r.token(), "x'()+_,-./:=?y", "a b", strings.Repeat("b", 70), "--", r.token())
	param := boundary
	if strings.ContainsAny(boundary, "'() ,/:=?") || r.chance(4) {
		param = `"` + boundary + `"`
	}
	ctype := pick(r, "multipart/form-data", "multipart/form-data", "multipart/form-data", "multipart/mixed", "Multipart/Form-Data", "multipart/related") +
		pick(r, "; boundary=", "; boundary=", ";boundary=", "; charset=utf-8; boundary=", ";  BOUNDARY=") + param + pick(r, "", "", "", "; charset=iso-8859-1", " ", "; x=y")
	return request{ctype: ctype, body: r.parts(boundary, 0)}
}

// parts writes a multipart body with one flaw at most of each kind.
func (r *random) parts(boundary string, depth int) string {
	eol := pick(r, "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r")
	var b strings.Builder
	if r.chance(5) {
		b.WriteString(r.value() + eol)
	}
	for i, n := 0, 1+r.IntN(4); i < n; i++ {
		b.WriteString("--" + boundary)
		switch r.IntN(24) {
		case 0:
			b.WriteString(pick(r, " ", "\t", " \t"))
		case 1:
			b.WriteString(pick(r, "x", "-", "-x", r.token())) // another boundary of which this one is the start
		}
		b.WriteString(eol)
		b.WriteString(r.part(eol, depth))
		if i == n-1 && r.chance(8) {
			return b.String() // the end is missing
		}
		b.WriteString(eol)
	}
	b.WriteString("--" + boundary + "--" + pick(r, eol, eol, "", " "+eol))
	if r.chance(5) {
		b.WriteString(r.value())
		if r.chance(3) {
			b.WriteString(eol + "--" + boundary + eol + r.part(eol, depth) + eol + "--" + boundary + "--" + eol)
		}
	}
	return b.String()
}

func (r *random) part(eol string, depth int) string {
	var head []string
	add := func(s string) { head = append(head, s) }
	if !r.chance(20) {
		add(pick(r, "Content-Disposition: ", "Content-Disposition: ", "content-disposition:", "CONTENT-DISPOSITION:  ") + r.disposition(eol))
	}
	content, ctype, transfer := r.value(), "", ""
	switch r.IntN(10) {
	case 0:
		if depth == 0 {
			inner := "inner" + r.token()
			ctype, content = "multipart/mixed; boundary="+inner, r.parts(inner, 1)
		}
	case 1:
		ctype, content = "application/json", r.document()
	case 2:
		charset := pick(r, "utf-8", "iso-8859-1", "us-ascii", "utf-16le", "windows-1252", "utf-16", "utf-7", "koi8-r", `"utf-8"`)
		ctype = pick(r, "text/plain", "text/html") + "; charset=" + charset
		switch charset {
		case "iso-8859-1", "windows-1252":
			content = latin1(content)
		case "koi8-r":
			content = r.ascii() // other letters are not transcoded
		case "utf-16le", "utf-16":
			content = encodeText(content, charset, charset == "utf-16")
		case "utf-7":
			content = "+ADw-b+AD4-" + r.token()
		}
	case 3:
		ctype = pick(r, "image/png", "text/csv", "text/plain", "application/octet-stream", "text/'||1", "text", "", "a/b; c=\"d;e\"", "TEXT/HTML")
	}
	encoded := r.IntN(10)
	if strings.HasPrefix(ctype, "multipart/") {
		encoded = 9 // must not be (RFC 2045), and readers take it for many things
	}
	switch encoded {
	case 0:
		transfer = pick(r, "base64", "BASE64", "base64 ")
		content = inLines(base64.StdEncoding.EncodeToString([]byte(content)), 20+4*r.IntN(20), eol)
		if r.chance(3) {
			content = content[:len(content)/2] + pick(r, " ", "!", "=", eol) + content[len(content)/2:]
		}
	case 1:
		transfer = pick(r, "quoted-printable", "Quoted-Printable")
		content = quotedPrintable(content)
		if r.chance(3) {
			content += pick(r, "=", "=3c", "=zz", "= "+eol+"x", "=C3=A9") + r.token()
		}
	case 2:
		transfer = pick(r, "7bit", "8bit", "binary", "x-"+r.token())
	}
	if ctype != "" {
		add("Content-Type: " + ctype)
	}
	if transfer != "" {
		add("Content-Transfer-Encoding: " + transfer)
	}
	if r.chance(6) {
		add("X-" + r.token() + ": " + r.text() + pick(r, "", eol+" folded "+r.ascii(), eol+"\t"+r.token()))
	}
	if r.chance(30) {
		add(r.token()) // a line that is no header
	}
	r.Shuffle(len(head), func(i, j int) { head[i], head[j] = head[j], head[i] })
	if r.chance(30) && len(head) > 0 {
		head = append(head, head[0])
	}
	lines := ""
	for _, h := range head {
		lines += h + eol
	}
	return lines + eol + content
}

// disposition names the part, and its file if it has one, in all the ways in
// which that is written.
func (r *random) disposition(eol string) string {
	sep := func() string { return pick(r, "; ", "; ", "; ", ";", " ; ", ";"+eol+" ") }
	s := pick(r, "form-data", "form-data", "form-data", "form-data", "attachment", "Form-Data") + sep() + r.parameter("name", pick(r, r.nested(), r.text(), r.token()))
	if r.chance(3) {
		s += sep() + r.parameter("filename", pick(r, "../../etc/passwd"+r.token(), `C:\dir\`+r.token()+".txt", r.text(), r.token()+".png", "a\"b"+r.token()))
	}
	if r.chance(12) {
		s += sep() + pick(r, "name", "filename", "x") + `="` + strings.NewReplacer(`\`, "", `"`, "").Replace(r.text()) + `"`
	}
	return s
}

func (r *random) parameter(key, value string) string {
	quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
	switch r.IntN(12) {
	case 0:
		return key + "*=UTF-8''" + r.attrEscape(value)
	case 1:
		return key + pick(r, "*=utf-8'en'", "*=iso-8859-1''", "*=UTF-16LE''", "*='", "*=''") + r.attrEscape(value)
	case 2:
		return key + `="` + strings.ReplaceAll(value, `"`, "%22") + `"` // browsers
	case 3:
		return key + "=" + strings.Map(func(c rune) rune {
			if c <= ' ' || strings.ContainsRune(`;,"`, c) {
				return -1
			}
			return c
		}, value)
	case 4: // RFC 2231
		half := len(value) / 2
		return fmt.Sprintf("%s*0=%q; %s*1=%q", key, ascii(value[:half]), key, ascii(value[half:]))
	case 5:
		return fmt.Sprintf("%s*0*=utf-8''%s; %s*1=%q", key, r.attrEscape(value), key, r.token())
	case 6:
		return key + `="=?utf-8?` + pick(r, "q?"+strings.ReplaceAll(r.attrEscape(value), "%", "="), "B?"+base64.StdEncoding.EncodeToString([]byte(value))) + `?="`
	case 7:
		return key + ` = ` + quoted
	case 8:
		return key + `="` + value // its quotes as they are, no end
	}
	return key + "=" + quoted
}

func ascii(s string) string {
	return strings.Map(func(c rune) rune {
		if c < 0x20 || c >= 0x7f || strings.ContainsRune(`"\?`, c) {
			return '_'
		}
		return c
	}, s)
}

func (r *random) attrEscape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func quotedPrintable(s string) string {
	var b strings.Builder
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(s)) // a strings.Builder takes all
	_ = w.Close()
	return b.String()
}

func inLines(s string, width int, eol string) string {
	var b strings.Builder
	for len(s) > width {
		b.WriteString(s[:width] + eol)
		s = s[width:]
	}
	return b.String() + s
}
