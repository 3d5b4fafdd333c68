package event

import "strings"

// parseForm splits URL-encoded pairs on '&' only. net/url drops every pair that
// holds a semicolon, and with it "?q=;cat /etc/passwd". Broken escapes stay as
// they are.
func parseForm(s string) []pair {
	if s == "" {
		return nil
	}
	out := make([]pair, 0, 1+strings.Count(s, "&"))
	for s != "" {
		var kv string
		kv, s, _ = strings.Cut(s, "&")
		if kv == "" {
			continue
		}
		k, v, _ := strings.Cut(kv, "=")
		out = append(out, pair{name: unescapeQuery(k), value: unescapeQuery(v)})
	}
	return out
}

// unescapeQuery decodes %XX and '+', and leaves alone what is neither.
func unescapeQuery(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b.WriteByte(' ')
		case s[i] == '%' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0:
			b.WriteByte(byte(unhex(s[i+1])<<4 | unhex(s[i+2])))
			i += 2
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
