package event

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// fromCharset transcodes text whose type names a charset. known is false for one
// in which an attack would not look like one, and that is not read here.
func fromCharset(s, charset string) (text string, known bool) {
	switch {
	case charset == "utf-7" || charset == "utf7" || charset == "unicode-1-1-utf-7":
		return fromUTF7(s), true
	case strings.HasPrefix(charset, "utf-16") || charset == "utf16le" || strings.HasPrefix(charset, "ucs"):
		return fromUTF16(s, strings.HasSuffix(charset, "be")), true // fromWide did not see it to be so
	case !asciiBased(charset):
		return s, false
	case utf8.ValidString(s):
		return s, true
	case strings.HasPrefix(charset, "utf"):
		return s, true
	}
	// Latin-1 stands in for all that write ASCII as ASCII: other letters are not
	// the right ones, but the text stays one.
	return fromLatin1(s), true
}

func fromLatin1(s string) string {
	var b strings.Builder
	b.Grow(len(s) + len(s)/8)
	for i := 0; i < len(s); i++ {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

// fromUTF7 decodes UTF-7 (RFC 2152): a plus sign, base64 of UTF-16, and a minus
// sign or anything that is not base64. What is no such run stays as it is.
func fromUTF7(s string) string {
	if strings.IndexByte(s, '+') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '+' {
			b.WriteByte(s[i])
			continue
		}
		end := i + 1
		for end < len(s) && (alnum(s[end]) || s[end] == '+' || s[end] == '/') {
			end++
		}
		text, ok := utf7Run(s[i+1 : end])
		switch {
		case end == i+1 && end < len(s) && s[end] == '-':
			b.WriteByte('+')
		case !ok:
			b.WriteString(s[i:end])
			i = end - 1
			continue
		default:
			b.WriteString(text)
		}
		if i = end; i >= len(s) || s[i] != '-' {
			i--
		}
	}
	return b.String()
}

func utf7Run(s string) (string, bool) {
	raw, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		raw, err = base64.RawStdEncoding.DecodeString(s[:len(s)&^3])
	}
	if err != nil || len(raw) < 2 {
		return "", false
	}
	return decodeUTF16(string(raw), true), true
}

// declaresUTF7 reports whether an XML declaration names UTF-7.
func declaresUTF7(s string) bool {
	return strings.HasPrefix(s, "<?xml") && containsFold(s[:min(len(s), 128)], "utf-7")
}
