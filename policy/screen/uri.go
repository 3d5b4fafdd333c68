package screen

import (
	"net/url"
	"strings"
)

// target is what Coraza's ProcessURI makes of a raw request target.
type target struct {
	uri      string // REQUEST_URI
	filename string
	basename string
	query    string
	fault    bool
}

// parseTarget follows Transaction.ProcessURI of Coraza 3.8.1: the fragment
// goes, the rest is parsed by net/url, and what net/url refuses is split at
// the first question mark.
func parseTarget(raw string) (t target) {
	raw, _, _ = strings.Cut(raw, "#")
	path, query, _ := strings.Cut(raw, "?")
	t = target{uri: raw, filename: path, query: query}
	if !plainTarget(path, query) {
		if u, err := url.ParseRequestURI(raw); err != nil {
			t.fault = true
		} else {
			t.uri, t.filename, t.query = u.String(), u.Path, u.RawQuery
		}
	}
	t.basename = t.filename
	if i := strings.LastIndexAny(t.filename, `/\`); i >= 0 && i+1 < len(t.filename) {
		t.basename = t.filename[i+1:]
	}
	return t
}

// plainTarget reports whether net/url would return path and query as they are.
func plainTarget(path, query string) bool {
	if path == "" || path[0] != '/' || len(path) > 1 && path[1] == '/' {
		return false
	}
	for i := 0; i < len(path); i++ {
		c := path[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("/-_.~", c) >= 0) {
			return false
		}
	}
	for i := 0; i < len(query); i++ {
		if query[i] < ' ' || query[i] == 0x7f {
			return false
		}
	}
	return true
}

// appendUnescaped decodes one key or value of a query as Coraza does: what is no escape stays.
func appendUnescaped(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+2 < len(s) && hexValue(s[i+1]) >= 0 && hexValue(s[i+2]) >= 0:
			c = byte(hexValue(s[i+1])<<4 | hexValue(s[i+2]))
			i += 2
		}
		dst = append(dst, c)
	}
	return dst
}

func hexValue(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// nextPair cuts the next pair off a query; empty pairs are skipped.
func nextPair(query string) (key, value, rest string, ok bool) {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if pair != "" {
			key, value, _ = strings.Cut(pair, "=")
			return key, value, query, true
		}
	}
	return "", "", "", false
}

// nextCookie cuts the next cookie off a Cookie header; pairs without name and value are skipped.
func nextCookie(header string) (name, value, rest string, ok bool) {
	for header != "" {
		var part string
		part, header, _ = strings.Cut(header, ";")
		name, value, _ = strings.Cut(trimControl(part), "=")
		name, value = trimControl(name), trimControl(value)
		if name != "" || value != "" {
			return name, value, header, true
		}
	}
	return "", "", "", false
}

// trimControl trims what is no part of a token at either end: controls and spaces, ASCII only.
func trimControl(s string) string {
	for s != "" && (s[0] <= ' ' || s[0] == 0x7f) {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] <= ' ' || s[len(s)-1] == 0x7f) {
		s = s[:len(s)-1]
	}
	return s
}
